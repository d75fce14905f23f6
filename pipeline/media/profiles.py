"""Profiles: what the owner asks of every film, read from profiles.toml and checked before anything is deployed.

In: the text of profiles.toml. Out: `Profile` by name. What can go wrong: `ProfilesBroken`, which lists every mistake
with its line. CDK reads the file when the template is made, so that a mistake never reaches a film; the planner reads
the same file out of the Lambda bundle.

TOML because owners may comment it, and because Python 3.11 reads it without another package. tomllib does not say on
which line a value stands, so `_lines` finds that out; where the file is laid out in a way it does not know, the line is
that of the nearest table or key above.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "profiles.toml"
CODECS = ("h264", "hevc", "av1")
#: AacSettings.Bitrate for AAC-LC, CBR, 48 kHz, in bits per second by coding mode (MediaConvert User Guide, "AAC output
#: reference tables"; the lower end of 5.1 is narrower here than there).
AAC_RATES = {
    "CODING_MODE_1_0": (56_000, 288_000),
    "CODING_MODE_2_0": (64_000, 576_000),
    "CODING_MODE_5_1": (256_000, 1_024_000),
}
#: The values that AacSettings.Bitrate may have (MediaConvert API Reference).
AAC_STEPS = frozenset(
    1000 * kbps
    for kbps in (
        56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512, 576, 640, 768, 896, 1024,
    )
)  # fmt: skip
_LARGEST_TILE = 4096  # CmafImageBasedTrickPlaySettings: "a total tile height greater than 4096 ... will be rejected"


class ProfilesBroken(ValueError):
    """profiles.toml cannot be used; the message has one line for each mistake: file, line, key, what is wrong."""


@dataclasses.dataclass(frozen=True)
class Box:
    """What a rung may fill. width >= height: portrait pictures turn the box. Bitrate at up to 30 frames per second."""

    name: str
    width: int
    height: int
    max_bitrate_bps: int
    quality: float


@dataclasses.dataclass(frozen=True)
class Sound:
    """languages is "first" or "all"; loudness_lkfs is None where loudness is left alone."""

    languages: str
    stereo_bps: int
    mono_bps: int
    surround: bool
    surround_bps: int
    loudness_lkfs: float | None


@dataclasses.dataclass(frozen=True)
class Thumbnails:
    """longer_side in pixels; columns and rows of one tile image."""

    every_seconds: int
    longer_side: int
    columns: int
    rows: int


@dataclasses.dataclass(frozen=True)
class Profile:
    """What the owner asks of every film. boxes by codec, best first; thumbnails is None where none are wanted."""

    name: str
    codecs: tuple[str, ...]
    boxes: Mapping[str, tuple[Box, ...]]
    keep_hdr: bool
    pictures: bool
    sound_alone: bool
    limited_range: bool
    i_frames: bool
    embedded_captions: bool
    per_title: bool
    download: bool
    sound: Sound
    thumbnails: Thumbnails | None


@functools.cache
def load(path: Path = FILE) -> Mapping[str, Profile]:
    """The profiles of this deployment. The only file that this floor reads, and it is part of the code."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def parse(text: str, file: str = "profiles.toml") -> Mapping[str, Profile]:
    """Every profile by name, `like` followed. Raises ProfilesBroken with all mistakes at once."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfilesBroken(f"{file}: {error}") from error
    mistakes = sorted({(_line(_lines(text), path), path, said) for path, said in _mistakes(tree)}, key=str)
    if mistakes:
        mistakes.sort(key=lambda mistake: mistake[0])
        raise ProfilesBroken("\n".join(f"{file}:{line}: {_dotted(path)}: {said}" for line, path, said in mistakes))
    return {name: _profile(name, _inherited(tree["profile"], name), tree["ladder"]) for name in tree["profile"]}


# --- what the file may say -------------------------------------------------------------------------------------------

Path_ = tuple[Any, ...]
Mistake = tuple[Path_, str]


@dataclasses.dataclass(frozen=True)
class _Value:
    """What a key may hold: a type, and a range or a choice. Booleans are no numbers here."""

    kind: type
    least: float = 0
    most: float = 0
    choice: tuple[str, ...] = ()

    def wrong(self, value: Any) -> str | None:
        kinds = (int, float) if self.kind is float else (self.kind,)
        if isinstance(value, bool) != (self.kind is bool) or not isinstance(value, kinds):
            names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list"}
            return f"{value!r} should be {names[self.kind]}"
        if self.choice and value not in self.choice:
            return f"{value!r} should be one of {', '.join(self.choice)}"
        if self.kind in (int, float) and not self.least <= value <= self.most:
            return f"{value} should lie between {self.least:g} and {self.most:g}"
        return None


_AUDIO = {
    "languages": _Value(str, choice=("first", "all")),
    "stereo_kbps": _Value(int, 64, 576),
    "mono_kbps": _Value(int, 56, 288),
    "surround": _Value(bool),
    "surround_kbps": _Value(int, 256, 1024),
    "loudness_lkfs": _Value(float, -59, 0),
}
_THUMBNAILS = {
    "every_seconds": _Value(int, 0, 3600),
    "longer_side": _Value(int, 64, 1024),
    "columns": _Value(int, 1, 64),
    "rows": _Value(int, 1, 64),
}
_PROFILE = {
    "ladder": _Value(str),
    "codecs": _Value(list),
    "keep_hdr": _Value(bool),
    "pictures": _Value(bool),
    "sound_alone": _Value(bool),
    "limited_range": _Value(bool),
    "i_frames": _Value(bool),
    "embedded_captions": _Value(bool),
    "per_title": _Value(bool),
    "download": _Value(bool),
}
_BOX = {
    "name": _Value(str),
    "width": _Value(int, 32, 8192),
    "height": _Value(int, 32, 8192),
    "max_kbps": _Value(int, 100, 300_000),
    "quality": _Value(float, 1, 10),
}
_PARTS = {"audio": _AUDIO, "thumbnails": _THUMBNAILS}
#: H.264 table A-1, level 5.2: the largest frame in macroblocks. HEVC and AV1 reach 8192 x 4320.
_LARGEST_BLOCKS = {"h264": 36_864, "hevc": 138_240, "av1": 138_240}


def _mistakes(tree: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from _unknown(tree, {"profile": None, "ladder": None}, ())
    ladders, profiles = _table(tree, "ladder"), _table(tree, "profile")
    for name, ladder in ladders.items():
        yield from _ladder_mistakes(ladder, ("ladder", name))
    if "default" not in profiles:
        yield ("profile",), "there should be a profile named default"
    for name, profile in profiles.items():
        at = ("profile", name)
        if not isinstance(profile, dict):
            yield at, f"should be a table: [profile.{name}]"
        elif not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
            yield at, "a profile's name is made of small letters, digits and hyphens"
        else:
            found = list(_own_mistakes(profile, profiles, at))
            yield from found
            if not found and not any(list(_own_mistakes(above, profiles, ())) for above in _above(profiles, name)):
                yield from _whole_mistakes(_inherited(profiles, name), ladders, at)


def _table(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = tree.get(name, {})
    return value if isinstance(value, dict) else {}


def _unknown(table: Mapping[str, Any], known: Mapping[str, Any], at: Path_) -> Iterator[Mistake]:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            yield (*at, key), f"unknown; did you mean {near[0]}?" if near else f"unknown; there are {', '.join(known)}"


def _values(table: Mapping[str, Any], known: Mapping[str, _Value], at: Path_) -> Iterator[Mistake]:
    for key, value in table.items():
        wrong = known[key].wrong(value) if key in known else None
        if wrong:
            yield (*at, key), wrong


def _own_mistakes(profile: Mapping[str, Any], profiles: Mapping[str, Any], at: Path_) -> Iterator[Mistake]:
    """What is wrong with the lines of one profile, whatever it inherits."""
    yield from _unknown(profile, {"like": None, **_PROFILE, **_PARTS}, at)
    yield from _values(profile, _PROFILE, at)
    for part, known in _PARTS.items():
        if part in profile and not isinstance(profile[part], dict):
            yield (*at, part), "should be a table"
        elif part in profile:
            yield from _unknown(profile[part], known, (*at, part))
            yield from _values(profile[part], known, (*at, part))
    if "like" in profile and profile["like"] not in profiles:
        yield (*at, "like"), f"{profile['like']!r} is no profile; there are {', '.join(profiles)}"


def _above(profiles: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The profiles it is like, nearest first; ends where the chain meets itself."""
    seen, chain = {name}, []
    while (name := profiles[name].get("like", "")) in profiles and name not in seen:
        seen.add(name)
        chain.append(profiles[name])
    return chain


