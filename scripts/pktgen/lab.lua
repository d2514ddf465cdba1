-- SPDX-License-Identifier: BSD-3-Clause
-- Pktgen-DPDK plays a capture of tickwire-load once and says what it sent (docs/benchmarks.md has
-- the whole command line). From the environment:
--   TICKWIRE_PACKETS  frames of the capture; more would be repeats, which an engine rejects
--   TICKWIRE_RATE     percent of the link's speed (default 100)
--   TICKWIRE_SECONDS  how long to wait for it (default 60)
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua;../?.lua"
require "Pktgen"

local PORT = "0"
local packets = tonumber(os.getenv("TICKWIRE_PACKETS") or "")
local rate = tonumber(os.getenv("TICKWIRE_RATE") or "100")
local seconds = tonumber(os.getenv("TICKWIRE_SECONDS") or "60")

local function sent()
    return pktgen.portStats(PORT, "port")[0].opackets
end

local function wait_for_link()
    for _ = 1, 50 do
        if string.find(pktgen.linkState(PORT)[0], "UP") then return true end
        pktgen.delay(100)
    end
    return false
end

local function play()
    pktgen.set(PORT, "count", packets)
    pktgen.set(PORT, "rate", rate)
    pktgen.set(PORT, "burst", 32)
    local before = sent()
    pktgen.start(PORT)
    for _ = 1, seconds * 10 do
        pktgen.delay(100)
        if sent() - before >= packets then break end
    end
    pktgen.stop(PORT)
    pktgen.delay(500)
    return sent() - before
end

if not packets then
    print("tickwire: TICKWIRE_PACKETS is missing")
elseif not wait_for_link() then
    print("tickwire: no link: does the engine run?")
else
    print(string.format("tickwire: sent %d of %d packets", play(), packets))
end
pktgen.quit()
