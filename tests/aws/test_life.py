"""Which version plays, which may play again, and the end of an asset: whatever happens at the same time."""

from __future__ import annotations

import datetime
import json

import pytest

from pipeline.aws import executions, life, objects, pointers, receipts, topic
from pipeline.aws.clients import client
from pipeline.aws.life import Beyond
from pipeline.aws.operate import NothingByThatName, NotNow, Place
from pipeline.aws.sweep import Sweep
from pipeline.aws.table import AssetTable
from pipeline.media.errors import PointerContended, SourceSuperseded
from pipeline.settings import SweepSettings
from tests.aws.test_pointers import assert_plays, publish
from tests.aws.test_sweep import Workflow, job
from tests.aws.world import DELIVERY, MACHINE_ARN, QUEUE_ARN, TABLE
from tests.media.films import BUCKET, OUTPUTS, upload

PLACE = Place(TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, DELIVERY)
KEY = "uploads/My Film.mov"
ONE, TWO, THREE = (upload(key=KEY, sequencer=f"0{n}", **{"version-id": f"v{n}"}) for n in (1, 2, 3))
ASSET = ONE.asset_id


@pytest.fixture
def workflow(table, mediaconvert, monkeypatch) -> Workflow:
    found = Workflow(monkeypatch)
    monkeypatch.setattr(executions, "redrive", lambda arn: False)
    return found


@pytest.fixture
def beyond(aws, monkeypatch) -> Beyond:
    monkeypatch.setattr(topic, "announce", lambda *arguments: None)
    monkeypatch.setattr(life, "_forget", lambda asset_id, distribution: f"{distribution} {asset_id}")
    return Beyond("topic", "E1")


def comes_in(table: AssetTable, workflow: Workflow, film) -> None:
    table.register(film)
    table.started(film, workflow.start(film, MACHINE_ARN))
    table.mark(film, "transcoding")
    pointers.show(OUTPUTS, film, "My Film", "processing")


def is_published(table: AssetTable, workflow: Workflow, film) -> None:
    comes_in(table, workflow, film)
    objects.write(OUTPUTS, film.run_prefix + "stream_1.cmfv", b"segment", "video/mp4")
    objects.write(OUTPUTS, film.work_prefix + "plan.json", b"{}", "application/json")
    publish(table, film)
    workflow.end(executions.arn_of(film.execution_name, MACHINE_ARN), "SUCCEEDED")


def asset_json() -> dict:
    return json.loads(objects.read(OUTPUTS, f"a/{ASSET}/asset.json"))


def lies_there() -> set[str]:
    return {*objects.sizes_below(OUTPUTS, f"a/{ASSET}/"), *objects.sizes_below(OUTPUTS, f"w/{ASSET}/")}


def sweep(days: float = 30) -> dict:
    settings = SweepSettings(
        TABLE,
        OUTPUTS,
        MACHINE_ARN,
        QUEUE_ARN,
        "none",
        "https://sqs.invalid/q",
        "topic",
        "Vod",
        str(days),
        "0",
        BUCKET,
        DELIVERY,
    )
    return Sweep(settings, lambda: True, datetime.timedelta(0)).run().as_dict()


# Rollback ------------------------------------------------------------------------------------------------------------


def test_the_version_before_plays_again(table, workflow):
    for film in (ONE, TWO, THREE):
        is_published(table, workflow, film)
    assert life.rollback(ASSET, None, PLACE) == {"asset_id": ASSET, "plays": TWO.run, "instead_of": THREE.run}
    assert_plays(TWO)
    life.rollback(ASSET, None, PLACE)
    assert_plays(ONE)
    with pytest.raises(NotNow, match="no earlier version"):
        life.rollback(ASSET, None, PLACE)


@pytest.mark.parametrize("name", [ONE.version, ONE.run])
def test_a_version_is_chosen_by_name_and_forwards_too(table, workflow, name):
    for film in (ONE, TWO, THREE):
        is_published(table, workflow, film)
    life.rollback(ASSET, name, PLACE)
    assert_plays(ONE)
    life.rollback(ASSET, THREE.version, PLACE)
    assert_plays(THREE)


