"""A version that plays gets a next revision without a new encode: what plays is never put at risk by it."""

from __future__ import annotations

import datetime

import pytest

from pipeline.aws import executions, failures, life, objects, operate, topic, updates
from pipeline.aws.clients import client
from pipeline.aws.intake import pause
from pipeline.aws.operate import NothingByThatName, NotNow
from pipeline.aws.sweep import remove_outputs
from pipeline.aws.table import AssetTable
from pipeline.media.asset import Upload
from pipeline.media.errors import PointerContended, SourceSuperseded
from tests.aws.test_life import ASSET, ONE, PLACE, TWO, asset_json, beyond, is_published, lies_there, sweep, workflow  # noqa: F401
from tests.aws.test_pointers import assert_plays, publish
from tests.aws.test_sweep import Workflow
from tests.aws.world import MACHINE_ARN, TABLE
from tests.media.films import BUCKET, OUTPUTS

REFUSED = {"code": "SIDECAR_WRONG", "message": "no"}
UPDATE = ONE.with_revision(2)


def plays(table: AssetTable, workflow: Workflow, film: Upload = ONE) -> Upload:  # noqa: F811
    """The film's first run is published, and known as Publish makes it known."""
    table.note(film, encode=film.run)
    is_published(table, workflow, film)
    return film


def begins(table: AssetTable, workflow: Workflow, film: Upload = ONE, before: int = 1) -> Upload:  # noqa: F811
    """Its update is under way, and has written its captions."""
    following = table.revise(film, plays=before)
    table.started(following, workflow.start(following, MACHINE_ARN))
    table.mark(following, "transcoding")
    table.note(following, encode=film.with_revision(1).run)
    objects.write(OUTPUTS, following.run_prefix + "captions/fr.vtt", b"WEBVTT", "text/vtt")
    return following


def ends(table: AssetTable, workflow: Workflow, film: Upload) -> None:  # noqa: F811
    publish(table, film)
    workflow.end(executions.arn_of(film.execution_name, MACHINE_ARN), "SUCCEEDED")


def current(table: AssetTable) -> tuple[str, int]:
    found = table.asset(ASSET)["current"]
    return found["version"], found["revision"]


# Publishing ----------------------------------------------------------------------------------------------------------


def test_an_update_follows_the_revision_that_plays(table, workflow):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    assert update == UPDATE and table.version(ONE)["status"] == "transcoding"
    assert_plays(ONE)
    ends(table, workflow, update)
    assert_plays(update)
    record = table.version(ONE)
    assert (record["status"], record["revision"], record["published_revision"]) == ("published", 2, 2)
    publish(table, update)  # its answer was lost
    assert_plays(update)


def test_of_two_who_begin_the_next_revision_one_does(table, workflow):  # noqa: F811
    plays(table, workflow)
    assert table.revise(ONE, plays=1) == UPDATE
    assert table.revise(ONE, plays=1) is None and table.revise(UPDATE, plays=1) is None


def test_only_what_plays_has_a_next_revision_of_that_kind(table, workflow):  # noqa: F811
    table.register(ONE)
    assert table.revise(ONE, plays=1) is None
    table.mark(ONE, "rejected", error=REFUSED)
    assert table.revise(ONE, plays=1) is None and table.revise(ONE) == UPDATE


def test_an_earlier_revision_does_not_return(table, workflow):  # noqa: F811
    plays(table, workflow)
    ends(table, workflow, begins(table, workflow))
    with pytest.raises(SourceSuperseded):
        publish(table, ONE)
    assert_plays(UPDATE)


def test_a_newer_upload_wins_over_an_update_whichever_ends_first(table, workflow):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    plays(table, workflow, TWO)
    with pytest.raises(SourceSuperseded) as refused:
        publish(table, update)
    assert refused.value.code == "SOURCE_SUPERSEDED"
    assert table.mark(update, "superseded", error=refused.value.as_dict())
    assert_plays(TWO)
    record = table.version(ONE)
    assert (record["status"], record["published_revision"], record["error"]["code"]) == (
        "published", 1, "SOURCE_SUPERSEDED",
    )  # fmt: skip
    assert record["replaced_at"]
    life.rollback(ASSET, None, PLACE)
    assert_plays(ONE)


