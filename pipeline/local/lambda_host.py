"""Run Lambda functions: AWS's own runtime client and the real handlers, in a bounded pool of sandboxes.

In: a Function (code, configuration) and an event. Out: an Answer, the bytes Lambda would have answered with, whether
they are an error, and the invocation's log. An invocation never hangs and never raises for what the function did: a
time-out, a crash, too much memory, a failed import come back as the error Lambda reports for them.

A sandbox is one process that serves one event at a time and is used again for the same function. At most `sandboxes`
exist; when all are busy an invocation waits in line (lambda_line.py), and when one of another function is idle it makes
room. (Lambda would start a thousand. A handler that invokes another function and waits holds its own sandbox meanwhile,
so a chain of calls as long as the pool would wait for itself until it times out.)

Logs: `<logs>/<function name>.log`, one block an invocation with Lambda's START, END and REPORT lines, written when the
invocation ends, so that parallel invocations do not mix.
"""

from __future__ import annotations

import collections
import datetime
import io
import json
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.local import lambda_processes
from pipeline.local.lambda_line import Line, Waiter
from pipeline.local.lambda_runtime_api import RuntimeApi

DEFAULT_SANDBOXES = 24
WATCH_SECONDS = 0.05  # how often a running invocation's memory and clock are looked at
INIT_SECONDS = 10.0  # Lambda's own limit for the start of a sandbox
DELIVERIES = 3  # how often an event is handed to a sandbox that ends before taking it
OUTPUT_KEPT_BYTES = 4 << 20


class HostClosed(Exception):
    """The stack is stopping; the invocation was not started."""


@dataclass(frozen=True)
class Function:
    """One version of a function's code and configuration. Equal values share sandboxes."""

    name: str
    arn: str
    handler: str
    runtime: str
    root: str
    timeout_s: float
    memory_mb: int
    region: str
    environment: tuple[tuple[str, str], ...] = ()
    version: str = "$LATEST"
    log_format: str = "Text"
    log_level: str = ""


@dataclass(frozen=True)
class Answer:
    payload: bytes
    error: bool
    log: str


@dataclass(eq=False)
class Invocation:
    """One event on its way through a sandbox."""

    request_id: str
    payload: bytes
    arn: str
    trace_id: str | None = None
    queued: float = field(default_factory=time.monotonic)
    started: float | None = None
    ended: float | None = None
    result: bytes = b""
    error_type: str | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def finish(self, payload: bytes, error_type: str | None = None) -> None:
        if not self.done.is_set():
            self.result, self.error_type, self.ended = payload, error_type, time.monotonic()
            self.done.set()

    def fail(self, error_type: str, message: str) -> None:
        text = f"RequestId: {self.request_id} Error: {message}"
        self.finish(json.dumps({"errorType": error_type, "errorMessage": text}).encode(), error_type)


class Sandbox:
    """One process of one function, seen from the Runtime API and from the pool."""

    def __init__(self, function: Function, folder: Path) -> None:
        self.id = uuid.uuid4().hex
        self.function = function
        self.folder = folder / self.id
        (self.folder / "tmp").mkdir(parents=True)
        self.output = self.folder / "output"
        self.output.touch()
        self.read_to = 0
        self.pid: int | None = None
        self.inbox: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self.current: Invocation | None = None
        self.init_error: bytes | None = None
        self.started = time.monotonic()
        self.ready: float | None = None
        self.reported_init = False
        self.settled = threading.Event()  # has started, or never will
        self.dead = threading.Event()
        self.peak_kb = 0
        self.turns = 0  # events in a row that it was given while others waited
        self.api = RuntimeApi(self)

    # What the Runtime API tells.

    def next_event(self) -> tuple[bytes, dict[str, str]] | None:
        self.ready = self.ready or time.monotonic()
        self.settled.set()
        invocation = self.inbox.get()
        if invocation is None:
            return None
        invocation.started = time.monotonic()
        deadline_ms = int((time.time() + self.function.timeout_s) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
        }
        if invocation.trace_id:
            headers["Lambda-Runtime-Trace-Id"] = invocation.trace_id
        return invocation.payload, headers

    def answered(self, request_id: str, payload: bytes, error: bool) -> None:
        invocation = self.current
        if invocation is not None and invocation.request_id == request_id:
            invocation.finish(payload, error_type(payload) if error else None)

    def failed_to_start(self, error: bytes) -> None:
        self.init_error = error

    # What the pool does.

    def give(self, invocation: Invocation) -> None:
        self.current = invocation
        self.inbox.put(invocation)
        if self.dead.is_set():
            self._fail_current(None)

    def died(self, code: int | None, max_rss_kb: int) -> None:
        self.peak_kb = max(self.peak_kb, max_rss_kb)
        self.dead.set()
        self.settled.set()
        self.api.close()
        self.inbox.put(None)
        self._fail_current(code)

    def _fail_current(self, code: int | None) -> None:
        invocation = self.current
        if invocation is None or invocation.done.is_set():
            return
        if self.init_error is not None:
            invocation.finish(self.init_error, error_type(self.init_error))
        else:
            invocation.fail("Runtime.ExitError", exit_reason(code))

    def rss_kb(self) -> int:
        rss = lambda_processes.resident_kb(self.pid)
        self.peak_kb = max(self.peak_kb, rss)
        return rss

    def new_output(self) -> str:
        """What the function printed since the last look; nothing where the stack has stopped and taken the folder."""
        try:
            with open(self.output, "rb") as stream:
                stream.seek(self.read_to)
                printed = stream.read()
        except FileNotFoundError:
            return ""
        self.read_to += len(printed)
        if self.read_to > OUTPUT_KEPT_BYTES and not self.dead.is_set():
            os.truncate(self.output, 0)
            self.read_to = 0
        # awslambdaric ends the lines of one log record with \r and indents with no-break spaces, for CloudWatch's sake.
        return printed.decode("utf-8", "replace").replace("\r", "\n").replace("\u00a0", " ")

    def discard(self) -> None:
        self.api.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _too_late(function: Function) -> HostClosed:
    return HostClosed(f"{function.name} was not invoked: the stack is stopping")


