"""Price a MediaConvert job: what it will cost, read from its settings; what it did cost, read from its outputs.

In: job settings as CreateJob takes them, or a finished job's OutputGroupDetails, and prices.toml. Out: a `Bill`, one
item for each output with its class, its minutes and its price. What can go wrong: `DetailsDoNotFit` (those outputs are
not those settings'), `PricesBroken`. A class without a known price is no error and no zero: its item says so, and
`Bill.whole` is False.

`predict` and `actual` share the table and the tier rules and nothing else: one takes sizes and lengths from what was
asked for, the other from what came out, so that each can be held against the other.

A class is written with the abbreviations of AWS's bills (B-AVC-HD-SHQ-30: basic tier, single pass HQ, up to 30 frames
a second). Lines count, not the longer side: AWS words its classes as 720p, 1080p, 2160p. So an upright 1080x1920
picture is 4K here; whether AWS's bill agrees could not be read anywhere, and the item says so.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "prices.toml"
Settings = Mapping[str, Any]

_CODECS = {"H_264": "AVC", "H_265": "HEVC", "AV1": "AV1", "VP8": "VP8", "VP9": "VP9"}
_QUALITY = {"SINGLE_PASS": "S", "SINGLE_PASS_HQ": "SHQ", "MULTI_PASS": "M", "MULTI_PASS_HQ": "MHQ"}
#: What MediaConvert takes where QualityTuningLevel is not said (API Reference: H264Settings, H265Settings, and so on).
_QUALITY_UNSAID = {"H_264": "SINGLE_PASS_HQ", "H_265": "SINGLE_PASS", "VP8": "MULTI_PASS", "VP9": "MULTI_PASS"}
#: What the basic tier encodes: pricing page, "Basic tier": AVC, VP8 and VP9.
_BASIC = ("AVC", "VP8", "VP9")
_RESOLUTIONS = ((719, "SD"), (1080, "HD"), (2160, "4K"), (4320, "8K"))
_FRAME_RATES = (30, 60, 120)
#: Found in a job and possibly a reason for the professional tier: AWS's table of features by tier could not be read.
_UNSETTLED = ("NoiseReducer", "ImageInserter", "TimecodeBurnin", "PartnerWatermarking", "Hdr10Plus", "DolbyVision")


class PricesBroken(ValueError):
    """prices.toml cannot be used; the message says where and why."""


class DetailsDoNotFit(ValueError):
    """A job's OutputGroupDetails are not those of the settings; the message counts both."""


@dataclasses.dataclass(frozen=True)
class Prices:
    """rates by tier, per normalised minute. multipliers by class (tier, codec, quality, resolution, frame rate), each
    with whether it is sure. audio and normalization are multipliers. beside: what else a film costs, none of it in a
    bill, each per what prices.toml says."""

    read: datetime.date
    region: str
    currency: str
    least_seconds: int
    step_seconds: int
    rates: Mapping[str, Decimal]
    multipliers: Mapping[tuple[str, str, str, str, int], tuple[Decimal, bool]]
    audio: Decimal
    normalization: Decimal
    beside: Mapping[str, Decimal]


@dataclasses.dataclass(frozen=True)
class Item:
    """One line of a bill. minutes as billed; normalized and price are None where no price is known for the class.

    why: what makes it professional, or what is not known of it; "" where there is nothing to say.
    """

    output: str
    kind: str
    minutes: Decimal
    normalized: Decimal | None
    price: Decimal | None
    sure: bool
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Numbers as JSON has them, prices to a hundredth of a cent."""
        return {
            "output": self.output,
            "class": self.kind,
            "minutes": round(float(self.minutes), 4),
            "normalized_minutes": None if self.normalized is None else round(float(self.normalized), 4),
            "price": None if self.price is None else _money(self.price),
            "sure": self.sure,
            "why": self.why,
        }


@dataclasses.dataclass(frozen=True)
class Bill:
    """total is the sum of what has a price; whole tells whether everything has; sure, whether AWS says so itself."""

    items: tuple[Item, ...]
    region: str
    currency: str
    prices_read: datetime.date

    @property
    def total(self) -> Decimal:
        return sum((item.price for item in self.items if item.price is not None), Decimal(0))

    @property
    def whole(self) -> bool:
        return all(item.price is not None for item in self.items)

    @property
    def sure(self) -> bool:
        return self.whole and all(item.sure for item in self.items)

    def as_dict(self) -> dict[str, Any]:
        """{total, currency, whole, sure, region, prices_read, items}"""
        return {
            "total": _money(self.total),
            "currency": self.currency,
            "whole": self.whole,
            "sure": self.sure,
            "region": self.region,
            "prices_read": self.prices_read.isoformat(),
            "items": [item.as_dict() for item in self.items],
        }

    def as_state(self) -> dict[str, Any]:
        """The same without its lines, for the state of an execution; `not_priced` are the classes without a price."""
        return {
            "total": _money(self.total),
            "currency": self.currency,
            "whole": self.whole,
            "sure": self.sure,
            "not_priced": sorted({item.kind for item in self.items if item.price is None}),
        }


def _money(amount: Decimal) -> float:
    return float(round(amount, 4))


# --- the table -------------------------------------------------------------------------------------------------------


@functools.cache
def load(path: Path = FILE) -> Prices:
    """The prices of this deployment; part of the code, as the profiles are. Raises PricesBroken."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def parse(text: str, file: str = "prices.toml") -> Prices:
    """Prices out of the file's text. Raises PricesBroken."""
    try:
        tree = tomllib.loads(text, parse_float=Decimal)
        return _prices(tree)
    except tomllib.TOMLDecodeError as error:
        raise PricesBroken(f"{file}: {error}") from error
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise PricesBroken(
            f"{file}: {type(error).__name__} {error}: compare it with the file in the repository"
        ) from error


