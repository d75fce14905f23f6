from __future__ import annotations

import pytest

from pipeline.local.emulators.chunked import BadFraming, Decoder, without_chunked

FRAMED = b"5;chunk-signature=00\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"


def decode(pieces: list[bytes]) -> tuple[bytes, dict[str, str]]:
    decoder = Decoder()
    data = b"".join(bytes(view) for piece in pieces for view in decoder.feed(piece))
    decoder.close()
    return data, decoder.trailers


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_it_does_not_matter_where_the_network_cuts(size: int):
    pieces = [FRAMED[at : at + size] for at in range(0, len(FRAMED), size)]
    assert decode(pieces) == (b"hello world", {"x-amz-checksum-crc32": "AAAA"})


@pytest.mark.parametrize("body", [b"0\r\n\r\n", b"0\r\n"])
def test_an_empty_body_is_a_body(body: bytes):
    assert decode([body]) == (b"", {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5\r\nhel",
        b"5\r\nhello\r\n",
        b"xyz\r\nhello\r\n0\r\n\r\n",
        b"3\r\nhello\r\n0\r\n\r\n",
        b"\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n\r\nmore",
        b"5\nhello",
        b"0" * 9000,
    ],
)
def test_broken_framing_is_an_error(body: bytes):
    with pytest.raises(BadFraming):
        decode([body])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("aws-chunked", {}),
        ("gzip,aws-chunked", {"content-encoding": "gzip"}),
        ("gzip", {"content-encoding": "gzip"}),
    ],
)
def test_the_transport_is_not_stored_as_an_encoding(before: str, after: dict[str, str]):
    headers = {"content-encoding": before}
    without_chunked(headers)
    assert headers == after