def test_an_update_does_not_undo_a_rollback(table, workflow):  # noqa: F811
    plays(table, workflow)
    plays(table, workflow, TWO)
    update = begins(table, workflow, TWO)
    life.rollback(ASSET, None, PLACE)
    with pytest.raises(SourceSuperseded) as refused:
        publish(table, update)
    assert refused.value.code == "ROLLED_BACK"
    assert_plays(ONE)


def test_what_was_rolled_back_to_can_be_updated_and_a_newer_upload_still_wins(table, workflow):  # noqa: F811
    plays(table, workflow)
    plays(table, workflow, TWO)
    life.rollback(ASSET, None, PLACE)
    update = begins(table, workflow)
    ends(table, workflow, update)
    assert_plays(update)
    with pytest.raises(SourceSuperseded):
        publish(table, TWO)
    life.rollback(ASSET, TWO.version, PLACE)
    assert_plays(TWO)
    life.rollback(ASSET, ONE.version, PLACE)
    assert_plays(update), "the revision that played last"


def test_the_newest_uploads_record_no_longer_asks_for_what_was_done(table, workflow):  # noqa: F811
    plays(table, workflow)
    plays(table, workflow, TWO)
    life.rollback(ASSET, None, PLACE)
    table.warn(TWO, "film.en.srt came, and an older version of the film plays")
    assert life.update(ASSET, PLACE)["execution"] == ONE.with_revision(2).execution_name
    assert "warnings" not in table.version(TWO)


def test_an_update_of_what_is_removed_is_not_published(table, workflow, beyond):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    life.delete(ASSET, PLACE, beyond)
    with pytest.raises(SourceSuperseded) as refused:
        publish(table, update)
    assert refused.value.code == "ASSET_REMOVED"
    assert asset_json()["status"] == "removed" and table.version(ONE)["status"] == "removed"
    table.fail(update, {"code": "ABORTED"})
    table.mark(update, "superseded", error=refused.value.as_dict())
    assert table.version(ONE)["status"] == "removed"


def test_what_changes_between_reading_and_writing_is_read_again(table, workflow, monkeypatch):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    answers, real = [{**table.asset(ASSET), "highest": "0"}], AssetTable.asset
    monkeypatch.setattr(AssetTable, "asset", lambda self, name: answers.pop() if answers else real(self, name))
    with pytest.raises(PointerContended):
        table.publish(update, "title")
    publish(table, update)
    assert_plays(update)


# Bad ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["rejected", "superseded"])
def test_a_refused_update_leaves_the_film_playing(table, workflow, status):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    assert table.mark(update, status, error=REFUSED)
    workflow.end(executions.arn_of(update.execution_name, MACHINE_ARN), "SUCCEEDED")
    record = table.version(ONE)
    assert (record["status"], record["error"]["code"], record["code"]) == (
        "published",
        "SIDECAR_WRONG",
        "SIDECAR_WRONG",
    )
    assert_plays(ONE)
    sweep()
    assert not [key for key in lies_there() if UPDATE.run in key], "what it made goes"
    assert f"v/{ONE.run}/stream_1.cmfv" in lies_there()


@pytest.fixture
def told(monkeypatch) -> list[str]:
    events: list[str] = []
    monkeypatch.setattr(topic, "announce", lambda arn, event, *rest: events.append(event))
    monkeypatch.setattr(executions, "failed_state", lambda arn: "Publish asset")
    return events


def fails(table: AssetTable, workflow: Workflow, update: Upload) -> None:  # noqa: F811
    arn = executions.arn_of(update.execution_name, MACHINE_ARN)
    workflow.end(arn, "FAILED")
    ended = {"executionArn": arn, "name": update.execution_name, "status": "FAILED", "error": "Bug", "cause": "no"}
    failures.record(update, ended, 0, table, OUTPUTS, "topic")


def test_a_failed_update_leaves_the_film_playing_and_people_are_told(table, workflow, told):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    fails(table, workflow, update)
    record = table.version(ONE)
    assert (record["status"], record["error"]["state"], told) == ("published", "Publish asset", ["failed"])
    assert asset_json()["status"] == "published"
    assert sweep()["counts"].get("failure recorded") is None
    assert f"v/{UPDATE.run}/captions/fr.vtt" in lies_there(), "kept for a redrive"