def _prices(tree: Mapping[str, Any]) -> Prices:
    multipliers = {}
    for one in tree["class"]:
        for key, value in _classes(one):
            if key in multipliers or key[0] not in tree["rates"]:
                raise KeyError(f"[[class]] {key}: twice, or of no tier that has a rate")
            multipliers[key] = (value, bool(one.get("sure", True)))
    return Prices(
        read=tree["read"],
        region=tree["region"],
        currency=tree["currency"],
        least_seconds=tree["billing"]["least_seconds"],
        step_seconds=tree["billing"]["step_seconds"],
        rates={tier: Decimal(rate["per_minute"]) for tier, rate in tree["rates"].items()},
        multipliers=multipliers,
        audio=Decimal(tree["audio"]["multiplier"]),
        normalization=Decimal(tree["add_ons"]["normalization"]["multiplier"]),
        beside={name: Decimal(one["price"]) for name, one in tree["beside"].items()},
    )


def storage_a_month(size_bytes: int, prices: Prices) -> Decimal:
    """What bytes cost to keep in S3 for a month; a GB is 2^30 of them here, as AWS's bills have it."""
    return Decimal(size_bytes) / 2**30 * prices.beside["storage"]


def _classes(one: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str, str, int], Decimal]]:
    for resolution, by_rate in one["multipliers"].items():
        for frames, multiplier in by_rate.items():
            for quality in one["quality"]:
                yield (one["tier"], one["codec"], quality, resolution, int(frames)), Decimal(multiplier)


# --- before the job --------------------------------------------------------------------------------------------------


def predict(
    settings: Settings,
    duration_ms: int,
    prices: Prices,
    accelerated: bool = False,
    frame_rate: Fraction | None = None,
) -> Bill:
    """What a job will cost. duration_ms and frame_rate are the source's; the rate is needed only where an output keeps
    it (FramerateControl INITIALIZE_FROM_SOURCE). accelerated: whether AccelerationSettings ask for it."""
    items: list[Item] = []
    for group, output in _outputs(settings):
        seconds = max(prices.least_seconds, _steps(Fraction(duration_ms, 1000), prices.step_seconds))
        minutes = Decimal(seconds) / 60
        video = output.get("VideoDescription")
        if "AbrSettings" in (group.get("AutomatedEncodingSettings") or {}) and video:
            items.append(
                _unknown(_name(group, output), "P-ABR", minutes, "MediaConvert chooses these renditions itself")
            )
            continue
        size = (video or {}).get("Height")
        items += _items(settings, group, output, minutes, size, accelerated, frame_rate, prices)
    return _bill(items, prices)


def predict_all(
    jobs: Iterable[Settings | None],
    duration_ms: int,
    prices: Prices,
    accelerated: bool = False,
    frame_rate: Fraction | None = None,
) -> Bill:
    """One bill for all jobs of a film; None is a job that the film does not need."""
    bills = [predict(settings, duration_ms, prices, accelerated, frame_rate) for settings in jobs if settings]
    return _bill([item for bill in bills for item in bill.items], prices)


def _steps(seconds: Fraction, step: int) -> int:
    return step * math.ceil(seconds / step)


# --- after it --------------------------------------------------------------------------------------------------------


