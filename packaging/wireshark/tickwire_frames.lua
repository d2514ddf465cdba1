-- SPDX-License-Identifier: BSD-3-Clause
-- The frames of docs/protocol.md, sections 4 and 5, for tickwire.lua: plaintext in, tree out.
--
-- A cursor reads the plaintext from front to back and puts what it reads into the tree; what does
-- not follow the document raises an error of text, which the caller shows as malformed.
local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
local messages = dofile(here .. "tickwire_messages.lua")
local frames = {}

local reasons = {
    [1] = "client left", [2] = "server stops", [3] = "kicked", [4] = "banned", [5] = "timeout",
    [6] = "misbehaviour", [7] = "join refused by the world", [8] = "packet numbers used up",
    [9] = "replaced by a newer login", [10] = "messages waited faster than it took them",
    [11] = "it began a message and did not go on",
    [12] = "a newer process went on with it", [13] = "what was to be resumed has ended",
    [14] = "it sent inputs, and no snapshot reached it"}
local kinds = {[0] = "whole", [1] = "part", [2] = "abandoned"}
local channels = {[0] = "latest", [1] = "ordered", [2] = "unordered", [3] = "bulk"}
local types = {[0] = "none", [1] = "player", [2] = "wanderer", [3] = "obstacle"}

-- ---- fields ------------------------------------------------------------------------------------

local f = {}
frames.fields = f
local u8, u16, u24, u32 = ProtoField.uint8, ProtoField.uint16, ProtoField.uint24, ProtoField.uint32
local u64, i8, i32, bytes = ProtoField.uint64, ProtoField.int8, ProtoField.int32, ProtoField.bytes
local DEC, HEX = base.DEC, base.HEX

local function add(name, kind, text, ...)
    f[name] = kind("tickwire." .. name, text, ...)
end

local names = {"inputs", "snapshot ack", "ping", "pong", "close", "ack", "snapshot", "challenge",
    "response", "rename", "messages", "arrivals", "check", "padding", "resume wanted", "resume",
    "notice"}
add("frame", ProtoField.none, "Frame")
add("frame.type", u8, "Type", DEC, names)
add("frame.length", u16, "Length", DEC)
add("inputs.newest_tick", u32, "Newest tick", DEC)
add("inputs.count", u8, "Count", DEC)
add("input", ProtoField.none, "Input")
add("input.tick", u32, "Tick", DEC)
add("input.move_x", i8, "Move x", DEC)
add("input.move_y", i8, "Move y", DEC)
add("input.facing", u16, "Facing", DEC)
add("input.buttons", u16, "Buttons", HEX)
add("snapshot_ack.newest", u32, "Newest snapshot", DEC)
add("snapshot_ack.bitmap", u32, "Bitmap", HEX)
add("ping.time", u64, "Client time (us)", DEC)
add("pong.echo", u64, "The ping's time (us)", DEC)
add("pong.received", u64, "Server time, ping received (us)", DEC)
add("pong.sent", u64, "Server time, sent (us)", DEC)
add("close.reason", u16, "Reason", DEC, reasons)
add("ack.largest", u64, "Largest packet number", DEC)
add("ack.bitmap", u64, "Bitmap", HEX)
add("ack.delay", u16, "Delay (us)", DEC)
add("challenge", bytes, "Challenge")
add("response", bytes, "Response")
add("rename.connection_id", u32, "New connection id", HEX)
add("arrivals.newest_tick", u32, "Newest input tick measured", DEC)
add("arrivals.mean", ProtoField.int16, "Mean margin", DEC)
add("arrivals.lowest", ProtoField.int16, "Lowest margin", DEC)
add("arrivals.count", u8, "Inputs measured", DEC)
add("arrivals.late", u8, "Of these too late", DEC)
add("snapshot.number", u32, "Number", DEC)
add("snapshot.tick", u32, "Tick", DEC)
add("snapshot.last_input", u32, "Last input applied", DEC)
add("snapshot.flags", u8, "Flags", HEX)
add("snapshot.flags.self", ProtoField.bool, "Self", 8, nil, 0x01)
add("snapshot.flags.hash", ProtoField.bool, "View hash", 8, nil, 0x02)
add("snapshot.flags.incomplete", ProtoField.bool, "Something was left out", 8, nil, 0x04)
add("snapshot.flags.check", ProtoField.bool, "Check", 8, nil, 0x08)
add("snapshot.flags.baseline", ProtoField.bool, "Baseline", 8, nil, 0x10)
add("check.snapshot", u32, "Snapshot", DEC)
add("check.bits", u8, "Bits", DEC)
add("check.class", u8, "Class", DEC)
add("check.sum", u32, "Sum", HEX)
add("frame.padding", bytes, "Padding")
add("resume.expires", u64, "Valid until (Unix time)", DEC)
add("resume.token", bytes, "Resume token")
add("notice.stage", u8, "Stage", DEC, {[0] = "good", "warned", "throttled"})
add("notice.kind", u8, "Charged last", DEC, {[0] = "packets with inputs", "ticks ahead",
    "time going back", "presses of a button"})
