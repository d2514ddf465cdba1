-- SPDX-License-Identifier: BSD-3-Clause
-- What tickwire.lua needs of cryptography, in plain Lua 5.2: Wireshark 4.0 gives scripts none.
--
-- SHA-256, HMAC, HKDF-Expand; ChaCha20-Poly1305 and AES-256-GCM, opening only. Byte strings in,
-- byte strings out. For reading captures: slow (1 to 5 ms a packet), and not constant time.
local crypto = {}

local band, bor, bxor, bnot = bit32.band, bit32.bor, bit32.bxor, bit32.bnot
local lshift, rshift, rrotate, lrotate = bit32.lshift, bit32.rshift, bit32.rrotate, bit32.lrotate
local byte, char, sub, rep = string.byte, string.char, string.sub, string.rep
local concat, unpack = table.concat, table.unpack

-- ---- words -------------------------------------------------------------------------------------

local function be32(text, at)
    local a, b, c, d = byte(text, at, at + 3)
    return a * 0x1000000 + b * 0x10000 + c * 0x100 + d
end

local function le32(text, at)
    local a, b, c, d = byte(text, at, at + 3)
    return d * 0x1000000 + c * 0x10000 + b * 0x100 + a
end

local function put_be32(word)
    return char(rshift(word, 24), band(rshift(word, 16), 255), band(rshift(word, 8), 255),
        band(word, 255))
end

local function put_le32(word)
    return char(band(word, 255), band(rshift(word, 8), 255), band(rshift(word, 16), 255),
        rshift(word, 24))
end

-- A length as eight bytes, lowest first; lengths here are far below 2^32.
local function put_le64(number)
    return put_le32(number) .. "\0\0\0\0"
end

