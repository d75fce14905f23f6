"""The steps of the state machine, each with a realistic state, in the order of the story."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.convert.handler import handler as convert
from lambdas.ingest.handler import handler as ingest
from lambdas.plan import handler as plan_step
from lambdas.plan.handler import handler as plan
from lambdas.probe.handler import handler as probe
from lambdas.publish.handler import handler as publish
from lambdas.reject.handler import handler as reject
from lambdas.report.handler import handler as report
from lambdas.transcode.handler import handler as transcode
from lambdas.verify.handler import handler as verify
from pipeline import settings
from pipeline.aws import objects, topic, transcoder
from pipeline.aws.clients import client
from pipeline.media import captions, errors, profiles
from pipeline.media.asset import Upload
from pipeline.media.errors import OutputMissing, OutputWrong, ServiceThrottled, SourceRejected, SourceSuperseded
from pipeline.media.promise import promised
from tests.aws.world import DELIVERY, TABLE, refusal
from tests.media.encoded import encoded
from tests.media.films import BUCKET, OUTPUTS, picture, probed, sound, upload
from tests.media.receipt_schema import check_message, check_receipt
from tests.media.test_captions import SRT
from tests.media.test_cover import FRONT, apic, id3
from tests.media.test_images import png

pytestmark = pytest.mark.usefixtures("environment")
KEY = "uploads/team/Gar\u00e7on & Fille (+).mov"


def put(key: str = KEY, body: bytes = b"film") -> Upload:
    answer = client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    return upload(key, **{"version-id": answer["VersionId"], "etag": answer["ETag"].strip('"')})


def stored(bucket: str, key: str) -> Any:
    body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    if not key.endswith(".json"):
        return body
    return check_receipt(json.loads(body)) if key.startswith("receipts/") else json.loads(body)


def asset_json(film: Upload) -> dict[str, Any]:
    return stored(OUTPUTS, f"a/{film.asset_id}/asset.json")


@pytest.fixture
def answers(monkeypatch):
    """Probe's answer."""
    result = probed(picture(), sound(language="eng"), container="quicktime")
    monkeypatch.setattr(transcoder, "probe", lambda url: result)


def encode(film: Upload, plan: dict[str, Any], seconds: tuple[float, ...] = (4.0, 4.0, 4.0, 4.0, 4.0)) -> None:
    """Write what MediaConvert would, small."""
    jobs = [stored(OUTPUTS, plan[role]["settings_key"]) if plan[role] else None for role in ("streams", "download")]
    for name, body in encoded(promised(*jobs), seconds).items():
        client("s3").put_object(Bucket=OUTPUTS, Key=film.run_prefix + name, Body=body)


def run(film: Upload, until: str) -> dict[str, Any]:
    """Walk the happy path as the state machine would, each step handed only what the ASL hands it."""
    state: dict[str, Any] = {"upload": film.as_state()}
    steps = {
        "asset": lambda: ingest({"upload": state["upload"]}, None),
        "source": lambda: probe({"upload": state["upload"]}, None),
        "plan": lambda: plan(
            {**{key: state[key] for key in ("upload", "source")}, "wishes": state["asset"]["wishes"]}, None
        ),
        "outputs": lambda: {
            "streams": {"job_id": "j", "warnings": [], "duration_ms": 20_000},
            "download": None,
            "poster": _poster(state),
            "cover": _cover(state),
            "captions": convert(
                {
                    "upload": state["upload"],
                    "captions": state["asset"]["captions"],
                    "duration_ms": state["source"]["duration_ms"],
                },
                None,
            ),
        },
        "verified": lambda: (
            encode(film, state["plan"]) or verify({key: state[key] for key in ("upload", "source", "plan")}, None)
        ),
        "playback": lambda: publish({key: state[key] for key in ("upload", "asset", "outputs", "verified")}, None),
    }
    for noun, step in steps.items():
        state[noun] = json.loads(json.dumps(step()))
        if noun == until:
            return state
    raise KeyError(until)


def _poster(state: dict[str, Any]) -> dict[str, Any]:
    """What the Choice "Has poster?" decides."""
    poster = state["asset"]["poster"]
    return convert({"upload": state["upload"], "wanted": "poster", "poster": poster}, None) if poster else {}


