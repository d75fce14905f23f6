"""Be a Lambda sandbox: the process side of pipeline.local.lambda_host.

In: one JSON object a sandbox (environment, handler, code folder, log file, memory). Out: a process in which AWS's own
awslambdaric fetches events from the Runtime API and runs the handler. What can go wrong is told by exit status alone;
the host reports it as Lambda would.

A cold start has to cost milliseconds, because a film passes through a dozen functions. So one helper, the zygote,
imports boto3 and reads the service models once and forks a sandbox on demand. It has no threads (fork is only safe
without them) and imports nothing of the pipeline: what a function sees is what its zip holds. Where fork does not
exist, this file is run once a sandbox instead.

The leash: standard input is a pipe whose only writing end the host holds. When it closes, for whatever reason the host
ended, zygote and sandboxes exit at once.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path

# The services our functions talk to; another one works too, only its first client takes longer.
PRELOADED_SERVICES = ("s3", "dynamodb", "stepfunctions", "mediaconvert", "sns", "sqs")
PR_SET_PDEATHSIG = 1
EXIT_NOT_STARTED = 70


def main(argv: list[str]) -> None:
    if argv[1] == "zygote":
        Zygote(socket.socket(fileno=int(argv[2])), leash=os.dup(0)).serve()
    else:
        become(json.loads(sys.stdin.readline()), leash=os.dup(0))


class Zygote:
    """Fork a sandbox for each {"spawn": ...} line, kill one for each {"kill": id}, report every end."""

    def __init__(self, control: socket.socket, leash: int) -> None:
        self.control = control
        self.leash = leash
        self.pid = os.getpid()
        self.sandboxes: dict[int, str] = {}  # process id -> sandbox id
        self.prctl = _prctl()

    def serve(self) -> None:
        self.wake, wake_end = os.pipe()
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        preload(PRELOADED_SERVICES)
        self.tell({"ready": self.pid})
        pending = b""
        while True:
            readable, _, _ = select.select([self.control, self.wake, self.leash], [], [])
            if self.wake in readable:
                os.read(self.wake, 4096)
                self.reap()
            if self.leash in readable:
                self.end()
            if self.control in readable:
                received = self.control.recv(1 << 16)
                if not received:
                    self.end()
                *lines, pending = (pending + received).split(b"\n")
                for line in lines:
                    self.obey(json.loads(line))

    def obey(self, order: dict) -> None:
        if "spawn" in order:
            self.spawn(order["spawn"])
        elif "kill" in order:
            for pid in [pid for pid, name in self.sandboxes.items() if name == order["kill"]]:
                kill_group(pid)
        elif "compile" in order:
            self.compile(order["compile"])

    def spawn(self, sandbox: dict) -> None:
        pid = os.fork()
        if pid == 0:
            self.in_child(lambda: become(sandbox, self.leash))
        self.sandboxes[pid] = sandbox["id"]
        self.tell({"spawned": sandbox["id"], "pid": pid})

    def compile(self, folder: str) -> None:
        """Write the byte code of a freshly unpacked zip, so that a dozen functions do not compile it a dozen times."""
        if os.fork() == 0:
            import compileall

            self.in_child(lambda: compileall.compile_dir(folder, quiet=2))

    def in_child(self, work) -> None:
        """Run `work` in the forked child and leave without the parent's clean-up."""
        status = EXIT_NOT_STARTED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.close()
            os.close(self.wake)
            os.setsid()
            self.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != self.pid:  # the zygote died before we asked to die with it
                os._exit(EXIT_NOT_STARTED)
            work()
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(status)

    def reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait3(os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self.sandboxes.pop(pid, None)
            if name is not None:
                kill_group(pid)  # what the handler started and left behind
                self.tell({"exited": name, "code": os.waitstatus_to_exitcode(status), "max_rss_kb": usage.ru_maxrss})

    def tell(self, message: dict) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self.end()

    def end(self) -> None:
        for pid in self.sandboxes:
            kill_group(pid)
        os._exit(0)


def kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # a child that has not reached setsid() yet has no group of its own
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _prctl():
    if not sys.platform.startswith("linux"):
        return lambda *_: None
    import ctypes

    return ctypes.CDLL(None, use_errno=True).prctl


def preload(services: tuple[str, ...]) -> None:
    """Import what handlers import, and read AWS's service models once for all sandboxes.

    A botocore session reads and caches the models itself, 50 to 150 ms a function. Sharing one loader (a cache of
    read-only files, which the clients of one session share anyway) takes that cost out of every cold start.
    """
    import encodings.idna  # noqa: F401  (the first connection to anywhere imports it)

    import boto3
    import boto3.dynamodb.table
    import botocore.loaders
    import botocore.session
    import s3transfer.manager  # noqa: F401

    shared = botocore.loaders.create_loader()
    create_loader = botocore.session.create_loader
    botocore.session.create_loader = lambda search_path=None: create_loader(search_path) if search_path else shared
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1")
    for service in services:
        session.client(service)
    session.resource("dynamodb")
    del session
    _import_what_the_runtime_imports()
    gc.collect()
    gc.freeze()  # the collector then leaves the shared pages alone, and they stay shared


def _import_what_the_runtime_imports() -> None:
    """Load what awslambdaric needs, but not those of its modules that read the environment when they are imported."""
    import concurrent.futures  # noqa: F401
    import decimal  # noqa: F401
    import http.client  # noqa: F401
    import importlib.metadata  # noqa: F401
    import logging  # noqa: F401
    import traceback  # noqa: F401

    import awslambdaric.lambda_config
    import awslambdaric.lambda_context
    import awslambdaric.lambda_runtime_exception
    import awslambdaric.lambda_runtime_log_utils  # noqa: F401
    import simplejson  # noqa: F401


def become(sandbox: dict, leash: int) -> None:
    """Turn this process into the sandbox and serve events until killed."""
    _redirect_output(sandbox["output"])
    threading.Thread(target=_exit_with_host, args=(leash,), daemon=True).start()
    _limit(sandbox["memory_mb"])
    os.environ.clear()
    os.environ.update(sandbox["env"])
    if hasattr(time, "tzset"):
        time.tzset()
    os.chdir(sandbox["root"])
    sys.path.insert(0, sandbox["root"])
    sys.argv = ["bootstrap", sandbox["handler"]]
    import awslambdaric.__main__ as runtime

    runtime.main(["awslambdaric", sandbox["handler"]])


def _redirect_output(path: str) -> None:
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    silence = os.open(os.devnull, os.O_RDONLY)
    os.dup2(silence, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.close(silence)


def _exit_with_host(leash: int) -> None:
    while os.read(leash, 1):
        pass
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _limit(memory_mb: int) -> None:
    """Stop a runaway allocation even between two looks of the host.

    The host enforces the function's memory size on what is really resident, as Lambda does. This limit is on what is
    asked for, so it leaves room for memory that is reserved and never touched.
    """
    try:
        import resource
    except ImportError:  # not a Unix
        return
    reserve = memory_mb * 2 + 512 << 20
    resource.setrlimit(resource.RLIMIT_DATA, (reserve, reserve))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry) != Path(__file__).parent]
    main(sys.argv)
