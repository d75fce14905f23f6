"""The plan: what it refuses and where, whom it strikes and how often, and that without one nothing is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.local import faults
from pipeline.local.faults import Fault, FaultPlanInvalid, Faults, Plan, plan_of


@pytest.fixture(autouse=True)
def no_plan():
    yield
    faults.install(None)


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        ([], "plan: must be an object"),
        ({"fault": []}, "plan.fault: must be left out"),
        ({"faults": {}}, "plan: faults: must be a list"),
        ({"seed": "x"}, "plan: seed: must be a whole number"),
        ({"clock_scale": 0}, "plan: clock_scale: must be a number above 0"),
        ({"faults": [{}]}, "plan: faults[0].kind: must be one of mediaconvert.throttle"),
        ({"faults": [{"kind": "s3.fault"}, {"kind": "s3.faults"}]}, "plan: faults[1].kind"),
        ({"faults": [{"kind": "s3.fault", "match": {"status": "x"}}]}, "faults[0].match.status: must be left out"),
        ({"faults": [{"kind": "s3.fault", "match": {"key": 1}}]}, "faults[0].match.key: must be a text"),
        ({"faults": [{"kind": "s3.fault", "count": 0}]}, "faults[0].count: must be a whole number above 0"),
        ({"faults": [{"kind": "s3.fault", "probability": 2}]}, "faults[0].probability: must be a number from 0 to 1"),
        ({"faults": [{"kind": "s3.fault", "after": -1}]}, "faults[0].after: must be a whole number"),
        ({"faults": [{"kind": "s3.fault", "code": 1}]}, "faults[0].code: must be left out"),
        ({"faults": [{"kind": "mediaconvert.error", "code": "1010"}]}, "faults[0].code: must be a whole number"),
        ({"faults": [{"kind": "lambda.kill", "when": "now"}]}, "faults[0].when: must be one of before, during, after"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused_with_its_place(plan, complaint):
    with pytest.raises(FaultPlanInvalid) as raised:
        plan_of(plan, "plan")
    assert complaint in str(raised.value)


def test_a_file_is_named_in_every_complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "faults.json"
    monkeypatch.setenv("VOD_FAULTS", str(file))
    for text, complaint in ((None, "No such file"), ("{", "line 1, column 2"), ('{"x": 1}', "faults.json.x")):
        if text is not None:
            file.write_text(text)
        with pytest.raises(FaultPlanInvalid, match=complaint) as raised:
            faults.load(None)
        assert str(raised.value).startswith(str(file))
    file.write_text(json.dumps({"seed": 3, "faults": [{"kind": "mediaconvert.error", "code": 1040}]}))
    plan = faults.load(None)
    assert plan.seed == 3 and plan.faults[0]["code"] == 1040 and plan.faults[0]["message"] == "An injected error"


def test_without_a_plan_there_is_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("VOD_FAULTS", raising=False)
    assert faults.load(None) is None
    faults.install(None)
    assert faults.current is None and faults.at("http.request", service="s3") == ()


def test_a_count_is_for_each_asset():
    at_work = Faults(Plan((Fault("mediaconvert.error", count=2),)))
    for asset in ("one", "two"):
        struck = [len(at_work.at("mediaconvert.run", {"asset_id": asset})) for _ in range(4)]
        assert struck == [1, 1, 0, 0]
    assert [one.asset_id for one in at_work.injected] == ["one", "one", "two", "two"]


def test_some_occasions_pass_first_and_others_do_not_match():
    fault = Fault("s3.fault", {"operation": "Put*", "asset_id": "film-*"}, count=1, after=1)
    at_work = Faults(Plan((fault,)))
    put = {"service": "s3", "operation": "PutObject", "asset_id": "film-1"}
    assert not at_work.at("http.request", {**put, "operation": "GetObject"})
    assert not at_work.at("http.request", {**put, "service": "dynamodb"})
    assert not at_work.at("http.request", {**put, "asset_id": "other"})
    assert [len(at_work.at("http.request", put)) for _ in range(3)] == [0, 1, 0]


def test_draws_depend_on_the_seed_and_the_asset_and_not_on_the_order():
    plan = Plan((Fault("mediaconvert.error", count=None, probability=0.5),), seed=5)

    def struck(at_work: Faults, asset: str) -> list[int]:
        return [len(at_work.at("mediaconvert.run", {"asset_id": asset})) for _ in range(20)]

    one, two = Faults(plan), Faults(plan)
    first, second = struck(one, "a"), struck(one, "b")
    assert struck(two, "b") == second and struck(two, "a") == first  # the other way round
    assert first != second and 3 < sum(first) < 17
    assert struck(Faults(Plan(plan.faults, seed=6)), "a") != first


def test_a_plan_is_replaced_while_it_works():
    faults.install(Plan((Fault("s3.fault"),)))
    assert faults.at("http.request", service="s3")
    faults.install(Plan((Fault("s3.slow_down"),)))
    assert [fault.kind for fault in faults.at("http.request", service="s3")] == ["s3.slow_down"]


def test_every_kind_stands_at_a_point_whose_facts_it_names():
    for name, kind in faults.KINDS.items():
        assert set(kind.only) <= set(faults.POINTS[kind.point]), name
