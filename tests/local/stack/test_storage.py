from __future__ import annotations

import copy
import gc
import hashlib
from pathlib import Path

import pytest

from pipeline.local.emulators.storage import BodyWriter, StoredBody, joined


def stored(folder: Path, data: bytes) -> StoredBody:
    writer = BodyWriter(folder, {"CRC32"})
    writer.write(data)
    return writer.finish()


def files(folder: Path) -> list[Path]:
    gc.collect()
    return list(folder.iterdir())


def test_it_reads_back_what_was_written(tmp_path: Path):
    data = bytes(range(256)) * 5000
    assert bytes(stored(tmp_path, data)) == data


@pytest.mark.parametrize(("start", "stop"), [(0, 6), (1, 4), (2, 3), (3, 3), (4, 2), (5, 99), (0, 0)])
def test_a_slice_is_the_slice_of_the_bytes_over_all_parts(tmp_path: Path, start: int, stop: int):
    body = joined([stored(tmp_path, part) for part in (b"ab", b"", b"c", b"def")])
    assert bytes(body[start:stop]) == b"abcdef"[start:stop]
    assert len(body[start:stop]) == len(b"abcdef"[start:stop])


def test_the_digest_of_a_slice_is_the_slices_own(tmp_path: Path):
    assert stored(tmp_path, b"abcdef")[1:3].md5_hex() == hashlib.md5(b"bc").hexdigest()


def test_the_file_lives_as_long_as_somebody_holds_a_piece_of_it(tmp_path: Path):
    body = stored(tmp_path, b"abcdef")
    piece, twin = body[2:4], copy.deepcopy(body)
    del body
    assert len(files(tmp_path)) == 1
    del twin
    assert bytes(piece) == b"cd"
    del piece
    assert files(tmp_path) == []


def test_an_empty_body_needs_no_file(tmp_path: Path):
    body = stored(tmp_path, b"")
    assert (len(body), bytes(body), body.md5_hex()) == (0, b"", hashlib.md5(b"").hexdigest())
    assert files(tmp_path) == []


def test_an_aborted_upload_leaves_no_file(tmp_path: Path):
    writer = BodyWriter(tmp_path, set())
    writer.write(b"half")
    writer.abort()
    assert files(tmp_path) == []
