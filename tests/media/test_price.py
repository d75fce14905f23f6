"""What a job costs: against AWS's published examples, and against sums made by hand."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.media import price

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
PRICES = price.load()
HOUR = 3_600_000


def settings_of(name: str) -> dict:
    return json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text())


def picture(height: int, codec: str = "H_264", rate: int = 30, width: int | None = None, **more) -> dict:
    own = {"H_264": "H264Settings", "H_265": "H265Settings", "AV1": "Av1Settings"}[codec]
    said = {"FramerateControl": "SPECIFIED", "FramerateNumerator": rate, "FramerateDenominator": 1}
    if codec != "AV1":
        said["QualityTuningLevel"] = more.pop("quality", "SINGLE_PASS_HQ")
    size = {"Width": width or height * 16 // 9, "Height": height}
    return {"VideoDescription": {**size, **more, "CodecSettings": {"Codec": codec, own: said}}}


def job(*outputs: dict, **more) -> dict:
    return {"OutputGroups": [{"Name": "HLS", "Outputs": list(outputs), **more}]}


def details_of(settings: dict, milliseconds: int) -> list[dict]:
    """GetJob's OutputGroupDetails of a job that made exactly what it was asked for."""

    def one(output: dict) -> dict:
        video = output.get("VideoDescription")
        size = {"VideoDetails": {"WidthInPx": video["Width"], "HeightInPx": video["Height"]}} if video else {}
        return {"DurationInMs": milliseconds, **size}

    return [{"OutputDetails": [one(output) for output in group["Outputs"]]} for group in settings["OutputGroups"]]


# AWS's own examples --------------------------------------------------------------------------------------------------

#: "Video on Demand on AWS", implementation guide, "Cost": 60 minutes in us-east-1, "AVC code 1 pass quality 30 fps",
#: "3 SD and 2 HD (3 x 60 x $0.0075) + (2 x 60 x $0.024)", $4.23: SD in the basic tier, HD in the professional.
SOLUTION = job(
    *(picture(height) for height in (270, 360, 540)),
    *(picture(height, VideoPreprocessors={"Deinterlacer": {}}) for height in (720, 1080)),
)


def test_the_example_on_aws_cost_page_for_its_own_solution():
    assert price.predict(SOLUTION, HOUR, PRICES).total == Decimal("4.23")
    assert price.actual(details_of(SOLUTION, HOUR), SOLUTION, PRICES).total == Decimal("4.23")


@pytest.mark.parametrize(("milliseconds", "minutes"), [(45_000, "0.75"), (9_000, 10), (100, 10), (10_001, 11)])
def test_the_pricing_pages_seconds(milliseconds, minutes):
    """ "An output with a duration of 45 seconds is 45/60 or 0.75 minutes", at least ten seconds; by the second."""
    wanted = Decimal(minutes) if isinstance(minutes, str) else Decimal(minutes) / 60
    one = job(picture(540))
    assert [item.minutes for item in price.predict(one, milliseconds, PRICES).items] == [wanted]
    assert [item.minutes for item in price.actual(details_of(one, milliseconds), one, PRICES).items] == [wanted]


def test_the_price_lists_rows():
    """AWS Price List: IAD-B-AVC-HD-S-30 $0.015 a minute, a normalised minute of the basic tier $0.0075."""
    found = price.predict(job(picture(720, quality="SINGLE_PASS")), 60_000, PRICES).items[0]
    assert (found.kind, found.price, found.normalized) == ("B-AVC-HD-S-30", Decimal("0.0150"), 2)
    assert found.sure


# Classes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (picture(719), "B-AVC-SD-SHQ-30"),
        (picture(720), "B-AVC-HD-SHQ-30"),
        (picture(1080), "B-AVC-HD-SHQ-30"),
        (picture(1082), "B-AVC-4K-SHQ-30"),
        (picture(2160), "B-AVC-4K-SHQ-30"),
        (picture(540, rate=31), "B-AVC-SD-SHQ-60"),
        (picture(540, rate=60), "B-AVC-SD-SHQ-60"),
        (picture(540, rate=61), "B-AVC-SD-SHQ-120"),
        (picture(540, quality="SINGLE_PASS"), "B-AVC-SD-S-30"),
        (picture(540, quality="MULTI_PASS_HQ"), "P-AVC-SD-MHQ-30"),
        (picture(540, "H_265"), "P-HEVC-SD-SHQ-30"),
        (picture(540, "AV1"), "P-AV1-SD-30"),
        (picture(540, quality=None), "B-AVC-SD-SHQ-30"),
    ],
)
def test_classes_by_lines_frames_codec_and_passes(output, kind):
    assert [item.kind for item in price.predict(job(output), 60_000, PRICES).items] == [kind]