def _cover(state: dict[str, Any]) -> dict[str, Any]:
    """What the Choice "Sound alone?" decides."""
    return convert({"upload": state["upload"], "wanted": "cover"}, None) if state["source"]["video"] is None else {}


# The whole story ------------------------------------------------------------------------------------------------------


def test_a_film_with_captions_is_published(table, answers):
    film = put()
    put("uploads/team/Gar\u00e7on & Fille (+).en.srt", SRT.encode())
    put("uploads/team/Gar\u00e7on & Fille (+).fr.forced.vtt", b"WEBVTT\n\n00:01.0 --> 00:02.0\nOui")
    put("uploads/team/Gar\u00e7on & Fille (+).de.srt", b"no captions at all")
    state = run(film, "playback")

    assert state["asset"] == {
        "title": "Gar\u00e7on & Fille (+)",
        "captions": [
            {"key": f"uploads/team/Gar\u00e7on & Fille (+).{end}", "language": language, "marks": marks}
            for end, language, marks in [
                ("de.srt", "de", []),
                ("en.srt", "en", []),
                ("fr.forced.vtt", "fr", ["forced"]),
            ]
        ],
        "captions_left_out": 0,
        "poster": None,
        "wishes": {},
        "base": None,
        "warnings": [],
    }
    assert state["source"]["container"] == "quicktime" and state["source"]["video"]["frame_rate"] == "30"
    assert [rung["name"] for rung in state["plan"]["rungs"]] == ["1080p", "720p", "540p", "360p", "270p"]
    assert stored(OUTPUTS, state["plan"]["streams"]["settings_key"])["Inputs"][0]["FileInput"] == film.url
    assert state["plan"]["download"] is None
    by_file = {each["file"].rsplit(".", 2)[-2]: each for each in state["outputs"]["captions"]}
    assert by_file["de"]["vtt"] is None and "no caption could be read" in by_file["de"]["warnings"][0]
    assert by_file["forced"]["forced"] and by_file["en"]["label"] == "English"
    assert stored(OUTPUTS, film.run_prefix + "captions/en.vtt").startswith("WEBVTT\nX-TIMESTAMP-MAP=")
    assert state["playback"]["url"] == f"https://d111111abcdef8.cloudfront.net/?asset={film.asset_id}"
    said = check_message(state["playback"]["message"])
    assert (said["event"], said["playback_url"]) == ("published", state["playback"]["url"])
    assert state["playback"]["folder"] == "team"

    shown = asset_json(film)
    assert shown["status"] == "published" and [each["language"] for each in shown["captions"]] == ["en", "fr"]
    assert f'URI="v/{film.run}/captions/en.m3u8"' in stored(OUTPUTS, f"a/{film.asset_id}/index.m3u8")
    assert 'URI="captions/en.m3u8"' in stored(OUTPUTS, film.run_prefix + "index.m3u8"), "the run's own copy"
    assert f"<BaseURL>v/{film.run}/</BaseURL>" in stored(OUTPUTS, f"a/{film.asset_id}/index.mpd")
    assert table.version(film)["status"] == "published"
    assert table.asset(film.asset_id)["current"]["version"] == film.version
    assert len(json.dumps(state)) < 20_000, "far from the 256 KiB that a state may have"

    reported = report(
        {
            **{key: state[key] for key in ("upload", "asset", "source", "verified", "playback")},
            "captions": state["outputs"]["captions"],
            "warnings": ["Audio tracks that are not published: 2 (fra, 2 channels)."],
        },
        None,
    )
    assert reported == {"status": "published", "receipt": "receipts/team/Gar\u00e7on & Fille (+).mov.json"}
    receipt = stored(BUCKET, reported["receipt"])
    assert receipt["playback"]["url"] == state["playback"]["url"] and len(receipt["renditions"]) == 5
    assert receipt["captions"][0]["warnings"], "content teams read what was dropped"
    assert receipt["found"] == "1080p H.264, 30 fps, AAC stereo, 20.0 s"
    assert [sound["language"] for sound in receipt["audio"]] == ["en"]


