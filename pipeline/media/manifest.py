"""Manifests: read MediaConvert's, write ours.

Viewers open two small files of ours beside asset.json. They are MediaConvert's multivariant playlist and MPD with
two changes: every URI points into the immutable folder of one run, and captions are added. That way a late caption
or a roll-back is a new small file, never a new encode. MediaConvert's own media playlists are left untouched.

Sources: RFC 8216 (HLS), ISO/IEC 23009-1 (DASH), IETF draft-pantos-hls-rfc8216bis ("multivariant playlist").
"""

from __future__ import annotations

import dataclasses
import math
import re
import xml.etree.ElementTree as ET

MPD_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')
_URI = re.compile(r'URI="([^"]*)"')
_DURATION = re.compile(r"P(?:(\d{1,9})D)?T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d+)?)S)?")
_SDH_CHARACTERISTICS = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
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
    """One EXT-X-STREAM-INF. bandwidth_bps is the peak; width and height 0 where the playlist does not say."""

    uri: str
    bandwidth_bps: int
    average_bps: int
    codecs: str
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Representation:
    """One Representation of the MPD; width and height 0 for sound."""

    width: int
    height: int
    codecs: str


@dataclasses.dataclass(frozen=True)
class Segment:
    """One media segment; length 0 where the whole file is the segment."""

    uri: str
    duration_s: float


@dataclasses.dataclass(frozen=True)
class MediaPlaylist:
    init: str | None
    segments: tuple[Segment, ...]
    ended: bool

    @property
    def duration_ms(self) -> int:
        return round(1000 * sum(segment.duration_s for segment in self.segments))


def variants(multivariant: str) -> tuple[Variant, ...]:
    lines = _lines(multivariant, "multivariant playlist")
    found = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if not line.startswith("#EXT-X-STREAM-INF:"):
            continue
        attributes = _attributes(line)
        width, _, height = attributes.get("RESOLUTION", "0x0").partition("x")
        size = [_whole(side, line) for side in (width, height)]
        if not following or following.startswith("#"):
            raise ManifestBroken(f"no URI after {line!r}")
        found.append(
            Variant(
                uri=following,
                bandwidth_bps=_whole(attributes.get("BANDWIDTH", "0"), line),
                average_bps=_whole(attributes.get("AVERAGE-BANDWIDTH", "0"), line),
                codecs=attributes.get("CODECS", ""),
                width=size[0],
                height=size[1],
            )
        )
    if not found:
        raise ManifestBroken("the multivariant playlist lists no variant")
    return tuple(found)


def audio_uris(multivariant: str) -> tuple[str, ...]:
    """Media playlists of the sound: EXT-X-MEDIA of TYPE=AUDIO with a URI of its own."""
    media = [
        _attributes(line) for line in _lines(multivariant, "multivariant playlist") if line.startswith("#EXT-X-MEDIA:")
    ]
    return tuple(attributes["URI"] for attributes in media if attributes.get("TYPE") == "AUDIO" and "URI" in attributes)


def media_playlist(text: str, name: str) -> MediaPlaylist:
    init, segments, duration = None, [], None
    ended = False
    for line in _lines(text, name):
        if line.startswith("#EXTINF:"):
            duration = _seconds(line.removeprefix("#EXTINF:").partition(",")[0], name)
        elif line.startswith("#EXT-X-MAP:"):
            init = _attributes(line).get("URI")
        elif line == "#EXT-X-ENDLIST":
            ended = True
        elif not line.startswith("#"):
            if duration is None:
                raise ManifestBroken(f"{name}: segment {line!r} has no EXTINF")
            segments.append(Segment(line, duration))
            duration = None
    if not segments:
        raise ManifestBroken(f"{name} lists no segment")
    return MediaPlaylist(init, tuple(segments), ended)


def mpd_duration_ms(mpd: str) -> int:
    """mediaPresentationDuration in milliseconds."""
    value = _mpd_root(mpd).get("mediaPresentationDuration", "")
    match = _DURATION.fullmatch(value)
    if not match:
        raise ManifestBroken(f"the MPD's mediaPresentationDuration is {value!r}")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return round(1000 * (((days * 24 + hours) * 60 + minutes) * 60 + seconds))