def test_a_class_without_a_known_price_is_said_to_be_unknown_and_never_free():
    bill = price.predict(job(picture(1080), picture(1080, "H_265")), 60_000, PRICES)
    known, unknown = bill.items
    assert known.price and unknown.price is None and unknown.normalized is None
    assert unknown.why == "no price known for P-HEVC-HD-SHQ-30 (HEVC)"
    assert not bill.whole and not bill.sure and bill.total == known.price
    assert bill.as_dict()["items"][1]["price"] is None


@pytest.mark.parametrize("extra", [{"accelerated": True}, {}])
@pytest.mark.parametrize("filters", [{"Deinterlacer": {}}, {}])
def test_what_makes_an_output_professional_is_said(extra, filters):
    item = price.predict(job(picture(720, VideoPreprocessors=filters)), 60_000, PRICES, **extra).items[0]
    assert item.kind.startswith("P" if extra or filters else "B")
    assert ("deinterlacer" in item.why) == bool(filters) and ("accelerated" in item.why) == bool(extra)
    assert item.price == (Decimal("0.024") if extra or filters else Decimal("0.015"))


def test_the_advanced_input_filter_makes_the_whole_job_professional():
    settings = {**job(picture(540), picture(720)), "Inputs": [{"AdvancedInputFilter": "ENABLED"}]}
    assert all(item.kind.startswith("P-") for item in price.predict(settings, 60_000, PRICES).items)


def test_what_may_be_professional_is_priced_as_basic_and_not_called_sure():
    filters = {"ColorCorrector": {"ColorSpaceConversion": "FORCE_709"}}
    item = price.predict(job(picture(720, VideoPreprocessors=filters)), 60_000, PRICES).items[0]
    assert item.kind.startswith("B-") and not item.sure and "ColorSpaceConversion" in item.why


def test_an_upright_picture_is_counted_by_its_lines_and_says_so():
    item = price.predict(job(picture(1920, width=1080)), 60_000, PRICES).items[0]
    assert item.kind == "B-AVC-4K-SHQ-30" and not item.sure and "upright" in item.why


def test_loudness_is_an_item_of_its_own():
    bill = price.predict(settings_of("two-languages-loudness"), 60_000, PRICES)
    added = [item for item in bill.items if item.kind == "DTS"]
    assert [item.output for item in added] == [
        f"{item.output}: loudness" for item in bill.items if item.kind == "P-AUD"
    ]
    assert len(added) == 4 and {item.price for item in added} == {Decimal("0.17") * Decimal("0.0120")}


def test_an_output_that_keeps_the_sources_rate_needs_it():
    output = picture(540)
    del output["VideoDescription"]["CodecSettings"]["H264Settings"]["FramerateControl"]
    assert price.predict(job(output), 60_000, PRICES).items[0].price is None
    assert price.predict(job(output), 60_000, PRICES, frame_rate=Fraction(50)).items[0].kind == "B-AVC-SD-SHQ-60"


# Our own jobs --------------------------------------------------------------------------------------------------------


