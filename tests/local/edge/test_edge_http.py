"""The edge as a viewer meets it: over HTTP, with an origin that counts, changes and fails."""

from __future__ import annotations

import gzip
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.local.edge.cache import SLICE_BYTES
from tests.local.edge.stub_s3 import StubS3
from tests.local.edge.template import distribution_config, template

Start = Callable[..., httpx.Client]
SEGMENT = "/a/film/v/1-r1/stream_000000001.cmfv"


def cache(answer: httpx.Response) -> str:
    return answer.headers["x-cache"].removesuffix(" from cloudfront")


def raw(client: httpx.Client, target: str, *headers: str, host: str = "Host: edge") -> int:
    """The status of a request whose target is sent exactly as it is; httpx would tidy it."""
    with socket.create_connection(("127.0.0.1", client.serving.port)) as wire:  # type: ignore[attr-defined]
        lines = [f"GET {target} HTTP/1.1", host, "Connection: close", *headers, "", ""]
        wire.sendall("\r\n".join(lines).encode())
        answer = b""
        while chunk := wire.recv(65536):
            answer += chunk
    return int(answer.split()[1])


def test_a_second_request_is_a_hit_with_an_age(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], b"x" * 1000, "video/mp4")
    miss, hit = edge.get(SEGMENT), edge.get(SEGMENT)
    assert (miss.status_code, cache(miss), "age" in miss.headers) == (200, "Miss", False)
    assert (hit.status_code, cache(hit), hit.headers["age"]) == (200, "Hit", "0")
    assert hit.content == b"x" * 1000
    assert len(origin.asked) == 1


def test_the_origin_is_asked_with_a_signature(edge: httpx.Client, origin: StubS3) -> None:
    origin.put("site/index.html", "<h1>films</h1>", "text/html")
    edge.get("/")
    (_, key, headers) = origin.asked[0]
    assert key == "site/index.html"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=123456789012/")


def test_the_answer_carries_the_policys_headers_and_not_the_emulators(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], b"x", "video/mp4", x_amz_meta_film="one")
    answer = edge.get(SEGMENT)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["strict-transport-security"] == "max-age=63072000"
    assert answer.headers["x-amz-meta-film"] == "one"
    assert "access-control-allow-origin" not in answer.headers
    assert edge.get(SEGMENT, headers={"origin": "https://x"}).headers["access-control-allow-origin"] == "*"
    assert {"via", "x-amz-cf-id", "x-amz-cf-pop", "etag", "last-modified"} <= set(answer.headers)


def test_concurrent_requests_are_one_request_to_the_origin(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], b"x" * 100_000)
    origin.delay = 0.2
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: edge.get(SEGMENT), range(12)))
    assert {len(answer.content) for answer in answers} == {100_000}
    assert len(origin.asked) == 1


def test_an_expired_object_is_revalidated_with_its_etag(edge: httpx.Client, origin: StubS3) -> None:
    origin.put("a/film/index.m3u8", "#EXTM3U\n", "application/vnd.apple.mpegurl", cache_control="max-age=0")
    assert cache(edge.get("/a/film/index.m3u8")) == "Miss"
    again = edge.get("/a/film/index.m3u8")
    assert (cache(again), again.text) == ("RefreshHit", "#EXTM3U\n")
    assert origin.asked[1][2]["if-none-match"] == origin.objects["a/film/index.m3u8"].etag
    origin.put("a/film/index.m3u8", "#EXTM3U\n#new\n", cache_control="max-age=0")
    changed = edge.get("/a/film/index.m3u8")
    assert (cache(changed), changed.text) == ("Miss", "#EXTM3U\n#new\n")


def test_a_stale_object_is_served_while_the_origin_fails(edge: httpx.Client, origin: StubS3) -> None:
    origin.put("a/film/asset.json", "{}", "application/json", cache_control="max-age=0")
    edge.get("/a/film/asset.json")
    origin.fail_with = 503
    assert edge.get("/a/film/asset.json").text == "{}"
    assert edge.get("/a/film/other.json").status_code == 503


def test_a_silent_origin_is_504_and_an_expired_copy_still_plays(edge: httpx.Client, origin: StubS3) -> None:
    origin.put("a/film/asset.json", "{}", "application/json", cache_control="max-age=0")
    edge.get("/a/film/asset.json")
    origin.stop()
    assert edge.get("/a/film/asset.json").status_code == 200
    assert edge.get("/a/film/other.json").status_code == 504