add("notice.score", u16, "Score", DEC)
add("snapshot.baseline", u32, "Forget all before snapshot", DEC)
add("snapshot.hash", u64, "View hash", HEX)
add("snapshot.self", ProtoField.none, "Self")
add("snapshot.exits", u8, "Exits", DEC)
add("snapshot.enters", u8, "Enters", DEC)
add("snapshot.colds", u8, "Colds", DEC)
add("snapshot.groups", u8, "Hot groups", DEC)
add("entity", ProtoField.none, "Entity")
add("entity.exit", u32, "Exit", HEX)
add("entity.handle", u32, "Handle", HEX)
add("entity.index", u24, "Index", DEC)
add("entity.x", i32, "x (1/1024 m)", DEC)
add("entity.y", i32, "y (1/1024 m)", DEC)
add("entity.velocity_x", i32, "Velocity x (1/1024 m/s)", DEC)
add("entity.velocity_y", i32, "Velocity y (1/1024 m/s)", DEC)
add("entity.heading16", u16, "Heading (65,536 a turn)", DEC)
add("group", ProtoField.none, "Group of hots")
add("group.count", u8, "Count", DEC)
add("entity.cell_x", u16, "Cell x", DEC)
add("entity.cell_y", u16, "Cell y", DEC)
add("hot.x", u16, "x in its cell", DEC)
add("hot.y", u16, "y in its cell", DEC)
add("hot.heading", u8, "Heading (256 a turn)", DEC)
add("hot.speed", u8, "Speed (1/16 m/s)", DEC)
add("hot.action", u8, "Action", DEC)
add("cold.mask", u8, "Fields", HEX)
add("cold.type", u8, "Type", DEC, types)
add("cold.team", u8, "Team", DEC)
add("cold.appearance", u16, "Appearance", DEC)
add("cold.health", u16, "Health", DEC)
add("cold.health_max", u16, "Full health", DEC)
add("message", ProtoField.none, "Message")
add("message.channel", u8, "Channel", DEC, channels, 0x03)
add("message.kind", u8, "Kind", DEC, kinds, 0x0c)
add("message.compressed", ProtoField.bool, "Compressed", 8, nil, 0x10)
add("message.number", u16, "Number", DEC)
add("message.size", u32, "Size of the message", DEC)
add("message.granule", u32, "First granule", DEC)
add("message.count", u32, "Bytes here", DEC)
add("message.data", bytes, "Data")
add("message.complete_in", ProtoField.framenum, "Complete in frame")
add("message.whole", bytes, "Message of its parts")
add("message.full_size", u32, "Size before it was compressed", DEC)
add("message.text", bytes, "Data before it was compressed")

-- ---- cursor ------------------------------------------------------------------------------------

local cursor = {}
cursor.__index = cursor

-- Of the bytes at..stop of a tvb.
local function make_cursor(tvb, at, stop)
    return setmetatable({tvb = tvb, at = at, stop = stop}, cursor)
end

function cursor:left()
    return self.stop - self.at
end

function cursor:take(size, what)
    if self:left() < size then error(what .. " is cut off", 0) end
    local range = self.tvb(self.at, size)
    self.at = self.at + size
    return range
end

-- Into the tree; the value as a Lua number, but for 64 bits.
function cursor:field(tree, name, size)
    local range = self:take(size, name)
    tree:add_le(f[name], range)
    return size <= 4 and range:le_uint() or range:le_uint64()
end

local function need(condition, text)
    if not condition then error(text, 0) end
end

-- Seven bits in each byte, lowest first, in its shortest form.
function cursor:varint(tree, name)
    local start, value, factor = self.at, 0, 1
    local last
    repeat
        last = self:take(1, name):uint()
        value = value + last % 128 * factor
        factor = factor * 128
        need(self.at - start <= 5, name .. " is longer than five bytes")
    until last < 128
    need(last > 0 or self.at - start == 1, name .. " is not in its shortest form")
    need(value <= 0xffffffff, name .. " is above 32 bits")
    tree:add(f[name], self.tvb(start, self.at - start), value)
    return value