def test_a_failed_update_is_redriven_or_begun_again(table, workflow, told, monkeypatch):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    fails(table, workflow, update)
    monkeypatch.setattr(executions, "redrive", lambda arn: True)
    assert operate.retry(ASSET, PLACE) == {"execution": update.execution_name, "how": "redriven"}
    record = table.version(ONE)
    assert record["status"] == "transcoding" and "error" not in record
    fails(table, workflow, update)
    monkeypatch.setattr(executions, "redrive", lambda arn: False)
    assert operate.retry(ASSET, PLACE)["execution"].endswith("-r3")
    assert table.version(ONE)["published_revision"] == 1
    ends(table, workflow, ONE.with_revision(3))
    assert_plays(ONE.with_revision(3))


def test_a_cancelled_update_is_never_published_and_the_film_plays_on(table, workflow):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    (done,) = operate.cancel(ASSET, PLACE)
    assert done["execution"] == update.execution_name and done["removed_objects"] == 1
    assert (table.version(ONE)["status"], table.version(ONE)["code"]) == ("published", "RUN_CANCELLED")
    assert_plays(ONE)
    assert not table.mark(update, "transcoding")
    with pytest.raises(SourceSuperseded) as refused:
        publish(table, update)
    assert refused.value.code == "RUN_CANCELLED"
    table.fail(update, {"code": "ABORTED"})
    table.redriven(update)
    assert table.version(ONE)["code"] == "RUN_CANCELLED" and table.version(ONE)["status"] == "published"
    assert operate.retry(ASSET, PLACE) == {"execution": ONE.with_revision(3).execution_name, "how": "started anew"}
    publish(table, ONE.with_revision(3))
    assert_plays(ONE.with_revision(3))


def test_a_cancelled_update_that_still_runs_is_stopped_by_the_sweep_and_nobody_is_told(table, workflow, told):  # noqa: F811
    plays(table, workflow)
    update = begins(table, workflow)
    assert table.cancel(update)
    assert sweep()["counts"]["execution stopped"] == 1
    for _ in range(2):  # one records the end, one sees to what is left
        sweep()
    assert not told and table.version(ONE)["code"] == "RUN_CANCELLED"
    assert not [key for key in lies_there() if UPDATE.run in key]


def test_what_plays_has_nothing_to_cancel_or_try_again(table, workflow):  # noqa: F811
    plays(table, workflow)
    ends(table, workflow, begins(table, workflow))
    with pytest.raises(NotNow, match="nothing to cancel"):
        operate.cancel(ASSET, PLACE)
    with pytest.raises(NotNow, match="nothing to try again"):
        operate.retry(ASSET, PLACE)


# Folders -------------------------------------------------------------------------------------------------------------


def test_the_pictures_of_what_plays_are_nobodys_to_remove(table, workflow):  # noqa: F811
    plays(table, workflow)
    ends(table, workflow, begins(table, workflow))
    assert remove_outputs(ONE, table, OUTPUTS) == 0 and remove_outputs(UPDATE, table, OUTPUTS) == 0
    sweep(days=0)
    assert f"v/{ONE.run}/stream_1.cmfv" in lies_there()


def test_a_revision_that_was_replaced_goes_when_its_time_has_come_and_never_the_pictures(table, workflow):  # noqa: F811
    plays(table, workflow)
    for before in (1, 2):
        ends(table, workflow, begins(table, workflow, ONE.with_revision(before), before))
    sweep()
    assert f"v/{UPDATE.run}/captions/fr.vtt" in lies_there(), "somebody may still watch it"
    report = sweep_later(table, 0)
    assert report["counts"]["replaced revision removed"] == 1
    left = {key.split("/")[1] for key in lies_there() if key.startswith("v/")}
    assert left == {ONE.run, ONE.with_revision(3).run}


def sweep_later(table: AssetTable, days: float) -> dict:
    """As if the time until the record is due had gone by."""
    table.defer(table.version(ONE), -datetime.timedelta(minutes=1))
    return sweep(days)


