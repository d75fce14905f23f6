"""Films that nobody should send: each ends with its code, soon, and nothing but itself is read. Needs the binaries.

`python -m tests.local.mediaconvert.hostile` prints the table. `hostile/ends.json` holds what the bundled ffmpeg makes
of each film; VOD_UPDATE_GOLDEN=1 writes it again, within the ends that corpus.py calls right.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.mediaconvert import ffmpeg, moov, pictures
from pipeline.local.mediaconvert.plan import plan_job
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import captures, job, movie, rung, sound
from tests.local.mediaconvert.hostile import corpus
from tests.local.mediaconvert.hostile.canary import SONG, Canary
from tests.local.mediaconvert.hostile.examine import Verdict, examine_all
from tests.local.mediaconvert.test_plan import picture, source, tone

ENDS = Path(__file__).parent / "hostile" / "ends.json"
BOUND_SECONDS = 30  # most take a fifth of a second; a busy machine is no hostile film
LIMITS = ffmpeg.Limits(wall_seconds=20, cpu_seconds=20, memory_bytes=4 << 30, file_bytes=1 << 30)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def canary(folder: Path) -> Iterator[Canary]:
    canary = Canary(folder)
    yield canary
    canary.close()


@pytest.fixture(scope="module")
def cases(folder: Path, canary: Canary) -> list[corpus.Case]:
    return corpus.cases(corpus.kit(folder, canary.path, canary.url))


@pytest.fixture(scope="module")
def verdicts(folder: Path, canary: Canary, cases: list[corpus.Case]) -> dict[str, Verdict]:
    canary.touched()
    return {case.name: verdict for case, verdict in zip(cases, examine_all(cases, folder), strict=True)}


def test_the_corpus_is_large(cases):
    assert len(cases) >= 200 and len({case.kind for case in cases}) == 9


def test_each_film_ends_with_a_code_that_is_right_for_it(cases, verdicts):
    wrong = {case.name: verdicts[case.name] for case in cases if verdicts[case.name].code not in case.ends}
    assert not wrong


def test_each_film_ends_as_it_did_before(cases, verdicts):
    ends = {case.name: verdicts[case.name].end for case in cases}
    if os.environ.get("VOD_UPDATE_GOLDEN"):
        ENDS.write_text(json.dumps(ends, indent=1) + "\n")
    assert ends == json.loads(ENDS.read_text())


def test_each_film_ends_soon(verdicts):
    assert not {name: verdict.seconds for name, verdict in verdicts.items() if verdict.seconds > BOUND_SECONDS}


def test_no_film_leaves_a_file_that_is_not_a_jobs(verdicts):
    assert not {name: verdict.left for name, verdict in verdicts.items() if verdict.left}


def test_no_film_makes_us_read_anything_but_itself(canary, verdicts):
    assert canary.touched() == []
    told = [name for name, verdict in verdicts.items() if SONG.encode() in verdict.outputs or SONG in verdict.message]
    assert not told


def test_the_canary_can_be_woken(tmp_path):
    canary = Canary(tmp_path)
    try:
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(canary.url, timeout=5)
        canary.path.read_bytes()
        seen = canary.touched()
        assert "GET /canary.ts" in seen and ("read" in seen or sys.platform != "linux")
    finally:
        canary.close()


# --- each guard by itself --------------------------------------------------------------------------------------------


def test_without_the_sandbox_the_lists_alone_keep_films_to_themselves(canary, cases, tmp_path, monkeypatch):
    monkeypatch.setenv("VOD_SANDBOX", "off")
    disguised = [case for case in cases if case.kind == "disguises"]
    verdicts = examine_all(disguised, tmp_path)
    assert {v.code for v in verdicts} <= {"COMPLETE", 1010, 1020, 1075} and canary.touched() == []
    assert not any(SONG.encode() in verdict.outputs for verdict in verdicts)


@needs_linux
@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile '{file}'\n", "#EXTM3U\n#EXTINF:9,\n{file}\n", "#EXTM3U\n#EXTINF:9,\n{url}\n"]
)
def test_without_the_lists_the_sandbox_alone_keeps_films_to_themselves(canary, tmp_path, text):
    if not (ffmpeg.confinement()["files"] and ffmpeg.confinement()["network"]):
        pytest.skip("this kernel does not let us close files and network")
    (tmp_path / "film").write_text(text.format(file=canary.path, url=canary.url))
    everything = ["-protocol_whitelist", "file,http,tcp,crypto,data", "-allowed_extensions", "ALL", "-safe", "0"]
    kind = "concat" if text.startswith("ff") else "hls"
    options = everything[:2] + (everything[4:] if kind == "concat" else everything[2:4])
    finished = ffmpeg.transcode([*options, "-f", kind, "-i", "film", "-f", "null", "-"], tmp_path, LIMITS)
    assert finished.returncode != 0 and canary.touched() == []
    assert any("Permission denied" in line or "Error when loading" in line for line in finished.errors)


@needs_linux
@pytest.mark.parametrize(
    "script, folder, works",
    [
        ("cat film", "read", True),
        ("echo x > new", "read", False),
        ("echo x > new && rm new", "write", True),
        ("mkdir sub", "write", False),
        ("ln -s /etc/passwd link", "write", False),
        ("cat ../secret", "write", False),
        ("ls ..", "write", False),
        ("cat /etc/passwd", "write", False),
        ("cat /proc/1/environ", "write", False),
        ("kill -0 {parent}", "write", False),
    ],
)
def test_a_confined_program_has_its_folder_and_nothing_else(tmp_path, monkeypatch, script, folder, works):
    if not ffmpeg.confinement()["files"]:
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "secret").write_text("secret")
    work = tmp_path / "work"
    work.mkdir()
    (work / "film").write_text("film")
    finished = ffmpeg._run(
        ["/bin/sh", "-c", script.format(parent=os.getpid())], work, LIMITS, on_line=None, folder=folder
    )
    assert (finished.returncode == 0) == works, finished


@needs_linux
def test_a_confined_program_has_no_network(canary, tmp_path):
    if not ffmpeg.confinement()["network"]:
        pytest.skip("this kernel does not let us have a network namespace")
    names = ffmpeg._run(["/bin/cat", f"/proc/{os.getpid()}/net/dev"], tmp_path, LIMITS, on_line=None)
    assert names.returncode != 0  # not even ours may be looked at
    program = f"import urllib.request; urllib.request.urlopen({canary.url!r}, timeout=5)"
    finished = ffmpeg._run(["/usr/bin/env", "python3", "-c", program], tmp_path, LIMITS, on_line=None)
    assert finished.returncode != 0 and canary.touched() == []


@needs_linux
def test_a_strict_sandbox_starts_nothing_it_cannot_close(tmp_path, monkeypatch):
    """As on a kernel that refuses: one in which our own limit allows no more namespaces cannot be had in a test, so the
    wrapper is told that there is no Landlock."""
    text = ffmpeg.CONFINE.read_text().replace("CREATE_RULESET, None, 0", "9999, None, 0")
    assert text != ffmpeg.CONFINE.read_text()
    (tmp_path / "confine.py").write_text(text)
    monkeypatch.setattr(ffmpeg, "CONFINE", tmp_path / "confine.py")
    monkeypatch.setenv("VOD_SANDBOX", "strict")
    finished = ffmpeg._run(["/bin/true"], tmp_path, LIMITS, on_line=None)
    assert finished.returncode == 125 and "the kernel does not confine /bin/true: files" in finished.errors[0]
    monkeypatch.setenv("VOD_SANDBOX", "auto")
    assert ffmpeg._run(["/bin/true"], tmp_path, LIMITS, on_line=None).returncode == 0


def test_a_sandbox_of_no_known_kind_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("VOD_SANDBOX", "none")
    with pytest.raises(ffmpeg.EngineMissing, match="VOD_SANDBOX is 'none'; it may be auto, strict, off"):
        ffmpeg._run(["/bin/true"], tmp_path, LIMITS, on_line=None)


@needs_linux
def test_a_program_that_spins_ends_with_a_signal_that_says_so(tmp_path):
    limits = ffmpeg.Limits(wall_seconds=20, cpu_seconds=1, memory_bytes=1 << 30, file_bytes=1)
    finished = ffmpeg._run(["/bin/sh", "-c", "while :; do :; done"], tmp_path, limits, on_line=None)
    assert finished.out_of_time and finished.signal_name == "SIGXCPU" and not finished.timed_out


def test_a_program_that_talks_without_end_is_cut_short(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg, "STDOUT_BYTES", 1 << 16)
    finished = ffmpeg._run(["/bin/sh", "-c", "while :; do echo x; done"], tmp_path, LIMITS, on_line=None)
    assert len(finished.stdout) == 1 << 16 and finished.signal_name == "SIGKILL" and finished.seconds < 10


# --- the user's text -------------------------------------------------------------------------------------------------

POISON = "x'\\;[0:v]movie=/etc/passwd[a];,-i\n\"%d"


def poisoned(value, path: str = ""):
    """Job settings with poison in every text that is the user's own to choose."""
    if isinstance(value, dict):
        return {key: poisoned(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, path) for item in value]
    name = path.rpartition(".")[2]
    if name in ("NameModifier", "StreamName", "AudioGroupId", "CustomLanguageCode", "AudioRenditionSets", "Name"):
        return POISON
    return f"{value}{POISON}" if name in ("Destination", "FileInput") else value


