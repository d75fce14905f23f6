"""S3's checksums, computed as the bytes pass: MD5 (the ETag), SHA-1, SHA-256, CRC-32, CRC-32C and CRC-64/NVME.

Bytes in, raw big-endian digests out. Also the joining of parts' CRCs into the CRC of the whole object, which is how S3
answers a multipart upload of type FULL_OBJECT without reading it again.

CRC-64/NVME is what the AWS CLI v2 sends by default, and Python has no fast implementation of it or of CRC-32C: AWS's
own (awscrt) is used where it is installed, else a table, which is right but reads about 10 MB/s.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Callable

try:
    from awscrt import checksums as _awscrt
except ImportError:  # a wheel without a build for this platform: the tables below
    _awscrt = None

HASHES = {"MD5": hashlib.md5, "SHA1": hashlib.sha1, "SHA256": hashlib.sha256}
# name -> (bits, reflected polynomial); all three start from and end with all ones
CRCS = {"CRC32": (32, 0xEDB88320), "CRC32C": (32, 0x82F63B78), "CRC64NVME": (64, 0x9A6C9329AC4BC9B5)}
ALGORITHMS = frozenset({*HASHES, *CRCS}) - {"MD5"}


class Checksums:
    """Several digests of one body, fed piece by piece."""

    def __init__(self, algorithms: set[str]):
        self._hashes = {name: HASHES[name](usedforsecurity=False) for name in algorithms & HASHES.keys()}
        self._crcs = dict.fromkeys(algorithms & CRCS.keys(), 0)

    def update(self, data: bytes | memoryview) -> None:
        for digest in self._hashes.values():
            digest.update(data)
        for name, value in self._crcs.items():
            self._crcs[name] = _crc_function(name)(data, value)

    def digests(self) -> dict[str, bytes]:
        done = {name: digest.digest() for name, digest in self._hashes.items()}
        return done | {name: value.to_bytes(CRCS[name][0] // 8, "big") for name, value in self._crcs.items()}


def joined_crc(algorithm: str, parts: list[tuple[bytes, int]]) -> bytes:
    """The CRC of a body from its parts' (CRC, length)."""
    bits, polynomial = CRCS[algorithm]
    value = 0
    for digest, length in parts:
        value = _times(_zeros_operator(polynomial, bits, length), value) ^ int.from_bytes(digest, "big")
    return value.to_bytes(bits // 8, "big")


@functools.cache
def _crc_function(name: str) -> Callable[[bytes, int], int]:
    if name == "CRC32":
        return zlib.crc32
    if _awscrt is not None:
        return {"CRC32C": _awscrt.crc32c, "CRC64NVME": _awscrt.crc64nvme}[name]
    bits, polynomial = CRCS[name]
    return functools.partial(_table_crc, _table(polynomial), (1 << bits) - 1)


def _table_crc(table: tuple[int, ...], ones: int, data: bytes, value: int = 0) -> int:
    crc = value ^ ones
    for byte in bytes(data):
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ ones


def _table(polynomial: int) -> tuple[int, ...]:
    return tuple(
        functools.reduce(lambda crc, _: (crc >> 1) ^ (polynomial if crc & 1 else 0), range(8), byte)
        for byte in range(256)
    )


# A CRC is linear over GF(2): appending n zero bytes multiplies it by a fixed bit matrix, so CRC(A+B) is
# zeros(len B)·CRC(A) xor CRC(B). A matrix is the list of its columns as integers (zlib's crc32_combine).


def _times(matrix: tuple[int, ...], vector: int) -> int:
    total, column = 0, 0
    while vector:
        if vector & 1:
            total ^= matrix[column]
        vector >>= 1
        column += 1
    return total


@functools.lru_cache(maxsize=64)  # a multipart upload has parts of two lengths
def _zeros_operator(polynomial: int, bits: int, length: int) -> tuple[int, ...]:
    operator = tuple(1 << bit for bit in range(bits))
    power = (polynomial, *(1 << bit for bit in range(bits - 1)))  # one zero bit
    for _ in range(3):
        power = tuple(_times(power, column) for column in power)  # one zero byte
    while length:
        if length & 1:
            operator = tuple(_times(power, column) for column in operator)
        power = tuple(_times(power, column) for column in power)
        length >>= 1
    return operator