def test_a_deleted_object_is_gone_after_its_lifetime(edge: httpx.Client, origin: StubS3) -> None:
    origin.put("a/film/asset.json", "{}", "application/json", cache_control="max-age=0")
    edge.get("/a/film/asset.json")
    del origin.objects["a/film/asset.json"]
    assert edge.get("/a/film/asset.json").status_code == 404


def test_an_error_is_kept_for_its_minimum_and_no_longer(edge: httpx.Client, origin: StubS3) -> None:
    assert edge.get("/a/film/asset.json").status_code == 404
    origin.put("a/film/asset.json", "{}")
    kept = edge.get("/a/film/asset.json")
    assert (kept.status_code, cache(kept)) == (404, "Error")
    time.sleep(1.1)
    assert edge.get("/a/film/asset.json").status_code == 200


def test_missing_is_404_only_where_the_bucket_may_be_listed(start: Start) -> None:
    document = template()
    document["Resources"]["OutputsPolicy"]["Properties"]["PolicyDocument"]["Statement"].pop()
    assert start(document).get("/a/film/asset.json").status_code == 403


@pytest.mark.parametrize("path", ["/w/film/plan.json", "/a/%2e%2e/w/film/plan.json", "/secret", "/a"])
def test_keys_cloudfront_was_not_granted_are_403_and_never_asked_for(
    edge: httpx.Client, origin: StubS3, path: str
) -> None:
    origin.put("w/film/plan.json", "secret")
    origin.put("secret", "secret")
    status = raw(edge, path)
    assert status in (403, 404)
    assert [key for _, key, _ in origin.asked if key in origin.objects] == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/a/../w/plan.json", 404),
        ("/../../etc/passwd", 404),
        ("/a/..%2f..%2f..%2fetc/passwd", 404),
        ("/a/%00", 400),
        ("/a/%ff%fe", 400),
        ("/a/%", 404),
        ("/a/%zz", 404),
        ("/a//film", 404),
        ("http://edge/a/film", 400),
        ("/a/" + "x" * 8200, 414),
        ("/a/" + "x" * 1100, 400),
    ],
)
def test_strange_paths_are_answered_and_never_crash(edge: httpx.Client, target: str, status: int) -> None:
    assert raw(edge, target) == status
    assert edge.get("/a/still-there").status_code == 404


def test_unicode_and_spaces_in_keys(edge: httpx.Client, origin: StubS3) -> None:
    origin.put("a/Käse & Brötchen +100%/日本.txt", "found")
    assert edge.get("/a/K%C3%A4se%20%26%20Br%C3%B6tchen%20%2B100%25/%E6%97%A5%E6%9C%AC.txt").text == "found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_method_the_behaviour_does_not_allow_is_403(edge: httpx.Client, method: str) -> None:
    answer = edge.request(method, "/a/film")
    assert (answer.status_code, cache(answer)) == (403, "Error")
    assert "could not be satisfied" in answer.text


def test_a_request_with_a_body_is_403(edge: httpx.Client, origin: StubS3) -> None:
    origin.put("site/index.html", "x")
    assert edge.request("GET", "/", content=b"body").status_code == 403


def test_head_has_the_length_and_no_body(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], b"x" * 1000, "video/mp4")
    answer = edge.head(SEGMENT)
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "1000", b"")
    assert origin.asked[0][0] == "HEAD"
    assert edge.get(SEGMENT).content == b"x" * 1000


def test_an_empty_object(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], b"")
    answer = edge.get(SEGMENT)
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "0", b"")
    assert edge.get(SEGMENT, headers={"range": "bytes=0-5"}).status_code == 416


