"""Templates and presets under a job: what shows through and what does not."""

from __future__ import annotations

from pipeline.local.mediaconvert.merging import lay_over, over_presets, over_template

TEMPLATE = {
    "Queue": "Films",
    "Priority": 5,
    "Category": "vod",
    "Settings": {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "Inputs": [{"AudioSelectors": {"Audio Selector 1": {"Tracks": [1, 2]}}, "FilterStrength": 0}],
        "OutputGroups": [
            {
                "Name": "HLS",
                "OutputGroupSettings": {"Type": "HLS_GROUP_SETTINGS", "HlsGroupSettings": {"SegmentLength": 3}},
                "Outputs": [{"NameModifier": "_a"}, {"NameModifier": "_b"}],
            },
            {"Name": "File Group", "Outputs": [{"NameModifier": "_f"}]},
        ],
    },
}


def merged(settings, **request):
    return over_template({"Role": "arn", "JobTemplate": "t", "Settings": settings, **request}, TEMPLATE)


def test_the_job_decides_what_both_say():
    settings = merged({"Inputs": [{"FileInput": "s3://a/b", "FilterStrength": 3}]})["Settings"]
    assert settings["Inputs"] == [
        {"AudioSelectors": {"Audio Selector 1": {"Tracks": [1, 2]}}, "FilterStrength": 3, "FileInput": "s3://a/b"}
    ]
    assert settings["OutputGroups"] == TEMPLATE["Settings"]["OutputGroups"]


def test_groups_are_paired_by_place_and_an_empty_list_of_outputs_leaves_the_templates():
    """As AWS's VOD solution sends them: one group for each of the template's, with a destination and no outputs, and
    one of its own behind them."""
    sent = [
        {
            "Name": "HLS Group",
            "OutputGroupSettings": {
                "Type": "HLS_GROUP_SETTINGS",
                "HlsGroupSettings": {"Destination": "s3://out/hls/", "MinSegmentLength": 0},
            },
            "Outputs": [],
        },
        {"Name": "File Group", "Outputs": []},
        {"Name": "Frame Capture", "Outputs": [{"NameModifier": "_thumb"}]},
    ]
    hls, files, capture = merged({"OutputGroups": sent})["Settings"]["OutputGroups"]
    assert hls["OutputGroupSettings"]["HlsGroupSettings"] == {
        "SegmentLength": 3, "Destination": "s3://out/hls/", "MinSegmentLength": 0,
    }  # fmt: skip
    assert hls["Name"] == "HLS Group"
    assert [output["NameModifier"] for output in hls["Outputs"]] == ["_a", "_b"]
    assert files["Outputs"] == [{"NameModifier": "_f"}]
    assert capture["Outputs"] == [{"NameModifier": "_thumb"}]


def test_queue_and_priority_come_from_the_template_unless_the_job_has_its_own():
    assert (merged({})["Queue"], merged({})["Priority"]) == ("Films", 5)
    assert (merged({}, Queue="Other", Priority=0)["Queue"], merged({}, Priority=0)["Priority"]) == ("Other", 0)
    assert "Category" not in merged({})


def test_lists_of_plain_values_are_replaced_whole():
    assert lay_over({"Tracks": [1, 2, 3]}, {"Tracks": [2]}) == {"Tracks": [2]}


def test_neither_side_is_changed_by_the_merge():
    settings = {"Inputs": [{"FileInput": "s3://a/b"}]}
    before = str(TEMPLATE)
    merged(settings)
    assert (str(TEMPLATE), settings) == (before, {"Inputs": [{"FileInput": "s3://a/b"}]})


def test_a_preset_fills_its_output_and_its_name_stays():
    preset = {"VideoDescription": {"Width": 640, "Height": 360}, "ContainerSettings": {"Container": "MP4"}}
    settings = {
        "OutputGroups": [{"Outputs": [{"Preset": "p", "VideoDescription": {"Width": 320}}, {"Extension": "x"}]}]
    }
    [group] = over_presets(settings, {"p": preset}.__getitem__)["OutputGroups"]
    assert group["Outputs"] == [
        {
            "Preset": "p",
            "VideoDescription": {"Width": 320, "Height": 360},
            "ContainerSettings": {"Container": "MP4"},
        },
        {"Extension": "x"},
    ]
