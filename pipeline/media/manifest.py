"""Manifests: read MediaConvert's, write ours.

Viewers open two small files of ours beside asset.json. They are MediaConvert's multivariant playlist and MPD with
two changes: every URI points into the immutable folder of one run, and captions are added. That way a late caption
or a roll-back is a new small file, never a new encode. MediaConvert's own media playlists are left untouched.

Sources: RFC 8216 (HLS), ISO/IEC 23009-1 (DASH), IETF draft-pantos-hls-rfc8216bis ("multivariant playlist").
"""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET

MPD_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)')
_URI = re.compile(r'URI="([^"]*)"')
_DURATION = re.compile(r"P(?:(\d+)D)?T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?")


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
    for line, following in zip(lines, [*lines[1:], ""]):
        if not line.startswith("#EXT-X-STREAM-INF:"):
            continue
        attributes = _attributes(line)
        width, _, height = attributes.get("RESOLUTION", "0x0").partition("x")
        if not following or following.startswith("#"):
            raise ManifestBroken(f"no URI after {line!r}")
        found.append(
            Variant(
                uri=following,
                bandwidth_bps=int(attributes.get("BANDWIDTH", "0")),
                average_bps=int(attributes.get("AVERAGE-BANDWIDTH", "0")),
                codecs=attributes.get("CODECS", ""),
                width=int(width),
                height=int(height),
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
            duration = float(line[8:].split(",")[0])
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
    first_variant = next(index for index, line in enumerate(written) if line.startswith("#EXT-X-STREAM-INF:"))
    written[first_variant:first_variant] = [_subtitles(track, folder) for track in captions]
    return "\n".join(written) + "\n"


def dash(mpd: str, folder: str, captions: tuple[CaptionTrack, ...]) -> str:
    """MediaConvert's MPD with a BaseURL of `folder` and one AdaptationSet per caption track."""
    ET.register_namespace("", MPD_NAMESPACE)
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
        f"#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{max(1, round(seconds + 0.5))}\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:{seconds:.3f},\n{vtt_name}\n#EXT-X-ENDLIST\n"
    )


def _subtitles(track: CaptionTrack, folder: str) -> str:
    language = "" if track.language == "und" else f'LANGUAGE="{track.language}",'
    sdh = (
        ',CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"'
        if track.sdh
        else ""
    )
    forced = "YES" if track.forced else "NO"
    return f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",{language}NAME="{track.label}",DEFAULT=NO,AUTOSELECT=YES,FORCED={forced}{sdh},URI="{folder}{track.playlist}"'


def _text_set(track: CaptionTrack) -> ET.Element:
    adaptation = ET.Element(
        _q("AdaptationSet"), {"contentType": "text", "mimeType": "text/vtt", "lang": track.language}
    )
    role = "forced-subtitle" if track.forced else "caption" if track.sdh else "subtitle"
    ET.SubElement(adaptation, _q("Role"), {"schemeIdUri": "urn:mpeg:dash:role:2011", "value": role})
    ET.SubElement(adaptation, _q("Label")).text = track.label
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


def _lines(text: str, name: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != "#EXTM3U":
        raise ManifestBroken(f"{name} does not begin with #EXTM3U")
    return lines


def _attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line.partition(":")[2])}