def test_a_plain_film_by_hand():
    bill = price.predict(settings_of("plain-1080p30-stereo"), HOUR, PRICES)
    pictures = 60 * Decimal("0.0075") * (2 + 2 + 1 + 1 + 1)  # 1080p, 720p, 540p, 360p, 270p
    assert bill.total == pictures + 60 * Decimal("0.0075") * Decimal("0.39")
    assert [item.output for item in bill.items if item.price is None] == ["Poster"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_output_of_every_job_of_ours_is_on_the_bill(path):
    settings = json.loads(path.read_text())
    outputs = sum(len(group["Outputs"]) for group in settings["OutputGroups"])
    bill = price.predict(settings, 60_000, PRICES)
    assert len([item for item in bill.items if item.kind != "DTS"]) == outputs
    assert all(item.why for item in bill.items if item.price is None)
    json.dumps(bill.as_dict())


@pytest.mark.parametrize("path", [path for path in GOLDEN if path.stem != "per-title"], ids=lambda path: path.stem)
def test_what_was_asked_for_and_came_out_costs_what_was_predicted(path):
    settings = json.loads(path.read_text())
    assert price.actual(details_of(settings, 61_500), settings, PRICES) == price.predict(settings, 61_500, PRICES)


# What came out differs ------------------------------------------------------------------------------------------------


def test_what_came_out_is_billed_and_not_what_was_asked_for():
    settings = job(picture(1080), picture(540))
    details = details_of(settings, 60_000)
    details[0]["OutputDetails"][0] = {"DurationInMs": 30_000, "VideoDetails": {"WidthInPx": 1138, "HeightInPx": 640}}
    first, second = price.actual(details, settings, PRICES).items
    assert (first.kind, first.minutes) == ("B-AVC-SD-SHQ-30", Decimal("0.5")) and second.minutes == 1


def test_automated_abr_is_unknown_before_and_as_many_as_were_made_after():
    settings = settings_of("per-title")
    assert price.predict(settings, 60_000, PRICES).items[0].why == "MediaConvert chooses these renditions itself"
    made = [
        {"DurationInMs": 60_000, "VideoDetails": {"WidthInPx": 1920, "HeightInPx": 1080}},
        {"DurationInMs": 60_000, "VideoDetails": {"WidthInPx": 640, "HeightInPx": 360}},
        {"DurationInMs": 60_000, "VideoDetails": {"WidthInPx": 0, "HeightInPx": 0}},
    ]
    details = [{"OutputDetails": made}, details_of(settings, 60_000)[1]]
    kinds = [item.kind for item in price.actual(details, settings, PRICES).items]
    assert kinds == ["P-AVC-HD-MHQ-30", "P-AVC-SD-MHQ-30", "B-AUD", "frame capture"]


def test_captions_that_have_no_details_are_still_on_the_bill():
    settings = settings_of("captions-608")
    details = details_of(settings, 60_000)
    captions = next(
        n for n, output in enumerate(settings["OutputGroups"][0]["Outputs"]) if "CaptionDescriptions" in output
    )
    whole = price.actual(details, settings, PRICES)
    del details[0]["OutputDetails"][captions]
    without = price.actual(details, settings, PRICES)
    assert [item.kind for item in without.items] == [item.kind for item in whole.items]
    assert without.total == whole.total


def test_details_of_another_job_are_refused():
    settings = job(picture(1080), picture(540))
    with pytest.raises(price.DetailsDoNotFit, match="1 outputs in the details of 'HLS', 2 in its settings"):
        price.actual(details_of(job(picture(1080)), 1000), settings, PRICES)
    with pytest.raises(price.DetailsDoNotFit, match="0 output groups"):
        price.actual([], settings, PRICES)


def test_an_acceleration_that_did_not_happen_is_not_billed():
    settings = job(picture(720))
    assert price.predict(settings, 60_000, PRICES, accelerated=True).total == Decimal("0.024")
    assert price.actual(details_of(settings, 60_000), settings, PRICES).total == Decimal("0.015")


# Beside the encode ---------------------------------------------------------------------------------------------------


def test_a_terabyte_is_kept_for_twenty_three_dollars_and_fifty_five_cents():
    assert price.storage_a_month(2**40, PRICES) == Decimal("23.552")


# The file ------------------------------------------------------------------------------------------------------------


def test_every_number_says_where_it_is_from():
    tree = tomllib.loads(price.FILE.read_text())
    parts = [*tree["class"], *tree["rates"].values(), tree["audio"], *tree["add_ons"].values()]
    parts += tree["beside"].values()
    assert all(len(part["from"]) > 10 for part in parts) and tree["read"].year >= 2026


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("per_minute = 0.0075", "per_hour = 0.45", "per_minute"),
        ("least_seconds = 10", "least_seconds = 10 10", "prices.toml"),
        ('tier = "basic"', 'tier = "cheap"', "of no tier that has a rate"),
        ("multipliers.SD = { 60 = 1.25, 120 = 1.5 }", "multipliers.SD = { 30 = 1 }", "twice"),
        ("multiplier = 0.39", 'multiplier = "some"', "prices.toml"),
    ],
)
def test_a_broken_file_is_told(old, new, said):
    text = price.FILE.read_text()
    assert old in text
    with pytest.raises(price.PricesBroken, match=said):
        price.parse(text.replace(old, new))


def test_ten_seconds_of_an_hour_are_an_exact_part_of_it():
    assert price.predict(SOLUTION, 1000, PRICES).total == Decimal("4.23") / 360
