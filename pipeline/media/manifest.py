"""Manifests: read MediaConvert's, write ours.

Viewers open two small files of ours beside asset.json. They are MediaConvert's multivariant playlist and MPD with
two changes: every URI points into the immutable folder of one run, and captions are added. That way a late caption
or a roll-back is a new small file, never a new encode. MediaConvert's own media playlists are left untouched. Two
things are added where the encoder left them out and a player would guess wrong: VIDEO-RANGE of an HDR variant, and
CLOSED-CAPTIONS=NONE where the pictures carry none (without it Apple's players offer a track that is not there).

What can go wrong: a text that is no manifest, or lacks what a player needs (ManifestBroken, naming the line).

Sources: RFC 8216 (HLS), ISO/IEC 23009-1 (DASH), IETF draft-pantos-hls-rfc8216bis ("multivariant playlist"), Image
Media Playlist 0.4 (EXT-X-IMAGE-STREAM-INF, EXT-X-TILES), DASH-IF IOP 4.3 section 6.2.6 (tiles), ETSI TS 103 285
(accessibility of captions).
"""

from __future__ import annotations

import dataclasses
import math
import posixpath
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

MPD_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')
_URI = re.compile(r'(?<=[:,])URI="([^"]*)"')
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|/")
_CAPTION_GROUP = "captions"
_DURATION = re.compile(r"P(?:(\d{1,9})D)?T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d+)?)S)?")
_SDH_CHARACTERISTICS = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
#: ETSI TS 103 285 (DVB-DASH): captions for the hard of hearing, in TV-Anytime's scheme.
_HARD_OF_HEARING = ("urn:tva:metadata:cs:AudioPurposeCS:2007", "2")
_AFTER_BASE_URL = {
    f"{{{MPD_NAMESPACE}}}{tag}" for tag in ("SegmentBase", "SegmentList", "SegmentTemplate", "Representation")
}
_UNQUOTABLE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")

# Prefixes are the reader's comfort: without these ElementTree would call them ns0 and ns1.
ET.register_namespace("", MPD_NAMESPACE)
ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")
ET.register_namespace("cenc", "urn:mpeg:cenc:2013")


class ManifestBroken(ValueError):
    """A manifest does not say what a player needs; the message says what is missing and where."""


@dataclasses.dataclass(frozen=True)
class CaptionTrack:
    """A caption rendition. Paths are relative to the run's folder. language is BCP 47, "und" where unknown."""

    language: str
    label: str
    vtt: str
    playlist: str
    forced: bool = False
    sdh: bool = False


@dataclasses.dataclass(frozen=True)
class Variant:
    """One EXT-X-STREAM-INF. bandwidth_bps is the peak; 0 and "" stand for what the playlist does not say.

    A picture that may play with several groups of sound is listed once for each.
    """

    uri: str
    bandwidth_bps: int
    average_bps: int
    codecs: str
    width: int
    height: int
    frame_rate: float = 0.0
    video_range: str = ""
    audio: str = ""


@dataclasses.dataclass(frozen=True)
class Media:
    """One EXT-X-MEDIA: kind is AUDIO, SUBTITLES, CLOSED-CAPTIONS or VIDEO; channels 0 where it does not say."""

    kind: str
    group: str
    name: str
    language: str
    uri: str | None
    default: bool
    forced: bool
    channels: int
    characteristics: str


@dataclasses.dataclass(frozen=True)
class Multivariant:
    """What a multivariant playlist offers; i_frames and images are the URIs of playlists for fast winding."""

    variants: tuple[Variant, ...]
    media: tuple[Media, ...]
    i_frames: tuple[str, ...]
    images: tuple[str, ...]

    def of_kind(self, kind: str) -> tuple[Media, ...]:
        """Renditions with a playlist of their own; one without is inside the variants' own segments."""
        return tuple(media for media in self.media if media.kind == kind and media.uri)


