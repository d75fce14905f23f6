"""Confine a program: no network, its own folder and nothing else, limits, a life tied to its parent's; then become it.

In: `confine.py --parent PID [--cpu S] [--memory BYTES] [--file BYTES] [--folder read|write] [--sandbox auto|strict|off]
-- PROGRAM ARG...`, run as `python -I -S` so that nothing but the standard library is imported and nothing of the
caller's Python environment is read. Out: never returns; the process is PROGRAM afterwards, with the same process id.
`confine.py --report` instead prints, as JSON, what this machine's kernel lets us do. What can go wrong: exit 125 when
the sandbox is `strict` and the kernel refuses a part of it, 126 when the parent died before we could tie ourselves to
it, 127 when PROGRAM cannot be started.

Network: a user and a network namespace of its own, where not even the loopback device is up. Files: Landlock, by which
PROGRAM reads its own working directory, its own binary and the system's libraries, and writes the working directory
alone (or nothing). Both need no privileges, and both may be refused: containers and AppArmor often forbid user
namespaces, kernels before 5.13 have no Landlock, other systems have neither. `auto` then does without, since the
lists of containers, protocols and decoders still stand before every film; `strict` refuses to start. With Landlock
alone (kernel 6.7) TCP is closed too, UDP is not.

Why a wrapper and not subprocess's `preexec_fn`: that one runs Python between fork and exec in a process that has
threads, which may deadlock. A film is hostile input, so the decoder runs under limits of the kernel's, not of ours.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import sys

try:
    import resource
except ImportError:  # not a Unix: the time limit and the process group are all the confinement there is
    resource = None

NOT_CONFINED = 125
PARENT_GONE = 126
CANNOT_START = 127
LAST_SECONDS = 5  # of CPU between the signal that asks a program to stop and the one that stops it
OPEN_FILES = 1024
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000

# Landlock: the numbers of its system calls are the same on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION, RULE_PATH_BENEATH = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE, MAKE_REG, TRUNCATE = (1 << bit for bit in (0, 1, 2, 3, 5, 8, 14))
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE  # those that a rule on a file, not a folder, may have
BIND_AND_CONNECT_TCP, ABSTRACT_SOCKETS_AND_SIGNALS = 3, 3
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/nix/store", "/sys/devices/system")
SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def main(arguments: list[str]) -> None:
    if arguments == ["--report"]:
        print(json.dumps(report()))
        return
    split = arguments.index("--")
    words, program = arguments[:split], arguments[split + 1 :]
    options = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    sandbox, folder = options.pop("sandbox", "auto"), options.pop("folder", "write")
    numbers = {name: int(value) for name, value in options.items()}
    parent = numbers.pop("parent")
    refused = [] if sandbox == "off" or leave_the_network() else ["network"]
    tie_to_parent(parent)  # after the namespaces: a change of credentials would undo it
    set_limits(numbers)
    if sandbox != "off" and not close_the_files(program[0], writable=folder == "write"):
        refused.append("files")
    if refused and sandbox == "strict":
        print(f"the kernel does not confine {program[0]}: {' and '.join(refused)}", file=sys.stderr)
        sys.exit(NOT_CONFINED)
    try:
        os.execv(program[0], program)
    except OSError as error:
        print(f"cannot start {program[0]}: {error}", file=sys.stderr)
        sys.exit(CANNOT_START)


def report() -> dict[str, bool | int]:
    """What holds on this machine, by trying it: `files`, `network`, and Landlock's version (0: none)."""
    network = leave_the_network()
    return {"network": network, "landlock": landlock_version(), "files": close_the_files(sys.executable, False)}


# --- the parent and the limits ---------------------------------------------------------------------------------------


def tie_to_parent(parent: int) -> None:
    """On Linux the kernel kills us when the thread that started us ends, even if it was killed with SIGKILL."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.name == "posix" and os.getppid() != parent:  # it died before the line above
        sys.exit(PARENT_GONE)


def set_limits(limits: dict[str, int]) -> None:
    if resource is None:
        return
    kinds = {"cpu": resource.RLIMIT_CPU, "memory": resource.RLIMIT_AS, "file": resource.RLIMIT_FSIZE}
    kinds |= {"core": resource.RLIMIT_CORE, "files": resource.RLIMIT_NOFILE}
    for name, value in {**limits, "core": 0, "files": OPEN_FILES}.items():
        _, hard = resource.getrlimit(kinds[name])
        # With both limits alike the kernel sends SIGKILL at once, which would not tell what happened.
        above = value + LAST_SECONDS if name == "cpu" else value
        if hard != resource.RLIM_INFINITY:
            value, above = min(value, hard), min(above, hard)
        try:
            resource.setrlimit(kinds[name], (value, above))
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS; the other limits still hold
            continue


# --- the network -----------------------------------------------------------------------------------------------------


def leave_the_network() -> bool:
    """Move into namespaces of our own. The user namespace is what gives the right to the others; no user is mapped
    into it, so that even root's powers are gone."""
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) == 0


# --- the files -------------------------------------------------------------------------------------------------------


def landlock_version() -> int:
    if sys.platform != "linux":
        return 0
    return max(0, ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, ASK_VERSION))


def close_the_files(program: str, writable: bool) -> bool:
    """From here on: the working directory, the program and its libraries, and a few devices. False when refused."""
    version = landlock_version()
    if not version:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    handled = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1  # every right that this version knows
    attributes = struct.pack("=Q", handled)
    if version >= 4:
        attributes += struct.pack("=Q", BIND_AND_CONNECT_TCP)
    if version >= 6:  # it can signal, and find by name, nobody but itself
        attributes += struct.pack("=Q", ABSTRACT_SOCKETS_AND_SIGNALS)
    ruleset = libc.syscall(CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    for path, rights in allowed(program, writable).items():
        add_rule(libc, ruleset, path, rights & handled)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # without it Landlock is for root alone
    done = libc.syscall(RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return done


def allowed(program: str, writable: bool) -> dict[str, int]:
    """Rights by path. A binary outside the system's folders is let in by itself: beside it may lie anything."""
    binary = os.path.realpath(program)
    beside = os.path.join(os.path.dirname(os.path.dirname(binary)), "lib")
    libraries = [*os.environ.get("LD_LIBRARY_PATH", "").split(":"), beside]
    folder = READ_FILE | READ_DIR | (WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE if writable else 0)
    return {
        **dict.fromkeys(SYSTEM, READ_FILE | READ_DIR | EXECUTE),
        **dict.fromkeys(filter(None, libraries), READ_FILE | READ_DIR | EXECUTE),
        **dict.fromkeys(SYSTEM_FILES, READ_FILE),
        **dict.fromkeys(DEVICES, READ_FILE | WRITE_FILE),
        f"/proc/{os.getpid()}": READ_FILE | READ_DIR,
        binary: READ_FILE | EXECUTE,
        os.getcwd(): folder,
    }


def add_rule(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # this system has no such folder
        return
    try:
        rights &= -1 if os.path.isdir(path) else FILE_RIGHTS
        libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
    finally:
        os.close(opened)


if __name__ == "__main__":
    main(sys.argv[1:])
