"""S3 as an SDK and a browser see it, with the bytes on disk."""

from __future__ import annotations

import base64
import gc
import hashlib
import http.client
import io
import os
import re
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from pipeline.local.emulators.checksums import Checksums
from tests.local.stack.functions import until

MB = 1 << 20
KEYS = [
    "plain.mp4",
    "with space.mp4",
    "plus+and%25.mp4",
    "üñï/日本.mov",
    "a/../b",
    "/leading",
    "trailing/",
    "q\"u'o&te<>",
    "x" * 900,
    "100%",
    "a//b",
    "new\nline",
    "..",
    ".",
]


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def objects(aws) -> list[Path]:
    gc.collect()
    return list(aws.run.objects.iterdir())


def fetch(request: urllib.request.Request | str) -> tuple[int, dict[str, str], bytes]:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, _lower(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, _lower(error.headers), error.read()


def _lower(headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


# ---- whole objects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_any_key_keeps_its_bytes_and_its_name(s3, bucket: str, key: str):
    s3.put_object(Bucket=bucket, Key=key, Body=b"film", ContentType="video/mp4", Metadata={"a": "b"})
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == b"film"
    assert (got["ContentType"], got["Metadata"]) == ("video/mp4", {"a": "b"})
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 3 * MB + 5])
def test_an_object_of_any_size_comes_back(s3, bucket: str, size: int):
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="film", Body=data)
    assert put["ETag"].strip('"') == hashlib.md5(data).hexdigest()
    head = s3.head_object(Bucket=bucket, Key="film")
    assert (head["ContentLength"], head["ETag"]) == (size, put["ETag"])
    assert s3.get_object(Bucket=bucket, Key="film")["Body"].read() == data


def test_the_bytes_are_on_disk_and_deleting_frees_them(aws, s3, bucket: str):
    before = len(objects(aws))
    s3.put_object(Bucket=bucket, Key="film", Body=b"x" * MB)
    assert len(objects(aws)) == before + 1
    s3.put_object(Bucket=bucket, Key="film", Body=b"y" * MB)
    assert len(objects(aws)) == before + 1
    s3.delete_object(Bucket=bucket, Key="film")
    assert len(objects(aws)) == before


def test_a_versioned_bucket_keeps_what_was_overwritten(aws, s3, versioned: str):
    before = len(objects(aws))
    first, second = (s3.put_object(Bucket=versioned, Key="film", Body=body)["VersionId"] for body in (b"one", b"two"))
    assert first != second
    assert s3.get_object(Bucket=versioned, Key="film", VersionId=first)["Body"].read() == b"one"
    assert s3.get_object(Bucket=versioned, Key="film")["Body"].read() == b"two"
    for version in (first, second):
        s3.delete_object(Bucket=versioned, Key="film", VersionId=version)
    assert len(objects(aws)) == before


def test_a_range_of_a_version_is_a_range(s3, versioned: str):
    version = s3.put_object(Bucket=versioned, Key="film", Body=b"0123456789")["VersionId"]
    s3.put_object(Bucket=versioned, Key="film", Body=b"x")
    got = s3.get_object(Bucket=versioned, Key="film", VersionId=version, Range="bytes=2-4")
    assert (got["Body"].read(), got["ContentRange"], got["ContentLength"]) == (b"234", "bytes 2-4/10", 3)
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=versioned, Key="film", VersionId=version, Range="bytes=10-")
    assert code(error) == ("InvalidRange", 416)


@pytest.mark.parametrize(
    ("header", "status", "body"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=3-", 206, b"3456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-30", 206, b"0123456789"),
        ("bytes=8-30", 206, b"89"),
        ("bytes=5-2", 200, b"0123456789"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
    ],
)
def test_ranges_are_read_as_s3_reads_them(aws, s3, bucket: str, header: str, status: int, body: bytes | None):
    s3.put_object(Bucket=bucket, Key="film", Body=b"0123456789")
    request = urllib.request.Request(f"{aws.endpoint_url}/{bucket}/film", headers={"Range": header})
    got_status, headers, got = fetch(request)
    assert got_status == status
    if status == 416:
        assert headers["content-range"] == "bytes */10"
    else:
        assert (got, int(headers["content-length"])) == (body, len(body))
        first = int(body[:1])
        assert headers.get("content-range") == (f"bytes {first}-{first + len(body) - 1}/10" if status == 206 else None)


def test_no_byte_of_an_empty_object_can_be_asked_for(aws, s3, bucket: str):
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    for header in ("bytes=0-", "bytes=-5"):
        assert fetch(urllib.request.Request(f"{aws.endpoint_url}/{bucket}/empty", headers={"Range": header}))[0] == 416


def test_conditional_reads_are_answered(s3, bucket: str):
    etag = s3.put_object(Bucket=bucket, Key="film", Body=b"x")["ETag"]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="film", IfNoneMatch=etag)
    assert code(error)[1] == 304
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="film", IfMatch='"other"')
    assert code(error) == ("PreconditionFailed", 412)


