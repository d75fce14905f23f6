"""The steps of an update, each handed only what the ASL hands it: captions of its own, an earlier run's pictures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.convert.handler import handler as convert
from lambdas.ingest.handler import handler as ingest
from lambdas.publish.handler import handler as publish
from lambdas.recall.handler import handler as recall
from lambdas.report.handler import handler as report
from pipeline.aws import pointers
from pipeline.aws.clients import client
from pipeline.aws.table import AssetTable
from pipeline.media import manifest
from pipeline.media.asset import Upload
from pipeline.media.errors import OutputMissing, SourceRejected, SourceSuperseded
from tests.lambdas.test_steps import KEY, answers, asset_json, put, run, stored  # noqa: F401
from tests.media.films import BUCKET, OUTPUTS
from tests.media.test_captions import SRT

pytestmark = pytest.mark.usefixtures("environment", "answers")
STEM = KEY.removesuffix(".mov")
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
)


def film(table: AssetTable, **beside: bytes) -> Upload:
    """A film with these sidecars is published."""
    sent = put()
    for end, body in beside.items():
        put(f"{STEM}.{end.replace('_', '.')}", body)
    table.register(sent)
    run(sent, "playback")
    return sent


def begin(table: AssetTable, sent: Upload, exact: bool = False) -> Upload:
    record = table.version(sent)
    if exact:
        table.note(sent.with_revision(record["revision"] + 1), exact=True)
    return table.revise(sent.with_revision(record["revision"]), record["published_revision"])


def update(table: AssetTable, sent: Upload, exact: bool = False) -> dict[str, Any]:
    """The state at the end of its next revision, which encodes nothing."""
    following = begin(table, sent, exact)
    state: dict[str, Any] = {"upload": following.as_state()}
    state["asset"] = _told(ingest({"upload": state["upload"]}, None))
    assert state["asset"]["base"] == sent.run
    state |= _told(recall({"upload": state["upload"], "base": state["asset"]["base"]}, None))
    before = state.pop("before")
    late = {
        "upload": state["upload"],
        "captions": state["asset"]["captions"],
        "duration_ms": state["source"]["duration_ms"],
        "before": before,
    }
    state["outputs"]["captions"] = _told(convert(late, None))
    wanted = {"upload": state["upload"], "wanted": "poster", "poster": state["asset"]["poster"], "before": before}
    state["outputs"]["poster"] = _told(convert(wanted, None))
    state["playback"] = _told(publish({key: state[key] for key in ("upload", "asset", "outputs", "verified")}, None))
    report({key: state[key] for key in ("upload", "verified", "playback")}, None)
    return state


def _told(value: Any) -> Any:
    return json.loads(json.dumps(value))


def caption_files(sent: Upload) -> dict[str, str]:
    shown = asset_json(sent)["captions"]
    return {each["language"]: each["vtt"].removeprefix("v/") for each in shown}


def warnings(state: dict[str, Any], end: str) -> list[str]:
    (found,) = [each for each in state["outputs"]["captions"] if each["file"].endswith(end)]
    return found["warnings"]


def test_late_captions_and_a_poster_join_the_pictures_that_are_there(table):
    sent = film(table, en_srt=SRT.encode())
    put(f"{STEM}.fr.srt", b"1\n00:00:01,000 --> 00:00:02,000\nOui\n")
    put(f"{STEM}.png", PNG)
    update(table, sent)
    second = sent.with_revision(2)

    shown = asset_json(sent)
    assert (shown["revision"], shown["status"]) == (2, "published")
    assert shown["poster"] == f"v/{second.run}/poster-sidecar.png"
    assert caption_files(sent) == {"en": f"{second.run}/captions/en.vtt", "fr": f"{second.run}/captions/fr.vtt"}
    hls = stored(OUTPUTS, f"a/{sent.asset_id}/index.m3u8")
    assert ".." not in hls and f'URI="v/{second.run}/captions/fr.m3u8"' in hls
    read = manifest.multivariant(hls)
    assert {each.uri.split("/")[1] for each in read.variants} == {sent.run}
    own = stored(OUTPUTS, f"{second.run_prefix}index.m3u8")
    assert f"\n../{sent.run}/" in own and 'URI="captions/fr.m3u8"' in own
    mpd = stored(OUTPUTS, f"a/{sent.asset_id}/index.mpd")
    assert ".." not in mpd and mpd.count(f"<BaseURL>v/{sent.run}/</BaseURL>") >= 2
    assert mpd.count(f"<BaseURL>v/{second.run}/</BaseURL>") == 2, "each set of captions"
    assert f"<BaseURL>../{sent.run}/</BaseURL>" in stored(OUTPUTS, f"{second.run_prefix}index.mpd")
    assert table.known(second)["encode"] == sent.run


def test_an_update_of_an_update_uses_the_pictures_of_the_first(table):
    sent = film(table)
    for language in ("de", "es"):
        put(f"{STEM}.{language}.srt", SRT.encode())
        update(table, sent)
    third = sent.with_revision(3)
    assert caption_files(sent) == {language: f"{third.run}/captions/{language}.vtt" for language in ("de", "es")}
    assert table.known(third)["encode"] == sent.run


def test_pointers_of_an_update_can_be_made_again(table):
    sent = film(table)
    put(f"{STEM}.de.srt", SRT.encode())
    update(table, sent)
    prefix = f"a/{sent.asset_id}/"
    names = ("index.m3u8", "index.mpd", "asset.json")
    right = {name: stored(OUTPUTS, prefix + name) for name in names}
    for name in names:
        client("s3").put_object(Bucket=OUTPUTS, Key=prefix + name, Body=b"{}")
    assert sorted(pointers.repair(table, OUTPUTS, sent.asset_id)) == sorted(names)
    assert {name: stored(OUTPUTS, prefix + name) for name in names} == right


def test_captions_that_cannot_be_read_leave_those_that_were_made_before(table):
    sent = film(table, en_srt=SRT.encode())
    first = stored(OUTPUTS, f"a/{sent.asset_id}/v/{caption_files(sent)['en']}")
    put(f"{STEM}.en.srt", b"no captions at all")
    state = update(table, sent)
    (said,) = warnings(state, ".en.srt")
    assert said.startswith("no caption could be read") and said.endswith("the captions made of it before are kept")
    assert stored(OUTPUTS, f"a/{sent.asset_id}/v/{caption_files(sent)['en']}") == first
    assert caption_files(sent)["en"].startswith(sent.with_revision(2).run)


def test_captions_that_never_could_be_read_are_left_out_with_a_warning(table):
    sent = film(table)
    put(f"{STEM}.en.srt", b"no captions at all")
    state = update(table, sent)
    assert caption_files(sent) == {} and "no caption could be read" in warnings(state, ".en.srt")[0]


def test_captions_that_are_mended_replace_what_was_there(table):
    sent = film(table, en_srt=SRT.encode())
    put(f"{STEM}.en.srt", b"1\n00:00:01,000 --> 00:00:02,000\nMended\n")
    update(table, sent)
    assert "Mended" in stored(OUTPUTS, f"a/{sent.asset_id}/v/{caption_files(sent)['en']}")


def tidied(*ends: str) -> None:
    for end in ends:
        client("s3").delete_object(Bucket=BUCKET, Key=f"{STEM}.{end}")


def test_what_was_tidied_away_stays_in_what_plays(table):
    sent = film(table, en_srt=SRT.encode(), png=PNG, json=b'{"title": "The Title", "publish": "hold"}')
    tidied("en.srt", "png", "json", "mov")
    put(f"{STEM}.fr.srt", SRT.encode())
    state = update(table, sent)
    assert set(caption_files(sent)) == {"en", "fr"}
    shown = asset_json(sent)
    assert (shown["title"], shown["poster"]) == ("The Title", f"v/{sent.with_revision(2).run}/poster-sidecar.png")
    assert "no longer lies beside the film" in warnings(state, ".en.srt")[0]
    assert "no longer lies beside the film" in state["outputs"]["poster"]["warnings"][0]
    update(table, sent)
    assert set(caption_files(sent)) == {"en", "fr"}, "and in what follows it"


def test_an_exact_update_takes_away_what_does_not_lie_there(table):
    sent = film(table, en_srt=SRT.encode(), png=PNG, json=b'{"title": "The Title"}')
    tidied("en.srt", "png", "json")
    put(f"{STEM}.fr.srt", SRT.encode())
    update(table, sent, exact=True)
    shown = asset_json(sent)
    assert set(caption_files(sent)) == {"fr"} and shown["title"] == "Gar\u00e7on & Fille (+)"
    assert shown["poster"].startswith(f"v/{sent.run}/")


def test_a_picture_that_is_none_leaves_the_poster_before(table):
    sent = film(table, png=PNG)
    put(f"{STEM}.png", b"no picture")
    state = update(table, sent)
    assert asset_json(sent)["poster"] == f"v/{sent.with_revision(2).run}/poster-sidecar.png"
    assert "the poster before it is kept" in state["outputs"]["poster"]["warnings"][0]


def test_words_that_come_late_are_published_without_an_encode(table):
    sent = film(table)
    put(f"{STEM}.json", '{"title": "Gar\u00e7on", "description": "Of a boy", "publish": "hold"}'.encode())
    state = update(table, sent)
    assert (asset_json(sent)["title"], asset_json(sent)["description"]) == ("Gar\u00e7on", "Of a boy")
    assert "publish" not in state["asset"]["wishes"], "who was to approve the film has done so"


@pytest.mark.parametrize(
    ("wishes", "is_encoded"),
    [
        ({"title": "Other"}, False),
        ({"captions_language": "fr"}, False),
        ({"audio_languages": ["en"]}, False),  # what the file says already
        ({"profile": "audio"}, True),
        ({"poster_time": 3}, True),
        ({"audio_languages": ["fr"]}, True),
    ],
)
def test_only_a_wish_that_concerns_the_encode_makes_another(table, wishes, is_encoded):
    sent = film(table)
    put(f"{STEM}.json", json.dumps(wishes).encode())
    asset = ingest({"upload": begin(table, sent).as_state()}, None)
    assert (asset["base"] is None) == is_encoded


def test_an_encode_that_is_wished_needs_the_film(table):
    sent = film(table)
    tidied("mov")
    put(f"{STEM}.json", b'{"profile": "audio"}')
    with pytest.raises(SourceRejected) as refused:
        ingest({"upload": begin(table, sent).as_state()}, None)
    assert refused.value.code == "INPUT_MISSING"


def test_a_wrong_json_file_is_refused_and_counts_as_seen(table):
    sent = film(table)
    put(f"{STEM}.json", b'{"title": 1}')
    following = begin(table, sent)
    with pytest.raises(SourceRejected) as refused:
        ingest({"upload": following.as_state()}, None)
    assert refused.value.code == "INPUT_SIDECAR_WRONG"
    assert set(table.known(following)["sidecars"]) == {f"{STEM}.json"}
    assert asset_json(sent)["status"] == "published"


def test_a_cancelled_update_ends_before_it_begins(table):
    sent = film(table)
    following = begin(table, sent)
    table.cancel(following)
    with pytest.raises(SourceSuperseded):
        ingest({"upload": following.as_state()}, None)


def test_pictures_that_have_gone_are_told_and_nothing_is_pointed_at_them(table):
    sent = film(table)
    following = begin(table, sent)
    asset = ingest({"upload": following.as_state()}, None)
    verified = table.known(sent)["verified"]
    client("s3").delete_object(Bucket=OUTPUTS, Key=sent.run_prefix + verified["hls"])
    with pytest.raises(OutputMissing) as missing:
        recall({"upload": following.as_state(), "base": asset["base"]}, None)
    assert sent.run in missing.value.evidence["key"]
    with pytest.raises(OutputMissing, match="nothing is known"):
        recall({"upload": following.as_state(), "base": f"{sent.version}-r9"}, None)


def test_an_update_is_counted_and_announced_as_one(table, capsys):
    sent = film(table)
    put(f"{STEM}.de.srt", SRT.encode())
    state = update(table, sent)
    said = capsys.readouterr().out
    assert '"UploadsUpdated"' in said and '"UploadsPublished"' not in said
    message = state["playback"].get("message") or {}
    assert message.get("event", "updated") == "updated"