end

-- ---- frames ------------------------------------------------------------------------------------

local function inputs(c, tree)
    local newest = c:field(tree, "inputs.newest_tick", 4)
    local count = c:field(tree, "inputs.count", 1)
    need(count >= 1 and count <= 8, "number of inputs is not 1..8")
    need(newest >= count - 1, "an input's tick is below 0")
    for i = 0, count - 1 do
        need(c:left() >= 6, "input is cut off")
        local one = tree:add(f["input"], c.tvb(c.at, 6))
        one:append_text(" of tick " .. newest - i)
        one:add(f["input.tick"], c.tvb(c.at, 6), newest - i):set_generated()
        for _, axis in ipairs {"input.move_x", "input.move_y"} do
            need(c:field(one, axis, 1) ~= 128, "a move of -128")
        end
        c:field(one, "input.facing", 2)
        need(c:field(one, "input.buttons", 2) < 256, "unknown buttons")
    end
    return count
end

local function snapshot_ack(c, tree)
    need(c:field(tree, "snapshot_ack.newest", 4) > 0, "acknowledges snapshot 0")
    c:field(tree, "snapshot_ack.bitmap", 4)
end

local function ping(c, tree)
    c:field(tree, "ping.time", 8)
end

local function pong(c, tree)
    for _, name in ipairs {"pong.echo", "pong.received", "pong.sent"} do c:field(tree, name, 8) end
end

local function close(c, tree)
    need(reasons[c:field(tree, "close.reason", 2)], "unknown reason")
end

local function ack(c, tree)
    need(c:field(tree, "ack.largest", 8) > UInt64(0), "acknowledges packet 0")
    c:field(tree, "ack.bitmap", 8)
    c:field(tree, "ack.delay", 2)
end

local function challenge(c, tree)
    c:field(tree, "challenge", 8)
end

local function response(c, tree)
    c:field(tree, "response", 8)
end

local function rename(c, tree, told)
    told.renamed = c:field(tree, "rename.connection_id", 4)
    need(told.renamed > 0, "connection id 0")
end

local function signed(value)
    return value < 32768 and value or value - 65536
end

local function arrivals(c, tree)
    need(c:field(tree, "arrivals.newest_tick", 4) > 0, "measured no tick")
    local mean = signed(c:field(tree, "arrivals.mean", 2))
    local lowest = signed(c:field(tree, "arrivals.lowest", 2))
    local count = c:field(tree, "arrivals.count", 1)
    need(-10000 <= lowest and lowest <= mean and mean <= 10000, "margins out of range")
    need(count > 0 and c:field(tree, "arrivals.late", 1) <= count, "counts out of range")
end

-- Of a class of entities, or of all.
local function class_sum(c, tree)
    local bits = c:field(tree, "check.bits", 1)
    need(bits <= 8 and c:field(tree, "check.class", 1) < 2 ^ bits, "no such class")
    c:field(tree, "check.sum", 4)
end

local function check(c, tree)
    need(c:field(tree, "check.snapshot", 4) > 0, "reports snapshot 0")
    class_sum(c, tree)
end

local function padding(c, tree)
    if c:left() > 0 then tree:add(f["frame.padding"], c:take(c:left(), "padding")) end
end

local function resume_wanted() end

local function resume(c, tree)
    c:field(tree, "resume.expires", 8)
    tree:add(f["resume.token"], c:take(236, "resume token"))
end

local function notice(c, tree)
    need(c:field(tree, "notice.stage", 1) <= 2, "no such stage")
    need(c:field(tree, "notice.kind", 1) <= 3, "no such charge")
    c:field(tree, "notice.score", 2)
end

-- ---- messages ----------------------------------------------------------------------------------

-- What a message stands for that travelled as `size` bytes from `at` of the tvb on; an error of
-- text if it cannot be restored.
local function show_restored(tree, tvb, at, size)
    local inner = make_cursor(tvb, at, at + size)
    local full = inner:varint(tree, "message.full_size")
    need(full > size and full <= messages.SIZE_MAX, "size of a compressed message")
    need(inner:left() > 0, "no LZ4 block")
    local text = messages.decompress(inner:take(inner:left(), "LZ4 block"):raw(), full)
    local shown = ByteArray.new(text, true):tvb("Message before it was compressed")
    tree:add(f["message.text"], shown())
end

