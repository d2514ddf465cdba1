# SPDX-License-Identifier: BSD-3-Clause
"""The five primitives the protocol needs that Python's standard library lacks, from libsodium."""
import ctypes
import ctypes.util

_library = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
if _library.sodium_init() < 0:
    raise RuntimeError("libsodium did not start")

TAG_SIZE = 16


def random_bytes(count):
    out = ctypes.create_string_buffer(count)
    _library.randombytes_buf(out, ctypes.c_size_t(count))
    return out.raw


def x25519(secret, public):
    """The shared secret, or None if it is all zero."""
    out = ctypes.create_string_buffer(32)
    return out.raw if _library.crypto_scalarmult_curve25519(out, secret, public) == 0 else None


def x25519_public(secret):
    out = ctypes.create_string_buffer(32)
    _library.crypto_scalarmult_curve25519_base(out, secret)
    return out.raw


def _seal(name, key, nonce, plaintext, associated):
    out = ctypes.create_string_buffer(len(plaintext) + TAG_SIZE)
    size = ctypes.c_ulonglong()
    function = getattr(_library, f"crypto_aead_{name}_encrypt")
    function(out, ctypes.byref(size), plaintext, ctypes.c_ulonglong(len(plaintext)), associated,
             ctypes.c_ulonglong(len(associated)), None, nonce, key)
    return out.raw


def _open(name, key, nonce, sealed, associated):
    """The plaintext, or None if the tag is wrong."""
    if len(sealed) < TAG_SIZE:
        return None
    out = ctypes.create_string_buffer(max(1, len(sealed) - TAG_SIZE))
    size = ctypes.c_ulonglong()
    function = getattr(_library, f"crypto_aead_{name}_decrypt")
    if function(out, ctypes.byref(size), None, sealed, ctypes.c_ulonglong(len(sealed)), associated,
                ctypes.c_ulonglong(len(associated)), nonce, key) != 0:
        return None
    return out.raw[:len(sealed) - TAG_SIZE]


class Aead:
    def __init__(self, name):
        self._name = name

    def seal(self, key, nonce, plaintext, associated):
        return _seal(self._name, key, nonce, plaintext, associated)

    def open(self, key, nonce, sealed, associated):
        return _open(self._name, key, nonce, sealed, associated)


CHACHA20_POLY1305 = Aead("chacha20poly1305_ietf")
XCHACHA20_POLY1305 = Aead("xchacha20poly1305_ietf")
AES256_GCM = Aead("aes256gcm") if _library.crypto_aead_aes256gcm_is_available() else None