def representations(mpd: str) -> tuple[Representation, ...]:
    """What the MPD offers, picture and sound together. Attributes may stand at the AdaptationSet for all in it."""
    found = []
    for adaptation in _mpd_root(mpd).iter(_q("AdaptationSet")):
        for element in adaptation.iter(_q("Representation")):
            said = {**adaptation.attrib, **element.attrib}
            width, height = (_whole(said.get(name, "0"), f"the MPD's {name}") for name in ("width", "height"))
            found.append(Representation(width, height, said.get("codecs", "")))
    return tuple(found)


def hls(multivariant: str, folder: str, captions: tuple[CaptionTrack, ...]) -> str:
    """MediaConvert's multivariant playlist with every URI below `folder` ("" or "v/<run>/") and our captions."""
    written = []
    for line in _lines(multivariant, "multivariant playlist"):
        if not line.startswith("#"):
            line = folder + line
        elif line.startswith("#EXT-X-STREAM-INF:") and captions:
            line = re.sub(r',SUBTITLES="[^"]*"', "", line) + ',SUBTITLES="captions"'
        if line.startswith("#"):
            line = _URI.sub(lambda match: f'URI="{folder}{match[1]}"', line)
        written.append(line)
    first_variant = [line.startswith("#EXT-X-STREAM-INF:") for line in written]
    if not any(first_variant):
        raise ManifestBroken("the multivariant playlist lists no variant")
    written[first_variant.index(True) : first_variant.index(True)] = [_subtitles(track, folder) for track in captions]
    return "\n".join(written) + "\n"


def dash(mpd: str, folder: str, captions: tuple[CaptionTrack, ...]) -> str:
    """MediaConvert's MPD with a BaseURL of `folder` and one AdaptationSet per caption track."""
    root = _mpd_root(mpd)
    if root.find(_q("BaseURL")) is not None:
        raise ManifestBroken("the MPD already has a BaseURL: the job must leave BaseUrl unset")
    if folder:
        # ISO/IEC 23009-1 wants ProgramInformation, then BaseURL, before everything else.
        position = len(root.findall(_q("ProgramInformation")))
        base = ET.Element(_q("BaseURL"))
        base.text = folder
        root.insert(position, base)
    period = root.find(_q("Period"))
    if period is None:
        raise ManifestBroken("the MPD has no Period")
    for track in captions:
        period.append(_text_set(track))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def caption_playlist(vtt_name: str, duration_ms: int) -> str:
    """A media playlist of one WebVTT segment that lasts as long as the film."""
    seconds = duration_ms / 1000
    return (
        f"#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{max(1, math.ceil(seconds))}\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:{seconds:.3f},\n{vtt_name}\n#EXT-X-ENDLIST\n"
    )


def _subtitles(track: CaptionTrack, folder: str) -> str:
    attributes = {
        "TYPE": "SUBTITLES",
        "GROUP-ID": '"captions"',
        "LANGUAGE": None if track.language == "und" else _quoted(track.language),
        "NAME": _quoted(track.label),
        "DEFAULT": "NO",
        "AUTOSELECT": "YES",
        "FORCED": "YES" if track.forced else "NO",
        "CHARACTERISTICS": _quoted(_SDH_CHARACTERISTICS) if track.sdh else None,
        "URI": _quoted(folder + track.playlist),
    }
    return "#EXT-X-MEDIA:" + ",".join(f"{name}={value}" for name, value in attributes.items() if value)


def _quoted(text: str) -> str:
    """A quoted-string cannot hold a quotation mark or a line break (RFC 8216, 4.2), nor can either be escaped."""
    return '"' + _UNQUOTABLE.sub(" ", text).replace('"', "'") + '"'


def _text_set(track: CaptionTrack) -> ET.Element:
    adaptation = ET.Element(
        _q("AdaptationSet"), {"contentType": "text", "mimeType": "text/vtt", "lang": track.language}
    )
    role = "forced-subtitle" if track.forced else "caption" if track.sdh else "subtitle"
    # The schema's order (RepresentationBaseType, then AdaptationSetType): Label before Role.
    ET.SubElement(adaptation, _q("Label")).text = _UNQUOTABLE.sub(" ", track.label)
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


def _whole(text: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ManifestBroken(f"{text!r} is no number in {where!r}")
    return int(text)


def _seconds(text: str, name: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]*)?", text.strip()):
        raise ManifestBroken(f"{name}: EXTINF of {text!r} seconds")
    return float(text)


def _lines(text: str, name: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != "#EXTM3U":
        raise ManifestBroken(f"{name} does not begin with #EXTM3U")
    return lines


def _attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line.partition(":")[2])}
