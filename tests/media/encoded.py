"""What a good job leaves in its folder, made by hand from the job's own settings: small, and whole in every box.

Names and forms are MediaConvert's as far as they are documented, and the local engine's where they are not (I-frame
playlists, thumbnails).
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.media.promise import Picture, Promise
from tests.media import tracks
from tests.media.test_images import jpeg
from tests.media.test_outputs import playlist

_ENTRIES = {
    "H_264": ("avc1.64001F", tracks.avc()),
    "H_265": ("hvc1.2.4.L153.B0", tracks.hevc("0220000000B0000000000099")),
    "AV1": ("av01.0.04M.08", tracks.av1("040C00")),
}
_TILES = "RESOLUTION=160x90,LAYOUT=3x2,DURATION=1"


def encoded(promise: Promise, seconds: Sequence[float] = (4.0, 4.0, 2.0), automatic: int = 2) -> dict[str, bytes]:
    """Every object by its name in the folder. automatic: how many pictures MediaConvert chose, where it may choose."""
    pictures = promise.pictures or [
        Picture(f"auto_{number}", "H_264", 1280 >> number, 720 >> number, False, _groups(promise))
        for number in range(automatic if promise.automatic else 0)
    ]
    files: dict[str, bytes] = {}
    for picture in pictures:
        files |= _track(promise, picture.name, "cmfv", tracks.init(_ENTRIES[picture.codec][1]), seconds)
        if picture.i_frames:
            files[f"{promise.base}_{picture.name}_I-Frame.m3u8"] = _i_frames(promise, picture.name, seconds)
    for sound in promise.sounds:
        files |= _track(promise, sound.name, "cmfa", tracks.AUDIO_INIT, seconds)
    for text in promise.texts:
        files |= _text(promise, text, seconds)
    if promise.images:
        files |= _images(promise, sum(seconds))
    if promise.poster:
        files |= {f"poster.{number:07d}.jpg": jpeg(640, 360) for number in (0, 1)}
    if promise.download:
        files["download.mp4"] = tracks.VIDEO_INIT + tracks.box("mdat", bytes(900))
    files[f"{promise.base}.m3u8"] = _multivariant(promise, pictures).encode()
    files[f"{promise.base}.mpd"] = _mpd(promise, pictures, sum(seconds)).encode()
    return files


def _groups(promise: Promise) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sound.group for sound in promise.sounds))


def _track(promise: Promise, name: str, kind: str, init: bytes, seconds: Sequence[float]) -> dict[str, bytes]:
    whole = f"{promise.base}_{name}"
    numbers = range(1, len(seconds) + 1)
    segments = {f"{whole}_{number:09d}.{kind}": tracks.segment() for number in numbers}
    return {f"{whole}init.{kind}": init, f"{whole}.m3u8": playlist(whole, kind, list(seconds)).encode(), **segments}


def _i_frames(promise: Promise, name: str, seconds: Sequence[float]) -> bytes:
    whole = f"{promise.base}_{name}"
    lines = ["#EXTM3U", "#EXT-X-I-FRAMES-ONLY", f'#EXT-X-MAP:URI="{whole}init.cmfv"']
    for number, length in enumerate(seconds, 1):
        lines += [f"#EXTINF:{length},", "#EXT-X-BYTERANGE:64@140", f"{whole}_{number:09d}.cmfv"]
    return "\n".join([*lines, "#EXT-X-ENDLIST\n"]).encode()


def _text(promise: Promise, name: str, seconds: Sequence[float]) -> dict[str, bytes]:
    whole = f"{promise.base}_{name}"
    vtt = {f"{whole}_{number:09d}.vtt": b"WEBVTT\n" for number in range(1, len(seconds) + 1)}
    lines = [f"#EXTINF:{length},\n{name}" for length, name in zip(seconds, vtt, strict=True)]
    return {**vtt, f"{whole}.m3u8": "\n".join(["#EXTM3U", *lines, "#EXT-X-ENDLIST\n"]).encode()}


def _images(promise: Promise, seconds: float) -> dict[str, bytes]:
    whole = f"{promise.base}_thumbnail"
    lines, files, left = ["#EXTM3U", "#EXT-X-IMAGES-ONLY"], {}, seconds
    while left > 0:
        name = f"{whole}_{len(files) + 1:09d}.jpg"
        files[name] = jpeg(480, 180)
        lines += [f"#EXTINF:{min(6, left)},", f"#EXT-X-TILES:{_TILES}", name]
        left -= 6
    return {**files, f"{whole}.m3u8": "\n".join([*lines, "#EXT-X-ENDLIST\n"]).encode()}


def _multivariant(promise: Promise, pictures: Sequence[Picture]) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for sound in promise.sounds if pictures else ():
        default = "YES" if sound == promise.sounds[0] else "NO"
        named = f'GROUP-ID="{sound.group}",LANGUAGE="{sound.language}",NAME="{sound.label or sound.name}"'
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,{named},DEFAULT={default},AUTOSELECT=YES,CHANNELS="{sound.channels}",'
            f'URI="{promise.playlist(sound.name)}"'
        )
    for text in promise.texts:
        named = f'GROUP-ID="subs",LANGUAGE="eng",NAME="{text}"'
        lines.append(f'#EXT-X-MEDIA:TYPE=SUBTITLES,{named},URI="{promise.playlist(text)}"')
    for picture in pictures:
        size = f"RESOLUTION={picture.width}x{picture.height},FRAME-RATE=25.000"
        for group in picture.groups or [""]:
            sound = f',AUDIO="{group}"' if group else ""
            codecs = _ENTRIES[picture.codec][0] + (",mp4a.40.2" if group else "")
            lines.append(f'#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS="{codecs}",{size}{sound}')
            lines.append(promise.playlist(picture.name))
        if picture.i_frames:
            uri = f"{promise.base}_{picture.name}_I-Frame.m3u8"
            lines.append(f'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI="{uri}"')
    for sound in () if pictures else promise.sounds:
        lines += ['#EXT-X-STREAM-INF:BANDWIDTH=100,CODECS="mp4a.40.2"', promise.playlist(sound.name)]
    if promise.images:
        lines.append(f'#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=9,CODECS="jpeg",URI="{promise.base}_thumbnail.m3u8"')
    return "\n".join(lines) + "\n"


def _mpd(promise: Promise, pictures: Sequence[Picture], seconds: float) -> str:
    sets = [
        f'<AdaptationSet contentType="video"><Representation width="{each.width}" height="{each.height}"'
        f' codecs="{_ENTRIES[each.codec][0]}"/></AdaptationSet>'
        for each in pictures
    ]
    more = {"audio": len(promise.sounds), "text": len(promise.texts), "image": int(promise.images)}
    for kind, count in more.items():
        codecs = ' codecs="mp4a.40.2"' if kind == "audio" else ""
        sets += [f'<AdaptationSet contentType="{kind}"><Representation{codecs}/></AdaptationSet>'] * count
    return (
        f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT{seconds}S">'
        f"<Period>{''.join(sets)}</Period></MPD>"
    )