def test_not_modified_is_304_without_a_body(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], b"x" * 1000, "video/mp4")
    etag = edge.get(SEGMENT).headers["etag"]
    answer = edge.get(SEGMENT, headers={"if-none-match": etag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert "content-length" not in answer.headers


LARGE = random.Random(1).randbytes(2 * SLICE_BYTES + 12345)


@pytest.mark.parametrize(
    "span", [(0, 10), (SLICE_BYTES - 5, SLICE_BYTES + 5), (2 * SLICE_BYTES, len(LARGE)), (0, len(LARGE))]
)
def test_ranges_over_slices(edge: httpx.Client, origin: StubS3, span: tuple[int, int]) -> None:
    origin.put(SEGMENT[1:], LARGE)
    start, stop = span
    answer = edge.get(SEGMENT, headers={"range": f"bytes={start}-{stop - 1}"})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(LARGE)}"
    assert answer.content == LARGE[start:stop]


def test_the_end_of_a_large_object_does_not_fetch_its_beginning(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], LARGE)
    edge.get(SEGMENT, headers={"range": f"bytes={len(LARGE) - 10}-"})
    assert [headers["range"] for _, _, headers in origin.asked] == [f"bytes={2 * SLICE_BYTES}-{3 * SLICE_BYTES - 1}"]


def test_several_ranges_are_a_multipart_answer(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], b"0123456789", "video/mp4")
    answer = edge.get(SEGMENT, headers={"range": "bytes=0-1,8-9"})
    assert answer.status_code == 206
    boundary = answer.headers["content-type"].partition("boundary=")[2]
    parts = answer.content.split(f"--{boundary}".encode())[1:-1]
    assert [part.split(b"\r\n\r\n")[1].strip() for part in parts] == [b"01", b"89"]
    assert b"Content-Range: bytes 8-9/10" in parts[1]


@pytest.mark.parametrize(("header", "status"), [("bytes=50-", 416), ("bytes=5-1", 200), ("lines=1-2", 200)])
def test_ranges_that_cannot_be_served(edge: httpx.Client, origin: StubS3, header: str, status: int) -> None:
    origin.put(SEGMENT[1:], b"0123456789")
    answer = edge.get(SEGMENT, headers={"range": header})
    assert answer.status_code == status
    assert answer.headers.get("content-range") == ("bytes */10" if status == 416 else None)


def test_if_range_of_another_object_gets_the_whole_of_this_one(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], b"0123456789")
    answer = edge.get(SEGMENT, headers={"range": "bytes=0-1", "if-range": '"old"'})
    assert (answer.status_code, answer.content) == (200, b"0123456789")


def test_text_is_compressed_for_those_who_accept_it(edge: httpx.Client, origin: StubS3) -> None:
    text = "#EXTINF:4.0,\nsegment.cmfv\n" * 200
    origin.put("a/film/v/1/stream.m3u8", text, "application/vnd.apple.mpegurl")
    packed = edge.get("/a/film/v/1/stream.m3u8", headers={"accept-encoding": "gzip"})
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert packed.headers["etag"].startswith('W/"')
    assert packed.text == text and int(packed.headers["content-length"]) < len(text) / 5
    plain = edge.get("/a/film/v/1/stream.m3u8")
    assert "content-encoding" not in plain.headers and plain.text == text
    assert plain.headers["vary"] == "Accept-Encoding"
    again = edge.get("/a/film/v/1/stream.m3u8", headers={"if-none-match": packed.headers["etag"]})
    assert again.status_code == 304
    assert len(origin.asked) == 1


def test_what_is_already_encoded_is_left_alone(edge: httpx.Client, origin: StubS3) -> None:
    body = gzip.compress(b"hello" * 1000)
    origin.put("a/film/v/1/x.json", body, "application/json", content_encoding="gzip")
    answer = edge.get("/a/film/v/1/x.json")
    assert answer.headers["content-encoding"] == "gzip" and answer.content == b"hello" * 1000


def _preflight(client: httpx.Client) -> httpx.Response:
    headers = {"origin": "https://x", "access-control-request-method": "GET", "access-control-request-headers": "range"}
    return client.options("/a/film/index.m3u8", headers=headers)


def test_a_preflight_fails_where_the_bucket_has_no_cors_rules(edge: httpx.Client) -> None:
    assert _preflight(edge).status_code == 403


def test_a_preflight_passes_where_the_bucket_allows_it(start: Start) -> None:
    document = template()
    rules = [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["*"], "MaxAge": 86400}]
    document["Resources"]["Outputs"]["Properties"]["CorsConfiguration"] = {"CorsRules": rules}
    answer = _preflight(start(document))
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["access-control-max-age"] == "600"