@dataclasses.dataclass(frozen=True)
class Representation:
    """One Representation of the MPD; kind is video, audio, image or text; width and height 0 for sound and text."""

    width: int
    height: int
    codecs: str
    kind: str = "video"


@dataclasses.dataclass(frozen=True)
class Segment:
    """One media segment; first and length in bytes, length 0 where the whole file is the segment."""

    uri: str
    duration_s: float
    first: int = 0
    length: int = 0


@dataclasses.dataclass(frozen=True)
class Tiles:
    """How thumbnails lie in the images of a playlist; seconds is how long one thumbnail stands for."""

    width: int
    height: int
    columns: int
    rows: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class MediaPlaylist:
    init: str | None
    segments: tuple[Segment, ...]
    ended: bool
    tiles: Tiles | None = None

    @property
    def duration_ms(self) -> int:
        return round(1000 * sum(segment.duration_s for segment in self.segments))


def multivariant(text: str) -> Multivariant:
    """Read a multivariant playlist. Raises ManifestBroken."""
    name = "multivariant playlist"
    lines = _lines(text, name)
    variants, media, i_frames, images = [], [], [], []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        tag = line.partition(":")[0]
        if tag == "#EXT-X-STREAM-INF":
            if not following or following.startswith("#"):
                raise ManifestBroken(f"no URI after {line!r}")
            variants.append(_variant(following, line))
        elif tag == "#EXT-X-MEDIA":
            media.append(_media(line))
        elif tag in ("#EXT-X-I-FRAME-STREAM-INF", "#EXT-X-IMAGE-STREAM-INF"):
            uri = _attributes(line).get("URI")
            if not uri:
                raise ManifestBroken(f"no URI in {line!r}")
            (i_frames if tag.startswith("#EXT-X-I-FRAME") else images).append(uri)
    if not variants:
        raise ManifestBroken(f"the {name} lists no variant")
    return Multivariant(tuple(variants), tuple(media), tuple(i_frames), tuple(images))


def _variant(uri: str, line: str) -> Variant:
    attributes = _attributes(line)
    width, height = _size(attributes.get("RESOLUTION", "0x0"), line)
    return Variant(
        uri=uri,
        bandwidth_bps=_whole(attributes.get("BANDWIDTH", "0"), line),
        average_bps=_whole(attributes.get("AVERAGE-BANDWIDTH", "0"), line),
        codecs=attributes.get("CODECS", ""),
        width=width,
        height=height,
        frame_rate=_seconds(attributes.get("FRAME-RATE", "0"), line),
        video_range=attributes.get("VIDEO-RANGE", ""),
        audio=attributes.get("AUDIO", ""),
    )


def _media(line: str) -> Media:
    attributes = _attributes(line)
    channels = attributes.get("CHANNELS", "0").partition("/")[0]  # "16/JOC": objects have no number of their own
    return Media(
        kind=attributes.get("TYPE", ""),
        group=attributes.get("GROUP-ID", ""),
        name=attributes.get("NAME", ""),
        language=attributes.get("LANGUAGE", ""),
        uri=attributes.get("URI") or None,
        default=attributes.get("DEFAULT") == "YES",
        forced=attributes.get("FORCED") == "YES",
        channels=_whole(channels, line),
        characteristics=attributes.get("CHARACTERISTICS", ""),
    )