-- `left` XOR `right`, of the shorter one's length.
local function xor_strings(left, right)
    local count = math.min(#left, #right)
    local out = {}
    local at = 1
    while at + 3 <= count do
        out[#out + 1] = put_be32(bxor(be32(left, at), be32(right, at)))
        at = at + 4
    end
    while at <= count do
        out[#out + 1] = char(bxor(byte(left, at), byte(right, at)))
        at = at + 1
    end
    return concat(out)
end
crypto.xor = xor_strings

local function padded(text)
    return text .. rep("\0", -#text % 16)
end

function crypto.from_hex(text)
    return (text:gsub("%x%x", function(pair) return char(tonumber(pair, 16)) end))
end

-- ---- SHA-256, HMAC, HKDF (FIPS 180-4, RFC 2104, RFC 5869) --------------------------------------

-- First 32 bits of the fractional part of a root: what the constants of SHA-256 are.
local function fraction(number, exponent)
    local root = number ^ exponent
    return math.floor((root - math.floor(root)) * 0x100000000)
end

local sha_start, sha_constants = {}, {}
do
    local found, candidate = 0, 2
    while found < 64 do
        local prime = true
        for divisor = 2, math.floor(math.sqrt(candidate)) do
            prime = prime and candidate % divisor ~= 0
        end
        if prime then
            found = found + 1
            sha_constants[found] = fraction(candidate, 1 / 3)
            if found <= 8 then sha_start[found] = fraction(candidate, 1 / 2) end
        end
        candidate = candidate + 1
    end
end

local function sha_block(state, text, at)
    local words = {}
    for i = 1, 16 do words[i] = be32(text, at + 4 * (i - 1)) end
    for i = 17, 64 do
        local x, y = words[i - 15], words[i - 2]
        local s0 = bxor(rrotate(x, 7), rrotate(x, 18), rshift(x, 3))
        local s1 = bxor(rrotate(y, 17), rrotate(y, 19), rshift(y, 10))
        words[i] = band(words[i - 16] + s0 + words[i - 7] + s1, 0xffffffff)
    end
    local a, b, c, d, e, f, g, h = unpack(state, 1, 8)
    for i = 1, 64 do
        local s1 = bxor(rrotate(e, 6), rrotate(e, 11), rrotate(e, 25))
        local choice = bxor(band(e, f), band(bnot(e), g))
        local first = h + s1 + choice + sha_constants[i] + words[i]
        local s0 = bxor(rrotate(a, 2), rrotate(a, 13), rrotate(a, 22))
        local majority = bxor(band(a, b), band(a, c), band(b, c))
        h, g, f, e = g, f, e, band(d + first, 0xffffffff)
        d, c, b, a = c, b, a, band(first + s0 + majority, 0xffffffff)
    end
    local added = {a, b, c, d, e, f, g, h}
    for i = 1, 8 do state[i] = band(state[i] + added[i], 0xffffffff) end
end

function crypto.sha256(text)
    local state = {unpack(sha_start)}
    local whole = text .. "\128" .. rep("\0", (55 - #text) % 64) .. "\0\0\0\0" ..
        put_be32(#text * 8)
    for at = 1, #whole, 64 do sha_block(state, whole, at) end
    local out = {}
    for i = 1, 8 do out[i] = put_be32(state[i]) end
    return concat(out)
end

function crypto.hmac(key, text)
    if #key > 64 then key = crypto.sha256(key) end
    key = key .. rep("\0", 64 - #key)
    local inner = crypto.sha256(xor_strings(key, rep("\54", 64)) .. text)
    return crypto.sha256(xor_strings(key, rep("\92", 64)) .. inner)
end

-- The first `size` (at most 32) bytes.
function crypto.expand(secret, label, size)
    return sub(crypto.hmac(secret, label .. "\1"), 1, size)
end

-- ---- ChaCha20-Poly1305 (RFC 8439) --------------------------------------------------------------

local function chacha_quarter(s, a, b, c, d)
    local va, vb, vc, vd = s[a], s[b], s[c], s[d]
    va = band(va + vb, 0xffffffff); vd = lrotate(bxor(vd, va), 16)
    vc = band(vc + vd, 0xffffffff); vb = lrotate(bxor(vb, vc), 12)
    va = band(va + vb, 0xffffffff); vd = lrotate(bxor(vd, va), 8)
    vc = band(vc + vd, 0xffffffff); vb = lrotate(bxor(vb, vc), 7)
    s[a], s[b], s[c], s[d] = va, vb, vc, vd
end

local function chacha_block(key, counter, nonce)
    local start = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}
    for i = 0, 7 do start[5 + i] = le32(key, 1 + 4 * i) end
    start[13] = counter
    for i = 0, 2 do start[14 + i] = le32(nonce, 1 + 4 * i) end
    local s = {unpack(start)}
    for _ = 1, 10 do
        chacha_quarter(s, 1, 5, 9, 13); chacha_quarter(s, 2, 6, 10, 14)
        chacha_quarter(s, 3, 7, 11, 15); chacha_quarter(s, 4, 8, 12, 16)
        chacha_quarter(s, 1, 6, 11, 16); chacha_quarter(s, 2, 7, 12, 13)
        chacha_quarter(s, 3, 8, 9, 14); chacha_quarter(s, 4, 5, 10, 15)
    end
    local out = {}
    for i = 1, 16 do out[i] = put_le32(band(s[i] + start[i], 0xffffffff)) end
    return concat(out)
end

-- Ten limbs of 13 bits of up to 17 bytes, lowest first: products stay exact in a double.
local function limbs_of(text)
    local limbs, held, bits, at = {}, 0, 0, 1
    for i = 1, 10 do
        while bits < 13 and at <= #text do
            held = held + byte(text, at) * 2 ^ bits
            bits, at = bits + 8, at + 1
        end
        limbs[i] = held % 8192
        held, bits = math.floor(held / 8192), math.max(0, bits - 13)
    end
    return limbs
end

local function poly_carry(limbs)
    local carry = 0
    for i = 1, 10 do
        local value = limbs[i] + carry
        carry = math.floor(value / 8192)
        limbs[i] = value - carry * 8192
    end
    limbs[1] = limbs[1] + carry * 5 -- 2^130 is 5
end

local function poly_multiply(h, r)
    local out = {}
    for i = 1, 10 do
        local sum = 0
        for j = 1, 10 do
            local k = i - j + 1
            sum = sum + (k >= 1 and h[j] * r[k] or h[j] * r[k + 10] * 5)
        end
        out[i] = sum
    end
    poly_carry(out)
    poly_carry(out)
    return out
end

-- h modulo 2^130 - 5, plus s modulo 2^128: 16 bytes.
local function poly_finish(h, s)
    poly_carry(h)
    poly_carry(h)
    local g, carry = {}, 5
    for i = 1, 10 do
        g[i] = h[i] + carry
        carry = math.floor(g[i] / 8192)
        g[i] = g[i] - carry * 8192
    end
    local value = carry > 0 and g or h
    local out, held, bits, limb, sum = {}, 0, 0, 1, 0
    for i = 1, 16 do
        while bits < 8 and limb <= 10 do
            held = held + value[limb] * 2 ^ bits
            bits, limb = bits + 13, limb + 1
        end
        sum = sum + held % 256 + byte(s, i)
        out[i] = char(sum % 256)
        sum = math.floor(sum / 256)
        held, bits = math.floor(held / 256), bits - 8
    end
    return concat(out)
end

local CLAMP = {255, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15}

local function poly1305(key, text)
    local clamped = {}
    for i = 1, 16 do clamped[i] = char(band(byte(key, i), CLAMP[i])) end
    local r, h = limbs_of(concat(clamped)), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
    for at = 1, #text, 16 do
        local block = limbs_of(sub(text, at, at + 15) .. "\1")
        for i = 1, 10 do h[i] = h[i] + block[i] end
        h = poly_multiply(h, r)
    end
    return poly_finish(h, sub(key, 17, 32))
end

local function chacha_open(key, nonce, sealed, tag, associated)
    local one_time = sub(chacha_block(key, 0, nonce), 1, 32)
    local covered = padded(associated) .. padded(sealed) .. put_le64(#associated) ..
        put_le64(#sealed)
    if poly1305(one_time, covered) ~= tag then return nil end
    local out = {}
    for at = 1, #sealed, 64 do
        out[#out + 1] = xor_strings(sub(sealed, at, at + 63),
            chacha_block(key, #out + 1, nonce))
    end
    return concat(out)
end

-- ---- AES-256-GCM (FIPS 197, SP 800-38D) --------------------------------------------------------

local sbox, table0 = {}, {}
do
    local function times2(value)
        value = value * 2
        return value >= 256 and bxor(value, 0x11b) or value
    end
    -- Powers of 3, which makes all of the field but 0, and from them inverses.
    local powers, logs, value = {}, {}, 1
    for i = 0, 254 do
        powers[i], logs[value] = value, i
        value = bxor(value, times2(value))
    end
    for i = 0, 255 do
        local inverse = i == 0 and 0 or powers[(255 - logs[i]) % 255]
        local all = bor(inverse, lshift(inverse, 8))
        local mixed = bxor(inverse, rshift(all, 7), rshift(all, 6), rshift(all, 5), rshift(all, 4))
        sbox[i] = bxor(band(mixed, 255), 0x63)
    end
    for i = 0, 255 do
        local s = sbox[i]
        local double = times2(s)
        table0[i] = bor(lshift(double, 24), lshift(s, 16), lshift(s, 8), bxor(double, s))
    end
end

local function aes_word(word)
    return bor(lshift(sbox[rshift(word, 24)], 24), lshift(sbox[band(rshift(word, 16), 255)], 16),
        lshift(sbox[band(rshift(word, 8), 255)], 8), sbox[band(word, 255)])
end

local function aes_round_keys(key)
    local words, constant = {}, 1
    for i = 0, 7 do words[i] = be32(key, 1 + 4 * i) end
    for i = 8, 59 do
        local word = words[i - 1]
        if i % 8 == 0 then
            word = bxor(aes_word(lrotate(word, 8)), lshift(constant, 24))
            constant = constant * 2
        elseif i % 8 == 4 then
            word = aes_word(word)
        end
        words[i] = bxor(words[i - 8], word)
    end
    return words
end

local function aes_column(a, b, c, d, round_key)
    return bxor(table0[rshift(a, 24)], rrotate(table0[band(rshift(b, 16), 255)], 8),
        rrotate(table0[band(rshift(c, 8), 255)], 16), rrotate(table0[band(d, 255)], 24), round_key)
end

local function aes_last(a, b, c, d, round_key)
    return bxor(bor(lshift(sbox[rshift(a, 24)], 24), lshift(sbox[band(rshift(b, 16), 255)], 16),
        lshift(sbox[band(rshift(c, 8), 255)], 8), sbox[band(d, 255)]), round_key)
end

-- One block of four words.
local function aes_block(keys, a, b, c, d)
    a, b, c, d = bxor(a, keys[0]), bxor(b, keys[1]), bxor(c, keys[2]), bxor(d, keys[3])
    for i = 4, 52, 4 do
        a, b, c, d = aes_column(a, b, c, d, keys[i]), aes_column(b, c, d, a, keys[i + 1]),
            aes_column(c, d, a, b, keys[i + 2]), aes_column(d, a, b, c, keys[i + 3])
    end
    return put_be32(aes_last(a, b, c, d, keys[56])) .. put_be32(aes_last(b, c, d, a, keys[57])) ..
        put_be32(aes_last(c, d, a, b, keys[58])) .. put_be32(aes_last(d, a, b, c, keys[59]))
end

-- Multiples of the hash key for each value of four bits: entry 8 is H itself.
local function gcm_table(h0, h1, h2, h3)
    local entries = {[0] = {0, 0, 0, 0}, [8] = {h0, h1, h2, h3}}
    for _, i in ipairs {4, 2, 1} do
        local a, b, c, d = unpack(entries[i * 2])
        entries[i] = {bxor(rshift(a, 1), d % 2 == 1 and 0xe1000000 or 0),
            bor(rshift(b, 1), lshift(a, 31)), bor(rshift(c, 1), lshift(b, 31)),
            bor(rshift(d, 1), lshift(c, 31))}
    end
    for _, high in ipairs {2, 4, 8} do
        for low = 1, high - 1 do
            local x, y = entries[high], entries[low]
            entries[high + low] = {bxor(x[1], y[1]), bxor(x[2], y[2]), bxor(x[3], y[3]),
                bxor(x[4], y[4])}
        end
    end
    return entries
end

-- What the four bits that fall out on the right come back as.
local gcm_reduction = {}
for i = 0, 15 do
    local value = 0
    for bit = 0, 3 do
        if band(i, lshift(1, bit)) ~= 0 then value = bxor(value, rshift(0xe1000000, 3 - bit)) end
    end
    gcm_reduction[i] = value
end

local function ghash(entries, text)
    local a, b, c, d = 0, 0, 0, 0
    for at = 1, #text, 16 do
        a, b = bxor(a, be32(text, at)), bxor(b, be32(text, at + 4))
        c, d = bxor(c, be32(text, at + 8)), bxor(d, be32(text, at + 12))
        local za, zb, zc, zd = 0, 0, 0, 0
        for _, word in ipairs {d, c, b, a} do
            for shift = 0, 28, 4 do
                local out = band(zd, 15)
                zd = bor(rshift(zd, 4), lshift(zc, 28))
                zc = bor(rshift(zc, 4), lshift(zb, 28))
                zb = bor(rshift(zb, 4), lshift(za, 28))
                za = bxor(rshift(za, 4), gcm_reduction[out])
                local entry = entries[band(rshift(word, shift), 15)]
                za, zb = bxor(za, entry[1]), bxor(zb, entry[2])
                zc, zd = bxor(zc, entry[3]), bxor(zd, entry[4])
            end
        end
        a, b, c, d = za, zb, zc, zd
    end
    return put_be32(a) .. put_be32(b) .. put_be32(c) .. put_be32(d)
end

local aes_cache = setmetatable({}, {__mode = "v"})

local function aes_prepared(key)
    local made = aes_cache[key]
    if not made then
        local keys = aes_round_keys(key)
        local h = aes_block(keys, 0, 0, 0, 0)
        made = {keys = keys, hash = gcm_table(be32(h, 1), be32(h, 5), be32(h, 9), be32(h, 13))}
        aes_cache[key] = made
    end
    return made
end

local function aes_open(key, nonce, sealed, tag, associated)
    local made = aes_prepared(key)
    local n0, n1, n2 = be32(nonce, 1), be32(nonce, 5), be32(nonce, 9)
    local hashed = ghash(made.hash, padded(associated) .. padded(sealed) .. "\0\0\0\0" ..
        put_be32(#associated * 8) .. "\0\0\0\0" .. put_be32(#sealed * 8))
    if xor_strings(hashed, aes_block(made.keys, n0, n1, n2, 1)) ~= tag then return nil end
    local out = {}
    for at = 1, #sealed, 16 do
        out[#out + 1] = xor_strings(sub(sealed, at, at + 15),
            aes_block(made.keys, n0, n1, n2, #out + 2))
    end
    return concat(out)
end

-- ---- both --------------------------------------------------------------------------------------

crypto.suites = {chacha20_poly1305 = chacha_open, aes256_gcm = aes_open}

-- The plaintext, or nil if the tag is wrong. `sealed` ends in the tag.
function crypto.open(suite, key, nonce, sealed, associated)
    if #sealed < 16 then return nil end
    return crypto.suites[suite](key, nonce, sub(sealed, 1, -17), sub(sealed, -16), associated)
end

return crypto
