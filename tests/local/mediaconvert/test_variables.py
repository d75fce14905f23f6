"""Format identifiers: filled in where MediaConvert fills them in, refused where the local engine knows them not."""

from __future__ import annotations

import datetime

from pipeline.local.mediaconvert import honoured, variables
from tests.local.mediaconvert.conftest import settings_for
from tests.local.mediaconvert.test_rules import cmaf, video

NOW = datetime.datetime(2026, 11, 23, 10, 39, 5, tzinfo=datetime.UTC)


def with_names(destination: str, modifier: str) -> dict:
    settings = settings_for("My Film.2")
    cmaf(settings)["Destination"] = destination
    video(settings)["NameModifier"] = modifier
    return settings


def test_date_time_and_file_name_are_filled_in():
    filled = variables.filled_in(with_names("s3://out/$d$/$fn$", "_$dt$_$t$"), NOW)
    assert cmaf(filled)["Destination"] == "s3://out/20261123/My Film.2"
    assert video(filled)["NameModifier"] == "_20261123T103905_103905"


def test_a_segment_modifier_is_filled_in_and_its_neighbours_stay():
    settings = with_names("s3://out/a", "_a")
    video(settings)["OutputSettings"] = {"HlsSettings": {"SegmentModifier": "_$dt$", "AudioGroupId": "sound"}}
    filled = variables.filled_in(settings, NOW)
    assert video(filled)["OutputSettings"] == {
        "HlsSettings": {"SegmentModifier": "_20261123T103905", "AudioGroupId": "sound"}
    }


def test_the_settings_it_is_given_stay_as_they_are():
    settings = with_names("s3://out/$fn$", "_$dt$")
    before = str(settings)
    variables.filled_in(settings, NOW)
    assert str(settings) == before


def test_others_are_refused_with_their_path():
    settings = with_names("s3://out/$w$x$h$/", "_$Number$")
    assert honoured.refusals({"Settings": settings}) == [
        "OutputGroups[0].OutputGroupSettings.CmafGroupSettings.Destination: $w$ is not honoured by the local engine "
        "(honoured: $dt$, $d$, $t$, $fn$)",
        "OutputGroups[0].OutputGroupSettings.CmafGroupSettings.Destination: $h$ is not honoured by the local engine "
        "(honoured: $dt$, $d$, $t$, $fn$)",
        "OutputGroups[0].Outputs[0].NameModifier: $Number$ is not honoured by the local engine "
        "(honoured: $dt$, $d$, $t$, $fn$)",
    ]


def test_a_dollar_that_is_none_stays():
    assert honoured.refusals({"Settings": with_names("s3://out/5$", "_a")}) == []