def media_playlist(text: str, name: str) -> MediaPlaylist:
    """Read a media playlist: of segments, of I-frames (parts of segments) or of images. Raises ManifestBroken."""
    init, tiles, segments, duration = None, None, [], None
    ended = False
    part = (0, 0)
    previous = ("", 0)
    for line in _lines(text, name):
        if line.startswith("#EXTINF:"):
            duration = _seconds(line.removeprefix("#EXTINF:").partition(",")[0], name)
        elif line.startswith("#EXT-X-BYTERANGE:"):
            part = _range(line.removeprefix("#EXT-X-BYTERANGE:"), name, previous[1])
        elif line.startswith("#EXT-X-MAP:"):
            init = _attributes(line).get("URI")
        elif line.startswith("#EXT-X-TILES:"):
            tiles = _tiles(line, name)
        elif line == "#EXT-X-ENDLIST":
            ended = True
        elif not line.startswith("#"):
            if duration is None:
                raise ManifestBroken(f"{name}: segment {line!r} has no EXTINF")
            segments.append(Segment(line, duration, *part))
            previous = (line, sum(part))
            duration, part = None, (0, 0)
    if not segments:
        raise ManifestBroken(f"{name} lists no segment")
    return MediaPlaylist(init, tuple(segments), ended, tiles)


def _range(text: str, name: str, after: int) -> tuple[int, int]:
    """(first byte, length) of "length@first"; without a first byte it follows the range before it."""
    length, _, first = text.strip().partition("@")
    return (_whole(first, name) if first else after), _whole(length, name)


def _tiles(line: str, name: str) -> Tiles:
    attributes = _attributes(line)
    width, height = _size(attributes.get("RESOLUTION", "0x0"), name)
    columns, rows = _size(attributes.get("LAYOUT", "1x1"), name)
    if not columns * rows:
        raise ManifestBroken(f"{name}: a layout without tiles in {line!r}")
    return Tiles(width, height, columns, rows, _seconds(attributes.get("DURATION", "0"), name))


def mpd_duration_ms(mpd: str) -> int:
    """mediaPresentationDuration in milliseconds."""
    value = _mpd_root(mpd).get("mediaPresentationDuration", "")
    match = _DURATION.fullmatch(value)
    if not match:
        raise ManifestBroken(f"the MPD's mediaPresentationDuration is {value!r}")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return round(1000 * (((days * 24 + hours) * 60 + minutes) * 60 + seconds))


def representations(mpd: str) -> tuple[Representation, ...]:
    """What the MPD offers of every kind. Attributes may stand at the AdaptationSet for all in it."""
    found = []
    for adaptation in _mpd_root(mpd).iter(_q("AdaptationSet")):
        for element in adaptation.iter(_q("Representation")):
            said = {**adaptation.attrib, **element.attrib}
            width, height = (_whole(said.get(name, "0"), f"the MPD's {name}") for name in ("width", "height"))
            found.append(Representation(width, height, said.get("codecs", ""), _kind(said, width)))
    return tuple(found)


def _kind(said: dict[str, str], width: int) -> str:
    """contentType, else the first half of mimeType; captions in MP4 and TTML are "application/..."."""
    kind = said.get("contentType") or said.get("mimeType", "").partition("/")[0]
    return {"application": "text", "": "video" if width else "audio"}.get(kind, kind)


def hls(
    multivariant: str,
    folder: str,
    captions: tuple[CaptionTrack, ...],
    video_ranges: Mapping[str, str] | None = None,
    closed_captions: bool = True,
) -> str:
    """A multivariant playlist with every URI below `folder` ("", "v/<run>/" or "../<run>/") and our captions.

    video_ranges: PQ or HLG by variant URI, written where the variant does not say it. closed_captions False: no
    picture carries any, and every variant says so. MediaConvert's own WebVTT renditions and ours become one group,
    because a variant can name only one. Raises ManifestBroken.
    """
    lines = _lines(multivariant, "multivariant playlist")
    has_text = bool(captions) or any(_is_subtitles(line) for line in lines)
    taken = [_attributes(line).get("NAME", "") for line in lines if _is_subtitles(line)]
    written = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if not line.startswith("#"):
            line = _below(folder, line)
        elif line.startswith("#EXT-X-STREAM-INF:"):
            line = _stream_inf(line, has_text, (video_ranges or {}).get(following, ""), closed_captions)
        elif _is_subtitles(line):
            line = re.sub(r'GROUP-ID="[^"]*"', f'GROUP-ID="{_CAPTION_GROUP}"', line)
        if line.startswith("#"):
            line = _URI.sub(lambda match: f'URI="{_below(folder, match[1])}"', line)
        written.append(line)
    is_variant = [line.startswith("#EXT-X-STREAM-INF:") for line in written]
    if not any(is_variant):
        raise ManifestBroken("the multivariant playlist lists no variant")
    first = is_variant.index(True)
    written[first:first] = [_subtitles(track, folder, taken) for track in captions]
    return "\n".join(written) + "\n"


