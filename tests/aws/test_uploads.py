"""Uploads that a browser sends to S3 itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import requests

from pipeline.aws import clients, uploads
from pipeline.aws.uploads import LARGEST_FILM, NotAKey, UploadGone, key_of, part_size
from tests.aws.world import refusal
from tests.media.films import BUCKET

MIB = 1 << 20


@pytest.mark.parametrize(
    ("name", "folder", "key"),
    [
        ("My Film.mov", "", "uploads/My Film.mov"),
        ("My Film.mov", "spring 2026/rough cuts", "uploads/spring 2026/rough cuts/My Film.mov"),
        ("a+b%20&c=.mp4", "/x/", "uploads/x/a+b%20&c=.mp4"),
        ("影片 ü.mov", "Ä", "uploads/Ä/影片 ü.mov"),
        (".hidden", "", "uploads/.hidden"),
        ("x" * 1016, "", "uploads/" + "x" * 1016),
    ],
)
def test_a_film_is_called_as_its_file_is(name, folder, key):
    assert key_of(name, folder) == key


@pytest.mark.parametrize(
    ("name", "folder", "why"),
    [
        ("", "", "not empty"),
        ("a/b.mov", "", "no slash"),
        ("..", "", "'..'"),
        ("film.mov", "a/../b", "'..'"),
        ("film.mov", "./a", "'.'"),
        ("film.mov", "a//b", "empty folder"),
        ("film\n.mov", "", "rename"),
        ("film\ud800.mov", "", "rename"),
        ("ü" * 512, "", "1032 bytes long"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(name, folder, why):
    with pytest.raises(NotAKey, match=why):
        key_of(name, folder)


@pytest.mark.parametrize(
    ("size", "part", "count"),
    [
        (0, 8 * MIB, 1),
        (1, 8 * MIB, 1),
        (8 * MIB, 8 * MIB, 1),
        (8 * MIB + 1, 8 * MIB, 2),
        (100 << 30, 103 * MIB, 995),
        (1 << 40, 128 * MIB, 8192),
        (5 << 40, 525 * MIB, 9987),
        (LARGEST_FILM, 5 << 30, 10_000),
    ],
)
def test_parts_are_few_while_they_are_small_and_never_too_many(size, part, count):
    assert part_size(size) == part
    assert max(1, -(-size // part)) == count <= uploads.MOST_PARTS


@pytest.mark.parametrize("size", [-1, LARGEST_FILM + 1])
def test_a_size_that_s3_does_not_take_is_refused(size):
    with pytest.raises(NotAKey, match="cannot be uploaded"):
        part_size(size)


def test_a_film_in_two_parts_is_there_when_it_is_completed(aws):
    film = bytes(range(256)) * (9 * 4096)
    begun = uploads.begin(BUCKET, "My Film.mov", "new", len(film), "video/quicktime")
    assert (begun.key, begun.part_size, begun.count) == ("uploads/new/My Film.mov", 8 * MIB, 2)
    done = []
    for part in uploads.part_urls(BUCKET, begun.key, begun.upload_id, (1, 2)):
        start = (part["number"] - 1) * begun.part_size
        answer = requests.put(part["url"], data=film[start : start + begun.part_size], timeout=10)
        assert answer.status_code == 200
        done.append({"number": part["number"], "etag": answer.headers["ETag"]})
    uploads.complete(BUCKET, begun.key, begun.upload_id, done[::-1])
    found = clients.client("s3").get_object(Bucket=BUCKET, Key=begun.key)
    assert found["Body"].read() == film and found["ContentType"] == "video/quicktime"


def test_an_upload_that_was_aborted_leaves_nothing_and_may_be_aborted_again(aws):
    begun = uploads.begin(BUCKET, "a.mov", "", 5, "")
    for _ in range(2):
        uploads.abort(BUCKET, begun.key, begun.upload_id)
    assert "Uploads" not in clients.client("s3").list_multipart_uploads(Bucket=BUCKET)


@pytest.mark.parametrize("code", ["NoSuchUpload", "InvalidPart", "EntityTooSmall"])
def test_parts_that_are_not_those_of_the_upload_are_told_in_s3s_words(monkeypatch, code):
    def refuse(**parameters):
        raise refusal("CompleteMultipartUpload", code, 404, "The specified upload does not exist")

    monkeypatch.setattr(uploads, "_signer", lambda bucket: SimpleNamespace(complete_multipart_upload=refuse))
    with pytest.raises(UploadGone, match="does not exist"):
        uploads.complete(BUCKET, "uploads/a.mov", "u", [{"number": 1, "etag": '"x"'}])


@pytest.mark.parametrize(
    ("bucket", "origin"),
    [("films", "https://films.s3.eu-west-1.amazonaws.com"), ("films.example", "https://s3.eu-west-1.amazonaws.com")],
)
def test_a_browser_is_sent_to_the_buckets_own_region(monkeypatch, bucket, origin):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    clients.client.cache_clear()
    try:
        assert uploads.origin(bucket) == origin
        (part,) = uploads.part_urls(bucket, "uploads/a b+c.mov", "u", [1])
        assert part["url"].startswith(f"{origin}/") and "uploads/a%20b%2Bc.mov?" in part["url"]
        assert "X-Amz-SignedHeaders=host&" in part["url"] and "checksum" not in part["url"]
    finally:
        clients.client.cache_clear()