def test_a_custom_error_page_stands_in_with_its_own_status(start: Start, origin: StubS3) -> None:
    document = template()
    rule = {"ErrorCode": 404, "ResponseCode": 200, "ResponsePagePath": "/errors/gone.html", "ErrorCachingMinTTL": 0}
    distribution_config(document)["CustomErrorResponses"] = [rule]
    client = start(document)
    assert client.get("/a/none").status_code == 404  # the page itself is missing
    origin.put("site/errors/gone.html", "<h1>gone</h1>", "text/html")
    time.sleep(0.01)
    client = start(document)
    answer = client.get("/a/none")
    assert (answer.status_code, answer.text, cache(answer)) == (200, "<h1>gone</h1>", "Error")


def test_an_object_replaced_while_it_is_sent_cuts_the_answer_short(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], LARGE)
    edge.get(SEGMENT, headers={"range": "bytes=0-9"})
    origin.put(SEGMENT[1:], bytes(reversed(LARGE)))
    with pytest.raises(httpx.RemoteProtocolError):
        edge.get(SEGMENT)
    assert edge.get(SEGMENT).content == bytes(reversed(LARGE))


def test_a_slice_that_cannot_be_fetched_is_a_proper_error(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], LARGE)
    edge.get(SEGMENT, headers={"range": "bytes=0-9"})
    origin.fail_with = 503
    answer = edge.get(SEGMENT, headers={"range": f"bytes={SLICE_BYTES}-"})
    assert (answer.status_code, cache(answer), answer.headers["cache-control"]) == (502, "Error", "no-store")
    assert "slice 1" in answer.text


def test_the_cache_stays_within_its_size(start: Start, origin: StubS3, tmp_path: Path) -> None:
    client = start(most_cache_bytes=SLICE_BYTES + 1000)
    origin.put(SEGMENT[1:], LARGE)
    assert client.get(SEGMENT).content == LARGE
    stored = sum(path.stat().st_size for path in (tmp_path / "edge").glob("*.slice"))
    assert stored <= SLICE_BYTES + 1000
    assert client.get(SEGMENT).content == LARGE


def test_a_viewer_who_leaves_does_not_make_the_edge_fetch_the_rest(edge: httpx.Client, origin: StubS3) -> None:
    origin.put(SEGMENT[1:], bytes(12 * SLICE_BYTES))
    with edge.stream("GET", SEGMENT) as answer:
        next(answer.iter_raw(1000))
    time.sleep(0.5)
    asked = len(origin.asked)
    time.sleep(0.5)
    assert asked == len(origin.asked) < 12


def test_the_access_log_has_a_line_for_each_answer(edge: httpx.Client, origin: StubS3, tmp_path: Path) -> None:
    origin.put(SEGMENT[1:], b"x" * 1000, "video/mp4")
    edge.get(SEGMENT)
    edge.get(f"{SEGMENT}?x=%22", headers={"range": "bytes=0-9", "user-agent": 'agent "1"'})
    edge.get("/a/none")
    time.sleep(0.05)
    lines = [json.loads(line) for line in (tmp_path / "edge" / "access.jsonl").read_text().splitlines()]
    assert [(line["sc-status"], line["x-edge-result-type"], line["sc-bytes"]) for line in lines] == [
        (200, "Miss", 1000),
        (206, "Hit", 10),
        (404, "Error", len("<Error><Code>NoSuchKey</Code></Error>")),
    ]
    assert lines[1]["cs-uri-query"] == "x=%22" and lines[1]["cs(User-Agent)"] == 'agent "1"'


def test_stopping_lets_an_answer_finish_and_frees_the_port(start: Start, origin: StubS3) -> None:
    client = start()
    origin.put(SEGMENT[1:], b"x" * 1000)
    origin.delay = 0.3
    answers: list[Any] = []
    viewer = threading.Thread(target=lambda: answers.append(client.get(SEGMENT).status_code))
    viewer.start()
    time.sleep(0.1)
    client.serving.stop()  # type: ignore[attr-defined]
    viewer.join(5)
    assert answers == [200]
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", client.serving.port), timeout=1)  # type: ignore[attr-defined]


def test_a_taken_port_is_said_before_anything_starts(start: Start) -> None:
    from pipeline.local.edge import serve

    port = start().serving.port  # type: ignore[attr-defined]
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
        serve(start().serving.edge, port)  # type: ignore[attr-defined]