def _stream_inf(line: str, has_text: bool, video_range: str, closed_captions: bool) -> str:
    if has_text:
        line = re.sub(r',SUBTITLES="[^"]*"', "", line) + f',SUBTITLES="{_CAPTION_GROUP}"'
    attributes = _attributes(line)
    if video_range and "VIDEO-RANGE" not in attributes:
        line += f",VIDEO-RANGE={video_range}"
    if closed_captions:
        return line
    return re.sub(r',CLOSED-CAPTIONS=(?:"[^"]*"|NONE)', "", line) + ",CLOSED-CAPTIONS=NONE"


def _is_subtitles(line: str) -> bool:
    return line.startswith("#EXT-X-MEDIA:") and _attributes(line).get("TYPE") == "SUBTITLES"


def _below(folder: str, uri: str) -> str:
    """A relative URI, seen from where `folder` lies: v/one/ and ../two/a.m3u8 are v/two/a.m3u8."""
    if _ABSOLUTE.match(uri):
        return uri
    joined = folder + uri
    if "../" not in uri:
        return joined
    return posixpath.normpath(joined) + ("/" if joined.endswith("/") else "")


def dash(mpd: str, folder: str, captions: tuple[CaptionTrack, ...], pictures: str = "") -> str:
    """MediaConvert's MPD, or one of ours, with every URI below `folder` and one AdaptationSet per caption track.

    pictures: where all that the MPD names lies, seen from `folder`, when an update uses an earlier run's pictures. Then
    each AdaptationSet has a BaseURL of its own, because captions lie elsewhere; else one BaseURL serves them all.
    """
    root = _mpd_root(mpd)
    if root.find(_q("BaseURL")) is not None:
        raise ManifestBroken("the MPD already has a BaseURL: the job must leave BaseUrl unset")
    period = root.find(_q("Period"))
    if period is None:
        raise ManifestBroken("the MPD has no Period")
    if pictures:
        _move_each(period, pictures)
    for track in captions:
        period.append(_text_set(track))
    if folder and any(adaptation.find(_q("BaseURL")) is not None for adaptation in _adaptations(period)):
        _move_each(period, folder)
    elif folder:
        # ISO/IEC 23009-1 wants ProgramInformation, then BaseURL, before everything else.
        root.insert(len(root.findall(_q("ProgramInformation"))), _base_url(folder))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _move_each(period: ET.Element, folder: str) -> None:
    for adaptation in _adaptations(period):
        there = adaptation.find(_q("BaseURL"))
        if there is not None:
            there.text = _below(folder, there.text or "")
            continue
        # The schema's order: what describes the set, then BaseURL, then its segments and Representations.
        position = next((n for n, child in enumerate(adaptation) if child.tag in _AFTER_BASE_URL), len(adaptation))
        adaptation.insert(position, _base_url(folder))


def _adaptations(period: ET.Element) -> list[ET.Element]:
    return period.findall(_q("AdaptationSet"))


def _base_url(folder: str) -> ET.Element:
    element = ET.Element(_q("BaseURL"))
    element.text = folder
    return element


def caption_playlist(vtt_name: str, duration_ms: int) -> str:
    """A media playlist of one WebVTT segment that lasts as long as the film.

    One, because DASH and the page read the same file whole, and a film's words are a hundred kilobytes. RFC 8216
    section 6.2.4 lets subtitles have a target duration of their own where the playlist is of type VOD.
    """
    seconds = duration_ms / 1000
    return (
        f"#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{max(1, math.ceil(seconds))}\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:{seconds:.3f},\n{vtt_name}\n#EXT-X-ENDLIST\n"
    )