class LambdaHost:
    """The pool. `invoke()` from any thread; `close()` ends every process."""

    def __init__(
        self,
        folder: Path,
        logs: Path,
        endpoint_url: str,
        account: str,
        sandboxes: int = DEFAULT_SANDBOXES,
        fork: bool | None = None,
    ) -> None:
        self.code = folder / "code"
        self.sandbox_folder = folder / "sandboxes"
        self.logs = logs
        self.endpoint_url = endpoint_url
        self.account = account
        self.bound = sandboxes
        self.log_lock = threading.Lock()
        self.unpack_lock = threading.Lock()
        self.changing = threading.Lock()
        self.line: Line[Function, Sandbox] = Line()
        self.closed = False
        self.served: collections.Counter[str] = collections.Counter()  # events that came to an end, by function name
        self.alive: dict[str, Sandbox] = {}
        self.idle: collections.OrderedDict[str, Sandbox] = collections.OrderedDict()  # least recently used first
        for path in (self.code, self.sandbox_folder, logs):
            path.mkdir(parents=True, exist_ok=True)
        fork = hasattr(os, "fork") if fork is None else fork
        starter = lambda_processes.Zygote if fork else lambda_processes.PlainProcesses
        self.processes = starter(on_started=self._started, on_exit=self._exited)

    def __enter__(self) -> LambdaHost:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self.changing:
            self.closed = True
            sandboxes = list(self.alive.values())
            self.line.close()
        self.processes.close()
        for sandbox in sandboxes:
            sandbox.died(-signal.SIGKILL, 0)
            sandbox.discard()

    def unpack(self, code_sha256: str, code_zip: bytes) -> str:
        """The folder that holds this zip's files, unpacked once."""
        root = self.code / "".join(c if c.isalnum() else "-" for c in code_sha256)
        with self.unpack_lock:
            if self.closed:
                raise HostClosed("nothing is unpacked any more: the stack is stopping")
            if not root.exists():
                partial = Path(tempfile.mkdtemp(dir=self.code))
                with zipfile.ZipFile(io.BytesIO(code_zip)) as archive:
                    archive.extractall(partial)
                partial.rename(root)
                self.processes.compile(root)
        return str(root)

    def invoke(
        self,
        function: Function,
        payload: bytes,
        request_id: str | None = None,
        arn: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Run one event to its end and return what Lambda would."""
        for attempt in range(1, DELIVERIES + 1):
            sandbox = self._acquire(function)
            invocation = Invocation(request_id or str(uuid.uuid4()), payload, arn or function.arn, trace_id)
            sandbox.give(invocation)
            status = self._watch(sandbox, invocation)
            if not (sandbox.ready and invocation.started is None) or self.closed or attempt == DELIVERIES:
                break
            self._release(sandbox)  # it died idle, before it saw the event: another one takes it
        self.served[function.name] += 1
        log = self._log(sandbox, invocation, status)
        self._release(sandbox)
        return Answer(invocation.result, invocation.error_type is not None, log)

    def kill_running(self, wanted: Callable[[Invocation], bool]) -> int:
        """Kill the sandboxes that are at work on what is wanted, as a host that fails does. How many they were."""
        with self.changing:
            doomed = [one for one in self.alive.values() if one.current is not None and wanted(one.current)]
        for sandbox in doomed:
            self.processes.kill(sandbox.id)
            sandbox.dead.wait(2)
        return len(doomed)

    def prewarm(self, functions: Iterable[Function]) -> None:
        """Start a sandbox for each, one after the other and in the background, so that first events find them ready."""
        threading.Thread(target=self._prewarm, args=(functions,), name="lambda-prewarm", daemon=True).start()

    def _prewarm(self, functions: Iterable[Function]) -> None:
        for function in functions:
            with self.changing:
                known = any(sandbox.function == function for sandbox in self.alive.values())
                if self.closed or known or len(self.alive) >= self.bound:
                    continue
                sandbox = self._start(function)
                self.idle[sandbox.id] = sandbox
            sandbox.settled.wait(INIT_SECONDS)

    def _watch(self, sandbox: Sandbox, invocation: Invocation) -> str | None:
        """Wait for the end, enforcing time and memory. Returns REPORT's status when Lambda ended it."""
        function = sandbox.function
        while not invocation.done.wait(WATCH_SECONDS):
            if sandbox.rss_kb() > function.memory_mb * 1024:
                invocation.fail("Runtime.ExitError", "Runtime exited with error: signal: killed")
                self._kill(sandbox)
                return "Status: error\tError Type: Runtime.OutOfMemory"
            begin, limit = invocation.started, function.timeout_s
            if begin is None:
                begin, limit = invocation.queued, max(limit, INIT_SECONDS)
            if time.monotonic() - begin >= limit:
                invocation.fail("Sandbox.Timedout", f"Task timed out after {limit:.2f} seconds")
                self._kill(sandbox)
                return "Status: timeout"
        sandbox.rss_kb()
        if invocation.error_type == "Runtime.ExitError":
            return "Status: error\tError Type: Runtime.ExitError"
        return None

    # The pool.

    def _acquire(self, function: Function) -> Sandbox:
        with self.changing:
            if self.closed:
                raise _too_late(function)
            if (sandbox := self._take_idle(function)) is not None:
                return sandbox
            if len(self.alive) < self.bound or self._evict():
                return self._start(function)
            waiter = self.line.join(function)
        if (sandbox := waiter.taken()) is None:
            raise _too_late(function)
        return sandbox

    def _take_idle(self, function: Function) -> Sandbox | None:
        for sandbox in reversed(self.idle.values()):
            if sandbox.function == function and not sandbox.dead.is_set():
                return self.idle.pop(sandbox.id)
        return None

    def _evict(self) -> bool:
        """Make room: end the sandbox that has been idle longest."""
        if not self.idle:
            return False
        _, sandbox = self.idle.popitem(last=False)
        self._end(sandbox)
        return True

    def _end(self, sandbox: Sandbox) -> None:
        self._forget(sandbox)
        self.processes.kill(sandbox.id)

    def _start(self, function: Function) -> Sandbox:
        sandbox = Sandbox(function, self.sandbox_folder)
        self.alive[sandbox.id] = sandbox
        self.processes.start(
            {
                "id": sandbox.id,
                "handler": function.handler,
                "root": function.root,
                "output": str(sandbox.output),
                "memory_mb": function.memory_mb,
                "env": self._environment(sandbox),
            }
        )
        return sandbox

    def _release(self, sandbox: Sandbox) -> None:
        with self.changing:
            sandbox.current = None
            if sandbox.dead.is_set() or self.closed:
                self._forget(sandbox)
                self._serve(self.line.pop(), None)
            elif waiter := self.line.next(sandbox.function, sandbox.turns):
                self._serve(waiter, sandbox)
            else:
                sandbox.turns = 0
                self.idle[sandbox.id] = sandbox

    def _serve(self, waiter: Waiter[Function, Sandbox] | None, sandbox: Sandbox | None) -> None:
        """Give a waiter this sandbox, or, where it is of no use to him, a new one in its place."""
        if waiter is None:
            return
        if sandbox is not None and sandbox.function == waiter.kind:
            sandbox.turns += 1
        else:
            if sandbox is not None:
                self._end(sandbox)
            sandbox = self._start(waiter.kind)
        waiter.place = sandbox
        waiter.served.set()

    def _kill(self, sandbox: Sandbox) -> None:
        self.processes.kill(sandbox.id)
        sandbox.dead.wait(5)

    def _forget(self, sandbox: Sandbox) -> None:
        self.alive.pop(sandbox.id, None)
        self.idle.pop(sandbox.id, None)
        sandbox.discard()

    def _started(self, sandbox_id: str, pid: int) -> None:
        if (sandbox := self.alive.get(sandbox_id)) is not None:
            sandbox.pid = pid

    def _exited(self, sandbox_id: str, code: int | None, max_rss_kb: int) -> None:
        sandbox = self.alive.get(sandbox_id)
        if sandbox is None:
            return
        sandbox.died(code, max_rss_kb)
        with self.changing:
            if sandbox_id in self.idle:  # then nobody waits
                self._forget(sandbox)

    def _environment(self, sandbox: Sandbox) -> dict[str, str]:
        """What Lambda sets, then what the template sets."""
        function = sandbox.function
        log_stream = f"{datetime.datetime.now(datetime.UTC):%Y/%m/%d}/[{function.version}]{sandbox.id}"
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": str(sandbox.folder),
            "TMPDIR": str(sandbox.folder / "tmp"),
            # The developer's own profile must not reach a function: only what is set here counts.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": function.log_format,
            **({"AWS_LAMBDA_LOG_LEVEL": function.log_level} if function.log_level else {}),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{sandbox.api.port}",
            "LAMBDA_TASK_ROOT": function.root,
            "LAMBDA_RUNTIME_DIR": str(Path(sys.prefix)),
            **dict(function.environment),
        }

    # Logs.

    def _log(self, sandbox: Sandbox, invocation: Invocation, status: str | None) -> str:
        printed = sandbox.new_output()
        text = "\n".join(log_lines(sandbox, invocation, printed, status)) + "\n"
        with self.log_lock, open(self.logs / f"{sandbox.function.name}.log", "a", encoding="utf-8") as log:
            log.write(text)
        return text


