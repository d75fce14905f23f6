"""Holds, the budget and intake: what waits is decided once, by one, and whoever waits for it hears of it."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest

from pipeline.aws import budget as money
from pipeline.aws import decide, executions, intake, objects, operate
from pipeline.aws.budget import Budget
from pipeline.aws.holds import Holds
from pipeline.aws.intake import Intake
from pipeline.aws.operate import NotNow, Place
from pipeline.media import holds, keys
from pipeline.media.asset import Upload
from pipeline.media.errors import SourceSuperseded
from tests.aws.test_pointers import publish
from tests.aws.test_sweep import ARN, FILM, OLD, Workflow, leave_outputs, outputs, sweep, workflow  # noqa: F401
from tests.aws.world import DELIVERY, MACHINE_ARN, QUEUE_ARN, TABLE
from tests.media.films import BUCKET, OUTPUTS, upload

PLACE = Place(TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, DELIVERY)
NOW = datetime.datetime.now(datetime.UTC)
FOR_APPROVAL = holds.for_approval(FILM.asset_id, NOW, "https://films/?asset=x&run=y")
LIMIT = Decimal(5)


class Steps(Workflow):
    """Step Functions, and the tokens it waits for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        self.tokens: set[str] = set()
        self.told: list[tuple[str, Any]] = []
        monkeypatch.setattr(
            executions, "stop", lambda arn, error, cause: arn in self.known and self.end(arn, "ABORTED")
        )
        monkeypatch.setattr(executions, "succeed", self._answer)
        monkeypatch.setattr(executions, "fail", lambda token, error: self._answer(token, error.code))

    def _answer(self, token: str, answer: Any) -> bool:
        if token not in self.tokens:
            return False
        self.tokens.remove(token)
        self.told.append((token, answer))
        return True


@pytest.fixture
def steps(monkeypatch) -> Steps:
    return Steps(monkeypatch)


def runs(steps: Steps, film: Upload) -> None:
    table = Holds(TABLE)
    table.register(film)
    table.started(film, steps.start(film, MACHINE_ARN))
    table.mark(film, "transcoding")


def held(steps: Steps, film: Upload = FILM, token: str = "token") -> Holds:
    runs(steps, film)
    return waits(steps, film, token)


def waits(steps: Steps, film: Upload, token: str) -> Holds:
    steps.tokens = {token}
    assert Holds(TABLE).begin(film, holds.APPROVAL, token, FOR_APPROVAL)
    return Holds(TABLE)


# Approval ------------------------------------------------------------------------------------------------------------


def test_what_a_film_waits_for_stands_in_its_record(table, steps):
    held(steps)
    record = table.version(FILM)
    assert record["status"] == "held" and record["waits"]["reason"] == "approval"
    assert "vod approve" in record["waits"]["message"] and record["waits"]["preview_url"] in record["waits"]["message"]
    assert record["waits"]["until"] > record["waits"]["since"]


@pytest.mark.parametrize("name", [FILM.asset_id, FILM.execution_name, ARN])
def test_an_approval_is_kept_and_told_to_the_step(table, steps, name):
    held(steps)
    done = decide.approve(name, PLACE, "ana", "fine")
    assert done["goes_on"] and (done["by"], done["note"], done["execution"]) == ("ana", "fine", FILM.execution_name)
    ((token, said),) = steps.told
    assert token == "token" and (said["by"], said["note"]) == ("ana", "fine")
    record = table.version(FILM)
    assert record["status"] == "transcoding" and "waits" not in record
    assert table.known(FILM)["approval"] == said
    assert not list(Holds(TABLE).open_holds())


def test_approving_twice_says_who_was_first(steps, table):
    held(steps)
    decide.approve(FILM.asset_id, PLACE, "ana")
    with pytest.raises(NotNow, match="approved already, by ana"):
        decide.approve(FILM.asset_id, PLACE, "bea")
    assert len(steps.told) == 1 and table.known(FILM)["approval"]["by"] == "ana"


def test_of_two_who_approve_at_once_one_does(table, steps, monkeypatch):
    held(steps)
    real = Holds.decide

    def overtaken(self, *arguments, **more):
        monkeypatch.setattr(Holds, "decide", real)
        decide.approve(FILM.asset_id, PLACE, "bea")
        return real(self, *arguments, **more)

    monkeypatch.setattr(Holds, "decide", overtaken)
    with pytest.raises(NotNow, match="already, by bea"):
        decide.approve(FILM.asset_id, PLACE, "ana")
    assert len(steps.told) == 1