-- What became of an entry of a packet, of which nothing is wrong; `taken` as tickwire_messages.lua
-- tells it, or nil. Returns what is wrong with the message, or nil.
function frames.show_message(entry, taken)
    local tvb, at, size = entry.tvb, entry.at, entry.size
    if taken and taken.message.complete_in and entry.kind == 1 then
        entry.tree:add(f["message.complete_in"], taken.message.complete_in):set_generated()
    end
    if entry.kind == 1 then
        if not (taken and taken.whole) then return nil end
        tvb, at = ByteArray.new(taken.whole, true):tvb("Message of its parts"), 0
        entry.tree:add(f["message.whole"], tvb())
    end
    if not entry.compressed then return nil end
    local good, problem = pcall(show_restored, entry.tree, tvb, at, size)
    return not good and tostring(problem) or nil
end

local function message(c, tree, seen)
    local start, first = c.at, 0
    local entry = tree:add(f["message"], c.tvb(start, c:left()))
    local head = c:take(1, "message"):uint()
    local channel, kind = head % 4, math.floor(head / 4) % 4
    need(head < 32 and kind < 3, "unknown head of a message")
    local is_compressed = head >= 16
    need(not is_compressed or (channel == 3 and kind < 2), "compressed, and not bulk")
    for _, name in ipairs {"message.channel", "message.kind", "message.compressed"} do
        entry:add(f[name], c.tvb(start, 1))
    end
    local number = c:field(entry, "message.number", 2)
    local id = channel * 65536 + number
    need(channel == 0 or not seen[id], "the same message twice")
    seen[id] = true
    local size, count = 0, 0
    if kind < 2 then
        size = c:varint(entry, "message.size")
        count = size
        need(size >= 1 and size <= messages.SIZE_MAX, "size of a message is not 1..65536")
        need(channel ~= 0 or size <= messages.LATEST_MAX, "more than 1,000 bytes on channel 0")
    end
    if kind == 1 then
        first = c:varint(entry, "message.granule")
        count = c:varint(entry, "message.count")
        local stop = first * messages.GRANULE + count
        need(channel ~= 0, "a part on channel 0")
        need(count > 0 and stop <= size and (count % messages.GRANULE == 0 or stop == size),
            "a part that is not whole granules of its message")
    end
    local at, data = c.at, nil
    if count > 0 then
        data = c:take(count, "message")
        entry:add(f["message.data"], data)
    end
    entry:set_len(c.at - start)
    entry:append_text(string.format(" %d of channel %s, %s, %d bytes", number, channels[channel],
        kinds[kind], count))
    return {channel = channel, number = number, kind = kind, size = size, first = first,
        compressed = is_compressed, bytes = data and data:raw(), tree = entry, tvb = c.tvb, at = at}
end