def test_the_users_text_never_reaches_the_command():
    described = sound(StreamName="a", CustomLanguageCode="en", LanguageCodeControl="USE_CONFIGURED")
    settings = job(
        rung("a", 320, 180, cmfc={"AudioRenditionSets": "a"}),
        described,
        groups=(captures(160, 90), movie("a", 320, 180)),
    )
    language = {"tags": {"language": POISON, "title": POISON}}
    facts = source(picture(raw={**language, "side_data_list": [], "frames": []}), tone(language=POISON, raw=language))
    arguments = plan_job(poisoned(settings), facts).arguments
    assert f"file:{pictures.SOURCE}" in arguments
    assert not [argument for argument in arguments if "passwd" in argument or "x'" in argument]


# --- what an index says ----------------------------------------------------------------------------------------------


def test_an_index_is_read_from_wherever_it_stands(cases, folder):
    by_name = {case.name: case.data for case in cases}
    for name, expected in {
        "an encrypted film": moov.Index(encrypted=True, most_edits=1),
        "a hundred thousand edits": moov.Index(encrypted=False, most_edits=100_000),
        "zip glued to a film": moov.Index(encrypted=False, most_edits=1),
        "edits without rows": moov.Index(encrypted=False, most_edits=0),
        "text": None,
        "mp4 without its index": None,
    }.items():
        path = folder / "indexed"
        path.write_bytes(by_name[name])
        assert moov.read(path) == expected, name
    assert moov.read(films.plain(folder)).most_edits == 1
