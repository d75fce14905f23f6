"""Rules of DASH: ISO/IEC 23009-1 and DASH-IF's Interoperability Points. Each yields what breaks it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from pipeline.media import boxes as named
from tests.lint.hls import FRAME, jpeg_size
from tests.lint.presentation import NAMESPACE, Init, Presentation, fragments, presented, read_init

#: The schema's order of children, as far as these films use them.
CHILDREN = {
    "MPD": ("BaseURL", "Period"),
    "Period": ("BaseURL", "AdaptationSet"),
    "AdaptationSet": (
        "AudioChannelConfiguration", "EssentialProperty", "SupplementalProperty", "Label", "Accessibility", "Role",
        "BaseURL", "SegmentTemplate", "Representation",
    ),
    "Representation": (
        "AudioChannelConfiguration", "EssentialProperty", "SupplementalProperty", "Label", "BaseURL", "SegmentTemplate",
    ),
    "SegmentTemplate": ("SegmentTimeline",),
    "SegmentTimeline": ("S",),
}  # fmt: skip
ATTRIBUTES = {
    "MPD": {"profiles", "type", "mediaPresentationDuration", "minBufferTime"},
    "Period": {"id", "start", "duration"},
    "AdaptationSet": {
        "id", "contentType", "mimeType", "lang", "segmentAlignment", "startWithSAP", "par", "maxWidth", "maxHeight",
        "maxFrameRate",
    },
    "Representation": {
        "id", "bandwidth", "codecs", "width", "height", "sar", "frameRate", "audioSamplingRate",
    },
    "SegmentTemplate": {"timescale", "initialization", "media", "startNumber", "duration", "presentationTimeOffset"},
    "S": {"t", "d", "r"},
    "EssentialProperty": {"schemeIdUri", "value"},
    "SupplementalProperty": {"schemeIdUri", "value"},
    "AudioChannelConfiguration": {"schemeIdUri", "value"},
    "Accessibility": {"schemeIdUri", "value"},
    "Role": {"schemeIdUri", "value"},
}  # fmt: skip


def name_of(element: Any) -> str:
    return element.tag.removeprefix(NAMESPACE)


def elements_are_in_the_schemas_order(film: Presentation) -> Iterator[str]:
    for element in film.mpd.iter():
        known = CHILDREN.get(name_of(element), ())
        names = [name_of(child) for child in element]
        for name in names:
            if name not in known:
                yield f"{name} in {name_of(element)}"
        places = [known.index(name) for name in names if name in known]
        if places != sorted(places):
            yield f"{name_of(element)}: {', '.join(dict.fromkeys(names))} in another order than the schema's"
        unknown = set(element.attrib) - ATTRIBUTES.get(name_of(element), set())
        if unknown:
            yield f"{name_of(element)} with {', '.join(sorted(unknown))}"


def the_mpd_is_static_and_as_long_as_the_film(film: Presentation) -> Iterator[str]:
    if film.mpd.get("type") != "static":
        yield f"type {film.mpd.get('type')}"
    seconds = _seconds(film.mpd.get("mediaPresentationDuration", "PT0S"))
    fact = max(one.playlist.seconds for one in (film.video or film.audio).values())
    if abs(seconds - fact) > FRAME / 2:
        yield f"mediaPresentationDuration {float(seconds):.3f} s, and the film has {float(fact):.3f} s"
    if not film.mpd.get("minBufferTime"):
        yield "no minBufferTime"


def _seconds(duration: str) -> Fraction:
    hours, minutes, seconds = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", duration).groups()
    return Fraction(hours or 0) * 3600 + Fraction(minutes or 0) * 60 + Fraction(seconds or 0)


NEEDED_SET = {
    "video": ("mimeType", "segmentAlignment", "par", "maxWidth", "maxHeight", "maxFrameRate"),
    "audio": ("mimeType", "segmentAlignment", "lang"),
    "text": ("mimeType", "lang"),
    "image": ("mimeType",),
}
NEEDED = {
    "video": ("bandwidth", "codecs", "width", "height", "frameRate", "sar"),
    "audio": ("bandwidth", "codecs", "audioSamplingRate"),
    "text": ("bandwidth",),
    "image": ("bandwidth", "width", "height"),
}


def attributes_are_there(film: Presentation) -> Iterator[str]:
    for adaptation_set in film.sets():
        kind = adaptation_set.get("contentType", "")
        if kind not in NEEDED:
            yield f"AdaptationSet {adaptation_set.get('id')} with contentType {kind or 'missing'}"
            continue
        for element, needed in (
            (adaptation_set, NEEDED_SET[kind]),
            *((r, NEEDED[kind]) for r in shown(adaptation_set)),
        ):
            for name in needed:
                if not element.get(name):
                    yield f"{name_of(element)} {element.get('id')} without {name}"
        if kind == "audio":
            for one in shown(adaptation_set):
                if one.find(f"{NAMESPACE}AudioChannelConfiguration") is None:
                    yield f"Representation {one.get('id')} without AudioChannelConfiguration"


def shown(adaptation_set: Any) -> list[Any]:
    return adaptation_set.findall(f"{NAMESPACE}Representation")


def ids_differ(film: Presentation) -> Iterator[str]:
    for kind in ("AdaptationSet", "Representation"):
        ids = [element.get("id") for element in film.mpd.iter(f"{NAMESPACE}{kind}")]
        if len(set(ids)) < len(ids):
            yield f"the same id twice in the {kind}s {', '.join(map(str, ids))}"


def timelines_are_those_of_the_segments(film: Presentation) -> Iterator[str]:
    """A segment's time is what it presents after the edit list, less the offset (5.3.9.6, and 23000-19, 7.3.2.1)."""
    for one, init, segments in _tracks(film):
        template = one.find(f"{NAMESPACE}SegmentTemplate")
        scale = Fraction(init.timescale, int(template.get("timescale", 1)))
        offset = int(template.get("presentationTimeOffset", 0))
        facts = presented(init, segments)
        claims = [((start - offset) * scale, ticks * scale) for start, ticks in timeline(template)]
        if claims != facts:
            at = next(
                (n for n, (a, b) in enumerate(zip(claims, facts, strict=False)) if a != b), min(len(claims), len(facts))
            )
            yield f"{one.get('id')}: the timeline differs from the segments at entry {at + 1} of {len(facts)}"


