"""A small real film for browser tests: two picture sizes and sound as CMAF, with HLS and DASH manifests over the same
segments, made by ffmpeg's own packager. The picture moves and the sound is a tone, so that frames and bytes count."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg

ASSET = "our-film-1a2b3c4d"
VERSION = "v/0123abcd-r1"
SECONDS = 8
CONTENT_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".m4s": "video/mp4",
    ".vtt": "text/vtt",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
CAPTIONS = f"""#EXTM3U
#EXT-X-TARGETDURATION:{SECONDS}
#EXT-X-PLAYLIST-TYPE:VOD
#EXTINF:{SECONDS},
en.vtt
#EXT-X-ENDLIST
"""
CAPTIONS_MPD = """<AdaptationSet id="9" contentType="text" mimeType="text/vtt" lang="en">
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="subtitle"/>
<Representation id="captions-en" bandwidth="100"><BaseURL>captions/en.vtt</BaseURL></Representation>
</AdaptationSet>
"""
STORYBOARD = """WEBVTT

00:00:00.000 --> 00:00:04.000
tile_1.jpg#xywh=0,0,320,180

00:00:04.000 --> 00:00:08.000
tile_1.jpg#xywh=320,0,320,180
"""
DESCRIPTION = 'A picture that moves.\nIts owner wrote <b>this</b> <img src="x" onerror="window.markup = 1">'
VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:08.000\nA test picture moves.\n"


def make_film(folder: Path) -> dict[str, Path]:
    """Encode and package; the files by the path they have below the asset."""
    version = folder / VERSION
    version.mkdir(parents=True)
    _encode(version)
    (version / "captions").mkdir()
    (version / "captions" / "en.vtt").write_text(VTT)
    (version / "captions" / "en.m3u8").write_text(CAPTIONS)
    (version / "storyboard.vtt").write_text(STORYBOARD)
    # ffmpeg's manifests name their segments beside themselves; the published pointers stand above the version.
    (folder / "index.m3u8").write_text(_pointing(version / "stream.m3u8", ".m3u8"))
    (folder / "index.mpd").write_text(_based(version / "stream.mpd"))
    (folder / "asset.json").write_text(json.dumps(asset_json()))
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def asset_json(**changes: Any) -> dict[str, Any]:
    return {
        "asset_id": ASSET,
        "status": "published",
        "title": "The test picture",
        "description": DESCRIPTION,
        "duration_ms": SECONDS * 1000,
        "version": "0123abcd",
        "revision": 1,
        "hls": "index.m3u8",
        "dash": "index.mpd",
        "poster": f"{VERSION}/poster.0000000.jpg",
        "storyboard": f"{VERSION}/storyboard.vtt",
        "width": 640,
        "height": 360,
        "has_audio": True,
        "captions": [{"language": "en", "label": "English", "vtt": f"{VERSION}/captions/en.vtt"}],
        "renditions": [
            {"name": "360p", "width": 640, "height": 360, "bitrate_bps": 700_000, "codecs": "avc1"},
            {"name": "180p", "width": 320, "height": 180, "bitrate_bps": 200_000, "codecs": "avc1"},
        ],
        "published_at": "2026-03-14T09:26:53Z",
    } | changes


def _ffmpeg(*arguments: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True, timeout=120)


def _encode(version: Path) -> None:
    picture = f"testsrc2=size=640x360:rate=30:duration={SECONDS}"
    sound = f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"
    graph = "[0:v]split=2[large][s];[s]scale=320:180[small]"
    # fmt: off
    _ffmpeg(
        "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-filter_complex", graph,
        "-map", "[small]", "-map", "[large]", "-map", "1:a",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "60", "-sc_threshold", "0",
        "-b:v:0", "200k", "-b:v:1", "700k", "-c:a", "aac", "-b:a", "96k",
        "-f", "dash", "-seg_duration", "2", "-use_template", "1", "-use_timeline", "1", "-hls_playlist", "1",
        "-hls_master_name", "stream.m3u8", "-adaptation_sets", "id=0,streams=0,1 id=1,streams=2",
        str(version / "stream.mpd"),
    )
    # fmt: on
    tile = ["-vf", "select='eq(n,0)+eq(n,120)',scale=320:180,tile=2x1", "-frames:v", "1"]
    _ffmpeg("-f", "lavfi", "-i", picture, *tile, str(version / "tile_1.jpg"))
    _ffmpeg("-f", "lavfi", "-i", picture, "-ss", "3", "-frames:v", "1", str(version / "poster.0000000.jpg"))


def _pointing(playlist: Path, suffix: str) -> str:
    """A multivariant playlist whose media playlists lie in the version's folder, and captions beside them."""
    lines = playlist.read_text().splitlines()
    lines.insert(2, '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="cc",LANGUAGE="en",NAME="English",URI="captions/en.m3u8"')
    lines = [f'{line},SUBTITLES="cc"' if line.startswith("#EXT-X-STREAM-INF") else line for line in lines]
    inside = [f"{VERSION}/{line}" if line.endswith(suffix) and not line.startswith("#") else line for line in lines]
    return "\n".join(line.replace('URI="', f'URI="{VERSION}/') for line in inside) + "\n"


def _based(mpd: Path) -> str:
    text = mpd.read_text().replace("<Period ", f"<BaseURL>{VERSION}/</BaseURL>\n<Period ", 1)
    return text.replace("</Period>", f"{CAPTIONS_MPD}</Period>", 1)