def test_conditional_writes_are_refused_when_the_condition_fails(aws, s3, bucket: str):
    etag = s3.put_object(Bucket=bucket, Key="pointer", Body=b"1", IfNoneMatch="*")["ETag"]
    before = len(objects(aws))
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket=bucket, Key="pointer", Body=b"2", **condition)
        assert code(error) == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="pointer", Body=b"3", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="pointer")["Body"].read() == b"3"
    assert len(objects(aws)) == before


def test_a_copy_shares_the_bytes_and_outlives_its_source(aws, s3, bucket: str):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"film")
    before = len(objects(aws))
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b"})
    assert len(objects(aws)) == before
    s3.delete_object(Bucket=bucket, Key="a b")
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"film"


def open_files(aws) -> list[str]:
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [link for link in links if link.startswith(str(aws.run.objects))]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_a_viewer_who_leaves_is_not_read_for(aws, s3, bucket: str):
    s3.put_object(Bucket=bucket, Key="film", Body=b"x" * 40 * MB)
    with urllib.request.urlopen(f"{aws.endpoint_url}/{bucket}/film", timeout=10) as answer:
        answer.read(1000)
        assert open_files(aws)
    until(lambda: not open_files(aws), 5)


def test_a_download_goes_on_when_its_object_is_replaced(aws, s3, bucket: str):
    before = len(objects(aws))
    s3.put_object(Bucket=bucket, Key="film", Body=b"x" * 40 * MB)
    with urllib.request.urlopen(f"{aws.endpoint_url}/{bucket}/film", timeout=10) as answer:
        answer.read(1000)
        s3.delete_object(Bucket=bucket, Key="film")
        assert answer.read() == b"x" * (40 * MB - 1000)
    until(lambda: len(objects(aws)) == before, 5)


# ---- checksums ------------------------------------------------------------------------------------------------------


def checksum(algorithm: str, data: bytes) -> str:
    running = Checksums({algorithm})
    running.update(data)
    return base64.b64encode(running.digests()[algorithm]).decode()


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_is_verified_kept_and_given_back(aws, s3, bucket: str, algorithm: str):
    good = {f"Checksum{algorithm}": checksum(algorithm, b"film")}
    s3.put_object(Bucket=bucket, Key="film", Body=b"film", **good)
    head = s3.head_object(Bucket=bucket, Key="film", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == good[f"Checksum{algorithm}"]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="other", Body=b"cut short", **good)
    assert code(error) == ("BadDigest", 400)


def test_a_body_whose_checksum_comes_last_is_verified(aws, s3, bucket: str):
    """A file is sent as aws-chunked with the checksum behind it, as botocore does over HTTPS."""
    data = os.urandom(2 * MB)
    put = s3.put_object(Bucket=bucket, Key="film", Body=io.BytesIO(data), ChecksumAlgorithm="SHA256")
    assert s3.get_object(Bucket=bucket, Key="film")["Body"].read() == data
    assert put["ETag"].strip('"') == hashlib.md5(data).hexdigest()