def test_what_cannot_be_rolled_back_says_why(table, workflow):
    with pytest.raises(NothingByThatName, match="no asset"):
        life.rollback(ASSET, None, PLACE)
    comes_in(table, workflow, ONE)
    with pytest.raises(NotNow, match="does not play"):
        life.rollback(ASSET, None, PLACE)
    publish(table, ONE)
    comes_in(table, workflow, TWO)
    for version, error, reason in (
        ("0000000000", NothingByThatName, "no version"),
        (ONE.version, NotNow, "is what plays"),
        (TWO.version, NotNow, "is transcoding"),
    ):
        with pytest.raises(error, match=reason):
            life.rollback(ASSET, version, PLACE)


def test_a_newer_upload_follows_a_rollback_and_the_one_rolled_back_does_not_return(table, workflow):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    life.rollback(ASSET, None, PLACE)
    with pytest.raises(SourceSuperseded, match="rolled back"):
        publish(table, TWO)  # its Publish step, once more
    assert_plays(ONE)
    is_published(table, workflow, THREE)
    assert_plays(THREE)


def test_of_a_rollback_and_a_publication_at_once_the_newer_film_wins(table, workflow, monkeypatch):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    comes_in(table, workflow, THREE)
    real = AssetTable.roll_back
    monkeypatch.setattr(AssetTable, "roll_back", lambda self, *more: (publish(table, THREE), real(self, *more))[1])
    with pytest.raises(NotNow, match="changed just now"):
        life.rollback(ASSET, None, PLACE)
    assert_plays(THREE)


def test_a_publication_that_a_rollback_overtakes_reads_again(table, workflow, monkeypatch):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    comes_in(table, workflow, THREE)
    real = AssetTable._transact
    steps = iter([lambda: life.rollback(ASSET, None, PLACE)])

    def after_a_rollback(self, *more):
        next(steps, lambda: None)()
        return real(self, *more)

    monkeypatch.setattr(AssetTable, "_transact", after_a_rollback)
    with pytest.raises(PointerContended):
        publish(table, THREE)
    publish(table, THREE)  # the state machine's retry
    assert_plays(THREE)


def test_a_rollback_that_dies_before_the_pointers_is_finished_by_the_sweep(table, workflow, monkeypatch):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    with monkeypatch.context() as dies:
        dies.setattr(life, "_settle", lambda *more: None)
        life.rollback(ASSET, None, PLACE)
    assert_plays(TWO)
    sweep()
    assert_plays(ONE)


# Old versions --------------------------------------------------------------------------------------------------------


def test_a_replaced_version_stays_for_its_time_and_then_goes(table, workflow):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    sweep(days=1)
    assert objects.keys_below(OUTPUTS, ONE.run_prefix)
    record = table.version(ONE)
    assert record["due"] > (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=23)).isoformat()
    table.defer(record, datetime.timedelta(0))
    assert sweep(days=0)["counts"]["version expired"] == 1
    assert not objects.keys_below(OUTPUTS, ONE.run_prefix) and objects.keys_below(OUTPUTS, TWO.run_prefix)
    assert table.version(ONE)["status"] == "expired"
    assert_plays(TWO)
    with pytest.raises(NotNow, match="expired"):
        life.rollback(ASSET, ONE.version, PLACE)
    sweep(days=0)
    sweep(days=0)
    assert "open" not in table.version(ONE)


def test_what_plays_again_does_not_expire_and_what_it_replaced_does(table, workflow):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    life.rollback(ASSET, None, PLACE)
    sweep(days=0)
    assert_plays(ONE)
    assert objects.keys_below(OUTPUTS, ONE.run_prefix)
    assert (table.version(ONE)["status"], table.version(TWO)["status"]) == ("published", "expired")


def test_a_rollback_just_before_the_expiry_keeps_the_version(table, workflow):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    stale = table.version(ONE)  # as a sweep has read it
    life.rollback(ASSET, None, PLACE)
    assert stale["replaced_at"] and not table.expire(ONE)
    assert objects.keys_below(OUTPUTS, ONE.run_prefix)


