"""Money on its way through the steps: predicted by Plan, spent when MediaConvert is done, summed up at the end."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.plan.handler import handler as plan
from pipeline.aws import transcoder
from pipeline.cli import check
from pipeline.cli.films import Film
from pipeline.media import price, profiles
from pipeline.settings import PlanSettings
from tests.aws.world import TABLE
from tests.lambdas.test_steps import KEY, put, run, stored
from tests.media.films import OUTPUTS, picture, probed, sound

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def film(table, monkeypatch):
    result = probed(picture(), sound(language="eng"), container="quicktime")
    monkeypatch.setattr(transcoder, "probe", lambda url: result)
    monkeypatch.setattr(check, "_probe", lambda path, url: result)
    uploaded = put()
    table.register(uploaded)
    return uploaded


def configured(monkeypatch: pytest.MonkeyPatch, profile: str, acceleration: str = "DISABLED") -> None:
    for variable, value in PlanSettings(TABLE, OUTPUTS, profile, acceleration, "Vod", "0").as_env().items():
        monkeypatch.setenv(variable, value)


def counted(capsys: pytest.CaptureFixture[str], name: str) -> list[float]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if name in line]
    return [line[name] for line in lines if line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Vod"]


# Predicted -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", profiles.load())
def test_plan_and_check_say_the_same_price(film, table, monkeypatch, tmp_path, profile):
    configured(monkeypatch, profile)
    state = run(film, "plan")
    local = tmp_path / Path(KEY).name
    local.write_bytes(b"film")
    report = check.report_on(Film(local, KEY, ()), profiles.load()[profile])
    assert report["price"] == table.known(film)["price"]["predicted"]
    assert report["price"]["total"] == state["plan"]["price"]["total"] > 0


def test_the_state_has_the_sum_and_what_is_not_in_it(film, table, capsys):
    state = run(film, "plan")
    settings = stored(OUTPUTS, state["plan"]["streams"]["settings_key"])
    bill = price.predict(settings, state["source"]["duration_ms"], price.load())
    assert state["plan"]["price"] == {
        "total": bill.as_dict()["total"],
        "currency": "USD",
        "whole": False,
        "sure": False,
        "not_priced": ["frame capture"],
    }
    assert table.known(film)["price"] == {"predicted": bill.as_dict()}
    assert table.version(film)["predicted_usd"] == bill.as_dict()["total"]
    assert counted(capsys, "PredictedCost") == [float(bill.total)]


def test_a_film_of_two_jobs_has_one_bill(film, table, monkeypatch):
    configured(monkeypatch, "download")
    run(film, "plan")
    outputs = [item["output"] for item in table.known(film)["price"]["predicted"]["items"]]
    assert "Streams_1080p" in outputs and "Download" in outputs


@pytest.mark.parametrize("mode", ["PREFERRED", "ENABLED"])
def test_acceleration_is_priced_where_the_deployment_asks_for_it(film, table, monkeypatch, mode):
    plain = run(film, "plan")["plan"]["price"]["total"]
    configured(monkeypatch, "default", mode)
    state: dict[str, Any] = run(film, "source")
    dearer = plan({key: state[key] for key in ("upload", "source")}, None)["price"]["total"]
    assert dearer == pytest.approx(plain * 0.0120 / 0.0075, rel=0.01), "the professional tier's rate"


def test_a_version_that_is_not_known_is_not_made_by_its_price(film, table):
    table.priced(dataclasses.replace(film, version="0" * 12), predicted_usd=1)
    assert [item["sk"] for item in table.everything(film.asset_id)] == [f"version#{film.version}"]