def _inherited(profiles: Mapping[str, Any], name: str) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for profile in [*reversed(_above(profiles, name)), profiles[name]]:
        for key, value in profile.items():
            whole[key] = {**whole.get(key, {}), **value} if key in _PARTS else value
    return whole


def _whole_mistakes(profile: Mapping[str, Any], ladders: Mapping[str, Any], at: Path_) -> Iterator[Mistake]:
    """What is missing, and what does not go together, once `like` has been followed."""
    missing = [key for key in _PROFILE if key not in profile]
    missing += [f"{part}.{key}" for part, known in _PARTS.items() for key in known if key not in profile.get(part, {})]
    for key in missing:
        yield at, f'{key} is missing; say it, or `like = "default"`'
    if missing:
        return
    yield from _codec_mistakes(profile, ladders, at)
    for key in ("mono_kbps", "stereo_kbps", "surround_kbps"):
        if 1000 * profile["audio"][key] not in AAC_STEPS:
            steps = ", ".join(str(step // 1000) for step in sorted(AAC_STEPS))
            yield (*at, "audio", key), f"{profile['audio'][key]} is no rate of AAC; there are {steps}"
    tile = profile["thumbnails"]
    if tile["longer_side"] * max(tile["columns"], tile["rows"]) > _LARGEST_TILE:
        yield (*at, "thumbnails"), f"a tile image would be larger than {_LARGEST_TILE} pixels"


def _codec_mistakes(profile: Mapping[str, Any], ladders: Mapping[str, Any], at: Path_) -> Iterator[Mistake]:
    codecs, ladder = profile["codecs"], ladders.get(profile["ladder"])
    if ladder is None:
        yield (*at, "ladder"), f"{profile['ladder']!r} is no ladder; there are {', '.join(ladders) or 'none'}"
        return
    if any(codec not in CODECS for codec in codecs) or any(codecs.count(codec) > 1 for codec in codecs):
        yield (*at, "codecs"), f"should be a list of {', '.join(CODECS)}, each once"
    elif codecs[:1] != ["h264"]:
        yield (*at, "codecs"), "should begin with h264: it is what every player plays"
    for codec in [*codecs, *(["hevc"] if profile["keep_hdr"] else [])]:
        if codec in CODECS and not ladder.get(codec):
            yield (*at, "codecs"), f"the ladder {profile['ladder']} has no rungs for {codec}"
    if profile["per_title"] and (len(codecs) > 1 or profile["keep_hdr"]):
        # "In a job that includes an automated ABR output group, all ABR output groups must use automated ABR", and
        # such a group has one video output.
        yield (*at, "per_title"), "goes with h264 alone: codecs = ['h264'] and keep_hdr = false"


def _ladder_mistakes(ladder: Any, at: Path_) -> Iterator[Mistake]:
    if not isinstance(ladder, dict):
        yield at, "should be a table of codecs"
        return
    yield from _unknown(ladder, dict.fromkeys(CODECS), at)
    for codec in CODECS:
        rungs = ladder.get(codec, [])
        if not isinstance(rungs, list) or not all(isinstance(rung, dict) for rung in rungs):
            yield (*at, codec), "should be a list of rungs"
            continue
        found = [mistake for n, rung in enumerate(rungs) for mistake in _rung_mistakes(rung, codec, (*at, codec, n))]
        yield from found or _order_mistakes(rungs, (*at, codec))


def _rung_mistakes(rung: Mapping[str, Any], codec: str, at: Path_) -> Iterator[Mistake]:
    yield from _unknown(rung, _BOX, at)
    yield from _values(rung, _BOX, at)
    missing = [key for key in _BOX if key not in rung]
    if missing:
        yield at, f"{', '.join(missing)} missing"
    elif not any(_values(rung, _BOX, at)):
        if not re.fullmatch(r"[0-9a-z]{1,16}", rung["name"]):
            yield (*at, "name"), f"{rung['name']!r} should be small letters and digits: it becomes part of file names"
        if rung["width"] < rung["height"] or rung["width"] % 2 or rung["height"] % 2:
            yield at, "width and height should be even, and width not below height: portrait pictures turn the box"
        if -(-rung["width"] // 16) * -(-rung["height"] // 16) > _LARGEST_BLOCKS[codec]:
            yield at, f"{rung['width']}x{rung['height']} is larger than any level of {codec} allows"


def _order_mistakes(rungs: list[Mapping[str, Any]], at: Path_) -> Iterator[Mistake]:
    for number, (better, worse) in enumerate(itertools.pairwise(rungs), 1):
        if worse["width"] >= better["width"] or worse["height"] >= better["height"]:
            yield (*at, number), f"should be smaller than {better['name']}, which stands before it"
        if worse["max_kbps"] > better["max_kbps"]:
            yield (*at, number, "max_kbps"), f"{worse['max_kbps']} is more than {better['name']} has"
        if worse["name"] in {rung["name"] for rung in rungs[:number]}:
            yield (*at, number, "name"), f"{worse['name']!r} is the name of another rung"


# --- from the file to values -----------------------------------------------------------------------------------------


def _profile(name: str, whole: Mapping[str, Any], ladders: Mapping[str, Any]) -> Profile:
    audio, tile = whole["audio"], whole["thumbnails"]
    ladder = ladders[whole["ladder"]]
    return Profile(
        name=name,
        codecs=tuple(whole["codecs"]),
        boxes={codec: tuple(map(_box, ladder[codec])) for codec in CODECS if ladder.get(codec)},
        **{key: whole[key] for key, value in _PROFILE.items() if value.kind is bool},
        sound=Sound(
            languages=audio["languages"],
            stereo_bps=1000 * audio["stereo_kbps"],
            mono_bps=1000 * audio["mono_kbps"],
            surround=audio["surround"],
            surround_bps=1000 * audio["surround_kbps"],
            loudness_lkfs=audio["loudness_lkfs"] or None,
        ),
        thumbnails=Thumbnails(**tile) if tile["every_seconds"] else None,
    )


def _box(rung: Mapping[str, Any]) -> Box:
    return Box(rung["name"], rung["width"], rung["height"], 1000 * rung["max_kbps"], rung["quality"])


# --- where a value stands --------------------------------------------------------------------------------------------

_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_HEADER = re.compile(r"\s*\[([^\[\]]+)\]")
_NO_MATTER = re.compile(r"""("[^"]*"|'[^']*')|#.*""")


def _lines(text: str) -> dict[Path_, int]:
    """Path of each table, key and list item -> its line, counted from 1."""
    found: dict[Path_, int] = {}
    table: Path_ = ()
    key: Path_ = ()
    depth = item = 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = _NO_MATTER.sub(lambda match: "''" if match.group(1) else "", line)
        if depth == 0:
            header, pair = _HEADER.match(line), _KEY.match(line)
            if header:
                table = _names(header.group(1))
                for length in range(1, len(table) + 1):
                    found.setdefault(table[:length], number)
                continue
            if pair:
                key, item = (*table, *_names(pair.group(1))), -1
                for length in range(len(table) + 1, len(key) + 1):
                    found.setdefault(key[:length], number)
        for sign in bare:
            depth += (sign in "[{") - (sign in "]}")
            if sign == "{" and depth == 2:
                item += 1
                found.setdefault((*key, item), number)
        if item >= 0 and depth:
            for name in re.findall(r"([A-Za-z0-9_-]+)\s*=", bare):
                found.setdefault((*key, item, name), number)
    return found


def _names(dotted: str) -> Path_:
    return tuple(name.strip().strip("\"'") for name in dotted.split("."))


def _line(lines: Mapping[Path_, int], path: Path_) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _dotted(path: Path_) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
