from __future__ import annotations

import errno
import logging
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.local.emulators import server, storage
from pipeline.local.stack import start_emulators


def test_the_port_asked_for_is_taken_or_it_is_an_error():
    with server.reserve(None) as first:
        port = first.getsockname()[1]
        with pytest.raises(server.PortTaken, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            server.reserve(port)


def test_without_a_port_it_is_the_next_free_one():
    with server.reserve(None) as first, server.reserve(None) as second:
        assert second.getsockname()[1] > first.getsockname()[1] >= server.DEFAULT_PORT


def test_sockets_are_on_the_loopback_address_and_send_small_answers_at_once():
    with server.reserve(None) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
        assert sock.proto == socket.IPPROTO_TCP


def test_our_log_file_takes_the_emulators_records_and_nobody_elses(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    handler = server._LogFile(tmp_path / "ministack.log")
    for folder, text in (("site-packages/ministack/services", "theirs"), ("elsewhere", "mine")):
        handler.handle(logging.LogRecord("x", logging.WARNING, f"/{folder}/module.py", 1, text, (), None))
    handler.close()
    assert "theirs" in handler.path.read_text()
    assert "mine" not in handler.path.read_text()


@pytest.mark.parametrize(
    ("authorization", "path", "answer"),
    [
        (b"AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/mediaconvert/aws4_request, Signature=0", "/x", True),
        (b"AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, Signature=0", "/2017-08-29/jobs", False),
        (None, "/2017-08-29/jobs", True),
        (None, "/bucket/2017-08-29/", False),
    ],
)
def test_mediaconvert_is_known_by_its_signature_then_by_its_path(authorization: bytes | None, path: str, answer: bool):
    headers = [(b"authorization", authorization)] if authorization else []
    assert server._is_for_mediaconvert({"headers": headers, "path": path}) is answer


def test_our_mediaconvert_answers_on_the_same_endpoint(aws):
    assert "Default" in [queue["Name"] for queue in aws.client("mediaconvert").list_queues()["Queues"]]


def test_the_users_own_emulator_settings_do_not_reach_it(aws):
    from ministack import app
    from ministack.core import persistence

    assert (app.AUTH, persistence.PERSIST_STATE) == (False, False)


def test_a_second_endpoint_in_this_process_is_refused(aws, tmp_path: Path):
    with ExitStack() as opening, pytest.raises(server.ServerFailed, match="already serves"):
        start_emulators(opening, tmp_path)
    assert not list(tmp_path.glob("run-*"))
    aws.client("s3").list_buckets()


def test_a_full_disk_is_an_answer_that_says_where(aws, s3, bucket: str, monkeypatch: pytest.MonkeyPatch):
    def full(self: storage.BodyWriter, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", self._path)

    monkeypatch.setattr(storage.BodyWriter, "write", full)
    request = urllib.request.Request(f"{aws.endpoint_url}/{bucket}/film", data=b"x" * 3_000_000, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert error.value.code == 500
    assert f"No space left on device: {aws.run.objects}".encode() in error.value.read()
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
