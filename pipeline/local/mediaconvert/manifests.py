"""Write manifests: the HLS playlists and the MPD over one set of segments, as text.

In: finished tracks (cmaf.Track) and what the plan says about them. Out: file name -> text. Pure. Names and URIs are
MediaConvert's: `<base>.m3u8`, `<base>.mpd`, `<name>.m3u8`, `<name>_I-Frame.m3u8`, `<name>init.cmfv`,
`<name>_000000001.cmfv` (`.cmfa` for audio, `.vtt` for captions, `.jpg` for images), all beside each other, so every URI
is relative.

To the letter of RFC 8216bis: BANDWIDTH is the highest rate over any run of segments between half and one and a half
target durations, with the audio that plays along; AVERAGE-BANDWIDTH is the true average. Durations are exact.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pipeline.local.mediaconvert.cmaf import Segment, Track
from pipeline.local.mediaconvert.planned import AudioRendition, CaptionRendition, CmafGroup, Tiles, VideoRendition

HLS_VERSION = 7  # EXT-X-MAP in a playlist without EXT-X-I-FRAMES-ONLY needs 6; 7 is what packagers write for CMAF


@dataclasses.dataclass(frozen=True)
class PackagedVideo:
    rendition: VideoRendition
    track: Track


@dataclasses.dataclass(frozen=True)
class PackagedAudio:
    rendition: AudioRendition
    track: Track


@dataclasses.dataclass(frozen=True)
class PackagedTiles:
    rendition: Tiles
    track: Track  # of whole images: its width and height are theirs


@dataclasses.dataclass(frozen=True)
class PackagedCaptions:
    rendition: CaptionRendition
    track: Track


Packaged = PackagedVideo | PackagedAudio
EXTENSIONS = {"video": "cmfv", "audio": "cmfa", "image": "jpg", "text": "vtt"}
CAPTIONS_GROUP = "subs"
UNKNOWN = "und"  # Apple's authoring specification 8.10 and DASH-IF ask for a language in any case
SDH = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"


def extension(track: Track) -> str:
    return track.extension or EXTENSIONS[track.kind]


def init_name(name: str, track: Track) -> str:
    return f"{name}init.{extension(track)}"


def segment_name(name: str, track: Track, number: int) -> str:
    return f"{name}_{number:09d}.{extension(track)}"


def i_frame_playlist_name(name: str) -> str:
    return f"{name}_I-Frame.m3u8"


def manifests(
    group: CmafGroup,
    video: Sequence[PackagedVideo],
    audio: Sequence[PackagedAudio],
    tiles: Sequence[PackagedTiles] = (),
    captions: Sequence[PackagedCaptions] = (),
) -> dict[str, str]:
    """Every manifest of a group by file name, the ones that name others last."""
    files: dict[str, str] = {}
    if group.hls:
        target = target_duration([item.track for item in (*video, *audio)])
        for item in (*video, *audio):
            files[f"{item.rendition.name}.m3u8"] = media_playlist(item.rendition.name, item.track, target)
        for item in video:
            if item.rendition.i_frame_playlist:
                files[i_frame_playlist_name(item.rendition.name)] = i_frame_playlist(item.rendition.name, item.track)
        for item in tiles:
            files[f"{item.rendition.name}.m3u8"] = image_playlist(item)
        for item in captions:
            files[f"{item.rendition.name}.m3u8"] = caption_playlist(item, target)
        files[f"{group.base}.m3u8"] = multivariant_playlist(video, audio, target, tiles, captions)
    if group.dash:
        files[f"{group.base}.mpd"] = mpd(group, video, audio, tiles, captions)
    return files


# --- rates -----------------------------------------------------------------------------------------------------------


def target_duration(tracks: Sequence[Track]) -> int:
    """The longest segment of all playlists, rounded to the nearest second (a half goes up), at least 1."""
    longest = [Fraction(max(segment.duration for segment in track.segments), track.timescale) for track in tracks]
    return max(1, *map(_round, longest))


def _round(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def average_rate(track: Track) -> int:
    seconds = Fraction(sum(segment.duration for segment in track.segments), track.timescale)
    return int(track.size * 8 / seconds)


def peak_rate(track: Track, target: int) -> int:
    """RFC 8216bis 4.4.6.2: the largest bit rate of any contiguous segments lasting 0.5 to 1.5 target durations."""
    return _peak([(segment.size, segment.duration) for segment in track.segments], track.timescale, target)


def _peak(pieces: Sequence[tuple[int, int]], timescale: int, target: int) -> int:
    """`pieces` are bytes and ticks. Where not one run is long enough: the average, rounded up."""
    best, shortest, longest = 0, target * timescale / 2, target * timescale * 3 / 2
    for first in range(len(pieces)):
        size = ticks = 0
        for piece in itertools.islice(pieces, first, None):
            size, ticks = size + piece[0], ticks + piece[1]
            if ticks > longest:
                break
            if ticks >= shortest:
                best = max(best, -(-size * 8 * timescale // ticks))
    return best or -(-sum(size for size, _ in pieces) * 8 * timescale // sum(ticks for _, ticks in pieces))


def output_detail(track: Track) -> dict[str, Any]:
    """What outputGroupDetails says of it."""
    detail: dict[str, Any] = {"durationInMs": round(track.duration * 1000)}
    if track.kind == "video":
        detail["videoDetails"] = {
            "widthInPx": track.width,
            "heightInPx": track.height,
            "averageBitrate": average_rate(track),
        }
    return detail


# --- HLS -------------------------------------------------------------------------------------------------------------


def media_playlist(name: str, track: Track, target: int) -> str:
    lines = [*_playlist_head(target), "#EXT-X-INDEPENDENT-SEGMENTS", _map(name, track)]
    for segment in track.segments:
        lines.append(f"#EXTINF:{decimal(Fraction(segment.duration, track.timescale))},")
        lines.append(quote(segment_name(name, track, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def i_frame_playlist(name: str, track: Track) -> str:
    lines = [*_playlist_head(_i_frame_target(track)), "#EXT-X-I-FRAMES-ONLY", _map(name, track)]
    for segment in track.segments:
        for frame in segment.i_frames:
            lines.append(f"#EXTINF:{decimal(Fraction(frame.duration, track.timescale))},")
            lines.append(f"#EXT-X-BYTERANGE:{frame.size}@{frame.offset}")
            lines.append(quote(segment_name(name, track, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _i_frame_target(track: Track) -> int:
    longest = max(frame.duration for segment in track.segments for frame in segment.i_frames)
    return max(1, _round(Fraction(longest, track.timescale)))


def caption_playlist(
    item: PackagedCaptions, target: int, name_of: Callable[[str, Track, int], str] | None = None
) -> str:
    """As many segments as the picture has, to the end of the film and not of the last cue."""
    name, track = item.rendition.name, item.track
    lines = _playlist_head(target)
    for segment in track.segments:
        lines.append(f"#EXTINF:{decimal(Fraction(segment.duration, track.timescale))},")
        lines.append(quote((name_of or segment_name)(name, track, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def image_playlist(item: PackagedTiles, name_of: Callable[[str, Track, int], str] | None = None) -> str:
    """By Roku's Image Media Playlist 0.4, which MediaConvert's images follow: RESOLUTION is one thumbnail's, and
    EXT-X-TILES belongs to the image after it, so that each has its own. The last image ends with the film."""
    tiles, track = item.rendition, item.track
    width, height = tiles.picture.frame
    about = f"RESOLUTION={width}x{height},LAYOUT={tiles.columns}x{tiles.rows}"
    lines = [*_playlist_head(target_duration([track])), "#EXT-X-IMAGES-ONLY"]
    for segment in track.segments:
        seconds = Fraction(segment.duration, track.timescale)
        each = seconds if tiles.by_segment else tiles.every_seconds
        lines.append(f"#EXTINF:{decimal(seconds)},")
        lines.append(f"#EXT-X-TILES:{about},DURATION={decimal(each)}")
        lines.append(quote((name_of or segment_name)(tiles.name, track, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _playlist_head(target: int) -> list[str]:
    return [
        "#EXTM3U",
        f"#EXT-X-VERSION:{HLS_VERSION}",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:1",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]


def _map(name: str, track: Track) -> str:
    return f'#EXT-X-MAP:URI="{quote(init_name(name, track))}"'


def multivariant_playlist(
    video: Sequence[PackagedVideo],
    audio: Sequence[PackagedAudio],
    target: int,
    tiles: Sequence[PackagedTiles] = (),
    captions: Sequence[PackagedCaptions] = (),
) -> str:
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{HLS_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    alone = [item for item in audio if item.rendition.variant]
    audio = [item for item in audio if not item.rendition.variant]
    lines += [*_media_lines(audio), *_caption_lines(captions)]
    for item in video:
        groups = item.rendition.audio_groups or tuple(dict.fromkeys(a.rendition.group_id for a in audio)) or (None,)
        for group_id in groups:
            playing = [a for a in audio if a.rendition.group_id == group_id]
            lines += _variant(item, playing, group_id, target, captions)
    if not video:
        lines += _audio_only_variants(audio, target, captions)
    for item in alone:
        lines += _sound_variant([item], item, None, target, captions)
    lines += [_i_frame_variant(item) for item in video if item.rendition.i_frame_playlist]
    lines += [_image_variant(item) for item in tiles]
    return "\n".join([*lines, ""])


def _distinct(labels: Sequence[str]) -> Iterator[str]:
    """NAMEs in a group must differ."""
    seen: set[str] = set()
    for label in map(clean, labels):
        name, number = label, 2
        while name in seen:
            name, number = f"{label} {number}", number + 1
        seen.add(name)
        yield name


def _caption_lines(captions: Sequence[PackagedCaptions]) -> Iterator[str]:
    labels = _distinct([item.rendition.label for item in captions])
    for item, label in zip(captions, labels, strict=True):
        rendition = item.rendition
        attributes = [f'TYPE=SUBTITLES,GROUP-ID="{CAPTIONS_GROUP}"']
        attributes += [f'LANGUAGE="{rendition.language or UNKNOWN}"']
        attributes += [f'NAME="{label}",DEFAULT={_yes(rendition.default)},AUTOSELECT=YES,FORCED=NO']
        attributes += [f'CHARACTERISTICS="{SDH}"'] if rendition.accessibility else []
        yield "#EXT-X-MEDIA:" + ",".join([*attributes, f'URI="{quote(rendition.name)}.m3u8"'])


def _media_lines(audio: Sequence[PackagedAudio]) -> Iterator[str]:
    """RFC 8216bis 4.4.6.1.1: the members of all groups correspond, with the same attributes but for what the encoding
    decides. A job may name one default only, so what is the default in one group is in the others, too."""
    groups: dict[str, list[PackagedAudio]] = {}
    for item in audio:
        groups.setdefault(item.rendition.group_id, []).append(item)
    chosen = {_identity(item) for item in audio if item.rendition.default}
    for group_id, members in groups.items():
        default = next((item for item in members if _identity(item) in chosen), None)
        labels = _distinct([item.rendition.label for item in members])
        for item, label in zip(members, labels, strict=True):
            rendition = item.rendition
            yield "#EXT-X-MEDIA:" + ",".join([
                f'TYPE=AUDIO,GROUP-ID="{clean(group_id)}"',
                f'LANGUAGE="{rendition.language or UNKNOWN}",NAME="{label}"',
                f"DEFAULT={_yes(item is default)},AUTOSELECT={_yes(rendition.autoselect or item is default)}",
                f'CHANNELS="{item.track.channels}",URI="{quote(rendition.name)}.m3u8"',
            ])  # fmt: skip


def _identity(item: PackagedAudio) -> tuple[str | None, str]:
    return item.rendition.language, item.rendition.label


def _variant(
    item: PackagedVideo,
    audio: Sequence[PackagedAudio],
    group_id: str | None,
    target: int,
    captions: Sequence[PackagedCaptions],
) -> list[str]:
    track, rendition = item.track, item.rendition
    peak, average = _rates([[item], audio, captions], target)
    codecs = ",".join(dict.fromkeys([track.codec, *(a.track.codec for a in audio)]))
    attributes = [
        f"BANDWIDTH={peak}",
        f"AVERAGE-BANDWIDTH={average}",
        f'CODECS="{codecs}"',
        f"RESOLUTION={track.width}x{track.height}",
        f"FRAME-RATE={float(rendition.frame_rate):.3f}",
        f"VIDEO-RANGE={rendition.video_range}",
        *([f'AUDIO="{clean(group_id)}"'] if audio else []),
        *([f'SUBTITLES="{CAPTIONS_GROUP}"'] if captions else []),
        "CLOSED-CAPTIONS=NONE",  # true: the encoder is told to drop the captions inside the pictures
    ]
    return ["#EXT-X-STREAM-INF:" + ",".join(attributes), f"{quote(rendition.name)}.m3u8"]


def _rates(playing: Sequence[Sequence[Packaged | PackagedCaptions]], target: int) -> tuple[int, int]:
    """BANDWIDTH and AVERAGE-BANDWIDTH of what plays together: one of each group, and the largest of each counts."""
    tracks = [[item.track for item in group] for group in playing if group]
    peak = sum(max(peak_rate(track, target) for track in group) for group in tracks)
    average = sum(max(average_rate(track) for track in group) for group in tracks)
    return max(peak, average), average


def _audio_only_variants(
    audio: Sequence[PackagedAudio], target: int, captions: Sequence[PackagedCaptions]
) -> Iterator[str]:
    for group_id in dict.fromkeys(item.rendition.group_id for item in audio):
        members = [item for item in audio if item.rendition.group_id == group_id]
        first = next((item for item in members if item.rendition.default), members[0])
        yield from _sound_variant(members, first, group_id, target, captions)


def _sound_variant(
    members: Sequence[PackagedAudio],
    first: PackagedAudio,
    group_id: str | None,
    target: int,
    captions: Sequence[PackagedCaptions],
) -> list[str]:
    peak, average = _rates([members, captions], target)
    attributes = [
        f"BANDWIDTH={peak}",
        f"AVERAGE-BANDWIDTH={average}",
        f'CODECS="{first.track.codec}"',
        *([f'AUDIO="{clean(group_id)}"'] if group_id else []),
        *([f'SUBTITLES="{CAPTIONS_GROUP}"'] if captions else []),
    ]
    return ["#EXT-X-STREAM-INF:" + ",".join(attributes), f"{quote(first.rendition.name)}.m3u8"]


def _i_frame_variant(item: PackagedVideo) -> str:
    track, rendition = item.track, item.rendition
    frames = [(frame.size, frame.duration) for segment in track.segments for frame in segment.i_frames]
    peak = _peak(frames, track.timescale, _i_frame_target(track))
    average = sum(size for size, _ in frames) * 8 * track.timescale // sum(ticks for _, ticks in frames)
    attributes = [
        f"BANDWIDTH={max(peak, average)}",
        f"AVERAGE-BANDWIDTH={average}",
        f'CODECS="{track.codec}"',
        f"RESOLUTION={track.width}x{track.height}",
        f"VIDEO-RANGE={rendition.video_range}",
        f'URI="{quote(i_frame_playlist_name(rendition.name))}"',
    ]
    return "#EXT-X-I-FRAME-STREAM-INF:" + ",".join(attributes)


def _image_variant(item: PackagedTiles) -> str:
    width, height = item.rendition.picture.frame
    peak = peak_rate(item.track, target_duration([item.track]))
    return (
        f'#EXT-X-IMAGE-STREAM-INF:BANDWIDTH={peak},RESOLUTION={width}x{height},CODECS="jpeg",'
        f'URI="{quote(item.rendition.name)}.m3u8"'
    )


def decimal(value: Fraction) -> str:
    """Seconds with up to six decimals, without trailing zeros: 4, 4.004, 3.336667."""
    return f"{float(value):.6f}".rstrip("0").rstrip(".")


def clean(text: str) -> str:
    """Text for a quoted attribute, which can hold neither quotes nor line ends."""
    return " ".join(text.replace('"', "'").split())


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


# --- DASH ------------------------------------------------------------------------------------------------------------


def mpd(
    group: CmafGroup,
    video: Sequence[PackagedVideo],
    audio: Sequence[PackagedAudio],
    tiles: Sequence[PackagedTiles] = (),
    captions: Sequence[PackagedCaptions] = (),
) -> str:
    duration = decimal(max(item.track.duration for item in (video or audio)))
    buffer = group.minimum_buffer_seconds or target_duration([item.track for item in (*video, *audio)])
    root = ElementTree.Element(
        "MPD",
        {
            "xmlns": "urn:mpeg:dash:schema:mpd:2011",
            "profiles": "urn:mpeg:dash:profile:isoff-main:2011",
            "type": "static",
            "mediaPresentationDuration": f"PT{duration}S",
            "minBufferTime": f"PT{buffer}S",
        },
    )
    period = ElementTree.SubElement(root, "Period", {"id": "1", "start": "PT0S", "duration": f"PT{duration}S"})
    period.extend(_video_set(group, alike, buffer) for alike in _switchable(video))
    period.extend(_audio_set(item, group, buffer) for item in audio)
    period.extend(map(_caption_set, captions))
    period.extend(map(_image_set, tiles))
    for number, adaptation_set in enumerate(period, 1):
        adaptation_set.set("id", str(number))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _adaptation_set(kind: str, **more: str) -> Element:
    fixed = {"id": "", "contentType": kind, "mimeType": f"{kind}/mp4"}
    return Element("AdaptationSet", {**fixed, "segmentAlignment": "true", "startWithSAP": "1", **more})


def _switchable(video: Sequence[PackagedVideo]) -> list[list[PackagedVideo]]:
    """A player switches within an AdaptationSet: one codec, one dynamic range."""
    sets: dict[tuple[str, str], list[PackagedVideo]] = {}
    for item in video:
        sets.setdefault((item.track.codec.partition(".")[0], item.rendition.video_range), []).append(item)
    return list(sets.values())


# ISO/IEC 23091-2: primaries, transfer and matrix of BT.2100, which DASH-IF's IOP signals so.
_CICP = {"PQ": (9, 16, 9), "HLG": (9, 18, 9)}
_CICP_NAMES = ("ColourPrimaries", "TransferCharacteristics", "MatrixCoefficients")


def _video_set(group: CmafGroup, video: Sequence[PackagedVideo], buffer: int) -> Element:
    largest = max((item.track for item in video), key=lambda track: track.width * track.height)
    shape = Fraction(largest.width, largest.height)
    adaptation_set = _adaptation_set(
        "video",
        par=f"{shape.numerator}:{shape.denominator}",
        maxWidth=str(max(item.track.width for item in video)),
        maxHeight=str(max(item.track.height for item in video)),
        maxFrameRate=_rate(max(item.rendition.frame_rate for item in video)),
    )
    video_range = video[0].rendition.video_range
    for name, value in zip(_CICP_NAMES, _CICP.get(video_range, ()), strict=False):
        described = {"schemeIdUri": f"urn:mpeg:mpegB:cicp:{name}", "value": str(value)}
        # HLG is watchable by who knows nothing of it; PQ is not.
        kind = "EssentialProperty" if video_range == "PQ" else "SupplementalProperty"
        ElementTree.SubElement(adaptation_set, kind, described)
    for item in video:
        track, rendition = item.track, item.rendition
        representation = _representation(rendition.name, track, _bandwidth(group, track, rendition.max_bitrate, buffer))
        size = {"width": str(track.width), "height": str(track.height)}
        representation.attrib |= size | {"sar": "1:1", "frameRate": _rate(rendition.frame_rate)}
        representation.append(_template(rendition.name, track))
        adaptation_set.append(representation)
    return adaptation_set


def _audio_set(item: PackagedAudio, group: CmafGroup, buffer: int) -> Element:
    track, rendition = item.track, item.rendition
    adaptation_set = _adaptation_set("audio", lang=rendition.language or UNKNOWN)
    # The schema's order: the label, then the role.
    ElementTree.SubElement(adaptation_set, "Label").text = clean(rendition.label)
    role = {"schemeIdUri": "urn:mpeg:dash:role:2011", "value": "main" if rendition.default else "alternate"}
    ElementTree.SubElement(adaptation_set, "Role", role)
    representation = _representation(rendition.name, track, _bandwidth(group, track, None, buffer))
    representation.set("audioSamplingRate", str(track.timescale))
    scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
    channels = {"schemeIdUri": scheme, "value": str(track.channels)}
    ElementTree.SubElement(representation, "AudioChannelConfiguration", channels)
    representation.append(_template(rendition.name, track))
    adaptation_set.append(representation)
    return adaptation_set


def _caption_set(item: PackagedCaptions) -> Element:
    """One WebVTT file for the whole film. The role or the accessibility mark is what MediaConvert's API reference says
    of WebvttDestinationSettings.Accessibility."""
    rendition = item.rendition
    attributes = {"id": "", "contentType": "text", "mimeType": "text/vtt", "lang": rendition.language or UNKNOWN}
    adaptation_set = Element("AdaptationSet", attributes)
    ElementTree.SubElement(adaptation_set, "Label").text = clean(rendition.label)
    role = {"schemeIdUri": "urn:mpeg:dash:role:2011"}
    if rendition.accessibility:
        ElementTree.SubElement(adaptation_set, "Accessibility", {**role, "value": "caption"})
    else:
        ElementTree.SubElement(adaptation_set, "Role", {**role, "value": "subtitle"})
    rate = str(max(1, average_rate(item.track)))
    representation = ElementTree.SubElement(
        adaptation_set, "Representation", {"id": quote(rendition.name), "bandwidth": rate}
    )
    ElementTree.SubElement(representation, "BaseURL").text = f"{quote(rendition.name)}.vtt"
    return adaptation_set


def _image_set(item: PackagedTiles) -> Element:
    """DASH-IF IOP 6.2.6: images of one length each in a grid; width and height are the whole image's."""
    tiles, track = item.rendition, item.track
    fixed = {"id": "", "contentType": "image", "mimeType": "image/jpeg"}
    peak = peak_rate(track, target_duration([track]))
    shape = {"id": quote(tiles.name), "bandwidth": str(peak), "width": str(track.width), "height": str(track.height)}
    representation = Element("Representation", shape)
    grid = {"schemeIdUri": "http://dashif.org/guidelines/thumbnail_tile", "value": f"{tiles.columns}x{tiles.rows}"}
    ElementTree.SubElement(representation, "EssentialProperty", grid)
    names = {
        "timescale": str(track.timescale),
        "media": f"{quote(tiles.name)}_$Number%09d$.jpg",
        "startNumber": "1",
    }
    durations = {segment.duration for segment in track.segments[:-1]} or {_full_length(tiles, track)}
    if len(durations) == 1:
        ElementTree.SubElement(representation, "SegmentTemplate", {**names, "duration": str(durations.pop())})
    else:  # one for each video segment, which are not of one length
        template = ElementTree.SubElement(representation, "SegmentTemplate", names)
        ElementTree.SubElement(template, "SegmentTimeline").extend(_timeline(track.segments))
    adaptation_set = Element("AdaptationSet", fixed)
    adaptation_set.append(representation)
    return adaptation_set