def test_what_is_not_held_cannot_be_approved(table, steps):
    runs(steps, FILM)
    with pytest.raises(NotNow, match="is transcoding: it does not wait for approval"):
        decide.approve(FILM.asset_id, PLACE, "ana")
    with pytest.raises(NotNow, match="does not wait for the daily budget"):
        decide.release(FILM.asset_id, PLACE, "ana")
    with pytest.raises(operate.NothingByThatName):
        decide.approve("nothing-123", PLACE, "ana")


def test_a_retried_step_has_a_new_token_and_the_approval_reaches_it(table, steps):
    held(steps, token="first")
    waits(steps, FILM, "second")
    decide.approve(FILM.asset_id, PLACE, "ana")
    assert [token for token, _ in steps.told] == ["second"]


def test_an_older_token_written_late_does_not_hide_the_newer(table, steps):
    held(steps, token="second")
    Holds(TABLE).begin(FILM, holds.APPROVAL, "first, its function was slow", FOR_APPROVAL)
    decide.approve(FILM.asset_id, PLACE, "ana")
    assert [token for token, _ in steps.told] == ["second"]


def test_a_step_that_comes_back_after_the_approval_is_told_by_the_sweep(table, steps, sweep):  # noqa: F811
    held(steps)
    steps.tokens.clear()  # the step failed after it had written its token, and tries again
    assert decide.approve(FILM.asset_id, PLACE, "ana")["goes_on"] is False
    assert not Holds(TABLE).begin(FILM, holds.APPROVAL, "new", FOR_APPROVAL), "it is not asked for twice"
    assert table.version(FILM)["status"] == "transcoding"
    steps.tokens = {"new"}
    assert sweep()["counts"]["decision told"] == 1
    assert [token for token, _ in steps.told] == ["new"] and not list(Holds(TABLE).open_holds())
    assert "decision told" not in sweep()["counts"]


def test_a_cancelled_film_is_neither_held_nor_approved(table, steps, mediaconvert):
    held(steps)
    leave_outputs()
    (done,) = operate.cancel(FILM.asset_id, PLACE)
    assert done["removed_objects"] == 3 and "waits" not in table.version(FILM)
    with pytest.raises(NotNow, match="is cancelled"):
        decide.approve(FILM.asset_id, PLACE, "ana")
    with pytest.raises(SourceSuperseded, match="cancelled"):
        Holds(TABLE).begin(FILM, holds.APPROVAL, "late", FOR_APPROVAL)


def test_a_cancel_that_comes_after_the_approval_wins_over_publishing(table, steps, mediaconvert):
    held(steps)
    decide.approve(FILM.asset_id, PLACE, "ana")
    operate.cancel(FILM.asset_id, PLACE)
    with pytest.raises(SourceSuperseded, match="cancelled"):
        publish(table, FILM)


def test_the_sweep_leaves_a_held_film_and_its_outputs_alone(table, steps, sweep):  # noqa: F811
    held(steps)
    leave_outputs()
    table._update(FILM, f"version#{FILM.version}", created_at="2020-01-01T00:00:00.000Z")  # held for years
    report = sweep()
    assert (report["counts"], report["trouble"], report["oldest_seconds"]) == ({}, [], 0)
    assert len(outputs()) == 3 and table.version(FILM)["status"] == "held" and steps.told == []


def test_a_held_film_goes_when_a_newer_upload_is_published(table, steps, sweep):  # noqa: F811
    held(steps, OLD)
    table.register(FILM)
    publish(table, FILM)
    assert sweep()["counts"]["held film superseded"] == 1
    assert steps.told == [("token", "SOURCE_SUPERSEDED")]


def test_a_held_film_stays_when_an_older_upload_is_published(table, steps, sweep):  # noqa: F811
    held(steps, FILM)
    table.register(OLD)
    publish(table, OLD)
    assert "held film superseded" not in sweep()["counts"] and steps.told == []


