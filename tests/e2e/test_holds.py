"""Waiting for a person: a held film is watched, approved and then public; budget and pause hold work and lose none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.films import Film
from pipeline.cli.follow import Follower
from tests.e2e import films
from tests.e2e.conftest import Pipeline
from tests.e2e.test_operations import eventually, objects_of, vod


def uploaded(pipeline: Pipeline, path: Path, key: str, wishes: dict[str, Any] | None = None) -> Follower:
    sidecars = ()
    if wishes:
        beside = path.with_name(f"{Path(key).stem}.json")
        beside.write_text(json.dumps(wishes))
        sidecars = ((beside, key.rpartition(".")[0] + ".json"),)
    follower = Follower(pipeline.world, Film(path, key, sidecars))
    follower.upload()
    return follower


def waits(follower: Follower, status: str) -> dict[str, Any]:
    """What it waits for, once it does."""
    return eventually(
        lambda: follower._record(f"version#{follower.version}") or {}, lambda record: record.get("status") == status
    )["waits"]


def test_a_held_film_can_be_watched_before_it_is_approved_and_published(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path
):
    key = "uploads/held.mp4"
    follower = uploaded(pipeline, films.plain(film_folder, 2), key, {"publish": "hold", "title": "The Held One"})
    waits(follower, "held")
    said = vod(pipeline, tmp_path, "show", follower.asset_id)["versions"][-1]["waits"]
    assert said["reason"] == "approval" and f"vod approve {follower.asset_id}" in said["message"]
    run = re.fullmatch(
        rf"{re.escape(pipeline.world.delivery_url)}/\?asset={follower.asset_id}&run=([0-9a-f]+-r1)", said["preview_url"]
    )[1]
    folder = f"a/{follower.asset_id}/v/{run}"
    preview = json.loads(pipeline.get(f"{folder}/asset.json"))
    assert preview["title"] == "The Held One" and preview["published_at"] is None
    playlist = pipeline.get(f"{folder}/{preview['hls']}").decode()
    variant = next(line for line in playlist.splitlines() if line and not line.startswith("#"))
    segment = re.search(r"^[^#\s].*$", pipeline.get(f"{folder}/{variant}").decode(), re.MULTILINE)[0]
    assert len(pipeline.get(f"{folder}/{segment}")) > 1000
    assert json.loads(pipeline.get(f"a/{follower.asset_id}/asset.json"))["status"] == "processing"

    there = objects_of(pipeline, follower.asset_id)
    report = vod(pipeline, tmp_path, "sweep", "--grace", "0")
    assert report["oldest_seconds"] == 0 and report["trouble"] == []
    assert objects_of(pipeline, follower.asset_id) == there, "the sweep takes nothing from under a reviewer"

    done = vod(pipeline, tmp_path, "approve", follower.asset_id, "--by", "ana", "--note", "lovely")
    assert done["goes_on"] and done["execution"] == f"{follower.asset_id}-{run}"
    result = pipeline.wait(follower)
    assert result.status == "published" and "Hold for approval" in pipeline.states(result)
    assert pipeline.asset_json(result)["status"] == "published" and pipeline.asset_json(result)["published_at"]
    told = pipeline.world.client("stepfunctions").describe_execution(executionArn=result.execution_arn)
    approval = json.loads(told["output"])["approval"]
    assert (approval["by"], approval["note"]) == ("ana", "lovely")


@pytest.fixture
def budget(pipeline: Pipeline) -> Iterator[Any]:
    """A daily budget of so many dollars, for the functions that ask for it."""
    client = pipeline.world.client("lambda")
    every = client.list_functions()["Functions"]
    asking = [one for one in every if "VOD_DAILY_BUDGET_USD" in one["Environment"]["Variables"]]
    assert len(asking) == 3

    def set_to(usd: str) -> None:
        for one in asking:
            variables = {**one["Environment"]["Variables"], "VOD_DAILY_BUDGET_USD": usd}
            client.update_function_configuration(FunctionName=one["FunctionName"], Environment={"Variables": variables})

    yield set_to
    set_to("0")


def test_a_film_for_which_the_day_has_no_money_left_waits_until_somebody_releases_it(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path, budget
):
    film = films.plain(film_folder, 2)
    budget("0.0025")
    first = pipeline.wait(uploaded(pipeline, film, "uploads/first within.mp4"))
    spent = vod(pipeline, tmp_path, "budget")
    assert first.status == "published" and 0.00125 < spent["reserved_usd"] <= 0.0025 and spent["waiting"] == []
    second = uploaded(pipeline, film, "uploads/second beyond.mp4")
    said = waits(second, "waiting")
    assert said["reason"] == "budget" and "of today's 0.0025 are left" in said["message"]
    (waiting,) = vod(pipeline, tmp_path, "budget")["waiting"]
    assert waiting["film"] == second.film.key and waiting["price_usd"] > 0.00125
    (released,) = vod(pipeline, tmp_path, "release", second.asset_id, "--by", "ana")["released"]
    assert released["goes_on"] and released["by"] == "ana"
    third = uploaded(pipeline, film, "uploads/third beyond.mp4")
    waits(third, "waiting")
    assert "released by the budget" not in vod(pipeline, tmp_path, "sweep")["counts"]
    budget("1")
    assert vod(pipeline, tmp_path, "sweep")["counts"]["released by the budget"] == 1
    assert {pipeline.wait(each).status for each in (second, third)} == {"published"}
    after = vod(pipeline, tmp_path, "budget")
    assert after["waiting"] == [] and after["reserved_usd"] > 2 * spent["reserved_usd"]


def test_what_comes_while_intake_is_paused_waits_and_is_started_in_its_order(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path
):
    assert vod(pipeline, tmp_path, "pause", "--by", "ana", "--reason", "a new encoder")["changed"]
    before = len(pipeline.executions())
    waiting = []
    for number in range(3):
        text = films.written(film_folder, f"paused {number}.mp4", b"no film %d" % number)
        waiting.append(uploaded(pipeline, text, f"uploads/paused {number}.mp4"))
        waits(waiting[-1], "waiting")
    listed = vod(pipeline, tmp_path, "list", "--status", "waiting")
    assert listed["found"] == 3 and listed["intake"]["by"] == "ana" and listed["intake"]["reason"] == "a new encoder"
    swept = vod(pipeline, tmp_path, "sweep", "--grace", "0")["counts"]
    assert not {"execution started", "waiting upload started"} & swept.keys()
    assert len(pipeline.executions()) == before
    done = vod(pipeline, tmp_path, "resume")
    assert done["started"] == [each.execution_arn.rsplit(":", 1)[1] for each in waiting]
    assert {pipeline.wait(each).status for each in waiting} == {"rejected"}
    assert not vod(pipeline, tmp_path, "list", "--limit", "1")["intake"]["paused"]
