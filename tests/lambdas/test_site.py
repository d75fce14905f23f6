"""The player page's custom resource: it copies, it takes away, and CloudFormation always hears of it."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.site.handler import handler
from pipeline.aws import clients, page

BUCKET, ASSETS = "outputs", "assets"
PAGE = {
    "index.html": b"<!doctype html>",
    "player/page.1.js": b"void 1",
    "player/page.1.css": b"p{}",
    "player/i.svg": b"<svg/>",
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "VOD_OUTPUTS_BUCKET": BUCKET,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    clients.client.cache_clear()
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in (BUCKET, ASSETS):
            s3.create_bucket(Bucket=bucket)
        yield s3
    clients.client.cache_clear()


@pytest.fixture
def cloudformation() -> Iterator[HTTPServer]:
    """Something that takes PUTs, as the URL that CloudFormation gives does."""

    class Listener(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.heard.append((self.headers.get("Content-Type"), json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Listener)
    server.heard = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return buffer.getvalue()


def call(server: HTTPServer, kind: str, physical_id: str | None = None) -> dict[str, Any]:
    event = {
        "RequestType": kind,
        "RequestId": "request",
        "StackId": "stack",
        "LogicalResourceId": "PlayerPage",
        "ResponseURL": f"http://127.0.0.1:{server.server_port}/answer?signed=yes",
        "ResourceProperties": {"ArchiveBucket": ASSETS, "ArchiveKey": "page.zip", "OutputsBucket": BUCKET},
    }
    handler(event | ({"PhysicalResourceId": physical_id} if physical_id else {}), None)
    content_type, answer = server.heard.pop()
    assert not content_type
    assert (answer["StackId"], answer["RequestId"], answer["LogicalResourceId"]) == ("stack", "request", "PlayerPage")
    return answer


def keys(s3: Any) -> set[str]:
    """All that is in the bucket; of the page without its folder."""
    found = (entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []))
    return {key.removeprefix("site/") for key in found}


def test_create_copies_the_page_with_its_types_and_lifetimes(s3: Any, cloudformation: HTTPServer) -> None:
    s3.put_object(Bucket=ASSETS, Key="page.zip", Body=archive(PAGE))
    answer = call(cloudformation, "Create")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "outputs/index.html")
    assert keys(s3) == set(PAGE)
    index = s3.get_object(Bucket=BUCKET, Key="site/index.html")
    assert (index["ContentType"], index["CacheControl"]) == ("text/html; charset=utf-8", "public, max-age=60")
    script = s3.get_object(Bucket=BUCKET, Key="site/player/page.1.js")
    assert script["ContentType"] == "text/javascript; charset=utf-8"
    assert script["CacheControl"].endswith("immutable")
    assert script["Body"].read() == b"void 1"


def test_an_update_keeps_the_scripts_of_a_page_somebody_has_open(s3: Any, cloudformation: HTTPServer) -> None:
    s3.put_object(Bucket=ASSETS, Key="page.zip", Body=archive(PAGE))
    call(cloudformation, "Create")
    s3.put_object(Bucket=ASSETS, Key="page.zip", Body=archive({"index.html": b"new", "player/page.2.js": b"void 2"}))
    assert call(cloudformation, "Update", "outputs/index.html")["Status"] == "SUCCESS"
    assert {"player/page.1.js", "player/page.2.js"} < keys(s3)
    assert s3.get_object(Bucket=BUCKET, Key="site/index.html")["Body"].read() == b"new"


def test_an_update_forgets_scripts_that_are_older_than_a_week(
    s3: Any, cloudformation: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=BUCKET, Key="site/player/old.js", Body=b"old")
    s3.put_object(Bucket=ASSETS, Key="page.zip", Body=archive(PAGE))
    monkeypatch.setattr(page, "KEPT", -page.KEPT)  # a week hence: everything is older
    call(cloudformation, "Update", "outputs/index.html")
    assert keys(s3) == set(PAGE)


def test_delete_takes_the_page_and_leaves_the_films(s3: Any, cloudformation: HTTPServer) -> None:
    s3.put_object(Bucket=ASSETS, Key="page.zip", Body=archive(PAGE))
    s3.put_object(Bucket=BUCKET, Key="a/film-1/asset.json", Body=b"{}")
    call(cloudformation, "Create")
    assert call(cloudformation, "Delete", "outputs/index.html")["Status"] == "SUCCESS"
    assert keys(s3) == {"a/film-1/asset.json"}


@pytest.mark.parametrize("physical_id", ["none", "another-bucket/index.html"])
def test_delete_of_a_page_that_is_not_here_touches_nothing(
    s3: Any, cloudformation: HTTPServer, physical_id: str
) -> None:
    s3.put_object(Bucket=BUCKET, Key="site/index.html", Body=b"stays")
    answer = call(cloudformation, "Delete", physical_id)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)
    assert keys(s3) == {"index.html"}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({**PAGE, "secret.js": b""}, "StrayPageFile: the page's archive holds secret.js"),
        ({**PAGE, "player/../a/film/asset.json": b""}, "StrayPageFile"),
        ({**PAGE, "player/movie.exe": b""}, "UnknownPageFile: player/movie.exe: no Content-Type is known for .exe"),
    ],
)
def test_a_strange_archive_fails_the_deployment_and_writes_nothing(
    s3: Any, cloudformation: HTTPServer, files: dict[str, bytes], reason: str
) -> None:
    s3.put_object(Bucket=ASSETS, Key="page.zip", Body=archive(files))
    answer = call(cloudformation, "Create")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(reason)
    assert keys(s3) == set()


def test_a_missing_archive_is_answered_too(s3: Any, cloudformation: HTTPServer) -> None:
    answer = call(cloudformation, "Create")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "none")
    assert "NoSuchKey" in answer["Reason"]


def test_the_index_is_written_last() -> None:
    assert page.in_order(PAGE)[-1] == "index.html"


def test_an_address_that_is_no_web_address_is_not_opened(s3: Any) -> None:
    event = {"RequestType": "Delete", "PhysicalResourceId": "none", "ResponseURL": "file:///etc/passwd"}
    with pytest.raises(ValueError, match="no web address"):
        handler({**event, "StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}, None)