def log_lines(sandbox: Sandbox, invocation: Invocation, printed: str, status: str | None) -> list[str]:
    """The block CloudWatch Logs would show for this invocation."""
    function, request_id = sandbox.function, invocation.request_id
    ended = invocation.ended or time.monotonic()
    duration_ms = (ended - (invocation.started or invocation.queued)) * 1000
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {int(duration_ms) + 1} ms",
        f"Memory Size: {function.memory_mb} MB",
        f"Max Memory Used: {min(sandbox.peak_kb // 1024 + 1, function.memory_mb)} MB",
    ]
    if not sandbox.reported_init:
        sandbox.reported_init = True
        report.append(f"Init Duration: {((sandbox.ready or ended) - sandbox.started) * 1000:.2f} ms")
    if status:
        report.append(status)
    lines = [f"START RequestId: {request_id} Version: {function.version}", *printed.splitlines()]
    if status == "Status: timeout":
        lines.append(f"{_now()} {request_id} Task timed out after {function.timeout_s:.2f} seconds")
    elif status:
        lines.append(json.loads(invocation.result)["errorMessage"])
    return [*lines, f"END RequestId: {request_id}", "\t".join(report)]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def error_type(payload: bytes) -> str:
    """The exception's class name, which is what Step Functions matches."""
    try:
        return str(json.loads(payload)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Unknown"


def exit_reason(code: int | None) -> str:
    """Lambda's words for how a runtime ended."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code is None or code > 0:
        return f"Runtime exited with error: exit status {'unknown' if code is None else code}"
    return f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"


def function_of(config: Mapping, root: str) -> Function:
    """The Function that Lambda's GetFunctionConfiguration describes."""
    variables = (config.get("Environment") or {}).get("Variables") or {}
    return Function(
        name=config["FunctionName"],
        arn=":".join(config["FunctionArn"].split(":")[:7]),  # without a qualifier
        handler=config["Handler"],
        runtime=config["Runtime"],
        root=root,
        timeout_s=float(config.get("Timeout", 3)),
        memory_mb=int(config.get("MemorySize", 128)),
        region=config["FunctionArn"].split(":")[3],
        environment=tuple(sorted(variables.items())),
        version=config.get("Version", "$LATEST"),
        **_logging(config.get("LoggingConfig") or {}),
    )


def _logging(config: Mapping) -> dict[str, str]:
    """JSON begins at INFO where nothing is said (Developer Guide, "Log-level filtering"; from memory); a level is for
    JSON only."""
    if config.get("LogFormat") != "JSON":
        return {}
    return {"log_format": "JSON", "log_level": config.get("ApplicationLogLevel") or "INFO"}
