-- SPDX-License-Identifier: BSD-3-Clause
-- Wireshark dissector of the Tickwire protocol, version 1 (docs/protocol.md). Wireshark 4.0.
--
--   tshark -X lua_script:tickwire.lua -o tickwire.key_log:FILE -r capture.pcap
--
-- Handshake packets and headers are shown of any capture; what is sealed, with a key log
-- (docs/operations.md, "Reading captures"). Every tag is checked. The phase of a key is found by
-- trying the newest one that was seen, its neighbours, and, for a capture that begins late, the
-- ones behind it. tickwire_frames.lua, tickwire_messages.lua and tickwire_crypto.lua stand beside
-- this file.
local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
local crypto = dofile(here .. "tickwire_crypto.lua")
local frames = dofile(here .. "tickwire_frames.lua")
local messages = dofile(here .. "tickwire_messages.lua")

-- Ten days of phases of 10 minutes: how far a capture that begins late is looked through.
local PHASES_SOUGHT = 1440
-- Packets for which that is done: with the wrong keys it would be done for each.
local SEARCHES = 3
local HEADER, TAG = 14, 16
local unpack = table.unpack

local tickwire = Proto("tickwire", "Tickwire protocol")
tickwire.prefs.ports = Pref.range("UDP ports", "40000",
    "Ports of servers; handshakes are found on any", 65535)
tickwire.prefs.key_log = Pref.string("Key log", "", "File with sessions' keys")

local kinds = {[1] = "hello", [2] = "cookie", [3] = "hello 2", [4] = "welcome",
    [5] = "try again", [6] = "wrong version", [7] = "refused"}
local sizes = {1200, 66, 338, 130, 54, 54, 86}
local refusals = {[1] = "expired", [2] = "token in use or used", [3] = "other engine",
    [4] = "other server address", [5] = "no common suite", [6] = "banned", [7] = "no such world",
    [8] = "full", [9] = "low-order key", [10] = "a lab that takes no players",
    [11] = "no such session to be resumed"}
local suites = {[1] = "ChaCha20-Poly1305", [2] = "AES-256-GCM"}

-- ---- fields ------------------------------------------------------------------------------------

local f = {}
local function add(name, kind, text, ...)
    f[name] = kind("tickwire." .. name, text, ...)
end
local u8, u16, u32, u64 = ProtoField.uint8, ProtoField.uint16, ProtoField.uint32, ProtoField.uint64
local bytes, bool = ProtoField.bytes, ProtoField.bool

add("connection_id", u32, "Connection id", base.HEX)
add("channel", u8, "Channel", base.DEC)
add("flags", u8, "Flags", base.HEX)
add("flags.phase", u8, "Key phase bit", base.DEC, nil, 0x01)
add("sequence", u64, "Packet number", base.DEC)
add("sealed", bytes, "Sealed")
add("tag", bytes, "Tag")
add("from_client", bool, "From the client")
add("phase", u32, "Key phase", base.DEC)
add("handshake", u8, "Handshake packet", base.DEC, kinds)
add("version", u16, "Protocol version", base.DEC)
add("suites", u8, "Suites", base.HEX)
add("reserved", bytes, "Zero")
add("ephemeral", bytes, "Client ephemeral key")
add("server_ephemeral", bytes, "Server ephemeral key")
add("padding", bytes, "Padding")
add("cookie", bytes, "Cookie")
add("token.key_id", u32, "Token key id", base.DEC)
add("token.nonce", bytes, "Token nonce")
add("token.sealed", bytes, "Token, sealed")
add("binder", bytes, "Binder")
add("crc", u32, "CRC32C", base.HEX)
add("welcome.connection_id", u32, "Connection id", base.HEX)
add("welcome.world", u32, "World", base.DEC)
add("welcome.server_time", u64, "Server time (us)", base.DEC)
add("welcome.tick", u64, "Tick", base.DEC)
add("welcome.mtu", u16, "MTU", base.DEC)
add("welcome.suite", u8, "Suite", base.DEC, suites)
add("welcome.tick_hz", u8, "Ticks per second", base.DEC)
add("welcome.snapshot_hz", u8, "Snapshots per second", base.DEC)
add("welcome.width_cells", u16, "Width without edges (cells of 64 m)", base.DEC)
add("try_again.after", u32, "After (ms)", base.DEC)
add("wrong_version.lowest", u16, "Lowest version", base.DEC)
add("wrong_version.highest", u16, "Highest version", base.DEC)
add("refused.reason", u16, "Reason", base.DEC, refusals)
add("refused.mac", bytes, "MAC")

