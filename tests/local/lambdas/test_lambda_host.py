"""Functions run here as Lambda runs them, and fail as Lambda lets them fail."""

from __future__ import annotations

import collections
import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.local.lambda_host import HostClosed, LambdaHost, function_of
from tests.local.lambdas.conftest import Bench

ECHO = """
    def handler(event, context):
        return event
"""
PID = """
    import os, time
    def handler(event, context):
        time.sleep((event or {}).get("seconds", 0))
        return os.getpid()
"""


def test_the_answer_is_what_the_handler_returns(bench: Bench) -> None:
    assert bench.run(ECHO, {"k": ["Größe", 1, None]}) == {"k": ["Größe", 1, None]}


def test_a_sandbox_serves_one_invocation_after_another(bench: Bench) -> None:
    function = bench.function(PID, name="again")
    assert bench.invoke(function).payload == bench.invoke(function).payload


def test_invocations_at_once_have_a_sandbox_each(bench: Bench) -> None:
    function = bench.function(PID, name="at-once")
    with ThreadPoolExecutor(3) as pool:
        pids = list(pool.map(lambda _: bench.invoke(function, {"seconds": 0.5}).payload, range(3)))
    assert len(set(pids)) == 3


def test_a_prewarmed_function_has_started_before_its_first_event(bench: Bench) -> None:
    function = bench.function("import time\nbegun = time.time()\ndef handler(e, c): return begun", name="warm")
    bench.host.prewarm([function, bench.function("raise KeyError", name="broken")])
    deadline = time.monotonic() + 10
    while not any(sandbox.ready for sandbox in bench.host.alive.values() if sandbox.function == function):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    before = time.time()
    assert json.loads(bench.invoke(function).payload) < before


def test_a_changed_configuration_is_another_sandbox(bench: Bench) -> None:
    show = "import os\ndef handler(event, context): return os.environ['COLOUR']"
    assert bench.run(show, COLOUR="red") == "red"
    assert bench.run(show, COLOUR="blue") == "blue"


