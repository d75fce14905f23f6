"""The demo's film: twenty seconds made by ffmpeg, so that nobody needs a film to see one travel.

A drifting picture, a clock burnt in with seven-segment digits (drawn as boxes: no font needs to be on the machine),
a tune on five notes, and English captions beside it. The same bytes of instructions give the same film.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.local.mediaconvert.ffmpeg import ffmpeg_path

SECONDS = 20
_WIDTH, _HEIGHT, _RATE = 1280, 720, 30
_NAME = "A film about twenty seconds"
_TIMEOUT_SECONDS = 120

#: Which of the segments a..g are lit for each digit, as on any clock.
_SEGMENTS = {
    "a": "02356789",
    "b": "01234789",
    "c": "013456789",
    "d": "0235689",
    "e": "0268",
    "f": "045689",
    "g": "2345689",
}
#: (x, y, width, height) of each segment in a digit of 100 by 180 pixels.
_PLACES = {
    "a": (15, 0, 70, 14), "b": (86, 12, 14, 72), "c": (86, 98, 14, 72), "d": (15, 166, 70, 14),
    "e": (0, 98, 14, 72), "f": (0, 12, 14, 72), "g": (15, 83, 70, 14),
}  # fmt: skip


class DemoFilmFailed(Exception):
    """ffmpeg could not make the demo's film; the message holds its last words."""


def demo_film(cache: Path) -> Path:
    """The film in `cache`, made now if it is not there; its captions lie beside it."""
    film = cache / "demo" / f"{_NAME}.mp4"
    if not film.exists():
        film.parent.mkdir(parents=True, exist_ok=True)
        _make(film)
        film.with_name(f"{_NAME}.en.srt").write_text(_captions())
    return film


def _make(film: Path) -> None:
    partial = film.with_suffix(".part.mp4")
    argv = [
        str(ffmpeg_path()), "-y", "-nostdin", "-hide_banner", "-loglevel", "error",
        "-format_whitelist", "lavfi", "-f", "lavfi", "-i", _picture(),
        "-format_whitelist", "lavfi", "-f", "lavfi", "-i", _tune(),
        "-t", str(SECONDS), "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p",
        "-c:a", "aac", "-b:a", "160k", "-movflags", "+faststart", str(partial),
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    if done.returncode:
        partial.unlink(missing_ok=True)
        raise DemoFilmFailed(f"ffmpeg ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    partial.replace(film)


def _picture() -> str:
    background = (
        f"gradients=size={_WIDTH}x{_HEIGHT}:rate={_RATE}:duration={SECONDS}:speed=0.06:n=5:seed=7"
        ":c0=0x0b132b:c1=0x3a506b:c2=0x5bc0be:c3=0xf4a259:c4=0x8e3b46[background]"
    )
    # A ball that bounces: motion that a viewer, and an encoder, can follow. drawbox cannot move what it draws.
    ball = f"color=white@0.85:size=90x90:rate={_RATE}:duration={SECONDS},format=rgba[ball]"
    path = "x='abs(mod(t*331,2*1190)-1190)':y='abs(mod(t*257,2*630)-630)'"
    tens, units, tenths = "mod(floor(t/10),10)", "mod(floor(t),10)", "mod(floor(t*10),10)"
    point = "drawbox=x=682:y=434:w=16:h=16:color=white:t=fill"
    clock = [*_digit(430, tens), *_digit(560, units), point, *_digit(720, tenths)]
    return f"{background};{ball};[background][ball]overlay={path}:shortest=1,{','.join(clock)},format=yuv420p"


def _digit(left: int, value: str) -> list[str]:
    """Seven boxes, each shown while the digit that `value` computes from t lights it."""
    boxes = []
    for segment, (x, y, width, height) in _PLACES.items():
        lit = "+".join(f"eq({value},{digit})" for digit in _SEGMENTS[segment])
        boxes.append(f"drawbox=x={left + x}:y={270 + y}:w={width}:h={height}:color=white:t=fill:enable='{lit}'")
    return boxes


def _tune() -> str:
    """Eight steps on a pentatonic scale, two a second, over a soft bass; each note fades as a plucked string does."""
    step = "mod(floor(t*2),8)"
    notes = (0, 4, 7, 12, 9, 7, 4, 2)
    semitones = "+".join(f"{note}*eq({step},{index})" for index, note in enumerate(notes))
    lead = f"0.25*sin(2*PI*t*261.63*pow(2,({semitones})/12))*exp(-5*mod(t,0.5))"
    bass = "0.15*sin(2*PI*t*65.41*(1+0.5*mod(floor(t/4),2)))"
    return (
        f"aevalsrc=exprs='{lead}+{bass}|{lead}*0.8+{bass}':sample_rate=48000:duration={SECONDS}:channel_layout=stereo"
    )


def _captions() -> str:
    words = [
        "This film was made by ffmpeg a moment ago.",
        "It went up to S3 and started one execution.",
        "MediaConvert made every rendition of it.",
        "You see it through CloudFront, on your own machine.",
    ]
    span = SECONDS // len(words)
    return "\n".join(
        f"{n + 1}\n00:00:{n * span:02d},500 --> 00:00:{(n + 1) * span - 1:02d},800\n{line}\n"
        for n, line in enumerate(words)
    )