def test_of_two_held_uploads_the_asset_s_name_means_the_newer(table, steps):
    held(steps, OLD, "old")
    steps.tokens |= {"old"}
    runs(steps, FILM)
    Holds(TABLE).begin(FILM, holds.APPROVAL, "new", FOR_APPROVAL)
    steps.tokens |= {"new"}
    decide.approve(FILM.asset_id, PLACE, "ana")
    assert [token for token, _ in steps.told] == ["new"]
    decide.approve(OLD.execution_name, PLACE, "ana")
    assert [token for token, _ in steps.told] == ["new", "old"]


def test_a_held_run_that_was_stopped_by_hand_is_recorded_and_no_longer_waits(table, steps, sweep):  # noqa: F811
    held(steps)
    steps.end(ARN, "ABORTED", redriveCount=0)
    sweep()
    assert table.version(FILM)["status"] == "failed" and "waits" not in table.version(FILM)
    with pytest.raises(NotNow, match="is failed"):
        decide.approve(FILM.asset_id, PLACE, "ana")


def test_the_refusal_of_a_film_that_nobody_approved_is_in_plain_words():
    told = holds.timed_out(holds.APPROVAL, "2026-01-01", "film.mov").as_dict()
    assert told["code"] == "APPROVAL_TIMED_OUT" and told["class"] == "policy" and "nobody approved" in told["message"]
    assert holds.timed_out(holds.BUDGET, "2026-01-01", "film.mov").as_dict()["code"] == "BUDGET_TIMED_OUT"


# Budget --------------------------------------------------------------------------------------------------------------


def reserved() -> float:
    return Budget(TABLE).of_day(money.day())["reserved_usd"]


def film(number: int) -> Upload:
    return upload(f"uploads/film {number}.mp4", **{"version-id": f"v{number}"})


def price(total: float, whole: bool = True) -> dict[str, Any]:
    return {"total": total, "whole": whole}


def waits_for_money(steps: Steps, which: Upload, usd: float, minutes_ago: int = 0) -> None:
    runs(steps, which)
    since = NOW - datetime.timedelta(minutes=minutes_ago)
    said = holds.for_budget(which.asset_id, since, price(usd), LIMIT, Decimal(5))
    token = f"token of {which.asset_id}"
    steps.tokens.add(token)
    assert Budget(TABLE).begin(which, holds.BUDGET, token, said, price_usd=usd, limit_usd=LIMIT)


def test_a_day_s_budget_is_reserved_until_it_has_no_room(table):
    spent = [Budget(TABLE).reserve(film(number), Decimal("1.7"), LIMIT) for number in range(4)]
    assert spent == [True, True, False, False] and reserved() == 3.4
    assert Budget(TABLE).reserve(film(5), Decimal("1.6"), LIMIT) and reserved() == 5, "to the last cent"
    assert not Budget(TABLE).reserve(film(6), Decimal("0.0001"), LIMIT)


def test_a_repeated_plan_reserves_once(table):
    assert all(Budget(TABLE).reserve(FILM, Decimal(3), LIMIT) for _ in range(3))
    assert reserved() == 3
    assert table.known(FILM)["budget"] == {"day": money.day(), "reserved_usd": 3}


def test_a_film_dearer_than_a_day_never_finds_room(table):
    assert not Budget(TABLE).reserve(FILM, Decimal("5.01"), LIMIT) and reserved() == 0


def test_another_day_has_another_budget(table, monkeypatch):
    Budget(TABLE).reserve(film(1), Decimal(5), LIMIT)
    monkeypatch.setattr(money, "day", lambda: "2999-01-01")
    assert Budget(TABLE).reserve(film(2), Decimal(5), LIMIT)


def test_what_it_did_cost_takes_the_place_of_what_was_reserved_once(table):
    Budget(TABLE).reserve(FILM, Decimal(3), LIMIT)
    for _ in range(2):
        Budget(TABLE).correct(FILM, Decimal("2.5"))
    assert reserved() == 2.5
    Budget(TABLE).correct(film(1), Decimal(2))
    assert reserved() == 2.5, "where nothing was reserved nothing is corrected"


def test_a_day_s_item_that_everybody_writes_is_tried_again(table, monkeypatch):
    real, conflicts = Budget._refused, iter([["TransactionConflict", "None"], ["None", "TransactionConflict"]])
    monkeypatch.setattr(Budget, "_refused", lambda self, parts: next(conflicts, None) or real(self, parts))
    assert Budget(TABLE).reserve(FILM, Decimal(3), LIMIT) and reserved() == 3


