"""S3 as the steps need it, above all: nobody writes over what they have not read."""

from __future__ import annotations

import pytest

from pipeline.aws import objects
from pipeline.aws.clients import client
from pipeline.media.errors import OutputMissing, PointerContended, SourceRejected, SourceSuperseded
from tests.aws.world import stubbed
from tests.media.films import BUCKET, OUTPUTS, upload

KEY = "uploads/\u96e8 & + %20 'x' #1?.mp4"


def put(body: bytes, key: str = KEY, bucket: str = BUCKET):
    answer = client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    more = {"version-id": answer["VersionId"]} if "VersionId" in answer else {"version-id": None}
    return upload(key, etag=answer["ETag"].strip('"'), **more)


# The source is still the one that was meant --------------------------------------------------------------------------


def test_the_current_upload_has_its_size(aws):
    assert objects.require_current(put(b"12345")) == 5


def test_a_newer_upload_of_the_key_supersedes(aws):
    first, second = put(b"one"), put(b"two")
    with pytest.raises(SourceSuperseded) as refused:
        objects.require_current(first)
    assert refused.value.evidence == {"this_version": first.version_id, "current_version": second.version_id}


def test_the_same_bytes_uploaded_again_are_a_newer_upload_all_the_same(aws):
    first = put(b"one")
    put(b"one")
    with pytest.raises(SourceSuperseded):
        objects.require_current(first)


@pytest.mark.parametrize("again", [b"one", b"two"])
def test_without_versioning_the_etag_tells(aws, again):
    client("s3").create_bucket(Bucket="plain")
    first = put(b"one", bucket="plain")
    first = type(first)(**{**first.as_state(), "bucket": "plain"})
    put(again, bucket="plain")
    if again == b"one":
        assert objects.require_current(first) == 3
        return
    with pytest.raises(SourceSuperseded):
        objects.require_current(first)


def test_a_deleted_upload_is_missing(aws):
    film = put(b"one")
    client("s3").delete_object(Bucket=BUCKET, Key=KEY)
    with pytest.raises(SourceRejected) as refused:
        objects.require_current(film)
    assert refused.value.code == "INPUT_MISSING" and KEY in refused.value.message


# Reading and listing -------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_named(aws):
    with pytest.raises(OutputMissing, match=f"s3://{OUTPUTS}/a/x/stream.mpd does not exist"):
        objects.read(OUTPUTS, "a/x/stream.mpd")
    assert objects.read_with_etag(OUTPUTS, "a/x/stream.mpd") == (None, None)
    assert objects.head_object(OUTPUTS, "a/x/stream.mpd") is None


def test_a_bucket_that_does_not_exist_is_not_a_missing_object(aws):
    with pytest.raises(client("s3").exceptions.ClientError):
        objects.write("no-such-bucket", "k", "x", "text/plain")


def test_json_keeps_its_letters(aws):
    objects.write_json(OUTPUTS, "w/x.json", {"title": "\u96e8"})
    stored = client("s3").get_object(Bucket=OUTPUTS, Key="w/x.json")
    assert stored["ContentType"] == "application/json" and stored["Body"].read().decode() == '{\n "title": "\u96e8"\n}'


def test_listing_goes_over_all_pages(moto):
    pages = [
        {"IsTruncated": True, "NextContinuationToken": "more", "Contents": [{"Key": "a/x/one", "Size": 1}]},
        {"IsTruncated": False, "Contents": [{"Key": "a/x/folder/two", "Size": 2}]},
    ]
    with stubbed("s3") as s3:
        for page in pages:
            s3.add_response("list_objects_v2", page)
        assert objects.sizes_below(OUTPUTS, "a/x/") == {"one": 1, "folder/two": 2}


def test_looking_around_a_film_takes_one_page(aws):
    for name in ("film.mp4", "film.en.srt", "film.fr.srt", "other.mp4"):
        client("s3").put_object(Bucket=BUCKET, Key=f"uploads/{name}", Body=b"1")
    assert objects.keys_below(BUCKET, "uploads/film.") == [f"uploads/film.{end}" for end in ("en.srt", "fr.srt", "mp4")]
    assert len(objects.keys_below(BUCKET, "uploads/", limit=3)) == 3
    assert objects.keys_below(BUCKET, "nothing") == []


# Conditional writes --------------------------------------------------------------------------------------------------


def replace(body: str, etag: str | None) -> None:
    objects.replace(OUTPUTS, "a/x/index.m3u8", body, "application/vnd.apple.mpegurl", etag)


def stored() -> tuple[bytes | None, str | None]:
    return objects.read_with_etag(OUTPUTS, "a/x/index.m3u8")


def test_the_first_write_wants_nothing_there(aws):
    replace("one", None)
    assert stored()[0] == b"one"
    with pytest.raises(PointerContended, match=r"a/x/index\.m3u8 changed while it was being replaced"):
        replace("two", None)
    assert stored()[0] == b"one"


def test_a_later_write_wants_exactly_what_was_read(aws):
    replace("one", None)
    etag = stored()[1]
    replace("two", etag)
    with pytest.raises(PointerContended):
        replace("three", etag)
    assert stored()[0] == b"two"


def test_a_pointer_that_was_deleted_meanwhile_is_contended(aws):
    replace("one", None)
    etag = stored()[1]
    client("s3").delete_object(Bucket=OUTPUTS, Key="a/x/index.m3u8")
    with pytest.raises(PointerContended):
        replace("two", etag)


def test_a_tag_stands_beside_those_that_were_there():
    s3 = client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=BUCKET, Key="uploads/f.mp4", Body=b"x", Tagging="team=news")["VersionId"]
    newer = s3.put_object(Bucket=BUCKET, Key="uploads/f.mp4", Body=b"y")["VersionId"]
    objects.tag(BUCKET, "uploads/f.mp4", version, "vod-archive", "yes")
    objects.tag(BUCKET, "uploads/f.mp4", version, "vod-archive", "yes")
    tags = {
        each: s3.get_object_tagging(Bucket=BUCKET, Key="uploads/f.mp4", VersionId=each)["TagSet"]
        for each in (version, newer)
    }
    assert {each["Key"]: each["Value"] for each in tags[version]} == {"team": "news", "vod-archive": "yes"}
    assert tags[newer] == []


# Around a film --------------------------------------------------------------------------------------------------------


def test_around_a_film_lies_what_begins_with_its_name_however_a_computer_wrote_it(aws):
    composed, apart = "uploads/Gar\u00e7on", "uploads/Garc\u0327on"
    ours = {f"{composed}.mov", f"{apart}.en.srt", f"{composed}.json", apart}
    for key in (*ours, f"{composed} 2.mov", "uploads/Gar.json"):
        put(b"x", key)
    assert set(objects.keys_around(BUCKET, f"{composed}.mov")) == ours
    assert set(objects.keys_around(BUCKET, f"{apart}.en.srt")) == ours


def test_more_keys_than_one_page_of_a_listing_has(aws):
    for number in range(1_005):
        client("s3").put_object(Bucket=BUCKET, Key=f"uploads/f.{number:04}.png")
    assert len(objects.keys_around(BUCKET, "uploads/f.mov")) == 1_005
    assert len(objects.keys_around(BUCKET, "uploads/f.mov", limit=1_002)) == 1_002