def _full_length(tiles: Tiles, track: Track) -> int:
    return round(tiles.every_seconds * tiles.columns * tiles.rows * track.timescale)


def _representation(name: str, track: Track, bandwidth: int) -> Element:
    return Element("Representation", {"id": quote(name), "bandwidth": str(bandwidth), "codecs": track.codec})


def _bandwidth(group: CmafGroup, track: Track, maximum: int | None, buffer: int) -> int:
    """As MpdManifestBandwidthType says; what DASH means by bandwidth when it says nothing."""
    if group.bandwidth_in_mpd == "AVERAGE":
        return average_rate(track)
    if group.bandwidth_in_mpd == "MAX" and maximum:
        return maximum
    return sustained_rate(track, buffer)


def sustained_rate(track: Track, buffer: int) -> int:
    """ISO/IEC 23009-1, 5.3.5.2: the least rate at which, from any segment on, all come in time for a player that begins
    when it has waited `buffer` seconds. By bisection, since one look at a rate is one pass over the segments."""
    low, high = 0, 8 * track.size * track.timescale
    while low + 1 < high:
        rate = (low + high) // 2
        low, high = (low, rate) if _sustains(track, buffer, rate) else (rate, high)
    return high


def _sustains(track: Track, buffer: int, rate: int) -> bool:
    """Bits from segment i to k are at most rate * (start of k - start of i + buffer), for all i and k."""
    sent, least = 0, None
    for segment in track.segments:
        ahead = sent - rate * segment.start
        least = ahead if least is None else min(least, ahead)
        sent += segment.size * 8 * track.timescale
        if sent - rate * segment.start - least > rate * buffer * track.timescale:
            return False
    return True


def _template(name: str, track: Track) -> Element:
    template = Element(
        "SegmentTemplate",
        {
            "timescale": str(track.timescale),
            "initialization": quote(init_name(name, track)),
            "media": f"{quote(name)}_$Number%09d$.{extension(track)}",
            "startNumber": "1",
        },
    )
    ElementTree.SubElement(template, "SegmentTimeline").extend(_timeline(track.segments))
    return template


def _timeline(segments: Sequence[Segment]) -> Iterator[Element]:
    at = 0
    while at < len(segments):
        same = at + 1
        while same < len(segments) and segments[same].duration == segments[at].duration:
            same += 1
        repeat = {"r": str(same - at - 1)} if same - at > 1 else {}
        yield Element("S", {"t": str(segments[at].start), "d": str(segments[at].duration), **repeat})
        at = same


def _rate(rate: Fraction) -> str:
    return f"{rate.numerator}/{rate.denominator}" if rate.denominator > 1 else str(rate.numerator)