def actual(
    output_group_details: Sequence[Mapping[str, Any]],
    settings: Settings,
    prices: Prices,
    accelerated: bool = False,
    frame_rate: Fraction | None = None,
) -> Bill:
    """What a finished job did cost: GetJob's OutputGroupDetails beside its Settings.

    accelerated: AccelerationStatus is ACCELERATED. Lines and milliseconds are those of the details; codec, passes and
    frame rate are not in them and come from the settings. Raises DetailsDoNotFit.
    """
    groups = settings.get("OutputGroups", [])
    if len(groups) != len(output_group_details):
        raise DetailsDoNotFit(
            f"{len(output_group_details)} output groups in the details, {len(groups)} in the settings"
        )
    items: list[Item] = []
    for group, details in zip(groups, output_group_details, strict=True):
        for output, made in _paired(group, details.get("OutputDetails", [])):
            whole_ms = made.get("DurationInMs") or 0
            billed = -(-whole_ms // (1000 * prices.step_seconds)) * prices.step_seconds
            billed = prices.least_seconds if billed < prices.least_seconds else billed
            lines = (made.get("VideoDetails") or {}).get("HeightInPx")
            items += _items(settings, group, output, Decimal(billed) / 60, lines, accelerated, frame_rate, prices)
    return _bill(items, prices)


def added(bills: Sequence[Mapping[str, Any]], prices: Prices) -> dict[str, Any]:
    """One bill of several, all as dictionaries; of none a bill of nothing, which is whole: nothing was encoded."""
    return {
        **_bill([], prices).as_dict(),
        **(bills[-1] if bills else {}),
        "total": _money(sum((Decimal(str(bill["total"])) for bill in bills), Decimal(0))),
        "whole": all(bill["whole"] for bill in bills),
        "sure": all(bill["sure"] for bill in bills),
        "items": [item for bill in bills for item in bill["items"]],
    }


def _paired(
    group: Settings, made: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Details stand in the order of the outputs. With automated ABR every picture is one of the template."""
    outputs = group["Outputs"]
    if "AbrSettings" in (group.get("AutomatedEncodingSettings") or {}):
        template = next(output for output in outputs if output.get("VideoDescription"))
        others = [output for output in outputs if not output.get("VideoDescription")]
        pictures = [details for details in made if (details.get("VideoDetails") or {}).get("HeightInPx")]
        outputs = [template] * len(pictures) + others
        made = [*pictures, *(details for details in made if details not in pictures)]
    spoken = [output for output in outputs if output.get("VideoDescription") or output.get("AudioDescriptions")]
    if len(outputs) != len(made) == len(spoken):  # outputs of captions alone need not be among the details
        rest = [output for output in outputs if output not in spoken]
        outputs, made = [*spoken, *rest], [*made, *({} for _ in rest)]
    if len(outputs) != len(made):
        raise DetailsDoNotFit(
            f"{len(made)} outputs in the details of {group.get('Name')!r}, {len(outputs)} in its settings"
        )
    return zip(outputs, made, strict=True)


# --- what both need to know of an output -----------------------------------------------------------------------------


def _bill(items: list[Item], prices: Prices) -> Bill:
    return Bill(tuple(items), prices.region, prices.currency, prices.read)


def _outputs(settings: Settings) -> Iterator[tuple[Settings, Settings]]:
    for group in settings.get("OutputGroups", []):
        for output in group.get("Outputs", []):
            yield group, output


def _name(group: Settings, output: Settings) -> str:
    return f"{group.get('Name') or 'output'}{output.get('NameModifier') or ''}"


def _items(
    settings: Settings,
    group: Settings,
    output: Settings,
    minutes: Decimal,
    lines: int | None,
    accelerated: bool,
    frame_rate: Fraction | None,
    prices: Prices,
) -> Iterator[Item]:
    """The output itself, and each sound of it that is normalised."""
    name = _name(group, output)
    reason = professional(settings, group, output, accelerated)
    tier = "professional" if reason else "basic"
    if output.get("VideoDescription"):
        yield _picture(name, output["VideoDescription"], minutes, lines, tier, reason, frame_rate, prices)
    elif output.get("AudioDescriptions"):
        yield _priced(name, f"{tier[0].upper()}-AUD", minutes, prices.audio, prices.rates[tier], False, reason)
    else:
        yield _unknown(name, "captions", minutes, "no price known for an output of captions alone")
    for _ in range(sum("AudioNormalizationSettings" in each for each in output.get("AudioDescriptions") or [])):
        rate = prices.rates["professional"]
        yield _priced(f"{name}: loudness", "DTS", minutes, prices.normalization, rate, False, "audio normalisation")


def _picture(
    name: str,
    video: Settings,
    minutes: Decimal,
    lines: int | None,
    tier: str,
    reason: str,
    frame_rate: Fraction | None,
    prices: Prices,
) -> Item:
    said = video.get("CodecSettings") or {}
    codec = _CODECS.get(said.get("Codec", ""), said.get("Codec", "no codec"))
    quality, rate = _quality(said), _frame_rate(said, frame_rate)
    if said.get("Codec") == "FRAME_CAPTURE":
        return _unknown(name, "frame capture", minutes, "no price known for frame captures")
    if lines is None or rate is None:
        what = "size" if lines is None else "frame rate"
        return _unknown(name, codec, minutes, f"the {what} follows the source, and was not said")
    resolution = next((word for most, word in _RESOLUTIONS if lines <= most), None)
    frames = next((most for most in _FRAME_RATES if rate <= most), None)
    kind = "-".join(filter(None, [tier[0].upper(), codec, resolution, quality, frames and str(frames)]))
    found = prices.multipliers.get((tier, codec, quality, resolution or "", frames or 0))
    if found is None:
        why = f"no price known for {kind}" + (f" ({reason})" if reason else "")
        return _unknown(name, kind, minutes, why)
    multiplier, sure = found
    upright = lines > (video.get("Width") or lines) and resolution != "SD"
    notes = [reason, "upright: counted by its lines" if upright else "", _unsettled(video, tier)]
    sure = sure and not upright and not notes[2]
    return _priced(name, kind, minutes, multiplier, prices.rates[tier], sure, "; ".join(filter(None, notes)))


def _priced(name: str, kind: str, minutes: Decimal, multiplier: Decimal, rate: Decimal, sure: bool, why: str) -> Item:
    return Item(name, kind, minutes, minutes * multiplier, minutes * multiplier * rate, sure, why)


def _unknown(name: str, kind: str, minutes: Decimal, why: str) -> Item:
    return Item(name, kind, minutes, None, None, False, why)


def _own(codec_settings: Settings) -> Settings:
    """H264Settings, H265Settings, Av1Settings, whichever is there."""
    return next((value for key, value in codec_settings.items() if key.endswith("Settings")), {})


def _quality(codec_settings: Settings) -> str:
    said = _own(codec_settings).get("QualityTuningLevel") or _QUALITY_UNSAID.get(codec_settings.get("Codec", ""), "")
    return _QUALITY.get(said, said)


def _frame_rate(codec_settings: Settings, of_source: Fraction | None) -> Fraction | None:
    own = _own(codec_settings)
    if own.get("FramerateControl") == "SPECIFIED" and own.get("FramerateNumerator"):
        return Fraction(own["FramerateNumerator"], own.get("FramerateDenominator") or 1)
    return of_source


def professional(settings: Settings, group: Settings, output: Settings, accelerated: bool) -> str:
    """Why an output is billed in the professional tier, in a few words; "" for the basic one.

    Sources: codec, pricing page ("Basic tier"); multiple passes, User Guide ("Multi-pass encoding is a Professional
    tier feature"); acceleration, bandwidth reduction and the advanced input filter, API Reference ("incur pro-tier
    pricing", the last for the whole job); automated ABR, User Guide; deinterlacing, from AWS's customers' bills and
    AWS's own solution, which gave it up for that; normalisation, pricing page (an add-on of the professional tier).
    """
    video = output.get("VideoDescription") or {}
    said = video.get("CodecSettings") or {}
    codec = _CODECS.get(said.get("Codec", ""), said.get("Codec", ""))
    own, filters = _own(said), video.get("VideoPreprocessors") or {}
    sounds = output.get("AudioDescriptions") or []
    reasons = (
        (accelerated, "accelerated transcoding"),
        (
            any(one.get("AdvancedInputFilter") == "ENABLED" for one in settings.get("Inputs", [])),
            "advanced input filter",
        ),
        ("AbrSettings" in (group.get("AutomatedEncodingSettings") or {}) and bool(video), "automated ABR"),
        (bool(codec) and codec not in (*_BASIC, "FRAME_CAPTURE"), codec),
        (_quality(said) == "MHQ", "multi-pass HQ"),
        ("BandwidthReductionFilter" in own, "bandwidth reduction filter"),
        ("Deinterlacer" in filters, "deinterlacer"),
        (any("AudioNormalizationSettings" in one for one in sounds), "audio normalisation"),
    )
    return ", ".join(word for true, word in reasons if true)


def _unsettled(video: Settings, tier: str) -> str:
    """What the output has of which nobody could say whether it belongs to the basic tier."""
    if tier != "basic":
        return ""
    filters = video.get("VideoPreprocessors") or {}
    found = [name for name in _UNSETTLED if name in filters]
    if (filters.get("ColorCorrector") or {}).get("ColorSpaceConversion", "NONE") != "NONE":
        found.append("ColorSpaceConversion")
    return f"perhaps professional: {', '.join(found)}" if found else ""