def test_an_expiry_just_before_the_rollback_refuses_it(table, workflow):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    assert table.expire(ONE)
    current = table.asset(ASSET)["current"]
    assert not table.roll_back(ONE, current)
    assert table.asset(ASSET)["current"] == current


# Delete --------------------------------------------------------------------------------------------------------------


def put_source(key: str = KEY) -> str:
    return client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"film")["VersionId"]


def sources() -> set[tuple[str, str]]:
    answer = client("s3").list_object_versions(Bucket=BUCKET)
    return {(each["Key"], each["VersionId"]) for kind in ("Versions", "DeleteMarkers") for each in answer.get(kind, [])}


def test_a_deleted_asset_leaves_a_sentence_and_nothing_else(table, workflow, beyond):
    for film in (ONE, TWO):
        is_published(table, workflow, film)
    before, kept = lies_there(), put_source()
    report = life.delete(ASSET, PLACE, beyond)
    assert lies_there() == {"asset.json"}
    assert (asset_json()["status"], asset_json()["message"]) == ("removed", "Its owner has taken it down.")
    named = {key.removeprefix(f"a/{ASSET}/").removeprefix(f"w/{ASSET}/") for key in report["outputs"]}
    assert named == before - {"asset.json"}
    receipt = json.loads(objects.read(BUCKET, "receipts/My Film.mov.json"))
    assert (receipt["status"], receipt["removed_objects"]["outputs"]) == ("deleted", len(report["outputs"]))
    assert report["receipts"] == report["sources"] == [] and (KEY, kept) in sources()
    assert report["invalidation"] == f"E1 {ASSET}"
    assert {each["status"] for each in life.versions(ASSET, PLACE)} == {"removed"}


def test_purging_takes_every_version_of_the_film_and_its_sidecars_and_nobody_elses(table, workflow, beyond):
    is_published(table, workflow, ONE)
    beside = [f"uploads/My Film.{rest}" for rest in ("en.srt", "json", "jpg", "mov.png")]
    ours = {(key, put_source(key)) for key in (KEY, KEY, *beside)}
    others = ("uploads/My Film.mov.bak", "uploads/My Film 2.mov", "uploads/My Film.de.mov", "uploads/My Film.en.fr.srt")
    theirs = {(other, put_source(other)) for other in others}
    client("s3").delete_object(Bucket=BUCKET, Key=KEY)  # a delete marker is a trace too
    report = life.delete(ASSET, PLACE, beyond, purge_sources=True)
    assert sources() == theirs
    assert {(each["key"], each["version_id"]) for each in report["sources"]} > ours
    assert len(report["sources"]) == len(ours) + 1


def test_purging_keeps_what_may_be_another_films(table, workflow, beyond):
    is_published(table, workflow, ONE)
    shared = {(key, put_source(key)) for key in ("uploads/My Film.mp4", "uploads/My Film.json")}
    put_source()
    life.delete(ASSET, PLACE, beyond, purge_sources=True)
    assert sources() == shared


def test_with_its_sources_a_receipt_goes_too_and_does_not_return(table, workflow, beyond):
    is_published(table, workflow, ONE)
    receipts.refresh(table, BUCKET, DELIVERY, ONE)
    put_source()
    assert {key for key, _ in sources()} == {KEY, "receipts/My Film.mov.json", "receipts/My Film.mov.html"}
    report = life.delete(ASSET, PLACE, beyond, purge_sources=True)
    assert {each["key"] for each in report["receipts"]} == {"receipts/My Film.mov.json", "receipts/My Film.mov.html"}
    receipts.refresh(table, BUCKET, DELIVERY, ONE)  # what a stopped run records late
    assert not sources()
    comes_in(table, workflow, TWO)
    receipts.refresh(table, BUCKET, DELIVERY, TWO)
    assert json.loads(objects.read(BUCKET, "receipts/My Film.mov.json"))["version"] == TWO.version


def test_deleting_twice_is_the_same(table, workflow, beyond):
    is_published(table, workflow, ONE)
    life.delete(ASSET, PLACE, beyond)
    assert life.delete(ASSET, PLACE, beyond)["outputs"] == []
    assert asset_json()["status"] == "removed"


