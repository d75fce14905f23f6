"""What announcing a library would start and cost, said before anything is announced."""

from __future__ import annotations

import dataclasses
import json

import pytest

from pipeline.aws import existing, library, transcoder
from pipeline.aws.clients import client
from pipeline.media import errors
from pipeline.media.asset import Upload
from pipeline.settings import PlanSettings
from tests.aws.world import MACHINE_ARN, TABLE
from tests.media.films import BUCKET, OUTPUTS, picture, probed, sound, upload

SETTINGS = PlanSettings(
    **{
        **{field.name: "not looked at" for field in dataclasses.fields(PlanSettings)},
        "table": TABLE,
        "outputs_bucket": OUTPUTS,
        "profile": "default",
        "acceleration": "DISABLED",
    }
)


@pytest.fixture
def asked(aws, monkeypatch) -> list[str]:
    """The films that were probed; those called bad are bad."""
    urls: list[str] = []

    def probe(url: str) -> dict:
        urls.append(url)
        if "bad" in url:
            raise errors.SourceRejected("INPUT_NOT_A_FILM", "no film")
        return probed(picture(), sound())

    monkeypatch.setattr(transcoder, "probe", probe)
    return urls


def put(key: str, size: int = 100) -> Upload:
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x" * size)
    version = next(each for each in existing.newest(BUCKET, key) if each["Key"] == key)
    return Upload.from_event(existing.event_for(BUCKET, version))


def test_a_library_is_counted_and_nothing_is_written(asked, table):
    known = put("uploads/old/0.mp4")
    table.register(known)
    for number in range(1, 4):
        put(f"uploads/old/{number}.mp4", 1000)
    put("uploads/old/3.en.srt")
    put("uploads/elsewhere.mp4")
    before = table.everything(known.asset_id)
    found = library.looked_at(BUCKET, "uploads/old/", SETTINGS)
    assert [found[name] for name in ("films", "known", "new", "left_out", "bytes")] == [4, 1, 3, 1, 3000]
    assert table.everything(known.asset_id) == before and len(asked) == 3
    assert found["sampled"]["duration_ms"] == 60_000 and found["sampled"]["rejected"] == {}
    assert found["estimate"] == found["sampled"]["predicted"] > 0, "all were probed: no guess"


def test_what_was_probed_stands_for_the_rest_by_bytes(asked):
    for number in range(20):
        put(f"uploads/{number:02}.mp4", 1000)
    found = library.looked_at(BUCKET, "uploads/", SETTINGS, sample=2)
    assert found["sampled"]["films"] == 2 == len(asked)
    assert found["estimate"] == pytest.approx(10 * found["sampled"]["predicted"], abs=0.0001)
    assert not found["sampled"]["whole"], "posters have no known price"


def test_the_sample_is_spread_over_the_sizes():
    films = [upload(f"uploads/{size}.mp4", size=size) for size in (5, 1, 4, 2, 3, 9, 7)]
    assert [film.size for film in library.spread(films, 3)] == [1, 4, 9]
    assert [film.size for film in library.spread(films, 1)] == [4]
    assert library.spread(films, 0) == [] and len(library.spread(films, 50)) == 7


def test_films_that_would_be_rejected_are_counted_by_their_code(asked):
    put("uploads/bad.mp4")
    found = library.looked_at(BUCKET, "uploads/", SETTINGS)
    assert found["sampled"]["rejected"] == {"INPUT_NOT_A_FILM": 1} and found["estimate"] is None


def test_a_library_that_nobody_probes_has_no_price(asked):
    put("uploads/1.mp4")
    found = library.looked_at(BUCKET, "uploads/", SETTINGS, sample=0)
    assert (found["new"], found["sampled"]["films"], found["estimate"]) == (1, 0, None) and asked == []


def test_films_are_looked_for_where_they_come_in(asked):
    with pytest.raises(existing.NotUnderUploads, match="'library/' does not begin with uploads/"):
        library.looked_at(BUCKET, "library/", SETTINGS)


def test_the_deployment_says_how_it_plans(monkeypatch):
    arn = "arn:aws:lambda:us-east-1:123456789012:function:Vod-plan"

    class Answers:
        def describe_state_machine(self, stateMachineArn: str) -> dict:
            assert stateMachineArn == MACHINE_ARN
            return {"definition": json.dumps({"States": {"Plan renditions": {"Resource": arn}}})}

        def get_function_configuration(self, FunctionName: str) -> dict:
            assert FunctionName == arn
            return {"Environment": {"Variables": SETTINGS.as_env()}}

    monkeypatch.setattr(library, "client", lambda service: Answers())
    assert library.plan_settings(MACHINE_ARN) == SETTINGS
