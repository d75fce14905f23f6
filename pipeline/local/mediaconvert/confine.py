"""Confine a program: set its limits, tie its life to its parent's, then become it.

In: `confine.py --parent PID [--cpu S] [--memory BYTES] [--file BYTES] -- PROGRAM ARG...`, run as `python -I -S` so that
nothing but the standard library is imported and nothing of the caller's Python environment is read. Out: never returns;
the process is PROGRAM afterwards, with the same process id. What can go wrong: exit 126 when the parent died before we
could tie ourselves to it, 127 when PROGRAM cannot be started.

Why a wrapper and not subprocess's `preexec_fn`: that one runs Python between fork and exec in a process that has
threads, which may deadlock. A film is hostile input, so the decoder runs under limits of the kernel's, not of ours.
"""

from __future__ import annotations

import os
import signal
import sys

try:
    import resource
except ImportError:  # not a Unix: the time limit and the process group are all the confinement there is
    resource = None

PARENT_GONE = 126
CANNOT_START = 127
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def main(arguments: list[str]) -> None:
    split = arguments.index("--")
    options, program = arguments[:split], arguments[split + 1 :]
    limits = {name.removeprefix("--"): int(value) for name, value in zip(options[::2], options[1::2], strict=True)}
    tie_to_parent(limits.pop("parent"))
    set_limits(limits)
    try:
        os.execv(program[0], program)
    except OSError as error:
        print(f"cannot start {program[0]}: {error}", file=sys.stderr)
        sys.exit(CANNOT_START)


def tie_to_parent(parent: int) -> None:
    """On Linux the kernel kills us when the thread that started us ends, even if it was killed with SIGKILL."""
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.name == "posix" and os.getppid() != parent:  # it died before the line above
        sys.exit(PARENT_GONE)


def set_limits(limits: dict[str, int]) -> None:
    if resource is None:
        return
    kinds = {"cpu": resource.RLIMIT_CPU, "memory": resource.RLIMIT_AS, "file": resource.RLIMIT_FSIZE}
    for name, value in {**limits, "core": 0}.items():
        kind = resource.RLIMIT_CORE if name == "core" else kinds[name]
        _, hard = resource.getrlimit(kind)
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (wanted, wanted))
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS; the other limits still hold
            continue


if __name__ == "__main__":
    main(sys.argv[1:])