local function message_list(c, tree, told)
    local seen = {}
    while c:left() > 0 do told.entries[#told.entries + 1] = message(c, tree, seen) end
    need(#told.entries > 0, "no message")
    return #told.entries
end

-- ---- snapshot ----------------------------------------------------------------------------------

local function handle(c, tree, name)
    local value = c:field(tree, name, 4)
    need(value >= 0x1000000, "a handle of generation 0")
    return value
end

local function cell(c, tree)
    c:field(tree, "entity.cell_x", 2)
    c:field(tree, "entity.cell_y", 2)
end

local function hot(c, tree)
    c:field(tree, "hot.x", 2)
    c:field(tree, "hot.y", 2)
    for _, name in ipairs {"hot.heading", "hot.speed", "hot.action"} do c:field(tree, name, 1) end
end

local colds = {{"cold.type", 1}, {"cold.team", 1}, {"cold.appearance", 2}, {"cold.health", 2},
    {"cold.health_max", 2}}

local function cold(c, tree, all)
    local mask = c:field(tree, "cold.mask", 1)
    need(all and mask == 0x1f or not all and mask > 0 and mask < 0x20, "unknown cold fields")
    for i, field in ipairs(colds) do
        if math.floor(mask / 2 ^ (i - 1)) % 2 == 1 then c:field(tree, field[1], field[2]) end
    end
end

-- `count` of something, each in a tree of its own.
local function list(c, tree, count, text, read)
    for _ = 1, count do
        local start = c.at
        need(c:left() > 0, text .. " is cut off")
        local one = tree:add(f["entity"], c.tvb(start, c:left()))
        read(one)
        one:set_len(c.at - start)
        one:set_text(text)
    end
end

local function own_state(c, tree)
    local start = c.at
    need(c:left() >= 22, "self is cut off")
    local own = tree:add(f["snapshot.self"], c.tvb(start, 22))
    c:field(own, "entity.handle", 4)
    for _, name in ipairs {"entity.x", "entity.y", "entity.velocity_x", "entity.velocity_y"} do
        c:field(own, name, 4)
    end
    c:field(own, "entity.heading16", 2)
end

local function hot_groups(c, tree)
    for _ = 1, c:field(tree, "snapshot.groups", 1) do
        local start = c.at
        need(c:left() > 0, "group is cut off")
        local group = tree:add(f["group"], c.tvb(start, c:left()))
        cell(c, group)
        local count = c:field(group, "group.count", 1)
        need(count > 0, "an empty group")
        list(c, group, count, "Hot", function(one)
            c:field(one, "entity.index", 3)
            hot(c, one)
        end)
        group:set_len(c.at - start)
    end
end

local function snapshot(c, tree)
    local number = c:field(tree, "snapshot.number", 4)
    need(number > 0, "snapshot 0")
    c:field(tree, "snapshot.tick", 4)
    c:field(tree, "snapshot.last_input", 4)
    local at = c.at
    local flags = c:field(tree, "snapshot.flags", 1)
    local function has(bit) return math.floor(flags / bit) % 2 == 1 end
    need(flags < 32, "unknown flags")
    need(not (has(2) and (has(4) or has(8))), "a hash of an incomplete view, or beside a check")
    for _, name in ipairs {"self", "hash", "incomplete", "check", "baseline"} do
        tree:add(f["snapshot.flags." .. name], c.tvb(at, 1))
    end
    if has(1) then own_state(c, tree) end
    if has(2) then c:field(tree, "snapshot.hash", 8) end
    if has(8) then class_sum(c, tree) end
    if has(16) then
        local first = c:field(tree, "snapshot.baseline", 4)
        need(first >= 1 and first <= number, "a baseline that is not begun")
    end
    for _ = 1, c:field(tree, "snapshot.exits", 1) do handle(c, tree, "entity.exit") end
    list(c, tree, c:field(tree, "snapshot.enters", 1), "Enter", function(one)
        handle(c, one, "entity.handle")
        cell(c, one)
        hot(c, one)
        cold(c, one, true)
    end)
    list(c, tree, c:field(tree, "snapshot.colds", 1), "Cold", function(one)
        c:field(one, "entity.index", 3)
        cold(c, one, false)
    end)
    hot_groups(c, tree)
    return number
end

-- ---- the list of a packet ----------------------------------------------------------------------

-- Who sends it ("c" client, "s" server), and how to read it; by type.
local known = {
    {"c", inputs}, {"c", snapshot_ack}, {"c", ping}, {"s", pong}, {"cs", close}, {"cs", ack},
    {"s", snapshot}, {"s", challenge}, {"c", response}, {"s", rename}, {"cs", message_list},
    {"s", arrivals}, {"c", check}, {"cs", padding}, {"c", resume_wanted}, {"s", resume},
    {"s", notice}}

local function one_frame(c, tree, direction, told)
    local start = c.at
    need(c:left() >= 3, "frame header is cut off")
    local number, length = c.tvb(start, 1):uint(), c.tvb(start + 1, 2):le_uint()
    local frame, name = known[number], names[number]
    need(frame, "unknown frame type " .. number)
    need(frame[1]:find(direction, 1, true), name .. " frame from the wrong side")
    need(not told[number], name .. " frame twice")
    need(c:left() >= 3 + length, name .. " frame is cut off")
    told[number] = true
    local branch = tree:add(f["frame"], c.tvb(start, 3 + length))
    branch:append_text(": " .. name)
    c:field(branch, "frame.type", 1)
    c:field(branch, "frame.length", 2)
    local body = make_cursor(c.tvb, c.at, c.at + length)
    local detail = frame[2](body, branch, told)
    need(body:left() == 0, name .. " frame is longer than what it says")
    c.at = c.at + length
    told.names[#told.names + 1] = detail and name .. " " .. tostring(detail) or name
end

-- Reads a whole plaintext; direction is "c" (from the client) or "s". Returns what is to be known
-- of it: `names` for the summary, `entries` of messages, `renamed` a new connection id, `malformed`
-- what is wrong.
function frames.dissect(tvb, tree, direction)
    local told = {names = {}, entries = {}}
    local c = make_cursor(tvb, 0, tvb:len())
    local good, problem = pcall(function()
        need(c:left() > 0, "no frame")
        while c:left() > 0 do one_frame(c, tree, direction, told) end
    end)
    if not good then told.malformed = tostring(problem) end
    return told
end

return frames