def framed(data: bytes, crc: bytes) -> bytes:
    frames = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (data[:70_000], data[70_000:]) if piece)
    return frames + b"0\r\nx-amz-checksum-crc32:" + base64.b64encode(crc) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("crc", "cut", "status", "word"),
    [
        (None, 0, 200, b""),
        (b"\0\0\0\0", 0, 400, b"BadDigest"),
        (None, 4, 400, b"IncompleteBody"),
    ],
)
def test_aws_chunked_uploads(aws, s3, bucket: str, crc: bytes | None, cut: int, status: int, word: bytes):
    data = os.urandom(100_000)
    body = framed(data, crc or zlib.crc32(data).to_bytes(4, "big"))
    body = body[: len(body) - cut]
    before = len(objects(aws))
    request = urllib.request.Request(
        f"{aws.endpoint_url}/{bucket}/film",
        data=body,
        method="PUT",
        headers={
            "Content-Encoding": "aws-chunked",
            "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "X-Amz-Decoded-Content-Length": str(len(data)),
            "X-Amz-Trailer": "x-amz-checksum-crc32",
            "Content-Type": "video/mp4",
        },
    )
    got_status, _, answer = fetch(request)
    assert got_status == status
    assert word in answer
    if status == 200:
        got = s3.get_object(Bucket=bucket, Key="film")
        assert got["Body"].read() == data
        assert "ContentEncoding" not in got
    else:
        until(lambda: len(objects(aws)) == before, 5)  # the answer may come before the file has gone


def test_a_client_that_hangs_up_leaves_nothing(aws, s3, bucket: str):
    before = len(objects(aws))
    connection = http.client.HTTPConnection(urlsplit(aws.endpoint_url).netloc, timeout=10)
    connection.putrequest("PUT", f"/{bucket}/film")
    connection.putheader("Content-Length", str(50 * MB))
    connection.endheaders(b"x" * 3 * MB)
    until(lambda: len(objects(aws)) > before, 5)
    connection.close()
    until(lambda: len(objects(aws)) == before, 5)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_an_upload_to_a_bucket_that_is_not_there(aws, s3):
    before = len(objects(aws))
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="no-such-bucket", Key="film", Body=b"x" * MB)
    assert code(error) == ("NoSuchBucket", 404)
    assert len(objects(aws)) == before


# ---- multipart ------------------------------------------------------------------------------------------------------

SMALL_PARTS = TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB, max_concurrency=4)


def test_a_multipart_upload_by_boto3(aws, s3, bucket: str):
    data = os.urandom(12 * MB + 3)
    s3.upload_fileobj(io.BytesIO(data), bucket, "film", Config=SMALL_PARTS, ExtraArgs={"ContentType": "video/mp4"})
    pieces = [data[at : at + 5 * MB] for at in range(0, len(data), 5 * MB)]
    etag = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces)).hexdigest() + "-3"
    head = s3.head_object(Bucket=bucket, Key="film")
    assert (head["ETag"].strip('"'), head["ContentType"]) == (etag, "video/mp4")
    target = io.BytesIO()
    s3.download_fileobj(bucket, "film", target, Config=SMALL_PARTS)
    assert target.getvalue() == data
    across = s3.get_object(Bucket=bucket, Key="film", Range=f"bytes={5 * MB - 2}-{5 * MB + 1}")["Body"].read()
    assert across == data[5 * MB - 2 : 5 * MB + 2]
    second = s3.get_object(Bucket=bucket, Key="film", PartNumber=2)
    assert (second["PartsCount"], second["Body"].read()) == (3, pieces[1])


def start(s3, bucket: str, *bodies: bytes, **options: str) -> tuple[str, list[dict]]:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="film", **options)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        # The value, not the algorithm's name: botocore computes CRC-64/NVME only with its optional extension.
        algorithm = options.get("ChecksumAlgorithm")
        chosen = {f"Checksum{algorithm}": checksum(algorithm, body)} if algorithm else {}
        part = s3.upload_part(Bucket=bucket, Key="film", UploadId=upload, PartNumber=number, Body=body, **chosen)
        parts.append({"PartNumber": number, "ETag": part["ETag"], **chosen})
    return upload, parts


def complete(s3, bucket: str, upload: str, parts: list[dict], **options: str) -> dict:
    return s3.complete_multipart_upload(
        Bucket=bucket, Key="film", UploadId=upload, MultipartUpload={"Parts": parts}, **options
    )


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME"])
def test_a_full_object_checksum_is_that_of_the_whole(s3, bucket: str, algorithm: str):
    bodies = (b"a" * 5 * MB, b"end")
    options = {"ChecksumAlgorithm": algorithm, "ChecksumType": "FULL_OBJECT"}
    upload, parts = start(s3, bucket, *bodies, **options)
    done = complete(s3, bucket, upload, parts, ChecksumType="FULL_OBJECT")
    assert done[f"Checksum{algorithm}"] == checksum(algorithm, b"".join(bodies))
    assert done["ChecksumType"] == "FULL_OBJECT"