def test_a_function_sees_its_own_environment_and_nothing_of_ours(bench: Bench, monkeypatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("OURS", "secret")
    found = bench.run(
        """
        import os, sys
        def handler(event, context):
            return {"env": dict(os.environ), "path": sys.path[0], "cwd": os.getcwd(), "ours": "pipeline" in sys.modules}
    """,
        COLOUR="red",
    )
    env = found["env"]
    assert env["COLOUR"] == "red" and "OURS" not in env and "AWS_PROFILE" not in env
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9" and env["AWS_REGION"] == "us-east-1"
    assert env["AWS_ACCESS_KEY_ID"] and env["AWS_LAMBDA_FUNCTION_NAME"] == "film"
    assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256" and env["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.14"
    assert found["path"] == found["cwd"] == env["LAMBDA_TASK_ROOT"] and not found["ours"]


# ---- failures -------------------------------------------------------------------------------------------------------


def test_an_exception_is_an_error_of_its_class_name(bench: Bench) -> None:
    answer = bench.invoke(
        bench.function("""
        class SourceRejected(Exception):
            pass
        def handler(event, context):
            raise SourceRejected("no picture")
    """)
    )
    told = json.loads(answer.payload)
    assert answer.error and (told["errorType"], told["errorMessage"]) == ("SourceRejected", "no picture")
    assert any("raise SourceRejected" in line for line in told["stackTrace"])


@pytest.mark.parametrize(
    ("source", "handler", "kind"),
    [
        ("import not_there", "app.handler", "Runtime.ImportModuleError"),
        ("x = 1", "app.handler", "Runtime.HandlerNotFound"),
        ("x = 1", "nowhere.handler", "Runtime.ImportModuleError"),
        ("def broken(:", "app.handler", "Runtime.UserCodeSyntaxError"),
        ("x = 1", "nodot", "Runtime.MalformedHandlerName"),
        ("raise KeyError('at import')", "app.handler", "KeyError"),
    ],
)
def test_what_goes_wrong_before_the_first_event_is_reported(bench: Bench, source: str, handler: str, kind: str) -> None:
    answer = bench.invoke(bench.function(source, handler=handler))
    assert answer.error and json.loads(answer.payload)["errorType"] == kind


def test_a_function_is_ended_at_its_timeout(bench: Bench) -> None:
    begun = time.monotonic()
    answer = bench.invoke(bench.function("import time\ndef handler(e, c): time.sleep(30)", timeout_s=1))
    assert 1 <= time.monotonic() - begun < 4
    told = json.loads(answer.payload)
    assert answer.error and told["errorType"] == "Sandbox.Timedout"
    assert told["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert "Status: timeout" in answer.log and "Task timed out after 1.00 seconds" in answer.log


def test_a_function_that_takes_more_memory_than_it_has_is_killed(bench: Bench) -> None:
    source = "def handler(e, c):\n    held = [b'x' * (8 << 20) for _ in range(60)]\n    return len(held)"
    answer = bench.invoke(bench.function(source, memory_mb=192))
    told = json.loads(answer.payload)
    assert answer.error and told["errorType"] == "Runtime.ExitError"
    assert told["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert "Error Type: Runtime.OutOfMemory" in answer.log and "Max Memory Used: 192 MB" in answer.log
    assert bench.run(source, memory_mb=1024) == 60


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
        ("os.kill(os.getpid(), 6)", "Runtime exited with error: signal: aborted"),
    ],
)
def test_a_process_that_ends_is_reported_and_not_waited_for(bench: Bench, ending: str, reason: str) -> None:
    begun = time.monotonic()
    answer = bench.invoke(bench.function(f"import os\ndef handler(e, c): {ending}"))
    told = json.loads(answer.payload)
    assert answer.error and told["errorType"] == "Runtime.ExitError" and told["errorMessage"].endswith(reason)
    assert time.monotonic() - begun < 4


def test_a_sandbox_that_dies_between_two_events_is_not_noticed(bench: Bench) -> None:
    function = bench.function(PID, name="dies")
    pid = json.loads(bench.invoke(function).payload)
    os.kill(pid, signal.SIGKILL)
    assert json.loads(bench.invoke(function).payload) != pid


def test_functions_run_on_when_the_zygote_dies(bench: Bench) -> None:
    function = bench.function(PID, name="orphan")
    bench.invoke(function)
    os.kill(bench.host.processes.process.pid, signal.SIGKILL)
    time.sleep(0.3)
    answer = bench.invoke(function)
    assert not answer.error, answer.payload


def test_an_answer_beyond_6_mb_is_refused(bench: Bench) -> None:
    answer = bench.invoke(bench.function("def handler(event, context): return 'x' * event"), 7 << 20)
    told = json.loads(answer.payload)
    assert answer.error and told["errorType"] == "Function.ResponseSizeTooLarge"
    assert bench.run("def handler(event, context): return 'x' * event", 6_000_000) == "x" * 6_000_000


def test_what_a_handler_started_ends_with_its_sandbox(bench: Bench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    bench.invoke(
        bench.function(
            f"""
        import subprocess, time
        def handler(event, context):
            child = subprocess.Popen(["sleep", "600"])
            open({str(note)!r}, "w").write(str(child.pid))
            time.sleep(30)
    """,
            timeout_s=1,
        )
    )
    time.sleep(0.3)
    assert not _lives(int(note.read_text()))


# ---- the pool -------------------------------------------------------------------------------------------------------


def test_there_are_never_more_sandboxes_than_the_bound(small_bench: Bench) -> None:
    function = small_bench.function(PID)
    with ThreadPoolExecutor(8) as pool:
        pids = list(pool.map(lambda _: small_bench.invoke(function, {"seconds": 0.1}).payload, range(8)))
    assert len(set(pids)) == 2
    assert len(small_bench.host.alive) == 2


def test_an_idle_sandbox_makes_room_for_another_function(small_bench: Bench) -> None:
    for name in "abcd":
        assert not small_bench.invoke(small_bench.function(PID, name=name)).error
    assert sorted(sandbox.function.name for sandbox in small_bench.host.alive.values()) == ["c", "d"]


def test_a_crowd_of_several_functions_does_not_start_a_sandbox_for_each_event(small_bench: Bench) -> None:
    crowd = [small_bench.function(PID, name=f"crowd-{number % 4}", n=str(number % 4)) for number in range(120)]
    with ThreadPoolExecutor(len(crowd)) as pool:
        answers = list(pool.map(small_bench.invoke, crowd))
    processes = collections.Counter(json.loads(answer.payload) for answer in answers)
    assert sum(processes.values()) == 120
    assert len(processes) < 40  # in the order of arrival alone it is nearly one for each


def test_closing_ends_what_runs_and_what_waits(tmp_path: Path) -> None:
    with LambdaHost(tmp_path / "f", tmp_path / "l", "http://127.0.0.1:9", "123456789012", sandboxes=1) as host:
        bench = Bench(host, tmp_path / "l")
        function = bench.function(PID, timeout_s=60)
        with ThreadPoolExecutor(2) as pool:
            running, waiting = (pool.submit(bench.invoke, function, {"seconds": 50}) for _ in range(2))
            time.sleep(1)
            host.close()
            assert running.result(5).error or waiting.result(5).error
            outcomes = [running.exception(5), waiting.exception(5)]
    assert any(isinstance(outcome, HostClosed) for outcome in outcomes)


# ---- logs -----------------------------------------------------------------------------------------------------------


def test_the_log_is_lambdas(bench: Bench) -> None:
    function = bench.function(
        """
        import logging
        def handler(event, context):
            print("printed")
            logging.getLogger().warning("logged")
            raise ValueError("first line")
    """,
        name="talkative",
    )
    answer = bench.invoke(function)
    request_id = json.loads(answer.payload)["requestId"]
    lines = (bench.logs / "talkative.log").read_text().splitlines()
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[1] == "printed"
    assert re.fullmatch(rf"\[WARNING\]\t[\d:.TZ-]+\t{request_id}\tlogged", lines[2])
    assert lines[3] == "[ERROR] ValueError: first line" and lines[4] == "Traceback (most recent call last):"
    assert lines[-2] == f"END RequestId: {request_id}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms",
        lines[-1],
    )


def test_invocations_at_once_do_not_mix_in_the_log(bench: Bench) -> None:
    function = bench.function(
        """
        import time
        def handler(event, context):
            for _ in range(3):
                print("from", event)
                time.sleep(0.05)
    """,
        name="chorus",
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: bench.invoke(function, number), range(4)))
    blocks = (bench.logs / "chorus.log").read_text().split("START ")[1:]
    assert sorted(sorted(set(re.findall(r"from (\d)", block))) for block in blocks) == [["0"], ["1"], ["2"], ["3"]]