def test_nothing_by_that_name_is_said(table, beyond):
    with pytest.raises(NothingByThatName):
        life.delete("no-such-film", PLACE, beyond)


def test_a_run_under_way_is_stopped_and_never_published(table, workflow, mediaconvert, beyond):
    is_published(table, workflow, ONE)
    comes_in(table, workflow, TWO)
    report = life.delete(ASSET, PLACE, beyond)
    assert report["cancelled"] == [TWO.execution_name]
    assert workflow.known[executions.arn_of(TWO.execution_name, MACHINE_ARN)]["status"] == "ABORTED"
    with pytest.raises(SourceSuperseded, match="removed"):
        publish(table, TWO)
    assert asset_json()["status"] == "removed"
    sweep()
    assert lies_there() == {"asset.json"}


@pytest.mark.parametrize("step", range(4))
def test_a_publication_in_the_middle_of_which_the_asset_is_deleted_leaves_nothing(
    table, workflow, beyond, monkeypatch, step
):
    """The deletion happens just before the record's write, or before one of the three pointers'."""
    comes_in(table, workflow, ONE)
    steps, real_replace, real_publish = iter(range(10)), objects.replace, AssetTable.publish

    def before(real):
        def run(*arguments):
            if next(steps) == step:
                with monkeypatch.context() as undisturbed:
                    undisturbed.setattr(objects, "replace", real_replace)
                    life.delete(ASSET, PLACE, beyond)
            return real(*arguments)

        return run

    monkeypatch.setattr(AssetTable, "publish", before(real_publish))
    monkeypatch.setattr(objects, "replace", before(real_replace))
    with pytest.raises((SourceSuperseded, PointerContended)):
        publish(table, ONE)
    monkeypatch.setattr(AssetTable, "publish", real_publish)
    monkeypatch.setattr(objects, "replace", real_replace)
    with pytest.raises(SourceSuperseded):
        publish(table, ONE)  # the retry
    workflow.end(executions.arn_of(ONE.execution_name, MACHINE_ARN), "SUCCEEDED")  # at "Superseded"
    for _ in range(3):
        sweep()
    assert lies_there() == {"asset.json"}
    assert asset_json()["status"] == "removed"


def test_a_newer_upload_brings_a_deleted_asset_back(table, workflow, beyond):
    is_published(table, workflow, ONE)
    life.delete(ASSET, PLACE, beyond)
    comes_in(table, workflow, TWO)
    assert asset_json()["status"] == "processing"
    sweep()
    assert asset_json()["status"] == "processing"
    publish(table, TWO)
    assert_plays(TWO)
    sweep()
    assert_plays(TWO)


def test_a_deletion_that_dies_on_the_way_is_finished_by_the_sweep(table, workflow, beyond, monkeypatch):
    is_published(table, workflow, ONE)

    def dies(*_):
        raise ConnectionError("the laptop was closed")

    with monkeypatch.context() as patch:
        patch.setattr(life, "_say_removed", dies)
        with pytest.raises(ConnectionError):
            life.delete(ASSET, PLACE, beyond)
    sweep()
    assert asset_json()["status"] == "removed"
    assert lies_there() == {"asset.json"}


def test_a_job_of_a_deleted_asset_is_cancelled(table, workflow, mediaconvert, beyond):
    comes_in(table, workflow, ONE)
    job(table, mediaconvert, "PROGRESSING", film=ONE)
    life.delete(ASSET, PLACE, beyond)
    assert mediaconvert.jobs[0]["Status"] == "CANCELED"


def test_the_team_is_told(table, workflow, beyond, monkeypatch):
    is_published(table, workflow, ONE)
    told = []
    monkeypatch.setattr(topic, "announce", lambda *arguments: told.append(arguments))
    life.delete(ASSET, PLACE, beyond)
    ((arn, event, film, parts, _, title),) = told
    assert (arn, event, film.version) == (beyond.topic_arn, "deleted", ONE.version)
    assert title == "My Film"
    assert parts["removed_objects"]["outputs"] > 0
