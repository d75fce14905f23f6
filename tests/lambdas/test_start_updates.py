"""start: what comes after its film becomes the film's next revision: once, whatever order events come in."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.start.handler import handler
from pipeline.aws import executions, updates
from pipeline.aws.clients import client
from pipeline.aws.intake import Intake, pause
from pipeline.media.asset import Upload
from tests.aws.test_pointers import publish
from tests.aws.world import MACHINE_ARN, TABLE
from tests.lambdas.events import batch, execution_event, failed_messages
from tests.lambdas.test_start import FakeStepFunctions, states  # noqa: F401
from tests.media.films import BUCKET, event, upload

pytestmark = pytest.mark.usefixtures("environment")
FILM, CAPTION, FRENCH, POSTER, WISHES = (
    f"uploads/a/My Film.{end}" for end in ("mov", "en.srt", "fr.srt", "jpg", "json")
)
WRONG = {"code": "INPUT_SIDECAR_WRONG", "message": "title: a number"}


def put(key: str = FILM, body: bytes = b"film") -> Upload:
    answer = client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    return upload(key, **{"version-id": answer["VersionId"], "etag": answer["ETag"].strip('"')})


def comes(key: str, body: bytes = b"words") -> dict[str, Any]:
    """A sidecar is uploaded; its event."""
    sent = put(key, body)
    return event(key, sequencer="0F", **{"version-id": sent.version_id, "etag": sent.etag})


def hear(*events: dict[str, Any]) -> None:
    assert handler(batch(*events), None) == {"batchItemFailures": []}


def looks(table: Intake, film: Upload) -> None:
    """Its Ingest notes what lies there."""
    table.mark(film, "transcoding")
    table.note(film, sidecars=updates.beside(BUCKET, film.key))


@pytest.fixture
def intake(table) -> Intake:
    return Intake(TABLE)


@pytest.fixture
def film(intake: Intake) -> Upload:
    """Registered, started, and its Ingest is over."""
    sent = put()
    intake.register(sent)
    intake.started(sent, executions.arn_of(sent.execution_name, MACHINE_ARN))
    looks(intake, sent)
    return sent


@pytest.fixture
def played(intake: Intake, film: Upload) -> Upload:
    publish(intake, film)
    return film


def revisions(states: FakeStepFunctions) -> list[int]:  # noqa: F811
    return [each["upload"]["revision"] for each in states.started.values()]


def test_a_caption_of_a_film_that_plays_starts_its_next_revision(states, intake, played):  # noqa: F811
    hear(comes(CAPTION))
    following = played.with_revision(2)
    assert states.started == {following.execution_name: {"upload": following.as_state()}}
    record = intake.version(played)
    assert (record["status"], record["published_revision"]) == ("received", 1)
    assert record["execution_arn"].endswith(following.execution_name)


@pytest.mark.parametrize("key", [CAPTION, POSTER, WISHES, f"{FILM}.en.sdh.vtt", f"{FILM}.json"])
def test_every_kind_of_sidecar_does(states, played, key):  # noqa: F811
    hear(comes(key))
    assert revisions(states) == [2]


@pytest.mark.parametrize(
    "key",
    ["uploads/a/My Film.md5", "uploads/a/My Film 2.en.srt", "uploads/b/My Film.en.srt", "uploads/a/.srt", "x.srt"],
)
def test_what_is_no_sidecar_of_it_does_not(states, played, key):  # noqa: F811
    hear(comes(key))
    assert not states.started


def test_what_may_be_for_two_films_is_for_none(states, played):  # noqa: F811
    put("uploads/a/My Film.mp4")
    hear(comes(CAPTION))
    assert not states.started


def test_a_duplicate_and_a_late_repetition_start_nothing_more(states, intake, played):  # noqa: F811
    caption = comes(CAPTION)
    hear(caption, caption)
    hear(caption)
    second = played.with_revision(2)
    looks(intake, second)
    hear(caption)
    publish(intake, second)
    hear(caption, execution_event("SUCCEEDED", second))
    assert revisions(states) == [2]


def test_the_same_file_sent_once_more_is_a_wish(states, intake, played):  # noqa: F811
    hear(comes(CAPTION))
    second = played.with_revision(2)
    looks(intake, second)
    publish(intake, second)
    intake.note(second, sidecars={key: f"{which} earlier" for key, which in updates.beside(BUCKET, FILM).items()})
    hear(comes(CAPTION))
    assert revisions(states) == [2, 3]


def test_two_captions_at_once_are_one_revision(states, intake, played):  # noqa: F811
    hear(comes(CAPTION), comes(FRENCH))
    assert revisions(states) == [2]
    second = played.with_revision(2)
    looks(intake, second)
    publish(intake, second)
    hear(execution_event("SUCCEEDED", second))
    assert revisions(states) == [2], "it has seen both"


def test_of_two_who_hear_at_once_one_starts_it(states, intake, played, monkeypatch):  # noqa: F811
    first, real = [], Intake.revise

    def revise(self: Intake, *arguments: Any) -> Upload | None:
        if not first:
            first.append(True)
            assert handler(batch(french), None) == {"batchItemFailures": []}  # the other, in between
        return real(self, *arguments)

    french = comes(FRENCH)
    monkeypatch.setattr(Intake, "revise", revise)
    hear(comes(CAPTION))
    assert revisions(states) == [2]


def test_what_comes_in_mid_encode_waits_for_the_runs_end_and_is_not_lost(states, intake, film):  # noqa: F811
    hear(comes(CAPTION))
    assert not states.started
    publish(intake, film)
    hear(execution_event("SUCCEEDED", film), execution_event("SUCCEEDED", film))
    assert revisions(states) == [2]


def test_what_comes_in_while_an_update_runs_is_not_lost(states, intake, played):  # noqa: F811
    hear(comes(CAPTION))
    second = played.with_revision(2)
    looks(intake, second)
    hear(comes(FRENCH))
    assert revisions(states) == [2]
    publish(intake, second)
    hear(execution_event("SUCCEEDED", second))
    assert revisions(states) == [2, 3]


def test_a_run_that_saw_all_is_followed_by_nothing(states, intake, film):  # noqa: F811
    publish(intake, film)
    hear(execution_event("SUCCEEDED", film))
    assert not states.started


def test_what_has_gone_is_no_reason(states, intake, played):  # noqa: F811
    """Folders are tidied up after publication."""
    intake.note(played, sidecars={CAPTION: "etag"})
    hear(execution_event("SUCCEEDED", played))
    assert not states.started


def test_a_caption_of_a_film_whose_file_was_deleted(states, played):  # noqa: F811
    client("s3").delete_object(Bucket=BUCKET, Key=FILM)
    hear(comes(CAPTION))
    assert revisions(states) == [2]


def test_before_its_film_and_beside_a_newer_one_it_starts_nothing(states, intake, played):  # noqa: F811
    hear(comes("uploads/a/Other.en.srt"))
    put(body=b"another film")  # whose event is still to come
    hear(comes(CAPTION))
    assert not states.started


def test_the_newest_upload_counts_and_only_if_it_plays(states, intake, played):  # noqa: F811
    newer = upload(FILM, sequencer="FF", **{"version-id": put(body=b"newer").version_id})
    intake.register(newer)
    intake.note(newer, sidecars={})
    intake.mark(newer, "rejected", error={"code": "INPUT_NOT_A_FILM"})
    hear(comes(CAPTION))
    assert not states.started


def test_after_a_rollback_nothing_is_published_by_itself_and_the_record_says_so(states, intake, played):  # noqa: F811
    newer = upload(FILM, sequencer="FF", **{"version-id": put(body=b"newer").version_id})
    intake.register(newer)
    intake.note(newer, sidecars={})
    publish(intake, newer)
    assert intake.roll_back(played, intake.asset(played.asset_id)["current"])
    hear(comes(CAPTION), comes(FRENCH))
    hear(comes(CAPTION))
    assert not states.started
    said = intake.version(newer)["warnings"]
    assert said and all("`vod update`" in each for each in said) and "My Film.en.srt" in said[0]


def test_a_removed_asset_stays_removed(states, intake, played):  # noqa: F811
    intake.remove(played.asset_id, played.order)
    intake.removed(played)
    hear(comes(CAPTION))
    assert not states.started


def test_a_corrected_json_gives_a_rejected_film_its_next_run_without_a_new_upload(states, intake, film):  # noqa: F811
    comes(WISHES, b"{wrong")
    looks(intake, film)
    intake.mark(film, "rejected", error=WRONG)
    hear(execution_event("SUCCEEDED", film))
    assert not states.started, "it saw the wrong one"
    hear(comes(WISHES, b"{}"))
    assert revisions(states) == [2]
    record = intake.version(film)
    assert record["status"] == "received" and "published_revision" not in record


@pytest.mark.parametrize("status", ["failed", "cancelled", "superseded", "rejected"])
def test_what_ended_otherwise_is_not_begun_again(states, intake, film, status):  # noqa: F811
    intake.mark(film, "transcoding")
    if status == "failed":
        intake.fail(film, {"code": "OUTPUT_WRONG"})
    elif status == "cancelled":
        intake.cancel(film)
    else:
        intake.mark(film, status, error={"code": "INPUT_NOT_A_FILM"})
    hear(comes(CAPTION), execution_event("SUCCEEDED", film))
    assert not states.started


def test_an_update_that_was_refused_is_begun_again_by_the_corrected_file_alone(states, intake, played):  # noqa: F811
    hear(comes(WISHES, b"{wrong"))
    second = played.with_revision(2)
    looks(intake, second)
    intake.mark(second, "rejected", error=WRONG)
    hear(execution_event("SUCCEEDED", second))
    assert revisions(states) == [2]
    hear(comes(WISHES, b"{}"))
    assert revisions(states) == [2, 3] and intake.version(played)["published_revision"] == 1


def test_an_update_that_died_before_its_ingest_is_not_begun_again_by_itself(states, intake, played):  # noqa: F811
    caption = comes(CAPTION)
    hear(caption)
    second = played.with_revision(2)
    intake.fail(second, {"code": "SERVICE_UNAVAILABLE"})
    hear(execution_event("SUCCEEDED", played))
    assert revisions(states) == [2]
    hear(caption)
    assert revisions(states) == [2, 3], "somebody says so once more"


def test_whoever_began_an_update_and_died_is_helped_by_the_next_delivery(states, intake, played):  # noqa: F811
    caption = comes(CAPTION)
    intake.revise(played, 1)
    hear(caption)
    assert revisions(states) == [2]


def test_a_film_of_which_nothing_is_known_is_updated_when_somebody_says_so(states, intake):  # noqa: F811
    """It was published before runs noted what they had seen: the update encodes it once more."""
    sent = put()
    intake.register(sent)
    publish(intake, sent)
    hear(execution_event("SUCCEEDED", sent))
    assert not states.started
    hear(comes(CAPTION))
    assert revisions(states) == [2]


def test_while_intake_is_paused_an_update_waits(states, intake, played):  # noqa: F811
    pause(TABLE, "me")
    hear(comes(CAPTION))
    assert not states.started and intake.version(played)["status"] == "waiting"
    assert intake.version(played)["published_revision"] == 1


def test_an_execution_that_somebody_started_by_hand_is_let_go(states, intake, played):  # noqa: F811
    by_hand = execution_event("SUCCEEDED", played)
    for text in ("{}", "no json", None):
        by_hand["detail"]["input"] = text
        hear(by_hand)
    assert not states.started


def test_what_cannot_be_read_now_comes_back(states, played, monkeypatch):  # noqa: F811
    caption = comes(CAPTION)
    monkeypatch.setattr(executions, "start", lambda *arguments: 1 / 0)
    assert failed_messages(handler(batch(caption), None)) == [0]