def test_a_json_log_is_json(bench: Bench) -> None:
    answer = bench.invoke(
        bench.function(
            """
        import logging
        def handler(event, context):
            logging.getLogger().error("logged")
    """,
            name="structured",
            AWS_LAMBDA_LOG_FORMAT="JSON",
        )
    )
    record = json.loads(answer.log.splitlines()[1])
    assert (record["level"], record["message"]) == ("ERROR", "logged")


# ---- without fork ---------------------------------------------------------------------------------------------------


def test_where_there_is_no_fork_each_sandbox_is_a_process(tmp_path: Path) -> None:
    with LambdaHost(tmp_path / "f", tmp_path / "l", "http://127.0.0.1:9", "123456789012", fork=False) as host:
        bench = Bench(host, tmp_path / "l")
        assert bench.run(ECHO, 1) == 1
        assert bench.run("import os\ndef handler(e, c): os._exit(3)")["errorType"] == "Runtime.ExitError"
        pid = bench.run(PID)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ("Text", "")),
        ({"LogFormat": "Text", "ApplicationLogLevel": "DEBUG"}, ("Text", "")),
        ({"LogFormat": "JSON"}, ("JSON", "INFO")),
        ({"LogFormat": "JSON", "ApplicationLogLevel": "ERROR"}, ("JSON", "ERROR")),
    ],
)
def test_a_function_logs_as_its_configuration_says(config: dict, expected: tuple) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:film"
    told = {"FunctionName": "film", "FunctionArn": arn, "Handler": "a.b", "Runtime": "python3.14"}
    function = function_of({**told, "LoggingConfig": config}, "/")
    assert (function.log_format, function.log_level) == expected
