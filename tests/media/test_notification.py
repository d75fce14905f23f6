"""Every message has the published shape, and attributes that SNS takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import notification
from pipeline.media.errors import SourceRejected
from tests.media.films import upload
from tests.media.receipt_schema import NOTIFICATION, check_message
from tests.media.receipts import BUDGET, DELIVERY, FAILED, HELD

FILM = upload("uploads/autumn/My Film.mov")
AT = "2026-11-23T12:49:03.512Z"
PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"
ERROR = SourceRejected("INPUT_EMPTY", "My Film.mov is empty: 0 bytes", {"key": FILM.key}).as_dict()
LINKS = {"url": f"{DELIVERY}/?asset=f", "hls": f"{DELIVERY}/a/f/index.m3u8", "dash": f"{DELIVERY}/a/f/index.mpd"}
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:Vod:f-1-r1"
#: What each event has to say besides.
PARTS = {
    "published": {"playback_url": LINKS["url"], "playback": LINKS, "duration_ms": 20_000},
    "updated": {"playback_url": LINKS["url"], "playback": LINKS, "duration_ms": 20_000},
    "rejected": {"error": ERROR},
    "failed": {"error": FAILED, "execution_arn": EXECUTION},
    "held": {"waits": HELD},
    "waiting": {"waits": BUDGET},
    "deleted": {"removed_objects": {"outputs": 3, "sources": 0}},
    "announcement_failed": {"error": FAILED, "execution_arn": EXECUTION},
}


@pytest.mark.parametrize("event", notification.EVENTS)
def test_every_event_is_as_the_schema_has_it(event):
    said = check_message(notification.message(event, FILM, AT, **PARTS[event]))
    assert (said["event"], said["schema"], said["title"], said["at"]) == (event, 2, "My Film", AT)
    missing = {name: None for name in PARTS[event]}
    assert not NOTIFICATION.is_valid(notification.message(event, FILM, AT, **missing)), "each part is required"


def test_the_schema_knows_every_event_and_no_other():
    assert set(NOTIFICATION.schema["properties"]["event"]["enum"]) == set(notification.EVENTS) == set(PARTS)


@pytest.mark.parametrize("event", notification.EVENTS)
def test_subjects_are_what_sns_takes(event):
    """SNS API Reference, Publish: ASCII, no line breaks or control characters, less than 100 characters."""
    assert re.fullmatch(r"[A-Za-z][\x20-\x7e]{0,98}", notification.EVENTS[event])


def test_the_same_thing_said_twice_has_one_id_and_a_repetition_its_own():
    ids = [notification.message("failed", FILM, AT, repeat=repeat)["deduplication_id"] for repeat in (0, 0, 1)]
    assert ids[0] == ids[1] == f"{FILM.execution_name}-failed" and ids[2] == f"{ids[0]}-1"


def test_what_plays_again_with_new_captions_is_an_update():
    links = {**LINKS, "poster": None}
    asset = {"title": "My Film", "base": None}
    first = check_message(notification.published(FILM, AT, asset, links, 1000))
    again = notification.published(FILM.with_revision(2), AT, {**asset, "base": FILM.run}, links, 1000)
    assert (first["event"], check_message(again)["event"]) == ("published", "updated")
    assert "poster" not in first["playback"] and first["deduplication_id"] != again["deduplication_id"]


# Attributes ----------------------------------------------------------------------------------------------------------


def accepted(attributes: dict) -> bool:
    """By botocore's model, and by what SNS says of names and values (Developer Guide, "Message attributes")."""
    model = Session().get_service_model("sns").operation_model("Publish").input_shape
    errors = ParamValidator().validate({"Message": "m", "TopicArn": "t", "MessageAttributes": attributes}, model)
    names = all(re.fullmatch(r"(?!AWS\.|Amazon\.|\.)[A-Za-z0-9_.-]{1,256}(?<!\.)", name) for name in attributes)
    xml = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
    values = all(xml.fullmatch(each["StringValue"]) for each in attributes.values())
    return not errors.has_errors() and names and values


@pytest.mark.parametrize("event", notification.EVENTS)
def test_attributes_are_what_filters_need(event):
    said = notification.message(event, FILM, AT, **PARTS[event])
    attributes = notification.attributes(said)
    values = {name: each["StringValue"] for name, each in attributes.items()}
    code = {"code": said["error"]["code"]} if "error" in said else {}
    assert values == {"event": event, "schema": "2", "asset_id": FILM.asset_id, "folder": "autumn", **code}
    assert accepted(attributes)


@pytest.mark.parametrize(
    ("key", "folder"),
    [
        ("uploads/film.mov", "/"),
        ("uploads/autumn/film.mov", "autumn"),
        ("uploads/autumn/first week/film.mov", "autumn"),
        ("uploads//film.mov", "/"),
        ("uploads/Été & hiver/film.mov", "Été & hiver"),
        ("uploads/a\x00b\x1f/film.mov", "a\ufffdb\ufffd"),
        ("uploads/\ufffe/film.mov", "\ufffd"),
    ],
)
def test_a_folder_is_the_first_below_uploads(key, folder):
    assert notification.folder(key) == folder


@given(st.text(max_size=40))
def test_no_key_has_attributes_that_sns_refuses(name):
    said = notification.message("deleted", upload(f"uploads/{name}/film.mov"), AT)
    assert accepted(notification.attributes(said))


# The page ------------------------------------------------------------------------------------------------------------


def filters() -> list[dict]:
    """The filter policies of docs/notifications.md."""
    return [json.loads(block) for block in re.findall(r"```json filter\n(.*?)```", PAGE.read_text(), re.DOTALL)]


def test_the_pages_example_is_a_message():
    (example,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    check_message(json.loads(example))


def test_the_page_names_every_event_and_attribute():
    text = PAGE.read_text()
    said = notification.message("failed", FILM, AT, **PARTS["failed"])
    for name in [*notification.EVENTS, *notification.attributes(said)]:
        assert f"| `{name}` |" in text, name


def test_the_pages_filters_are_within_what_sns_allows():
    """Developer Guide, "Filter policy constraints": five keys, 150 combinations of values."""
    known = notification.attributes(notification.message("failed", FILM, AT, **PARTS["failed"]))
    assert len(filters()) == 4
    for policy in filters():
        combinations = 1
        for values in policy.values():
            combinations *= len(values)
        assert set(policy) <= set(known) and len(policy) <= 5 and combinations <= 150