local all = {}
for _, field in pairs(f) do all[#all + 1] = field end
for _, field in pairs(frames.fields) do all[#all + 1] = field end
tickwire.fields = all

local expert = {
    malformed = ProtoExpert.new("tickwire.malformed", "Malformed", expert.group.MALFORMED,
        expert.severity.ERROR),
    crc = ProtoExpert.new("tickwire.crc.wrong", "Wrong CRC32C", expert.group.CHECKSUM,
        expert.severity.ERROR),
    unread = ProtoExpert.new("tickwire.unread", "Not opened", expert.group.DECRYPTION,
        expert.severity.NOTE),
    damaged = ProtoExpert.new("tickwire.message.damaged", "Damaged message",
        expert.group.MALFORMED, expert.severity.ERROR),
}
tickwire.experts = {expert.malformed, expert.crc, expert.unread, expert.damaged}

-- ---- sessions and their keys -------------------------------------------------------------------

local by_id, by_ephemeral, opened, hello2s, servers = {}, {}, {}, {}, {}

local function make_direction(secret)
    return {secrets = {[0] = crypto.from_hex(secret)}, keys = {}, newest = nil}
end

local function read_key_log(path)
    local file = path ~= "" and io.open(path, "r")
    if not file then return end
    for line in file:lines() do
        local id, suite, c2s, s2c, ephemeral, confirm = line:match(
            "^TICKWIRE1 (%x+) (%S+) (%x+) (%x+) (%S+) (%S+)%s*$")
        if id and crypto.suites[suite] and #c2s == 64 and #s2c == 64 then
            local session = {suite = suite, searches = 0, c = make_direction(c2s),
                s = make_direction(s2c), streams = {}}
            local number = tonumber(id, 16)
            by_id[number] = by_id[number] or {}
            table.insert(by_id[number], session)
            if #ephemeral == 64 and #confirm == 88 then
                session.confirm = crypto.from_hex(confirm)
                by_ephemeral[crypto.from_hex(ephemeral)] = session
            end
        end
    end
    file:close()
end

function tickwire.init()
    by_id, by_ephemeral, opened, hello2s, servers = {}, {}, {}, {}, {}
    read_key_log(tickwire.prefs.key_log)
end

local function keys_of(direction, phase)
    if not direction.keys[phase] then
        for n = #direction.secrets + 1, phase do
            direction.secrets[n] = crypto.expand(direction.secrets[n - 1], "phase", 32)
        end
        local secret = direction.secrets[phase]
        direction.keys[phase] = {crypto.expand(secret, "key", 32), crypto.expand(secret, "iv", 12)}
    end
    return unpack(direction.keys[phase])
end

local function open_in_phase(session, direction, phase, packet)
    local key, iv = keys_of(direction, phase)
    local nonce = crypto.xor(iv, "\0\0\0\0" .. packet:sub(7, HEADER))
    local plaintext = crypto.open(session.suite, key, nonce, packet:sub(HEADER + 1),
        packet:sub(1, HEADER))
    if plaintext and phase > (direction.newest or -1) then direction.newest = phase end
    return plaintext
end

-- The phases that a packet's bit may mean, likeliest first. The sides are one phase apart at most.
local function likely_phases(session, side, bit)
    local newest = session[side].newest or session[side == "c" and "s" or "c"].newest
    if not newest then return {bit} end
    if newest % 2 == bit then return {newest} end
    return newest > 0 and {newest + 1, newest - 1} or {1}
end

-- For a session of which nothing was opened yet: the capture may begin late.
local function further_phases(session, _, bit)
    local phases = {}
    if session.c.newest or session.s.newest or session.searches >= SEARCHES then return phases end
    for phase = bit + 2, PHASES_SOUGHT, 2 do phases[#phases + 1] = phase end
    return phases
end

-- {plaintext, phase, side, session}, or nil.
local function try_phases(packet, sessions, sides, choose)
    for _, side in ipairs(sides) do
        for _, session in ipairs(sessions) do
            for _, phase in ipairs(choose(session, side, packet:byte(6) % 2)) do
                local plaintext = open_in_phase(session, session[side], phase, packet)
                if plaintext then
                    return {plaintext = plaintext, phase = phase, side = side, session = session}
                end
            end
        end
    end
end

local function open_packet(packet, id, sides)
    local sessions = by_id[id] or {}
    local found = try_phases(packet, sessions, sides, likely_phases)
        or try_phases(packet, sessions, sides, further_phases)
    if not found then
        for _, session in ipairs(sessions) do session.searches = session.searches + 1 end
    end
    return found
end

-- Whose packet it is, as far as handshakes and ports tell: the likelier side first.
local function sides_of(pinfo)
    local from = tostring(pinfo.src) .. " " .. pinfo.src_port
    local to = tostring(pinfo.dst) .. " " .. pinfo.dst_port
    if servers[from] then return {"s", "c"} end
    if servers[to] then return {"c", "s"} end
    return pinfo.src_port < pinfo.dst_port and {"s", "c"} or {"c", "s"}
end

-- ---- sealed packets ----------------------------------------------------------------------------

-- Whatever looks at a packet again, in any order, finds what was made of it the first time.
-- Returns what makes the packet malformed, or nil.
local function show_messages(entries, found, frame)
    local streams = found.session.streams
    if #entries > 0 and found.taken == nil then
        streams[found.side] = streams[found.side] or messages.make_stream()
        local good, taken = pcall(messages.take, streams[found.side], entries, frame)
        found.taken = good and taken or tostring(taken)
    end
    if type(found.taken) == "string" then return found.taken end
    for i, entry in ipairs(entries) do
        local problem = frames.show_message(entry, found.taken[i])
        if problem then
            entry.tree:add_proto_expert_info(expert.damaged, "Damaged message: " .. problem)
        end
    end
end

local function show_sealed(tvb, pinfo, tree)
    local size = tvb:len() - HEADER - TAG
    tree:add(f["sealed"], tvb(HEADER, size))
    tree:add(f["tag"], tvb(HEADER + size, TAG))
    local id, number = tvb(0, 4):le_uint(), tostring(tvb(6, 8):le_uint64())
    local at = pinfo.number .. " " .. tvb:offset()
    if opened[at] == nil then
        opened[at] = open_packet(tvb:raw(0, tvb:len()), id, sides_of(pinfo)) or false
    end
    local found = opened[at]
    if not found then
        tree:add_proto_expert_info(expert.unread, by_id[id] and "No key of this session opens it"
            or "No key of this session in the key log")
        pinfo.cols.info = "sealed #" .. number
        return
    end
    tree:add(f["from_client"], found.side == "c"):set_generated()
    tree:add(f["phase"], found.phase):set_generated()
    local plain = ByteArray.new(found.plaintext, true):tvb("Opened")
    local told = frames.dissect(plain, tree, found.side)
    if told.renamed then
        by_id[told.renamed] = by_id[told.renamed] or {}
        local known = false
        for _, session in ipairs(by_id[told.renamed]) do
            known = known or session == found.session
        end
        if not known then table.insert(by_id[told.renamed], found.session) end
    end
    local malformed = told.malformed or show_messages(told.entries, found, pinfo.number)
    if malformed then
        tree:add_proto_expert_info(expert.malformed, "Malformed: " .. malformed)
    end
    pinfo.cols.info = string.format("%s #%s: %s", found.side == "c" and "client" or "server",
        number, table.concat(told.names, ", "))
end

-- ---- handshake packets -------------------------------------------------------------------------

local crc_table = {}
for i = 0, 255 do
    local value = i
    for _ = 1, 8 do
        local odd = value % 2 == 1
        value = bit32.rshift(value, 1)
        if odd then value = bit32.bxor(value, 0x82f63b78) end
    end
    crc_table[i] = value
end

local function crc32c(text)
    local crc = 0xffffffff
    for i = 1, #text do
        crc = bit32.bxor(bit32.rshift(crc, 8), crc_table[bit32.band(bit32.bxor(crc, text:byte(i)),
            255)])
    end
    return bit32.bnot(crc)
end

local function crc_is_right(tvb)
    local size = tvb:len() - 4
    return crc32c("TICKWIRE" .. tvb:raw(0, size)) == tvb(size, 4):le_uint()
end

local function show_token(tvb, at, tree)
    tree:add_le(f["token.key_id"], tvb(at, 4))
    tree:add(f["token.nonce"], tvb(at + 4, 24))
    tree:add(f["token.sealed"], tvb(at + 28, 208))
end

local function show_welcome_content(plain, tree)
    local at = 0
    for _, field in ipairs {{"connection_id", 4}, {"world", 4}, {"server_time", 8}, {"tick", 8},
        {"mtu", 2}, {"suite", 1}, {"tick_hz", 1}, {"snapshot_hz", 1},
        {"width_cells", 2}} do
        tree:add_le(f["welcome." .. field[1]], plain(at, field[2]))
        at = at + field[2]
    end
    tree:add(f["reserved"], plain(at, 1))
end

local function open_welcome(tvb)
    local ephemeral = tvb:raw(14, 32)
    local session, hello2 = by_ephemeral[ephemeral], hello2s[ephemeral]
    if not session or not hello2 then return nil end
    local transcript = crypto.sha256(hello2 .. tvb:raw(0, 78))
    return crypto.open("chacha20_poly1305", session.confirm:sub(1, 32),
        session.confirm:sub(33, 44), tvb:raw(78, 48), transcript)
end

local shows = {}
shows[1] = function(tvb, tree)
    tree:add_le(f["version"], tvb(14, 2))
    tree:add(f["suites"], tvb(16, 1))
    tree:add(f["reserved"], tvb(17, 1))
    tree:add(f["ephemeral"], tvb(18, 32))
    tree:add(f["padding"], tvb(50, 1146))
end
shows[2] = function(tvb, tree)
    tree:add(f["ephemeral"], tvb(14, 32))
    tree:add(f["cookie"], tvb(46, 16))
end
shows[3] = function(tvb, tree)
    tree:add_le(f["version"], tvb(14, 2))
    tree:add(f["suites"], tvb(16, 1))
    tree:add(f["reserved"], tvb(17, 1))
    tree:add(f["ephemeral"], tvb(18, 32))
    tree:add(f["cookie"], tvb(50, 16))
    show_token(tvb, 66, tree)
    tree:add(f["binder"], tvb(302, 32))
    hello2s[tvb:raw(18, 32)] = tvb:raw(0, 334)
end
shows[4] = function(tvb, tree)
    tree:add(f["ephemeral"], tvb(14, 32))
    tree:add(f["server_ephemeral"], tvb(46, 32))
    tree:add(f["sealed"], tvb(78, 32))
    tree:add(f["tag"], tvb(110, 16))
    local content = open_welcome(tvb)
    if content then
        show_welcome_content(ByteArray.new(content, true):tvb("Opened"), tree)
    else
        tree:add_proto_expert_info(expert.unread, "No key for this welcome, or its hello 2 is "
            .. "not in the capture")
    end
end
shows[5] = function(tvb, tree)
    tree:add(f["ephemeral"], tvb(14, 32))
    tree:add_le(f["try_again.after"], tvb(46, 4))
end
shows[6] = function(tvb, tree)
    tree:add(f["ephemeral"], tvb(14, 32))
    tree:add_le(f["wrong_version.lowest"], tvb(46, 2))
    tree:add_le(f["wrong_version.highest"], tvb(48, 2))
end
shows[7] = function(tvb, tree)
    tree:add(f["ephemeral"], tvb(14, 32))
    tree:add_le(f["refused.reason"], tvb(46, 2))
    tree:add(f["reserved"], tvb(48, 2))
    tree:add(f["refused.mac"], tvb(50, 32))
end

local function note_server(pinfo, kind)
    local from_client = kind == 1 or kind == 3
    local address = from_client and pinfo.dst or pinfo.src
    servers[tostring(address) .. " " .. (from_client and pinfo.dst_port or pinfo.src_port)] = true
end

local function show_handshake(tvb, pinfo, tree)
    local kind = tvb(4, 1):uint()
    tree:add(f["handshake"], tvb(4, 1))
    if not kinds[kind] or tvb:len() ~= sizes[kind] then
        tree:add_proto_expert_info(expert.malformed, "Malformed: unknown type or wrong size")
        pinfo.cols.info = "malformed handshake packet"
        return
    end
    note_server(pinfo, kind)
    shows[kind](tvb, tree)
    tree:add_le(f["crc"], tvb(tvb:len() - 4, 4))
    if not crc_is_right(tvb) then tree:add_proto_expert_info(expert.crc) end
    pinfo.cols.info = kinds[kind]
end

-- ---- both --------------------------------------------------------------------------------------

function tickwire.dissector(tvb, pinfo, root)
    pinfo.cols.protocol = "Tickwire"
    local tree = root:add(tickwire, tvb())
    if tvb:len() < HEADER + TAG then
        tree:add_proto_expert_info(expert.malformed, "Malformed: shorter than header and tag")
        return tvb:len()
    end
    tree:add_le(f["connection_id"], tvb(0, 4))
    local handshake = tvb(0, 4):le_uint() == 0
    if not handshake then tree:add(f["channel"], tvb(4, 1)) end
    tree:add(f["flags"], tvb(5, 1)):add(f["flags.phase"], tvb(5, 1))
    tree:add_le(f["sequence"], tvb(6, 8))
    local show = handshake and show_handshake or show_sealed
    show(tvb, pinfo, tree)
    return tvb:len()
end

-- A handshake packet on any port claims its conversation: what is sealed there is ours, too.
local function looks_like_handshake(tvb, pinfo, root)
    if tvb:len() < 54 or tvb(0, 4):le_uint() ~= 0 or tvb(5, 1):uint() ~= 0 then return false end
    local kind = tvb(4, 1):uint()
    if sizes[kind] ~= tvb:len() or not crc_is_right(tvb) then return false end
    pinfo.conversation = tickwire
    tickwire.dissector(tvb, pinfo, root)
    return true
end
tickwire:register_heuristic("udp", looks_like_handshake)

local ports = ""
local function use_ports()
    local udp = DissectorTable.get("udp.port")
    if ports ~= "" then udp:remove(ports, tickwire) end
    ports = tickwire.prefs.ports
    if ports ~= "" then udp:add(ports, tickwire) end
end
tickwire.prefs_changed = use_ports
use_ports()
