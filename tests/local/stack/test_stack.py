"""The whole stack as a process: what it opens, and that nothing of it remains however it ends."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3
import pytest

from tests.local.stack.functions import until
from tests.local.stack.processes import ROOT, Served, alive, family, listening, memory_mb, serve

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
MB = 1 << 20
LOOPBACK = "0100007F"


def s3_of(served: Served):
    return boto3.client(
        "s3",
        endpoint_url=served.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def ended(served: Served, status: int) -> None:
    assert served.process.wait(15) == status
    served.process.stdout.close()
    for port in served.ports:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), 2).close()


def test_it_serves_the_endpoint_and_the_page(served: Served):
    assert served.outputs["DeliveryUrl"] == served.delivery_url
    s3_of(served).head_bucket(Bucket=served.outputs["SourcesBucket"])
    with urllib.request.urlopen(served.delivery_url + "/", timeout=10) as answer:
        assert b"films" in answer.read()


def test_nothing_listens_beyond_the_loopback_address(served: Served):
    sockets = listening(family(served.process.pid))
    assert served.ports <= {port for _, port in sockets}
    assert {address for address, _ in sockets} == {LOOPBACK}


def test_a_film_passes_without_being_held_in_memory(served: Served):
    size, pid = 600 * MB, served.process.pid
    s3, bucket = s3_of(served), served.outputs["OutputsBucket"]
    before = memory_mb(pid)
    s3.upload_fileobj(_Zeros(size), bucket, "w/film")
    got = s3.get_object(Bucket=bucket, Key="w/film")
    assert sum(len(chunk) for chunk in got["Body"].iter_chunks(MB)) == size
    s3.put_object(Bucket=bucket, Key="w/film", Body=b"")
    assert memory_mb(pid, "VmHWM") - before < 200
    until(lambda: _stored(served) < 50 * MB)


def _stored(served: Served) -> int:
    return sum(path.stat().st_size for path in (served.run / "objects").iterdir())


class _Zeros(io.RawIOBase):
    """A large file that takes no room."""

    def __init__(self, size: int):
        self._size, self._at = size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        count = min(len(buffer), self._size - self._at)
        buffer[:count] = bytes(count)
        self._at += count
        return count


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_when_it_is_asked_to_end_nothing_remains(home: Path, page: Path, how: signal.Signals, status: int):
    served = serve(home, page)
    members = family(served.process.pid)
    served.process.send_signal(how)
    ended(served, status)
    until(lambda: not alive(members))
    assert not served.run.exists()


def test_when_it_is_killed_its_children_end_and_the_next_start_cleans_up(home: Path, page: Path):
    served = serve(home, page)
    members = family(served.process.pid)
    assert len(members) > 1
    served.process.kill()
    ended(served, -signal.SIGKILL)
    until(lambda: not alive(members))
    assert served.run.exists()
    again = serve(home, page)
    assert not served.run.exists()
    again.process.terminate()
    ended(again, 143)


def test_a_taken_port_is_said_and_leaves_nothing(served: Served, tmp_path: Path, page: Path):
    port = served.endpoint_url.rpartition(":")[2]
    result = subprocess.run(
        [sys.executable, "-m", "tests.local.stack.serve", str(tmp_path), port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "VOD_PLAYER_DIST": str(page)},
    )
    assert result.returncode == 1
    assert f"PortTaken: cannot listen on 127.0.0.1:{port}" in result.stderr
    assert not list(tmp_path.glob("run-*"))


def test_two_stacks_of_one_home_live_side_by_side(served: Served, home: Path, page: Path):
    other = serve(home, page)
    assert not other.ports & served.ports
    assert served.run.exists()
    other.process.terminate()
    ended(other, 143)
    assert served.run.exists()


BROKEN = """
import sys
from pathlib import Path
from pipeline.local import stack, synth
template = Path(sys.argv[1]) / "template.json"
template.write_text('{"Resources": {"Thing": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "nobody"}}}}')
synth.synthesise = lambda home, context: synth.Assembly("Vod", template, {}, ())
stack.Stack.start(Path(sys.argv[1]))
"""


def test_a_stack_that_cannot_be_deployed_says_why_and_leaves_nothing(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, "-c", BROKEN, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert "DeployFailed: stack Vod ended ROLLBACK_COMPLETE: Thing (Custom::Thing): " in result.stderr
    assert not list(tmp_path.glob("run-*"))