@pytest.fixture
def sweep_with_budget(table, jobs_queue, mediaconvert):
    from pipeline.aws.sweep import Sweep
    from pipeline.settings import SweepSettings

    def run(limit: str = "5") -> dict[str, int]:
        asked = SweepSettings(
            TABLE,
            OUTPUTS,
            MACHINE_ARN,
            QUEUE_ARN,
            "none",
            jobs_queue.url,
            "topic",
            "Vod",
            "30",
            limit,
            BUCKET,
            DELIVERY,
        )
        report = Sweep(asked, lambda: True, datetime.timedelta()).run()
        assert report.trouble == []
        assert report.oldest_seconds < 3600, "what waits for money, some of it for years, is nobody's trouble"
        return dict(report.counts)

    return run


def test_a_new_day_releases_the_oldest_first_as_far_as_it_has_room(table, steps, sweep_with_budget):
    for number, (usd, ago) in enumerate([(3, 10), (1, 30), (2, 20), (0.5, 5)]):
        waits_for_money(steps, film(number), usd, ago)
    assert sweep_with_budget() == {"released by the budget": 2}
    assert [token for token, _ in steps.told] == [f"token of {film(n).asset_id}" for n in (1, 2)]
    assert reserved() == 3 and table.version(film(1))["status"] == "transcoding"
    assert table.version(film(0))["status"] == "waiting" and table.version(film(3))["status"] == "waiting"
    assert table.known(film(1))["release"]["by"] == f"the budget of {money.day()}"
    assert table.known(film(1))["budget"]["reserved_usd"] == 1
    assert sweep_with_budget() == {}, "the day is full"


def test_a_film_dearer_than_a_day_keeps_nobody_waiting_and_waits_for_an_operator(table, steps, sweep_with_budget):
    waits_for_money(steps, film(1), 7, 60)
    waits_for_money(steps, film(2), 1)
    table._update(film(1), f"version#{film(1).version}", created_at="2020-01-01T00:00:00.000Z")
    assert "an operator must decide" in table.version(film(1))["waits"]["message"]
    assert sweep_with_budget() == {"released by the budget": 1}
    assert table.version(film(1))["status"] == "waiting"
    done = decide.release(film(1).asset_id, PLACE, "ana", "the trailer of the year")
    assert done["goes_on"] and reserved() == 8, "what was released counts"
    assert table.known(film(1))["release"]["note"] == "the trailer of the year"


def test_without_the_option_nothing_waits_any_more(steps, sweep_with_budget):
    waits_for_money(steps, film(1), 7)
    assert sweep_with_budget("0") == {"released by the budget": 1} and reserved() == 0


def test_all_that_waits_for_the_budget_is_released_oldest_first(table, steps):
    for number, ago in ((1, 1), (2, 9), (3, 5)):
        waits_for_money(steps, film(number), 4, ago)
    held(steps)
    done = decide.release_all(PLACE, "ana")
    assert [each["execution"] for each in done] == [film(n).execution_name for n in (2, 3, 1)]
    assert reserved() == 12 and table.version(FILM)["status"] == "held", "an approval is another matter"
    assert decide.release_all(PLACE, "ana") == []


def test_prices_that_are_not_known_are_named_in_the_message():
    told = holds.for_budget("x", NOW, price(2, whole=False), LIMIT, Decimal(4))
    assert (
        "at least 2.00 USD (not all" in told["message"]
        and "2.00 USD" in told["message"]
        and "1.00 USD" in told["message"]
    )


# Intake --------------------------------------------------------------------------------------------------------------


def registered(number: int) -> Upload:
    one = film(number)
    Intake(TABLE).register(one)
    return one


def test_whoever_pauses_twice_is_told_since_when_and_by_whom(table):
    first = intake.pause(TABLE, "ana", "the encoder is mended")
    assert first["changed"] and first["paused"]
    second = intake.pause(TABLE, "bea")
    assert not second["changed"] and (second["by"], second["reason"]) == ("ana", "the encoder is mended")
    assert intake.resume(TABLE, "bea", MACHINE_ARN)["changed"]
    assert not intake.resume(TABLE, "bea", MACHINE_ARN)["changed"]
    assert not Intake(TABLE).state()["paused"]