def test_a_composite_checksum_counts_its_parts(s3, bucket: str):
    bodies = (b"a" * 5 * MB, b"end")
    upload, parts = start(s3, bucket, *bodies, ChecksumAlgorithm="SHA256")
    done = complete(s3, bucket, upload, parts)
    digests = b"".join(hashlib.sha256(body).digest() for body in bodies)
    assert done["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda parts: parts[::-1], "InvalidPartOrder"),
        (lambda parts: [{**parts[0], "ETag": '"0"'}, parts[1]], "InvalidPart"),
        (lambda parts: [*parts, {"PartNumber": 7, "ETag": parts[0]["ETag"]}], "InvalidPart"),
        (lambda parts: [], "MalformedXML"),
    ],
)
def test_a_list_of_parts_that_is_wrong_is_refused(s3, bucket: str, change, expected: str):
    upload, parts = start(s3, bucket, b"a" * 5 * MB, b"end")
    with pytest.raises(ClientError) as error:
        complete(s3, bucket, upload, change(parts))
    assert code(error) == (expected, 400)
    assert complete(s3, bucket, upload, parts)["ETag"].endswith('-2"')


def test_a_part_smaller_than_five_megabytes_may_only_be_the_last(s3, bucket: str):
    upload, parts = start(s3, bucket, b"small", b"end")
    with pytest.raises(ClientError) as error:
        complete(s3, bucket, upload, parts)
    assert code(error) == ("EntityTooSmall", 400)


def test_completing_again_gives_the_same_answer_and_no_second_version(s3, versioned: str):
    upload, parts = start(s3, versioned, b"end")
    assert complete(s3, versioned, upload, parts)["ETag"] == complete(s3, versioned, upload, parts)["ETag"]
    assert len(s3.list_object_versions(Bucket=versioned)["Versions"]) == 1


def test_an_aborted_multipart_upload_frees_its_parts(aws, s3, bucket: str):
    before = len(objects(aws))
    upload, _ = start(s3, bucket, b"a" * 5 * MB, b"end")
    assert len(objects(aws)) == before + 2
    s3.abort_multipart_upload(Bucket=bucket, Key="film", UploadId=upload)
    assert len(objects(aws)) == before


def test_a_part_uploaded_again_replaces_the_first(aws, s3, bucket: str):
    before = len(objects(aws))
    upload, _ = start(s3, bucket, b"first")
    part = s3.upload_part(Bucket=bucket, Key="film", UploadId=upload, PartNumber=1, Body=b"second")
    complete(s3, bucket, upload, [{"PartNumber": 1, "ETag": part["ETag"]}])
    assert s3.get_object(Bucket=bucket, Key="film")["Body"].read() == b"second"
    assert len(objects(aws)) == before + 1


def test_a_part_can_be_copied_out_of_an_object(s3, bucket: str):
    data = os.urandom(6 * MB)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="film")["UploadId"]
    part = s3.upload_part_copy(
        Bucket=bucket,
        Key="film",
        UploadId=upload,
        PartNumber=1,
        CopySource={"Bucket": bucket, "Key": "source"},
        CopySourceRange="bytes=1-5242881",
    )
    assert part["CopyPartResult"]["ETag"].strip('"') == hashlib.md5(data[1:5242882]).hexdigest()
    complete(s3, bucket, upload, [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}])
    assert s3.get_object(Bucket=bucket, Key="film")["Body"].read() == data[1:5242882]


def test_a_large_object_is_copied_by_parts(s3, bucket: str):
    data = os.urandom(11 * MB)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    s3.copy({"Bucket": bucket, "Key": "source"}, bucket, "film", Config=SMALL_PARTS)
    assert s3.get_object(Bucket=bucket, Key="film")["Body"].read() == data


# ---- browsers and curl ----------------------------------------------------------------------------------------------


def test_presigned_urls_work_with_any_credentials_until_they_expire(aws, s3, bucket: str):
    import boto3
    from botocore.config import Config

    stranger = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="whatever",
        config=Config(signature_version="s3v4"),
    )
    where = {"Bucket": bucket, "Key": "a b+c.mp4"}
    put = stranger.generate_presigned_url("put_object", {**where, "ContentType": "video/mp4"})
    request = urllib.request.Request(put, data=b"film", method="PUT", headers={"Content-Type": "video/mp4"})
    assert fetch(request)[0] == 200
    assert s3.head_object(**where)["ContentType"] == "video/mp4"
    get = stranger.generate_presigned_url("get_object", where)
    status, _, body = fetch(urllib.request.Request(get, headers={"Range": "bytes=1-2"}))
    assert (status, body) == (206, b"il")
    last_year = re.sub(r"X-Amz-Date=\d{8}", "X-Amz-Date=20250101", get)
    assert fetch(last_year)[0] == 403