def timeline(template: Any) -> list[tuple[int, int]]:
    found, at = [], 0
    for entry in template.iter(f"{NAMESPACE}S"):
        at = int(entry.get("t", at))
        for _ in range(int(entry.get("r", 0)) + 1):
            found.append((at, int(entry.get("d"))))
            at += int(entry.get("d"))
    return found


def _tracks(film: Presentation) -> Iterator[tuple[Any, Init, list[Any]]]:
    """Representations of segments, with what their files say."""
    for kind in ("video", "audio"):
        for adaptation_set in film.sets(kind):
            for one in shown(adaptation_set):
                template = one.find(f"{NAMESPACE}SegmentTemplate")
                init = read_init(film.bytes(film.beside_mpd(template.get("initialization"), template)))
                count = len(timeline(template))
                yield one, init, [fragments(film.bytes(path)) for path in named_segments(film, template, count)]


def named_segments(film: Presentation, template: Any, count: int) -> list[str]:
    first = int(template.get("startNumber", 1))
    before, width, after = re.fullmatch(r"(.*)\$Number(?:%0(\d+)d)?\$(.*)", template.get("media", "")).groups()
    return [
        film.beside_mpd(f"{before}{number:0{width or 1}d}{after}", template) for number in range(first, first + count)
    ]


def every_segment_is_there_and_named(film: Presentation) -> Iterator[str]:
    for adaptation_set in film.sets():
        for one in shown(adaptation_set):
            base = one.find(f"{NAMESPACE}BaseURL")
            if base is not None and film.beside_mpd(base.text, one) not in film.files:
                yield f"{one.get('id')}: {base.text} is not there"
            template = one.find(f"{NAMESPACE}SegmentTemplate")
            if template is not None and timeline(template):
                count = len(timeline(template))
                for path in named_segments(film, template, count):
                    if path not in film.files:
                        yield f"{one.get('id')}: {path} is not there"
                for path in named_segments(film, template, count + 1)[count:]:
                    if path in film.files:
                        yield f"{one.get('id')}: {path} is there and not in the timeline"


