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
from collections.abc import Iterator, Sequence
from fractions import Fraction
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
SDH = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"


def extension(track: Track) -> str:
    return EXTENSIONS[track.kind]


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
    return max(1, *(_round(Fraction(s.duration, track.timescale)) for track in tracks for s in track.segments))


def _round(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def average_rate(track: Track) -> int:
    seconds = Fraction(sum(segment.duration for segment in track.segments), track.timescale)
    return int(track.size * 8 / seconds)


def peak_rate(track: Track, target: int) -> int:
    """RFC 8216bis 4.4.6.2: the largest bit rate of any contiguous segments lasting 0.5 to 1.5 target durations."""
    best = Fraction(0)
    sizes = [segment.size * 8 for segment in track.segments]
    seconds = [Fraction(segment.duration, track.timescale) for segment in track.segments]
    for first in range(len(sizes)):
        bits, length = 0, Fraction(0)
        for at in range(first, len(sizes)):
            bits, length = bits + sizes[at], length + seconds[at]
            if length > target * Fraction(3, 2):
                break
            if length >= target * Fraction(1, 2):
                best = max(best, bits / length)
    return -(-best.numerator // best.denominator) if best else average_rate(track) + 1


# --- HLS -------------------------------------------------------------------------------------------------------------


def media_playlist(name: str, track: Track, target: int) -> str:
    lines = [*_playlist_head(target), "#EXT-X-INDEPENDENT-SEGMENTS", _map(name, track)]
    for segment in track.segments:
        lines.append(f"#EXTINF:{decimal(_presented(segment, track))},")
        lines.append(quote(segment_name(name, track, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _presented(segment: Segment, track: Track) -> Fraction:
    """The first audio segment holds the priming, which is not played."""
    return Fraction(segment.duration - (track.priming if segment.number == 1 else 0), track.timescale)


def i_frame_playlist(name: str, track: Track) -> str:
    longest = max(Fraction(frame.duration, track.timescale) for segment in track.segments for frame in segment.i_frames)
    lines = [*_playlist_head(max(1, _round(longest))), "#EXT-X-I-FRAMES-ONLY", _map(name, track)]
    for segment in track.segments:
        for frame in segment.i_frames:
            lines.append(f"#EXTINF:{decimal(Fraction(frame.duration, track.timescale))},")
            lines.append(f"#EXT-X-BYTERANGE:{frame.size}@{frame.offset}")
            lines.append(quote(segment_name(name, track, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def caption_playlist(item: PackagedCaptions, target: int) -> str:
    """As many segments as the picture has, to the end of the film and not of the last cue."""
    name, track = item.rendition.name, item.track
    lines = _playlist_head(target)
    for segment in track.segments:
        lines.append(f"#EXTINF:{decimal(Fraction(segment.duration, track.timescale))},")
        lines.append(quote(segment_name(name, track, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def image_playlist(item: PackagedTiles) -> str:
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
        lines.append(quote(segment_name(tiles.name, track, segment.number)))
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
    lines += [*_media_lines(audio), *_caption_lines(captions)]
    for item in video:
        groups = item.rendition.audio_groups or tuple(dict.fromkeys(a.rendition.group_id for a in audio)) or (None,)
        for group_id in groups:
            playing = [a for a in audio if a.rendition.group_id == group_id]
            lines += _variant(item, playing, group_id, target, captions)
    if not video:
        lines += _audio_only_variants(audio, target, captions)
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
        attributes += [f'LANGUAGE="{rendition.language}"'] if rendition.language else []
        attributes += [f'NAME="{label}",DEFAULT={_yes(rendition.default)},AUTOSELECT=YES,FORCED=NO']
        attributes += [f'CHARACTERISTICS="{SDH}"'] if rendition.accessibility else []
        yield "#EXT-X-MEDIA:" + ",".join([*attributes, f'URI="{quote(rendition.name)}.m3u8"'])


def _media_lines(audio: Sequence[PackagedAudio]) -> Iterator[str]:
    names: dict[str, Iterator[str]] = {}
    for group_id in dict.fromkeys(item.rendition.group_id for item in audio):
        names[group_id] = _distinct([a.rendition.label for a in audio if a.rendition.group_id == group_id])
    defaults: set[str] = set()
    for item in audio:
        rendition = item.rendition
        label = next(names[rendition.group_id])
        default = rendition.default and rendition.group_id not in defaults
        if default:
            defaults.add(rendition.group_id)
        attributes = [f'TYPE=AUDIO,GROUP-ID="{clean(rendition.group_id)}"']
        attributes += [f'LANGUAGE="{rendition.language}"'] if rendition.language else []
        attributes += [f'NAME="{label}"', f"DEFAULT={_yes(default)}", f"AUTOSELECT={_yes(rendition.autoselect)}"]
        attributes += [f'CHANNELS="{item.track.channels}"', f'URI="{quote(rendition.name)}.m3u8"']
        yield "#EXT-X-MEDIA:" + ",".join(attributes)


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
        peak, average = _rates([members, captions], target)
        first = next((item for item in members if item.rendition.default), members[0])
        yield (
            f"#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},"
            f'CODECS="{first.track.codec}",AUDIO="{clean(group_id)}"'
            + (f',SUBTITLES="{CAPTIONS_GROUP}"' if captions else "")
        )
        yield f"{quote(first.rendition.name)}.m3u8"


def _i_frame_variant(item: PackagedVideo) -> str:
    track = item.track
    frames = [frame for segment in track.segments for frame in segment.i_frames]
    seconds = Fraction(sum(frame.duration for frame in frames), track.timescale)
    peak = max(-(-frame.size * 8 * track.timescale // frame.duration) for frame in frames)
    average = int(sum(frame.size for frame in frames) * 8 / seconds)
    return (
        f'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS="{track.codec}",'
        f'RESOLUTION={track.width}x{track.height},VIDEO-RANGE={item.rendition.video_range},URI="{quote(i_frame_playlist_name(item.rendition.name))}"'
    )


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
    if video:
        period.append(_video_set(group, video))
    period.extend(_audio_set(number, item, group) for number, item in enumerate(audio, 2))
    period.extend(_caption_set(number, item) for number, item in enumerate(captions, 2 + len(audio)))
    period.extend(_image_set(number, item) for number, item in enumerate(tiles, 2 + len(audio) + len(captions)))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _adaptation_set(number: int, kind: str, **more: str) -> Element:
    fixed = {"id": str(number), "contentType": kind, "mimeType": f"{kind}/mp4"}
    return Element("AdaptationSet", {**fixed, "segmentAlignment": "true", "startWithSAP": "1", **more})


def _video_set(group: CmafGroup, video: Sequence[PackagedVideo]) -> Element:
    adaptation_set = _adaptation_set(
        1,
        "video",
        maxWidth=str(max(item.track.width for item in video)),
        maxHeight=str(max(item.track.height for item in video)),
        maxFrameRate=_rate(max(item.rendition.frame_rate for item in video)),
    )
    for item in video:
        track, rendition = item.track, item.rendition
        representation = _representation(rendition.name, track, _bandwidth(group, track, rendition.max_bitrate))
        size = {"width": str(track.width), "height": str(track.height)}
        representation.attrib |= size | {"sar": "1:1", "frameRate": _rate(rendition.frame_rate)}
        representation.append(_template(rendition.name, track))
        adaptation_set.append(representation)
    return adaptation_set


def _audio_set(number: int, item: PackagedAudio, group: CmafGroup) -> Element:
    track, rendition = item.track, item.rendition
    language = {"lang": rendition.language} if rendition.language else {}
    adaptation_set = _adaptation_set(number, "audio", **language)
    # The schema's order: the label, then the role.
    ElementTree.SubElement(adaptation_set, "Label").text = clean(rendition.label)
    role = {"schemeIdUri": "urn:mpeg:dash:role:2011", "value": "main" if rendition.default else "alternate"}
    ElementTree.SubElement(adaptation_set, "Role", role)
    representation = _representation(rendition.name, track, _bandwidth(group, track, None))
    representation.set("audioSamplingRate", str(track.timescale))
    scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
    channels = {"schemeIdUri": scheme, "value": str(track.channels)}
    ElementTree.SubElement(representation, "AudioChannelConfiguration", channels)
    representation.append(_template(rendition.name, track))
    adaptation_set.append(representation)
    return adaptation_set


def _caption_set(number: int, item: PackagedCaptions) -> Element:
    """One WebVTT file for the whole film. The role or the accessibility mark is what MediaConvert's API reference says
    of WebvttDestinationSettings.Accessibility."""
    rendition = item.rendition
    language = {"lang": rendition.language} if rendition.language else {}
    attributes = {"id": str(number), "contentType": "text", "mimeType": "text/vtt", **language}
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


def _image_set(number: int, item: PackagedTiles) -> Element:
    """DASH-IF IOP 6.2.6: images of one length each in a grid; width and height are the whole image's."""
    tiles, track = item.rendition, item.track
    fixed = {"id": str(number), "contentType": "image", "mimeType": "image/jpeg"}
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


def _bandwidth(group: CmafGroup, track: Track, maximum: int | None) -> int:
    """As MpdManifestBandwidthType says; the peak when it says nothing, which is true whatever a player buffers."""
    if group.bandwidth_in_mpd == "AVERAGE":
        return average_rate(track)
    if group.bandwidth_in_mpd == "MAX" and maximum:
        return maximum
    return peak_rate(track, target_duration([track]))


def _template(name: str, track: Track) -> Element:
    offset = {"presentationTimeOffset": str(track.priming)} if track.priming else {}
    template = Element(
        "SegmentTemplate",
        {
            "timescale": str(track.timescale),
            **offset,
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