def test_what_came_while_intake_was_paused_starts_in_its_order(table, steps):
    intake.pause(TABLE, "ana")
    came = [registered(number) for number in (5, 3, 9)]
    for one in reversed(came):
        assert Intake(TABLE).wait(one, Intake(TABLE).state())
    assert {table.version(one)["status"] for one in came} == {"waiting"}
    assert "vod resume" in table.version(came[0])["waits"]["message"]
    done = intake.resume(TABLE, "ana", MACHINE_ARN)
    assert done["started"] == [one.execution_name for one in came]
    record = table.version(came[0])
    assert record["status"] == "received" and "waits" not in record and record["execution_arn"]
    assert intake.resume(TABLE, "ana", MACHINE_ARN)["started"] == []


def test_a_resume_ends_where_somebody_pauses_again(table, steps, monkeypatch):
    monkeypatch.setattr(intake, "BATCH", 2)
    intake.pause(TABLE, "ana")
    for number in range(5):
        Intake(TABLE).wait(registered(number), {})
    Intake(TABLE).set(False, "ana")
    started = intake.start_waiting(Intake(TABLE), MACHINE_ARN, lambda: True)
    begun = [next(started), next(started)]
    intake.pause(TABLE, "bea")
    assert list(started) == [] and len(begun) == 2
    assert len(intake.resume(TABLE, "bea", MACHINE_ARN)["started"]) == 3


def test_the_sweep_starts_nothing_while_intake_is_paused_and_the_rest_afterwards(table, steps, sweep):  # noqa: F811
    waiting, dying = registered(1), registered(2)  # of the second only the registration was written
    intake.pause(TABLE, "ana")
    Intake(TABLE).wait(waiting, Intake(TABLE).state())
    assert sweep()["counts"] == {"upload waits": 1} and not steps.known
    assert sweep()["counts"] == {} and table.version(dying)["status"] == "waiting"
    Intake(TABLE).set(False, "ana")  # whoever resumed died before the first was started
    assert sweep()["counts"] == {"waiting upload started": 2}
    assert [name for what, name in steps.calls if what == "start"] == [waiting.execution_name, dying.execution_name]


def test_a_pause_leaves_films_waiting_for_the_budget(steps, sweep_with_budget):
    waits_for_money(steps, film(1), 1)
    intake.pause(TABLE, "ana")
    assert sweep_with_budget() == {}
    Intake(TABLE).set(False, "ana")
    assert sweep_with_budget() == {"released by the budget": 1}


def test_a_resume_that_dies_between_deciding_and_starting_is_finished_by_the_sweep(table, steps, sweep):  # noqa: F811
    one = registered(1)
    Intake(TABLE).wait(one, {})
    assert Intake(TABLE).take(one) and not Intake(TABLE).take(one)
    assert sweep()["counts"] == {"execution started": 1}


def test_an_upload_that_waits_can_be_cancelled_and_is_not_started(table, steps, mediaconvert):
    one = registered(1)
    Intake(TABLE).wait(one, {})
    operate.cancel(one.asset_id, PLACE)
    assert intake.resume(TABLE, "ana", MACHINE_ARN)["started"] == []
    assert table.version(one)["status"] == "cancelled"


def test_an_upload_that_waits_for_the_end_of_a_pause_is_not_released(table, steps):
    one = registered(1)
    Intake(TABLE).wait(one, {})
    with pytest.raises(NotNow, match="vod resume"):
        decide.release(one.asset_id, PLACE, "ana")


def test_an_upload_that_has_started_does_not_wait(table, steps):
    runs(steps, FILM)
    assert not Intake(TABLE).wait(FILM, {}) and table.version(FILM)["status"] == "transcoding"


def test_who_approved_and_what_they_said_stands_in_the_receipt(table, steps):
    held(steps)
    decide.approve(FILM.asset_id, PLACE, "Ana <3", "fine")
    written = {end: objects.read(FILM.bucket, keys.receipt_key(FILM.key, end)).decode() for end in (".json", ".html")}
    said = json.loads(written[".json"])["approval"]
    assert (said["by"], said["note"]) == ("Ana <3", "fine") and said["at"]
    assert "Approved" in written[".html"] and "Ana &lt;3" in written[".html"]
