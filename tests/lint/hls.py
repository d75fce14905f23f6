"""Rules of HLS: RFC 8216bis, and Apple's authoring specification by its numbers. Each yields what breaks it."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction

from pipeline.media import boxes as named
from tests.lint.presentation import Broken, Playlist, Presentation, Rendition, Tag

PACKET = Fraction(1024, 24_000)  # two AAC packets at 48 kHz: how much picture and sound may differ
FRAME = Fraction(1, 24)


def uris_lead_somewhere(film: Presentation) -> Iterator[str]:
    tops = [path for _, path in film.variants]
    tops += [film.beside(tag) for tag in film.multivariant.tags if "URI" in tag.attributes]
    for path in dict.fromkeys(tops):
        if path not in film.files:
            yield f"{path}: named by {film.multivariant_path}, and not there"
            continue
        playlist = film.playlist(path)
        for named_path in dict.fromkeys(
            [*([playlist.init] if playlist.init else []), *(p.path for p in playlist.pieces)]
        ):
            if named_path not in film.files:
                yield f"{named_path}: named by {path}, and not there"


def playlists(film: Presentation) -> list[Playlist]:
    images = [film.playlist(film.beside(tag)) for tag in film.tags("EXT-X-IMAGE-STREAM-INF")]
    return [*(one.playlist for one in film.timed.values()), *film.captions.values(), *i_frame_playlists(film), *images]


def i_frame_playlists(film: Presentation) -> list[Playlist]:
    return [film.playlist(film.beside(tag)) for tag in film.tags("EXT-X-I-FRAME-STREAM-INF")]


# --- media playlists -------------------------------------------------------------------------------------------------


def playlists_are_of_films_on_demand(film: Presentation) -> Iterator[str]:
    for playlist in playlists(film):
        kind = playlist.tag("EXT-X-PLAYLIST-TYPE")
        if kind is None or kind.value != "VOD":
            yield f"{playlist.path}: no EXT-X-PLAYLIST-TYPE:VOD"
        if playlist.tag("EXT-X-ENDLIST") is None:
            yield f"{playlist.path}: no EXT-X-ENDLIST"


def no_wall_clock_in_a_film(film: Presentation) -> Iterator[str]:
    for playlist in playlists(film):
        if playlist.tag("EXT-X-PROGRAM-DATE-TIME"):
            yield f"{playlist.path}: EXT-X-PROGRAM-DATE-TIME, and a film has no hour"


def target_durations_bound_segments(film: Presentation) -> Iterator[str]:
    for playlist in playlists(film):
        longest = max(piece.seconds for piece in playlist.pieces)
        if playlist.target is None:
            yield f"{playlist.path}: no EXT-X-TARGETDURATION"
        elif int(longest + Fraction(1, 2)) > playlist.target:
            yield f"{playlist.path}: a segment of {float(longest):.3f} s over a target duration of {playlist.target}"


def target_durations_are_no_longer_than_needed(film: Presentation) -> Iterator[str]:
    longest = max(piece.seconds for one in film.timed.values() for piece in one.playlist.pieces)
    for one in film.timed.values():
        if one.playlist.target and one.playlist.target > max(1, int(longest + Fraction(1, 2))):
            yield f"{one.playlist.path}: target duration {one.playlist.target} over segments of {float(longest):.3f} s"


def target_durations_agree(film: Presentation) -> Iterator[str]:
    targets = {one.playlist.path: one.playlist.target for one in film.timed.values()}
    if len(set(targets.values())) > 1:
        yield f"different target durations: {targets}"


def durations_are_exact(film: Presentation) -> Iterator[str]:
    for path, one in film.timed.items():
        said = [piece.seconds for piece in one.playlist.pieces]
        frame = Fraction(max(one.segments[0][0].durations), one.init.timescale)
        for number, (claim, fact) in enumerate(zip(said, one.seconds, strict=True), 1):
            if abs(claim - fact) > Fraction(1, 1000):
                yield f"{path}: segment {number} is said to last {float(claim):.6f} s and lasts {float(fact):.6f} s"
        if abs(sum(said) - sum(one.seconds)) > frame:
            yield f"{path}: {float(sum(said)):.6f} s in all, and there are {float(sum(one.seconds)):.6f} s"


def playlists_cover_the_same_time(film: Presentation) -> Iterator[str]:
    longest = max((one.playlist.seconds for one in (film.video or film.audio).values()), default=Fraction(0))
    for playlist in (*(one.playlist for one in film.timed.values()), *film.captions.values()):
        if abs(playlist.seconds - longest) > PACKET:
            yield f"{playlist.path}: {float(playlist.seconds):.3f} s beside {float(longest):.3f} s"


def segments_continue_each_other(film: Presentation) -> Iterator[str]:
    for path, one in film.timed.items():
        expected = 0
        for fragment in itertools.chain.from_iterable(one.segments):
            if fragment.start != expected:
                yield f"{path}: a fragment begins at {fragment.start} where the one before ended at {expected}"
            expected = fragment.start + fragment.duration


def segments_begin_with_key_frames(film: Presentation) -> Iterator[str]:
    for path, one in film.video.items():
        for number, segment in enumerate(one.segments, 1):
            if not segment[0].sync:
                yield f"{path}: segment {number} does not begin with a key frame"


def renditions_are_cut_at_the_same_times(film: Presentation) -> Iterator[str]:
    cuts = {path: [Fraction(start, one.init.timescale) for start in one.starts] for path, one in film.video.items()}
    first = next(iter(cuts.values()), [])
    for path, starts in cuts.items():
        if starts != first:
            yield f"{path}: its segments do not begin where the first variant's do"
    for path, one in film.audio.items():
        starts = [Fraction(start, one.init.timescale) for start in one.starts]
        if first and (
            len(starts) != len(first) or any(abs(a - b) > PACKET for a, b in zip(starts, first, strict=True))
        ):
            yield f"{path}: the sound is not cut where the picture is"


def init_segments_are_named(film: Presentation) -> Iterator[str]:
    for _, path in film.variants:
        if film.playlist(path).tag("EXT-X-MAP") is None:
            yield f"{path}: no EXT-X-MAP"
    for playlist in playlists(film):
        version = int((playlist.tag("EXT-X-VERSION") or Tag("", "1")).value)
        if playlist.init and version < (5 if playlist.tag("EXT-X-I-FRAMES-ONLY") else 6):
            yield f"{playlist.path}: EXT-X-MAP needs a higher EXT-X-VERSION than {version}"


# --- the multivariant playlist ---------------------------------------------------------------------------------------


def segments_are_said_to_be_independent(film: Presentation) -> Iterator[str]:
    if film.multivariant.tag("EXT-X-INDEPENDENT-SEGMENTS") is None:
        yield "no EXT-X-INDEPENDENT-SEGMENTS"


NEEDED = {
    "EXT-X-STREAM-INF": ("BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS"),
    "EXT-X-I-FRAME-STREAM-INF": ("BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION", "VIDEO-RANGE", "URI"),
    "EXT-X-IMAGE-STREAM-INF": ("BANDWIDTH", "CODECS", "RESOLUTION", "URI"),
    "EXT-X-MEDIA": ("TYPE", "GROUP-ID", "NAME", "LANGUAGE"),
}


def attributes_are_there(film: Presentation) -> Iterator[str]:
    for tag in film.multivariant.tags:
        needed = NEEDED.get(tag.name, ())
        if tag.name == "EXT-X-STREAM-INF" and film.rendition(_path_of(film, tag)).init.kind == "vide":
            needed = (*needed, "RESOLUTION", "FRAME-RATE", "VIDEO-RANGE")
        for name in needed:
            if not tag.attributes.get(name):
                yield f"{tag.name} without {name}: {tag.value}"


def _path_of(film: Presentation, wanted: Tag) -> str:
    return next(path for tag, path in film.variants if tag is wanted)


def pictures_are_as_large_and_fast_as_said(film: Presentation) -> Iterator[str]:
    for tag, path in film.variants:
        one = film.rendition(path)
        if one.init.kind != "vide":
            continue
        size = f"{one.init.width}x{one.init.height}"
        if tag.attributes.get("RESOLUTION") != size:
            yield f"{path}: RESOLUTION {tag.attributes.get('RESOLUTION')}, and the picture is {size}"
        durations = [ticks for segment in one.segments for fragment in segment for ticks in fragment.durations]
        rate = Fraction(len(durations) * one.init.timescale, sum(durations))
        claim = Fraction(tag.attributes.get("FRAME-RATE", "0"))
        if abs(rate - claim) > Fraction(1, 100):
            yield f"{path}: FRAME-RATE {float(claim)}, and there are {float(rate):.3f} frames a second"
        if rate > Fraction(601, 10):
            yield f"{path}: {float(rate):.2f} frames a second are more than 60"


def codecs_are_those_of_the_segments(film: Presentation) -> Iterator[str]:
    for tag, path in film.variants:
        claims = tag.attributes.get("CODECS", "").split(",")
        members = [film.rendition(path), *_group(film, tag, "AUDIO")]
        for one in members:
            fact = named.codec(film.bytes(one.playlist.init or ""))
            if not any(named.same_codec(claim, fact) for claim in claims):
                yield f"{path}: CODECS {','.join(claims)} leave out {fact} of {one.playlist.path}"
        facts = {named.codec(film.bytes(one.playlist.init or "")) for one in members}
        for claim in claims:
            if claim not in ("wvtt",) and not any(named.same_codec(claim, fact) for fact in facts):
                yield f"{path}: CODECS name {claim}, and nothing is in it"


def parameter_sets_are_in_the_init_segments(film: Presentation) -> Iterator[str]:
    for path, one in film.video.items():
        if one.init.entry not in ("avc1", "hvc1", "av01"):
            yield f"{path}: sample entry {one.init.entry}"


def video_ranges_are_those_of_the_segments(film: Presentation) -> Iterator[str]:
    for tag, path in film.variants:
        one = film.rendition(path)
        claim = tag.attributes.get("VIDEO-RANGE")
        if one.init.kind == "vide" and claim != named.video_range(film.bytes(one.playlist.init or "")):
            yield f"{path}: VIDEO-RANGE {claim} is not what the init segment says"


def _group(film: Presentation, variant: Tag, kind: str) -> list[Rendition]:
    group = variant.attributes.get(kind)
    return [film.rendition(film.beside(tag)) for tag in film.media(kind, group)] if group else []


def measured_peak(sizes: Sequence[int], seconds: Sequence[Fraction], target: int) -> Fraction:
    """RFC 8216bis: the largest rate of any run of segments that lasts between 0.5 and 1.5 target durations."""
    rates = []
    for first, last in itertools.combinations_with_replacement(range(len(sizes)), 2):
        length = sum(seconds[first : last + 1])
        if target / 2 <= length <= target * Fraction(3, 2):
            rates.append(sum(sizes[first : last + 1]) * 8 / length)
    return max(rates, default=sum(sizes) * 8 / sum(seconds))


def _parts(film: Presentation, variant: Tag, path: str) -> list[list[tuple[list[int], list[Fraction]]]]:
    """Bytes and seconds of what plays together: for the picture and each of its groups, every member."""
    groups = [[film.rendition(path)], _group(film, variant, "AUDIO")]
    if groups[0] == groups[1][:1]:
        groups = groups[1:]
    parts = [[(list(one.sizes), one.seconds) for one in group] for group in groups if group]
    texts = [
        film.playlist(film.beside(tag)) for tag in film.media("SUBTITLES", variant.attributes.get("SUBTITLES", ""))
    ]
    if texts:
        parts.append([([len(film.bytes(p.path)) for p in t.pieces], [p.seconds for p in t.pieces]) for t in texts])
    return parts


def bandwidths_are_the_peaks(film: Presentation) -> Iterator[str]:
    for tag, path in film.variants:
        target = film.playlist(path).target or 0
        parts = _parts(film, tag, path)
        fact = sum(max(measured_peak(*one, target) for one in group) for group in parts)
        yield from _off(path, "BANDWIDTH", tag, fact)
    for tag in film.tags("EXT-X-I-FRAME-STREAM-INF"):
        playlist = film.playlist(film.beside(tag))
        sizes = [piece.byte_range[1] for piece in playlist.pieces if piece.byte_range]
        fact = measured_peak(sizes, [piece.seconds for piece in playlist.pieces], playlist.target or 0)
        yield from _off(playlist.path, "BANDWIDTH", tag, fact)


def average_bandwidths_are_the_averages(film: Presentation) -> Iterator[str]:
    for tag, path in film.variants:
        fact = sum(max(sum(sizes) * 8 / sum(seconds) for sizes, seconds in group) for group in _parts(film, tag, path))
        yield from _off(path, "AVERAGE-BANDWIDTH", tag, fact)
        if int(tag.attributes.get("AVERAGE-BANDWIDTH", 0)) > int(tag.attributes.get("BANDWIDTH", 0)):
            yield f"{path}: AVERAGE-BANDWIDTH above BANDWIDTH"


def _off(path: str, name: str, tag: Tag, fact: Fraction) -> Iterator[str]:
    claim = int(tag.attributes.get(name, 0))
    if abs(claim - fact) > fact / 100:  # Apple allows a tenth
        yield f"{path}: {name} {claim}, measured {int(fact)}"


def groups_are_there(film: Presentation) -> Iterator[str]:
    for tag, path in film.variants:
        for kind in ("AUDIO", "SUBTITLES"):
            group = tag.attributes.get(kind)
            if group and not film.media(kind, group):
                yield f"{path}: {kind} {group} has no EXT-X-MEDIA"


def names_differ_and_one_is_the_default(film: Presentation) -> Iterator[str]:
    for kind, group in dict.fromkeys(
        (t.attributes["TYPE"], t.attributes.get("GROUP-ID")) for t in film.tags("EXT-X-MEDIA")
    ):
        members = [tag.attributes for tag in film.media(kind, group)]
        names = [member.get("NAME") for member in members]
        if len(set(names)) < len(names):
            yield f"{kind} {group}: the same NAME twice in {names}"
        defaults = [member for member in members if member.get("DEFAULT") == "YES"]
        if len(defaults) > 1 or (kind == "AUDIO" and not defaults):
            yield f"{kind} {group}: {len(defaults)} of {len(members)} are the default"
        if any(member.get("AUTOSELECT") != "YES" for member in defaults):
            yield f"{kind} {group}: a default that is not AUTOSELECT"


def groups_correspond(film: Presentation) -> Iterator[str]:
    groups: dict[str, dict[tuple[str | None, str | None], str]] = {}
    for tag in film.media("AUDIO"):
        about = tag.attributes
        members = groups.setdefault(about.get("GROUP-ID", ""), {})
        members[about.get("NAME"), about.get("LANGUAGE")] = f"{about.get('DEFAULT')} {about.get('AUTOSELECT')}"
    first = next(iter(groups.values()), {})
    for group, members in groups.items():
        for name, defaults in members.items():
            if name in first and first[name] != defaults:
                yield f"AUDIO {group}: {name[0]} is DEFAULT and AUTOSELECT {defaults}, in the first group {first[name]}"


def channels_are_counted(film: Presentation) -> Iterator[str]:
    counts = set()
    for tag in film.media("AUDIO"):
        one = film.rendition(film.beside(tag))
        counts.add(one.init.channels)
        if tag.attributes.get("CHANNELS", "").partition("/")[0] != str(one.init.channels):
            yield f"{one.playlist.path}: CHANNELS {tag.attributes.get('CHANNELS')}, and there are {one.init.channels}"
    if counts and min(counts) > 2:
        yield "no sound in mono or stereo"


def sounds_skip_their_priming(film: Presentation) -> Iterator[str]:
    for path, one in film.audio.items():
        if one.init.entry == "mp4a" and one.init.skipped != 1024:
            yield f"{path}: the edit list skips {one.init.skipped} samples, and the encoder put 1024 before the sound"


def captions_in_pictures_are_announced(film: Presentation) -> Iterator[str]:
    for tag, path in film.variants:
        if tag.attributes.get("CLOSED-CAPTIONS") != "NONE":
            continue
        if any(b"GA94\x03" in film.bytes(piece.path) for piece in film.playlist(path).pieces):
            yield f"{path}: CLOSED-CAPTIONS=NONE, and there are captions in the pictures"


# --- I-frames and images ---------------------------------------------------------------------------------------------


def i_frames_have_playlists(film: Presentation) -> Iterator[str]:
    if film.video and not film.tags("EXT-X-I-FRAME-STREAM-INF"):
        yield "no EXT-X-I-FRAME-STREAM-INF"
    ranges = {tag.attributes.get("VIDEO-RANGE") for tag in film.tags("EXT-X-I-FRAME-STREAM-INF")}
    if ranges and "SDR" not in ranges:
        yield "no I-frames in SDR"
    for playlist in i_frame_playlists(film):
        if playlist.tag("EXT-X-I-FRAMES-ONLY") is None:
            yield f"{playlist.path}: no EXT-X-I-FRAMES-ONLY"


def every_i_frame_is_listed(film: Presentation) -> Iterator[str]:
    by_init = {one.playlist.init: one for one in film.video.values()}
    for playlist in i_frame_playlists(film):
        one = by_init.get(playlist.init)
        if one is None:
            continue
        pieces = zip(one.playlist.pieces, one.segments, strict=True)
        facts = {
            (piece.path, fragment.offset, fragment.data_at + fragment.sizes[0])
            for piece, segment in pieces
            for fragment in segment
            if fragment.sync
        }
        claims = {(piece.path, *(piece.byte_range or (0, 0))) for piece in playlist.pieces}
        for path, offset, length in sorted(facts - claims):
            yield f"{playlist.path}: the I-frame at {offset}, {length} bytes, of {path} is not listed"
        for path, offset, length in sorted(claims - facts):
            yield f"{playlist.path}: {length} bytes at {offset} of {path} are no I-frame"


def i_frames_cover_the_film(film: Presentation) -> Iterator[str]:
    longest = max((one.playlist.seconds for one in film.video.values()), default=Fraction(0))
    for playlist in i_frame_playlists(film):
        if abs(playlist.seconds - longest) > FRAME:
            yield f"{playlist.path}: I-frames for {float(playlist.seconds):.3f} s of {float(longest):.3f} s"


def images_are_grids_to_the_end(film: Presentation) -> Iterator[str]:
    longest = max((one.playlist.seconds for one in film.video.values()), default=Fraction(0))
    for tag in film.tags("EXT-X-IMAGE-STREAM-INF"):
        playlist = film.playlist(film.beside(tag))
        if playlist.tag("EXT-X-IMAGES-ONLY") is None:
            yield f"{playlist.path}: no EXT-X-IMAGES-ONLY"
        if abs(playlist.seconds - longest) > FRAME:
            yield f"{playlist.path}: images for {float(playlist.seconds):.3f} s of {float(longest):.3f} s"
        for piece in playlist.pieces:
            yield from _image(film, piece.path, piece.tag("EXT-X-TILES"), tag)


def _image(film: Presentation, path: str, tiles: Tag | None, stream: Tag) -> Iterator[str]:
    if tiles is None:
        yield f"{path}: no EXT-X-TILES before it"
        return
    about = tiles.attributes
    width, height = (int(side) for side in about["RESOLUTION"].split("x"))
    columns, rows = (int(count) for count in about["LAYOUT"].split("x"))
    if about["RESOLUTION"] != stream.attributes.get("RESOLUTION"):
        yield f"{path}: thumbnails of {about['RESOLUTION']}, announced as {stream.attributes.get('RESOLUTION')}"
    if jpeg_size(film.bytes(path)) != (width * columns, height * rows):
        yield f"{path}: {jpeg_size(film.bytes(path))} is not {columns}x{rows} of {width}x{height}"


def jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if kind in (0xC0, 0xC2):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    raise Broken("no JPEG")


# --- captions --------------------------------------------------------------------------------------------------------


def captions_have_a_timestamp_map(film: Presentation) -> Iterator[str]:
    for playlist in film.captions.values():
        for piece in playlist.pieces:
            lines = film.bytes(piece.path).decode().splitlines()
            if not lines or not lines[0].startswith("WEBVTT"):
                yield f"{piece.path}: does not begin with WEBVTT"
            elif not any(line.startswith("X-TIMESTAMP-MAP=") for line in lines[1:3]):
                yield f"{piece.path}: no X-TIMESTAMP-MAP"


def cues_are_in_their_segments(film: Presentation) -> Iterator[str]:
    for playlist in film.captions.values():
        start = Fraction(0)
        for piece in playlist.pieces:
            end = start + piece.seconds
            for line in film.bytes(piece.path).decode().splitlines():
                if "-->" in line:
                    begins, ends = (_seconds(time) for time in line.split("-->"))
                    if begins >= end + FRAME or ends <= start - FRAME:
                        yield f"{piece.path}: a cue at {float(begins):.3f} s in a segment from {float(start):.3f} s"
            start = end


def _seconds(time: str) -> Fraction:
    parts = [Fraction(part) for part in time.split()[0].split(":")]
    return sum((part * 60**place for place, part in enumerate(reversed(parts))), Fraction(0))


SDH = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"


def captions_for_the_deaf_are_marked(film: Presentation) -> Iterator[str]:
    for tag in film.media("SUBTITLES"):
        marks = tag.attributes.get("CHARACTERISTICS", "")
        if marks and marks != SDH:
            yield f"{tag.attributes.get('NAME')}: CHARACTERISTICS {marks}"
        if marks and tag.attributes.get("AUTOSELECT") != "YES":
            yield f"{tag.attributes.get('NAME')}: captions for the deaf that are not AUTOSELECT"
        if tag.attributes.get("FORCED") == "YES" and tag.attributes.get("AUTOSELECT") != "YES":
            yield f"{tag.attributes.get('NAME')}: FORCED without AUTOSELECT"


# --- CMAF ------------------------------------------------------------------------------------------------------------


def tracks_are_cmaf(film: Presentation) -> Iterator[str]:
    for path, one in film.timed.items():
        if not one.init.brands & {"cmfc", "cmf2"}:
            yield f"{path}: the init segment is of {', '.join(sorted(one.init.brands))}"
        for piece, segment in zip(one.playlist.pieces, one.segments, strict=True):
            data = film.bytes(piece.path)
            if data[4:8] != b"styp" or b"cmfs" not in data[8 : int.from_bytes(data[:4])]:
                yield f"{piece.path}: no styp with cmfs"
            if not all(fragment.default_base_is_moof for fragment in segment):
                yield f"{piece.path}: offsets that do not begin at the moof"