def test_an_expired_version_goes_with_all_its_revisions(table, workflow):  # noqa: F811
    plays(table, workflow)
    ends(table, workflow, begins(table, workflow))
    plays(table, workflow, TWO)
    assert sweep(days=0)["counts"]["version expired"] == 1
    assert not [key for key in lies_there() if ONE.version in key]
    assert table.version(ONE)["status"] == "expired"


def test_a_deleted_asset_goes_with_all_its_revisions(table, workflow, beyond):  # noqa: F811
    plays(table, workflow)
    ends(table, workflow, begins(table, workflow))
    life.delete(ASSET, PLACE, beyond)
    assert lies_there() == {"asset.json"}


def test_versions_show_their_revisions(table, workflow):  # noqa: F811
    plays(table, workflow)
    begins(table, workflow)
    (found,) = life.versions(ASSET, PLACE)
    assert (found["status"], found["revision"], found["published_revision"], found["plays"]) == (
        "transcoding", 2, 1, True,
    )  # fmt: skip


# vod update ----------------------------------------------------------------------------------------------------------


def lies_beside(name: str, body: bytes = b"words") -> None:
    client("s3").put_object(Bucket=BUCKET, Key=f"uploads/{name}", Body=body)


def test_an_operators_update_takes_exactly_what_lies_there(table, workflow):  # noqa: F811
    plays(table, workflow)
    lies_beside("My Film.en.srt")
    lies_beside("My Film.de.srt")
    seen = updates.beside(BUCKET, ONE.key)
    asset = {"captions": [{"key": key} for key in (*seen, "uploads/My Film.es.srt")], "poster": "uploads/My Film.jpg"}
    table.note(ONE, sidecars={**seen, "uploads/My Film.de.srt": "another"}, asset=asset)
    lies_beside("My Film.fr.srt")
    done = life.update(ASSET, PLACE)
    assert done == {
        "asset_id": ASSET,
        "execution": UPDATE.execution_name,
        "waits": False,
        "added": ["My Film.fr.srt"],
        "changed": ["My Film.de.srt"],
        "removed": ["My Film.es.srt", "My Film.jpg"],
    }
    assert table.known(UPDATE)["exact"] is True and table.version(ONE)["published_revision"] == 1
    with pytest.raises(NotNow, match="is under way"):
        life.update(ASSET, PLACE)


def test_an_operators_update_is_of_what_plays_whatever_is_newer(table, workflow):  # noqa: F811
    plays(table, workflow)
    plays(table, workflow, TWO)
    life.rollback(ASSET, None, PLACE)
    assert life.update(ASSET, PLACE)["execution"] == UPDATE.execution_name


def test_what_does_not_play_is_not_updated(table, workflow, beyond):  # noqa: F811
    with pytest.raises(NothingByThatName):
        life.update("film-0123456789ab", PLACE)
    plays(table, workflow)
    life.delete(ASSET, PLACE, beyond)
    with pytest.raises(NotNow, match="does not play"):
        life.update(ASSET, PLACE)


def test_an_operators_update_waits_while_intake_is_paused(table, workflow):  # noqa: F811
    plays(table, workflow)
    pause(TABLE, "me")
    assert life.update(ASSET, PLACE)["waits"] is True
    assert table.version(ONE)["status"] == "waiting"


# The sweep -----------------------------------------------------------------------------------------------------------


def test_the_sweep_follows_up_what_nobody_heard_of(table, workflow):  # noqa: F811
    table.note(ONE, sidecars={})
    plays(table, workflow)
    lies_beside("My Film.en.srt")
    report = sweep()
    assert report["counts"]["update started"] == 1 and table.version(ONE)["revision"] == 2
    assert sweep()["counts"].get("update started") is None


def test_the_sweep_leaves_a_film_alone_that_saw_everything(table, workflow):  # noqa: F811
    lies_beside("My Film.en.srt")
    table.note(ONE, sidecars=updates.beside(BUCKET, ONE.key))
    plays(table, workflow)
    assert "update started" not in sweep()["counts"] and "open" not in table.version(ONE)
