from __future__ import annotations

import base64
import os
import zlib

import pytest

from pipeline.local.emulators import checksums
from pipeline.local.emulators.checksums import Checksums, joined_crc

# The check values every catalogue of CRCs gives for the nine ASCII digits.
CHECKS = {"CRC32": "cbf43926", "CRC32C": "e3069283", "CRC64NVME": "ae8b14860a799888"}


def digest(algorithm: str, data: bytes) -> bytes:
    running = Checksums({algorithm})
    running.update(data[:7])
    running.update(memoryview(data)[7:])
    return running.digests()[algorithm]


@pytest.mark.parametrize("algorithm", sorted(CHECKS))
def test_a_crc_is_the_published_one(algorithm: str):
    assert digest(algorithm, b"123456789").hex() == CHECKS[algorithm]


@pytest.mark.parametrize("algorithm", ["CRC32C", "CRC64NVME"])
def test_the_table_agrees_with_the_native_crc(algorithm: str):
    bits, polynomial = checksums.CRCS[algorithm]
    data = os.urandom(1000)
    slow = checksums._table_crc(checksums._table(polynomial), (1 << bits) - 1, data)
    assert slow.to_bytes(bits // 8, "big") == digest(algorithm, data)


@pytest.mark.parametrize("algorithm", sorted(CHECKS))
@pytest.mark.parametrize("lengths", [(50_000, 50_000, 1), (1,), (0, 3, 0, 70_001)])
def test_parts_join_to_the_crc_of_the_whole(algorithm: str, lengths: tuple[int, ...]):
    parts = [os.urandom(length) for length in lengths]
    joined = joined_crc(algorithm, [(digest(algorithm, part), len(part)) for part in parts])
    assert joined == digest(algorithm, b"".join(parts))


def test_it_is_written_as_s3_writes_it():
    value = zlib.crc32(b"hello").to_bytes(4, "big")
    assert base64.b64encode(digest("CRC32", b"hello")) == base64.b64encode(value)