PAGE_ORIGIN = "http://127.0.0.1:8090"


def preflight(url: str, origin: str, method: str = "PUT", headers: str = "") -> tuple[int, dict[str, str], bytes]:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    asked |= {"Access-Control-Request-Headers": headers} if headers else {}
    return fetch(urllib.request.Request(url, method="OPTIONS", headers=asked))


def test_a_page_of_another_origin_may_upload_what_the_buckets_cors_rules_allow(aws, s3, bucket: str):
    rule = {
        "AllowedOrigins": ["http://127.0.0.1:*"],
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["content-type"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3000,
    }
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    url = f"{aws.endpoint_url}/{bucket}/uploads/film.mp4"
    status, answer, _ = preflight(url, PAGE_ORIGIN, headers="content-type")
    assert status == 200 and answer["access-control-allow-origin"] == PAGE_ORIGIN
    assert answer["access-control-allow-methods"] == "PUT" and answer["access-control-max-age"] == "3000"
    put = urllib.request.Request(url, data=b"film", method="PUT", headers={"Origin": PAGE_ORIGIN})
    status, answer, _ = fetch(put)
    assert (status, answer["access-control-allow-origin"]) == (200, PAGE_ORIGIN)
    assert answer["access-control-expose-headers"] == "ETag" and answer["etag"]


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [("https://a.example", "PUT", ""), (PAGE_ORIGIN, "DELETE", ""), (PAGE_ORIGIN, "PUT", "x-amz-meta-a")],
)
def test_what_no_cors_rule_allows_is_forbidden(aws, s3, bucket: str, origin: str, method: str, headers: str):
    rule = {"AllowedOrigins": [PAGE_ORIGIN], "AllowedMethods": ["PUT"], "AllowedHeaders": ["content-type"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    status, answer, body = preflight(f"{aws.endpoint_url}/{bucket}/film", origin, method, headers)
    assert status == 403 and b"AccessForbidden" in body and "access-control-allow-origin" not in answer


def test_a_bucket_without_cors_rules_answers_pages_of_no_other_origin(aws, s3, bucket: str):
    url = f"{aws.endpoint_url}/{bucket}/film"
    assert preflight(url, PAGE_ORIGIN)[0] == 403
    put = urllib.request.Request(url, data=b"film", method="PUT", headers={"Origin": PAGE_ORIGIN})
    status, answer, _ = fetch(put)
    assert status == 200 and not [name for name in answer if name.lower().startswith("access-control-")]
    get = urllib.request.Request(f"{aws.endpoint_url}/{bucket}/film", headers={"Origin": PAGE_ORIGIN})
    status, answer, body = fetch(get)
    assert (status, body) == (200, b"film") and "access-control-allow-origin" not in answer


def test_curl_calls_every_body_a_form(aws, s3, bucket: str):
    request = urllib.request.Request(
        f"{aws.endpoint_url}/{bucket}/film",
        data=b"\xff\x00film",
        method="PUT",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert fetch(request)[0] == 200
    assert s3.get_object(Bucket=bucket, Key="film")["Body"].read() == b"\xff\x00film"


@pytest.mark.parametrize("size", [4, 3 * MB + 1])
def test_an_html_form_uploads_without_holding_the_film(aws, s3, bucket: str, size: int):
    data = os.urandom(size)
    form = s3.generate_presigned_post(bucket, "uploads/${filename}", Conditions=[["starts-with", "$key", "uploads/"]])
    boundary = "----formboundary7MA4"
    fields = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in form["fields"].items()
    )
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="my film.mp4"\r\n'
        "Content-Type: video/mp4\r\n\r\n"
    ).encode()
    body = fields + head + data + f"\r\n--{boundary}--\r\n".encode()
    status, _, answer = fetch(
        urllib.request.Request(
            form["url"], data=body, method="POST", headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
        )
    )
    assert status == 204, answer
    got = s3.get_object(Bucket=bucket, Key="uploads/my film.mp4")
    assert (got["Body"].read(), got["ContentType"]) == (data, "video/mp4")
