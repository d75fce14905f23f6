"""While a function works on an upload, every line says which; before and after it does not."""

from __future__ import annotations

import contextlib
import json
import logging

import pytest

from pipeline.aws import logs, metrics
from pipeline.aws.faults import handles_faults
from pipeline.media.errors import SourceRejected
from tests.media.films import upload

FILM = upload()
NAMES = {"asset_id": FILM.asset_id, "version": FILM.version, "execution": FILM.execution_name}


def named(record: logging.LogRecord) -> dict[str, str]:
    return {name: value for name, value in record.__dict__.items() if name in NAMES}


def test_anybodys_line_within_the_block_names_the_upload(caplog: pytest.LogCaptureFixture) -> None:
    with logs.about(FILM):
        logging.getLogger("botocore.retries").warning("again")
    logging.getLogger("botocore.retries").warning("and after")
    assert [named(record) for record in caplog.records] == [NAMES, {}]


def test_awss_own_formatter_writes_the_fields(caplog: pytest.LogCaptureFixture) -> None:
    from awslambdaric.lambda_runtime_log_utils import JsonFormatter

    with logs.about(FILM):
        logging.getLogger("x").warning("hello")
    line = json.loads(JsonFormatter().format(caplog.records[0]))
    assert NAMES.items() <= line.items() and line["message"] == "hello"


def test_a_metric_names_the_upload_and_counts_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    with logs.about(FILM):
        metrics.put("Vod", {"FilmPublished": 12.5}, "Seconds")
    line = json.loads(capsys.readouterr().out)
    assert NAMES.items() <= line.items() and line["FilmPublished"] == 12.5
    (described,) = line["_aws"]["CloudWatchMetrics"]
    assert described["Dimensions"] == [["Stack"]], "an id as a dimension would be a metric a film"
    assert described["Metrics"] == [{"Name": "FilmPublished", "Unit": "Seconds"}]


def handler(event: dict, context: object) -> str:
    if event.get("fail"):
        raise KeyError("shelf")
    return "done"


def test_a_call_leaves_one_line_with_how_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    wrapped = handles_faults(handler)
    assert wrapped({"upload": FILM.as_state()}, None) == "done"
    with pytest.raises(KeyError):
        wrapped({"upload": FILM.as_state(), "fail": True}, None)
    wrapped({}, None)
    ended = [(record.ended, named(record)) for record in caplog.records if record.name == "pipeline.aws.logs"]
    assert ended == [("ok", NAMES), ("KeyError", NAMES), ("ok", {})]


def test_an_error_of_ours_is_told_in_its_words_and_any_other_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from awslambdaric.lambda_runtime_log_utils import JsonFormatter

    refusal = SourceRejected("INPUT_EMPTY", "a.mp4 is empty: 0 bytes")
    for error in (refusal, KeyError("shelf")):
        with contextlib.suppress(type(error)), logs.about(FILM), logs.call("probe"):
            raise error
    ours, bug = caplog.records
    assert (ours.levelname, ours.getMessage()) == ("WARNING", "probe: SourceRejected: a.mp4 is empty: 0 bytes")
    assert ours.exc_info is None
    line = json.loads(JsonFormatter().format(bug))
    assert (line["level"], line["errorType"], line["asset_id"]) == ("ERROR", "KeyError", FILM.asset_id)
    assert "raise error" in "".join(line["stackTrace"])


@pytest.mark.parametrize("event", [{}, [], None, {"upload": {}}, {"upload": "x"}, {"upload": {"key": "a"}}])
def test_an_event_without_an_upload_is_no_fault(event: object) -> None:
    assert logs.upload_in(event) is None