def test_content_types_are_what_players_and_cloudfront_expect(table, answers):
    film = put()
    put("uploads/team/Gar\u00e7on & Fille (+).en.srt", SRT.encode())
    run(film, "playback")
    types = {
        "index.m3u8": "application/vnd.apple.mpegurl",
        "index.mpd": "application/dash+xml",
        "asset.json": "application/json",
        f"v/{film.run}/captions/en.vtt": "text/vtt",
        f"v/{film.run}/captions/en.m3u8": "application/vnd.apple.mpegurl",
    }
    for name, kind in types.items():
        assert client("s3").head_object(Bucket=OUTPUTS, Key=f"a/{film.asset_id}/{name}")["ContentType"] == kind


def test_the_poster_of_a_private_film_is_named_nowhere_that_cannot_show_it(table, answers, monkeypatch):
    public = run(put(), "playback")
    poster = f"{DELIVERY}/a/{Upload.from_state(public['upload']).asset_id}/{asset_json(put())['poster']}"
    assert public["playback"]["poster"] == public["playback"]["message"]["playback"]["poster"] == poster
    for variable, value in settings.PublishSettings(TABLE, OUTPUTS, DELIVERY, "private").as_env().items():
        monkeypatch.setenv(variable, value)
    private = run(put("uploads/private.mov"), "playback")
    assert private["playback"]["poster"] is None and "poster" not in private["playback"]["message"]["playback"]
    assert check_message(private["playback"]["message"])["playback_url"] == private["playback"]["url"]


def test_every_step_may_run_twice(table, answers):
    film = put()
    first, second = run(film, "playback"), run(film, "playback")
    assert first["playback"]["message"].pop("at") <= second["playback"]["message"].pop("at")
    assert first == second


