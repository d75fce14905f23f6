"""Where a picture goes in a frame: MediaConvert's Width, Height and ScalingBehavior, in even numbers. Pure.

In: the size and shape of the source as a viewer sees it (square pixels, the right way up), an output's description.
Out: the output's frame and the size the picture is scaled to. What can go wrong: `JobRefused` 1040, an odd size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pipeline.local.mediaconvert.planned import JobRefused, Picture


def place_picture(
    frame: tuple[int, int], shape: Fraction, behaviour: str, source: tuple[Fraction, Fraction]
) -> Picture:
    """Where a picture of this shape (width over height, in output pixels) goes, by MediaConvert's ScalingBehavior."""
    if behaviour == "STRETCH_TO_OUTPUT":
        return Picture(frame, frame)
    if behaviour == "FILL":
        return Picture(frame, _inside(frame, shape, cover=True))
    if behaviour in ("FIT", "FIT_NO_UPSCALE"):
        if behaviour == "FIT_NO_UPSCALE" and source[0] <= frame[0] and source[1] <= frame[1]:
            return Picture(even(source), even(source))
        inner = _inside(frame, shape)
        return Picture(inner, inner)
    if behaviour != "DEFAULT":
        raise JobRefused(1040, f"ScalingBehavior {behaviour} is not one the local engine does")
    return Picture(frame, _inside(frame, shape))


def positioned(place: str, frame: tuple[int, int], box: Mapping[str, int]) -> Picture:
    """A picture that fills a rectangle of the frame ("Selection placement"); ScalingBehavior then says nothing."""
    x, y, width, height = (box.get(name, 0) for name in ("X", "Y", "Width", "Height"))
    if width % 2 or height % 2 or x % 2 or y % 2 or x + width > frame[0] or y + height > frame[1]:
        raise JobRefused(
            1040,
            f"{place}: position {width}x{height}+{x}+{y} is not even or not inside the frame {frame[0]}x{frame[1]}",
        )
    return Picture(frame, (width, height), (x, y))


def cropped(place: str, box: Mapping[str, int], rotation: int, stored: tuple[int, int]) -> tuple[int, int, int, int]:
    """The rectangle of a crop as x, y, width, height in the picture as stored, from one in the picture turned upright.

    `stored` is the source's width and height. AWS does not say which of the two it counts in; its rotation belongs to
    the video selector, which comes first.
    """
    x, y, width, height = (box.get(name, 0) for name in ("X", "Y", "Width", "Height"))
    wide, high = (stored[1], stored[0]) if rotation in (90, 270) else stored
    if width < 2 or height < 2 or x + width > wide or y + height > high:
        raise JobRefused(1040, f"{place}: crop {width}x{height}+{x}+{y} is not inside the picture of {wide}x{high}")
    if rotation == 90:  # what is on top was on the left
        return y, wide - x - width, height, width
    if rotation == 180:
        return wide - x - width, high - y - height, width, height
    if rotation == 270:
        return high - y - height, x, height, width
    return x, y, width, height


def _inside(frame: tuple[int, int], shape: Fraction, cover: bool = False) -> tuple[int, int]:
    width, height = frame
    by_width = (shape >= Fraction(width, height)) != cover
    inner = (width, even_number(width / shape)) if by_width else (even_number(height * shape), height)
    # An output of even size cannot have quite the shape of its source; a bar of one or two lines would only look wrong.
    if abs(inner[0] - width) <= 2 and abs(inner[1] - height) <= 2:
        return frame
    return inner


def even_number(value: Fraction | int) -> int:
    return max(2, 2 * math.floor(Fraction(value) / 2 + Fraction(1, 2)))


def even(size: tuple[Fraction | int, Fraction | int]) -> tuple[int, int]:
    return even_number(size[0]), even_number(size[1])


def frame_size(
    place: str, description: Mapping[str, Any], width: Fraction, height: Fraction, pixel_aspect: Fraction
) -> tuple[int, int]:
    """The output's frame; a side that is left out follows the source's shape, both left out its size."""
    wide, high = description.get("Width"), description.get("Height")
    shape = width / height / pixel_aspect
    if wide is None and high is None:
        wide, high = even((width / pixel_aspect, height))
    elif wide is None:
        wide = even_number(high * shape)
    elif high is None:
        high = even_number(wide / shape)
    if wide % 2 or high % 2:
        raise JobRefused(1040, f"Invalid resolution [{wide} x {high}], only even values are supported. {place}.")
    return wide, high


def pixel_aspect_of(settings: Mapping[str, Any]) -> Fraction:
    if settings.get("ParControl") == "SPECIFIED":
        return Fraction(settings.get("ParNumerator", 1), settings.get("ParDenominator", 1))
    return Fraction(1)