def a_set_has_one_codec_and_one_cut(film: Presentation) -> Iterator[str]:
    for adaptation_set in film.sets("video"):
        codecs = {one.get("codecs", "").partition(".")[0] for one in shown(adaptation_set)}
        ranges = set()
        cuts = set()
        for one in shown(adaptation_set):
            template = one.find(f"{NAMESPACE}SegmentTemplate")
            ranges.add(named.video_range(film.bytes(film.beside_mpd(template.get("initialization"), template))))
            timescale = int(template.get("timescale", 1))
            cuts.add(tuple(Fraction(start, timescale) for start, _ in timeline(template)))
        for what, found in (("codecs", codecs), ("ranges", ranges)):
            if len(found) > 1:
                yield f"AdaptationSet {adaptation_set.get('id')}: several {what}: {', '.join(sorted(found))}"
        if len(cuts) > 1:
            yield f"AdaptationSet {adaptation_set.get('id')}: segmentAlignment, and segments begin at different times"


def codecs_and_sizes_are_those_of_the_segments(film: Presentation) -> Iterator[str]:
    for one, init, _ in _tracks(film):
        template = one.find(f"{NAMESPACE}SegmentTemplate")
        fact = named.codec(film.bytes(film.beside_mpd(template.get("initialization"), template)))
        if not named.same_codec(one.get("codecs", ""), fact):
            yield f"{one.get('id')}: codecs {one.get('codecs')}, and it is {fact}"
        if init.kind == "vide" and (one.get("width"), one.get("height")) != (str(init.width), str(init.height)):
            yield f"{one.get('id')}: {one.get('width')}x{one.get('height')}, and it is {init.width}x{init.height}"


def bandwidths_keep_the_buffer_full(film: Presentation) -> Iterator[str]:
    """5.3.5.2: over a line of @bandwidth, from any segment on and after minBufferTime, each is there in time."""
    ahead = _seconds(film.mpd.get("minBufferTime", "PT0S"))
    for one, init, segments in _tracks(film):
        paths = named_segments(film, one.find(f"{NAMESPACE}SegmentTemplate"), len(segments))
        starts = [Fraction(start, init.timescale) for start, _ in presented(init, segments)]
        bits = [len(film.bytes(path)) * 8 for path in paths]
        for first, last in itertools.combinations_with_replacement(range(len(bits)), 2):
            line = int(one.get("bandwidth", 0)) * (starts[last] - starts[first] + ahead)
            if sum(bits[first : last + 1]) > line:
                yield f"{one.get('id')}: bandwidth {one.get('bandwidth')} brings segment {last + 1} too late"
                break


def images_are_grids_to_the_end(film: Presentation) -> Iterator[str]:
    seconds = _seconds(film.mpd.get("mediaPresentationDuration", "PT0S"))
    for adaptation_set in film.sets("image"):
        for one in shown(adaptation_set):
            template, grid = one.find(f"{NAMESPACE}SegmentTemplate"), one.find(f"{NAMESPACE}EssentialProperty")
            if grid is None or grid.get("schemeIdUri") != "http://dashif.org/guidelines/thumbnail_tile":
                yield f"{one.get('id')}: no thumbnail_tile"
                continue
            each = Fraction(int(template.get("duration", 0)), int(template.get("timescale", 1)))
            entries = timeline(template)
            count = len(entries) if entries else -(-seconds // each) if each else 0
            for path in named_segments(film, template, count):
                if path not in film.files:
                    yield f"{one.get('id')}: {path} is not there"
                elif jpeg_size(film.bytes(path)) != (int(one.get("width")), int(one.get("height"))):
                    yield f"{one.get('id')}: {path} is of {jpeg_size(film.bytes(path))}"


def dash_offers_what_hls_offers(film: Presentation) -> Iterator[str]:
    inits = {one.playlist.init for one in film.timed.values()}
    offered = {
        film.beside_mpd(template.get("initialization"), template)
        for template in film.mpd.iter(f"{NAMESPACE}SegmentTemplate")
        if template.get("initialization")
    }
    for path in sorted(str(path) for path in inits ^ offered):
        yield f"{path}: offered by one of HLS and DASH only"
    for kind, tags in (("text", film.media("SUBTITLES")), ("image", film.tags("EXT-X-IMAGE-STREAM-INF"))):
        if len(tags) != len(film.sets(kind)):
            yield f"{len(tags)} of {kind} in HLS, {len(film.sets(kind))} in DASH"