def _subtitles(track: CaptionTrack, folder: str, taken: list[str]) -> str:
    """One EXT-X-MEDIA. Names in a group must differ (RFC 8216, 4.3.4.1.1); taken grows by the one used."""
    name, number = _quotable(track.label), 1
    while name in taken:
        number += 1
        name = f"{_quotable(track.label)} {number}"
    taken.append(name)
    attributes = {
        "TYPE": "SUBTITLES",
        "GROUP-ID": f'"{_CAPTION_GROUP}"',
        "LANGUAGE": None if track.language == "und" else _quoted(track.language),
        "NAME": _quoted(name),
        "DEFAULT": "NO",
        "AUTOSELECT": "YES",
        "FORCED": "YES" if track.forced else "NO",
        "CHARACTERISTICS": _quoted(_SDH_CHARACTERISTICS) if track.sdh else None,
        "URI": _quoted(folder + track.playlist),
    }
    return "#EXT-X-MEDIA:" + ",".join(f"{name}={value}" for name, value in attributes.items() if value)


def _quoted(text: str) -> str:
    """A quoted-string cannot hold a quotation mark or a line break (RFC 8216, 4.2), nor can either be escaped."""
    return f'"{_quotable(text)}"'


def _quotable(text: str) -> str:
    return _UNQUOTABLE.sub(" ", text).replace('"', "'")


def _text_set(track: CaptionTrack) -> ET.Element:
    adaptation = ET.Element(
        _q("AdaptationSet"), {"contentType": "text", "mimeType": "text/vtt", "lang": track.language}
    )
    role = "forced-subtitle" if track.forced else "caption" if track.sdh else "subtitle"
    # The schema's order (RepresentationBaseType, then AdaptationSetType): Label, Accessibility, Role.
    ET.SubElement(adaptation, _q("Label")).text = _UNQUOTABLE.sub(" ", track.label)
    if track.sdh:
        ET.SubElement(
            adaptation, _q("Accessibility"), {"schemeIdUri": _HARD_OF_HEARING[0], "value": _HARD_OF_HEARING[1]}
        )
    ET.SubElement(adaptation, _q("Role"), {"schemeIdUri": "urn:mpeg:dash:role:2011", "value": role})
    representation = ET.SubElement(
        adaptation,
        _q("Representation"),
        {"id": track.vtt.rsplit("/", 1)[-1].removesuffix(".vtt") + "-captions", "bandwidth": "256"},
    )
    ET.SubElement(representation, _q("BaseURL")).text = track.vtt
    return adaptation


def _q(tag: str) -> str:
    return f"{{{MPD_NAMESPACE}}}{tag}"


def _mpd_root(mpd: str) -> ET.Element:
    # The text is our own encoder's, not an uploader's; a document type is still refused, entities can grow.
    if "<!DOCTYPE" in mpd:
        raise ManifestBroken("the MPD carries a document type")
    try:
        root = ET.fromstring(mpd)
    except ET.ParseError as error:
        raise ManifestBroken(f"the MPD is no XML: {error}") from error
    if root.tag != _q("MPD"):
        raise ManifestBroken(f"the MPD's root element is {root.tag}")
    return root


def _size(text: str, where: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return _whole(width, where), _whole(height, where)


def _whole(text: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ManifestBroken(f"{text!r} is no number in {where!r}")
    return int(text)


def _seconds(text: str, name: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]*)?", text.strip()):
        raise ManifestBroken(f"{name}: {text!r} is no time in seconds")
    return float(text)


def _lines(text: str, name: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != "#EXTM3U":
        raise ManifestBroken(f"{name} does not begin with #EXTM3U")
    return lines


def _attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line.partition(":")[2])}