def profiled(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable, value in (
        settings.PlanSettings(TABLE, OUTPUTS, name, "DISABLED", "Vod", "0", BUCKET, DELIVERY).as_env().items()
    ):
        monkeypatch.setenv(variable, value)


@pytest.mark.parametrize(("film", "poster"), [(id3(apic(FRONT)), "cover.jpg"), (b"ID3 no cover", None)])
def test_sound_alone_is_published_with_its_cover_for_a_poster(table, monkeypatch, film, poster):
    monkeypatch.setattr(transcoder, "probe", lambda url: probed(sound(codec="MP3"), container="mp3"))
    profiled(monkeypatch, "audio")
    song = put("uploads/song.mp3", film)
    state = run(song, "playback")
    shown = asset_json(song)
    assert (shown["audio_only"], shown["width"], shown["renditions"]) == (True, None, [])
    assert shown["poster"] == (f"v/{song.run}/{poster}" if poster else None)
    assert state["outputs"]["cover"] == ({"path": poster, "width": 300, "height": 300} if poster else {})
    if poster:
        stored_cover = client("s3").get_object(Bucket=OUTPUTS, Key=song.run_prefix + poster)
        assert stored_cover["ContentType"] == "image/jpeg" and stored_cover["Body"].read().startswith(FRONT)
    assert "#EXT-X-STREAM-INF" in stored(OUTPUTS, f"a/{song.asset_id}/index.m3u8")


def test_thumbnails_become_a_storyboard(table, answers, monkeypatch):
    plain = profiles.load()["default"]
    wishes = profiles.Thumbnails(every_seconds=1, longer_side=160, columns=3, rows=2)
    monkeypatch.setattr(
        plan_step, "profile_named", lambda name: dataclasses.replace(plain, thumbnails=wishes, embedded_captions=True)
    )
    film = put()
    run(film, "playback")
    assert asset_json(film)["storyboard"] == f"v/{film.run}/storyboard.vtt"
    board = stored(OUTPUTS, film.run_prefix + "storyboard.vtt")
    assert board.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nstream_thumbnail_000000001.jpg#xywh=0,0,160,90\n")
    assert board.count("-->") == 20
    named = {line.partition("#")[0] for line in board.splitlines() if ".jpg" in line}
    assert all(client("s3").head_object(Bucket=OUTPUTS, Key=film.run_prefix + name) for name in named)
    assert f'URI="v/{film.run}/stream_thumbnail.m3u8"' in stored(OUTPUTS, f"a/{film.asset_id}/index.m3u8")


def test_what_each_step_learned_of_a_run_stays_known(table, answers, monkeypatch):
    monkeypatch.setattr(plan_step, "changes", lambda source, plan: ("It becomes smaller.",))
    film = put()
    state = run(film, "playback")
    known = table.known(film)
    assert {part: known[part] for part in ("asset", "source", "outputs", "verified")} == {
        part: state[part] for part in ("asset", "source", "outputs", "verified")
    }
    assert known["playback"].items() < state["playback"].items()
    assert known["encode"] == film.run
    assert known["plan"]["profile"] == "default" and known["plan"]["rungs"] == state["plan"]["rungs"]
    assert known["plan"]["changes"] == ["It becomes smaller."]
    assert {item["sk"].partition("#")[0] for item in table.everything(film.asset_id)} == {"asset", "version", "run"}
    assert table.known(film.with_revision(2)) == {}


# Ingest --------------------------------------------------------------------------------------------------------------


def test_ingest_shows_that_the_film_is_being_prepared(table):
    film = put()
    run(film, "asset")
    assert asset_json(film)["status"] == "processing" and table.version(film)["status"] == "transcoding"


def test_an_empty_upload_is_refused_in_plain_words(table):
    with pytest.raises(SourceRejected, match="is empty: 0 bytes") as refused:
        run(put(body=b""), "asset")
    assert refused.value.code == "INPUT_EMPTY"


@pytest.mark.parametrize("until", ["asset", "source"])
def test_an_upload_that_was_replaced_is_superseded_before_anything_is_read(table, answers, until):
    film = put()
    put(body=b"newer")
    with pytest.raises(SourceSuperseded):
        run(film, until)


def test_an_aws_fault_leaves_a_step_as_service_throttled(table, monkeypatch):
    film = put()

    def slow_down(*arguments, **named):
        raise refusal("HeadObject", "SlowDown", 503)

    monkeypatch.setattr(client("s3"), "head_object", slow_down)
    with pytest.raises(ServiceThrottled, match="HeadObject"):
        run(film, "asset")


# Transcode -----------------------------------------------------------------------------------------------------------


def submit(state: dict[str, Any], token: str = "token-1") -> dict[str, Any]:
    return transcode(
        {"role": "streams", "upload": state["upload"], "job": state["plan"]["streams"], "task_token": token}, None
    )


def test_transcode_submits_the_planned_settings_unchanged(table, answers, mediaconvert):
    film = put()
    state = run(film, "plan")
    job_id = submit(state)["job_id"]
    assert mediaconvert.jobs[0]["Id"] == job_id and table.job(film, "streams")["task_token"] == "token-1"


def test_a_film_replaced_while_it_waited_is_never_handed_to_mediaconvert(table, answers, mediaconvert):
    state = run(put(), "plan")
    put(body=b"newer")
    with pytest.raises(SourceSuperseded):
        submit(state)
    assert mediaconvert.jobs == []


def test_a_plan_that_expired_is_named(table, answers, mediaconvert):
    state = run(put(), "plan")
    client("s3").delete_object(Bucket=OUTPUTS, Key=state["plan"]["streams"]["settings_key"])
    with pytest.raises(OutputMissing, match=r"streams\.json does not exist"):
        submit(state)


# Convert -------------------------------------------------------------------------------------------------------------


def test_two_sidecars_of_one_language_both_stay(aws):
    film = put()
    keys = ["uploads/a.en.srt", "uploads/a.EN.vtt", "uploads/a.en.sdh.srt", "uploads/gone.srt"]
    for key in keys[:3]:
        put(key, SRT.encode())
    sidecars = [
        {"key": keys[0], "language": "en", "marks": []},
        {"key": keys[1], "language": "en", "marks": []},
        {"key": keys[2], "language": "en", "marks": ["sdh"]},
        {"key": keys[3], "language": "und", "marks": []},
    ]
    made = convert({"upload": film.as_state(), "captions": sidecars, "duration_ms": 60_000}, None)
    assert [each["vtt"] for each in made] == ["captions/en.vtt", "captions/en-2.vtt", "captions/en-sdh.vtt", None]
    assert [each.get("label") for each in made] == ["English", "English 2", "English (SDH)", None]
    assert "does not exist" in made[3]["warnings"][0]


def test_an_empty_or_endless_sidecar_is_left_out_and_a_nameless_one_is_warned_of(aws, monkeypatch):
    film = put()
    monkeypatch.setattr(captions, "MOST_BYTES", 1000)
    bodies = {"empty": b"", "long": SRT.encode() * 100, "fine": SRT.encode()}
    sidecars = [{"key": f"uploads/{name}.srt", "language": "und", "marks": []} for name in bodies]
    for sidecar, body in zip(sidecars, bodies.values(), strict=True):
        put(sidecar["key"], body)
    made = convert({"upload": film.as_state(), "captions": sidecars, "duration_ms": 60_000}, None)
    assert [each["vtt"] for each in made] == [None, None, "captions/und.vtt"]
    says = [each["warnings"][0] for each in made]
    assert "no caption could be read" in says[0] and "too long" in says[1] and "name it like fine.en.srt" in says[2]


# Verify --------------------------------------------------------------------------------------------------------------


def verified(film: Upload, state: dict[str, Any]) -> dict[str, Any]:
    return verify({key: state[key] for key in ("upload", "source", "plan")}, None)


def test_verify_names_what_is_missing_or_torn(table, answers):
    film = put()
    state = run(film, "outputs")
    with pytest.raises(OutputMissing, match=r"stream\.m3u8 does not exist"):
        verified(film, state)
    encode(film, state["plan"])
    assert verified(film, state)["duration_ms"] == 20_000
    for name, error in [("stream_360p_000000002.cmfv", OutputMissing), ("stream_720p.m3u8", OutputMissing)]:
        encode(film, state["plan"])
        client("s3").delete_object(Bucket=OUTPUTS, Key=film.run_prefix + name)
        with pytest.raises(error, match=name):
            verified(film, state)
    for name in ("stream.m3u8", "stream_360p.m3u8", "stream.mpd"):
        encode(film, state["plan"])
        client("s3").put_object(Bucket=OUTPUTS, Key=film.run_prefix + name, Body=b"\xff\xfe\x00 torn")
        with pytest.raises(OutputWrong):
            verified(film, state)


def test_a_segment_cut_in_half_is_refused_by_name(table, answers):
    film = put()
    state = run(film, "verified")
    key = film.run_prefix + "stream_audio_000000003.cmfa"
    whole = client("s3").get_object(Bucket=OUTPUTS, Key=key)["Body"].read()
    client("s3").put_object(Bucket=OUTPUTS, Key=key, Body=whole[: len(whole) - 30])
    with pytest.raises(OutputWrong, match=r"stream_audio_000000003\.cmfa is not whole: the mdat box at byte \d+"):
        verified(film, state)


def test_a_download_cut_in_half_is_refused_by_name(table, answers, monkeypatch):
    profiled(monkeypatch, "download")
    film = put()
    state = run(film, "verified")
    assert state["verified"]["download"] == "download.mp4"
    client("s3").put_object(Bucket=OUTPUTS, Key=film.run_prefix + "download.mp4", Body=b"\x00\x00\x10\x00ftypmp42")
    with pytest.raises(OutputWrong, match=r"download\.mp4 is not whole"):
        verified(film, state)


def test_a_film_that_breaks_off_is_rejected_with_both_lengths(table, answers):
    film = put()
    state = run(film, "outputs")
    encode(film, state["plan"], seconds=(4.0, 4.0))
    with pytest.raises(SourceRejected, match=r"promises 20\.0 s and breaks off after 8\.0 s"):
        verified(film, state)


def test_outputs_of_a_film_that_was_replaced_are_not_looked_at(table, answers):
    film = put()
    state = run(film, "verified")
    put(body=b"newer")
    with pytest.raises(SourceSuperseded):
        verified(film, state)


# Publish, and what else may happen ------------------------------------------------------------------------------------


def test_an_older_upload_that_ends_later_is_superseded(table, answers):
    old = upload(KEY, sequencer="0001", **{"version-id": "old"})
    state = {**run(put(), "playback"), "upload": old.as_state()}
    encode(old, state["plan"])
    with pytest.raises(SourceSuperseded):
        publish({key: state[key] for key in ("upload", "asset", "outputs", "verified")}, None)


def caught(error: errors.VodError) -> dict[str, str]:
    """What a Catch puts into $.rejection for a Lambda function's exception."""
    message = {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": "r", "stackTrace": []}
    return {"Error": type(error).__name__, "Cause": json.dumps(message)}


def test_a_rejected_upload_tells_its_owner_everywhere_the_same(table, monkeypatch):
    said = []
    monkeypatch.setattr(
        topic, "client", lambda service: SimpleNamespace(publish=lambda **message: said.append(message))
    )
    film = put(body=b"")
    error = SourceRejected("INPUT_EMPTY", "film.mov is empty: 0 bytes", {"key": KEY})
    rejection = reject({"upload": film.as_state(), "error": caught(error)}, None)
    assert rejection == error.as_dict() == table.version(film)["error"]
    (message,) = said
    assert check_message(json.loads(message["Message"]))["error"] == rejection
    assert message["MessageAttributes"]["code"] == {"DataType": "String", "StringValue": "INPUT_EMPTY"}
    assert table.version(film)["status"] == "rejected"
    assert stored(BUCKET, "receipts/team/Gar\u00e7on & Fille (+).mov.json")["error"] == rejection
    assert asset_json(film)["status"] == "rejected"


def counted(capsys) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


def test_a_rejection_is_counted_because_its_execution_ends_green(table, capsys):
    film = put(body=b"")
    reject({"upload": film.as_state(), "error": caught(SourceRejected("INPUT_EMPTY", "m"))}, None)
    metrics = counted(capsys)
    assert (metrics["UploadsRejected"], metrics["Stack"], metrics["Code"]) == (1, "Vod", "INPUT_EMPTY")
    (described,) = metrics["_aws"]["CloudWatchMetrics"]
    assert described == {
        "Namespace": "Vod",
        "Dimensions": [["Stack"], ["Stack", "Code"]],
        "Metrics": [{"Name": "UploadsRejected", "Unit": "Count"}],
    }


def test_a_superseded_upload_is_counted_and_noted(table, capsys):
    film = put()
    event = {"upload": film.as_state(), "error": caught(SourceSuperseded("SOURCE_SUPERSEDED", "m"))}
    assert report(event, None)["status"] == "superseded"
    assert counted(capsys)["UploadsSuperseded"] == 1 and table.version(film)["status"] == "superseded"


def test_what_was_cancelled_is_not_called_superseded_afterwards(table):
    film = put()
    table.register(film)
    table.cancel(film)
    report({"upload": film.as_state(), "error": caught(SourceSuperseded("RUN_CANCELLED", "m"))}, None)
    assert table.version(film)["status"] == "cancelled"


def test_a_rejected_replacement_leaves_the_older_film_playing(table, answers):
    run(put(), "playback")
    newer = put(body=b"")
    newer = upload(KEY, sequencer="FF", **{"version-id": newer.version_id})
    reject({"upload": newer.as_state(), "error": caught(SourceRejected("INPUT_EMPTY", "m"))}, None)
    assert asset_json(newer)["status"] == "published" and asset_json(newer)["version"] != newer.version
    assert table.version(newer)["status"] == "rejected"


def test_a_superseded_upload_gets_a_receipt_that_says_so(table):
    film = put()
    error = SourceSuperseded("SOURCE_SUPERSEDED", "was uploaded again")
    assert report({"upload": film.as_state(), "error": caught(error)}, None)["status"] == "superseded"
    assert table.version(film)["status"] == "superseded"
    assert stored(BUCKET, "receipts/team/Gar\u00e7on & Fille (+).mov.json")["error"]["code"] == "SOURCE_SUPERSEDED"


# What lies beside the film --------------------------------------------------------------------------------------------

STEM = KEY.rpartition(".")[0]


def beside(ending: str, body: bytes | dict[str, Any]) -> None:
    put(STEM + ending, json.dumps(body).encode() if isinstance(body, dict) else body)


def test_what_the_films_owner_wishes_is_done(table, monkeypatch):
    result = probed(picture(), sound(language="und"), container="quicktime")
    monkeypatch.setattr(transcoder, "probe", lambda url: result)
    film = put()
    words = {"title": "One <b>Summer</b>", "description": "Two friends.", "tags": ["drama"], "language": "fr"}
    beside(".json", {**words, "profile": "download", "poster_time": 5.5, "captions_language": "en"})
    beside(".srt", SRT.encode())
    beside(".PNG", png(640, 360) + b"IEND")
    state = run(film, "playback")
    assert state["asset"]["wishes"] == {
        **words, "profile": "download", "poster_at_ms": 5500, "captions_language": "en",
    }  # fmt: skip
    shown = asset_json(film)
    assert {key: shown[key] for key in words} == words
    assert shown["poster"] == f"v/{film.run}/poster-sidecar.png" and shown["download"]
    assert [track["language"] for track in shown["captions"]] == ["en"] and shown["audio"][0]["language"] == "fr"
    settings_ = json.dumps(stored(OUTPUTS, state["plan"]["streams"]["settings_key"]))
    assert '"FramerateNumerator": 2, "FramerateDenominator": 11' in settings_
    assert table.asset(film.asset_id)["title"] == words["title"]
    assert table.version(film)["title"] == words["title"]  # what lists show and search
    assert (table.known(film)["plan"]["profile"], table.known(film)["asset"]) == ("download", state["asset"])
    told = stored(BUCKET, report({**state, "captions": [], "warnings": []}, None)["receipt"])
    assert told["title"] == words["title"]


def test_a_json_that_cannot_be_followed_rejects_the_film_with_every_mistake(table):
    film = put()
    beside(".json", b'{\n  "profle": "download",\n  "publish": "later"\n}')
    name = f"{STEM.rpartition('/')[2]}.json"
    with pytest.raises(SourceRejected) as refused:
        run(film, "asset")
    assert refused.value.code == "INPUT_SIDECAR_WRONG"
    assert refused.value.evidence["problems"] == [
        f'{name}, line 2, column 3, "profle": no such field; did you mean "profile"?',
        f'{name}, line 3, column 14, "publish": "later" should be "now" or "hold"',
    ]


def test_an_ambiguous_json_is_not_used_but_its_wish_to_hold_is(table):
    film, other = put(), put(f"{STEM}.mp4")
    beside(".json", {"title": "Whose?", "publish": "hold"})
    for one in (film, other):
        asset = run(one, "asset")["asset"]
        assert asset["wishes"] == {"publish": "hold"} and "Whose" not in asset["title"]
        assert "is not used, because it may be for" in asset["warnings"][0]
        assert asset["warnings"][1].endswith(".json asks to hold the film, so it is held")
    beside(".mov.json", {"title": "Mine"})
    beside(".json", b"nobody's business any more")
    assert run(film, "asset")["asset"]["wishes"] == {"title": "Mine"}
    with pytest.raises(SourceRejected):
        run(other, "asset")


def test_a_picture_that_is_none_leaves_the_captured_poster_and_a_warning(table, answers):
    film = put()
    beside(".jpg", b"GIF89a")
    state = run(film, "playback")
    assert asset_json(film)["poster"] == f"v/{film.run}/poster.0000001.jpg"
    (warning,) = state["outputs"]["poster"]["warnings"]
    assert warning.endswith("is not used as the poster: it begins neither as JPEG nor as PNG; save it as JPEG or PNG")
    report(state, None)
    assert stored(BUCKET, f"receipts/{KEY.removeprefix('uploads/')}.json")["warnings"] == [warning]


def test_sidecars_that_go_between_listing_and_reading_are_not_there(table, monkeypatch):
    film = put()
    beside(".json", {"title": "Gone"})
    beside(".jpg", b"")
    around = objects.keys_around

    def gone(bucket: str, key: str) -> list[str]:
        found = around(bucket, key)
        for each in found:
            if each != film.key:
                client("s3").delete_object(Bucket=bucket, Key=each)
        return found

    monkeypatch.setattr(objects, "keys_around", gone)
    state = run(film, "asset")
    assert state["asset"]["wishes"] == {} and state["asset"]["poster"] == f"{STEM}.jpg"
    assert _poster(state)["warnings"][0].endswith("was deleted before it could become the poster")


def test_a_picture_beside_the_film_goes_before_the_moment_wished_and_that_is_told(table):
    film = put()
    beside(".json", {"poster_time": 1})
    beside(".jpg", b"")
    warnings = run(film, "asset")["asset"]["warnings"]
    assert warnings == [f"{STEM.rpartition('/')[2]}.jpg goes before poster_time as the poster"]


def test_a_rejected_film_keeps_the_title_that_its_owner_gave_it(table):
    film = put()
    beside(".json", {"title": "One Summer"})
    run(film, "asset")
    reject({"upload": film.as_state(), "error": caught(SourceRejected("INPUT_NOT_A_FILM", "m"))}, None)
    assert asset_json(film)["title"] == "One Summer" and asset_json(film)["status"] == "rejected"
