-- SPDX-License-Identifier: BSD-3-Clause
-- Messages of docs/protocol.md, section 4.1, for tickwire.lua: parts in, messages out, LZ4 blocks
-- restored. Nothing of Wireshark in here.
local messages = {}

messages.GRANULE = 128
messages.SIZE_MAX = 65536
messages.LATEST_MAX = 1000
-- Numbers of a channel that are under way at once: what is further behind the newest has arrived.
local WINDOW = 64

local function need(condition, text)
    if not condition then error(text, 0) end
end

-- ---- LZ4 ---------------------------------------------------------------------------------------

-- A length of four bits that goes on in the following bytes if it is 15.
local function long(block, at, length)
    if length < 15 then return length, at end
    repeat
        need(at <= #block, "a length in an LZ4 block is cut off")
        length = length + block:byte(at)
        at = at + 1
    until block:byte(at - 1) < 255
    return length, at
end

-- What an LZ4 block holds, which must be `size` bytes; an error of text if it does not. No more
-- than that is ever made. Copies are made byte by byte, as they may overlap what they make.
function messages.decompress(block, size)
    local out, made, at = {}, 0, 1
    while at <= #block do
        local token, count = block:byte(at), nil
        count, at = long(block, at + 1, math.floor(token / 16))
        need(at + count - 1 <= #block and made + count <= size, "literals of an LZ4 block")
        for i = at, at + count - 1 do
            made = made + 1
            out[made] = block:sub(i, i)
        end
        at = at + count
        if at > #block then break end
        need(at + 1 <= #block, "an offset in an LZ4 block is cut off")
        local offset = block:byte(at) + 256 * block:byte(at + 1)
        count, at = long(block, at + 2, token % 16)
        need(offset >= 1 and offset <= made and made + count + 4 <= size, "copy in an LZ4 block")
        for i = made + 1, made + count + 4 do out[i] = out[i - offset] end
        made = made + count + 4
    end
    need(made == size, "an LZ4 block of another size than it says")
    return table.concat(out)
end

-- ---- parts -------------------------------------------------------------------------------------

-- Messages of one direction of a session that are under way, by channel and number.
function messages.make_stream()
    return {[1] = {known = {}}, [2] = {known = {}}, [3] = {known = {}}}
end

-- The channel's newest number is at least this one; what that puts behind the window is forgotten.
-- False if the number itself is behind it: it was here before.
local function move_window(channel, number)
    local ahead = (number - (channel.newest or number)) % 65536
    if ahead >= 32768 then return 65536 - ahead < WINDOW end
    channel.newest = number
    for other, message in pairs(channel.known) do
        if (number - other) % 65536 >= WINDOW then
            message.granules = nil
            channel.known[other] = nil
        end
    end
    return true
end

local function check(stream, entry)
    local message = entry.channel > 0 and stream[entry.channel].known[entry.number]
    need(not message or message.done or entry.kind == 2 or (message.size == entry.size
        and message.compressed == entry.compressed),
        "a part that does not fit those before it")
end

-- complete_in: nil if it was given up.
local function finish(message, complete_in)
    message.done = true
    message.complete_in = complete_in
    message.granules = nil
end

local function store(message, entry, frame)
    for offset = 0, #entry.bytes - 1, messages.GRANULE do
        local granule = entry.first + offset / messages.GRANULE
        if not message.granules[granule] then
            message.granules[granule] = entry.bytes:sub(offset + 1, offset + messages.GRANULE)
            message.missing = message.missing - 1
        end
    end
    if message.missing > 0 then return nil end
    local whole = table.concat(message.granules, "", 0)
    finish(message, frame)
    return whole
end

local function take_one(stream, entry, frame)
    local channel = stream[entry.channel]
    if not channel or not move_window(channel, entry.number) then return nil end
    local message = channel.known[entry.number]
    if not message then
        message = {size = entry.size, compressed = entry.compressed, granules = {},
            missing = math.ceil(entry.size / messages.GRANULE)}
        channel.known[entry.number] = message
    end
    if message.done then return {message = message} end
    if entry.kind ~= 1 then
        finish(message, entry.kind == 0 and frame or nil)
        return {message = message}
    end
    return {message = message, whole = store(message, entry, frame)}
end

-- Takes what a packet carries, in frame number `frame`: all of it, or an error of text and none.
-- Each entry has channel, number and kind; size, first, bytes and compressed, if it has bytes.
-- Returns what became of each, by its index: `message`, whose complete_in may be told later; and
-- `whole`, what travelled, in the entry that was the last to come. nil: behind the window.
function messages.take(stream, entries, frame)
    for _, entry in ipairs(entries) do check(stream, entry) end
    local taken = {}
    for i, entry in ipairs(entries) do taken[i] = take_one(stream, entry, frame) end
    return taken
end

return messages
