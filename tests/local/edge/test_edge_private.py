"""Private films: who gets in, by signed URL and by signed cookies, and a table of those who do not."""

from __future__ import annotations

import base64
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from pipeline.bundle import ROOT
from pipeline.local.edge import Edge, Serving, serve
from pipeline.local.edge.distribution import DistributionNotHonoured, read_distribution
from pipeline.media import signing
from tests.local.edge.stub_s3 import StubS3
from tests.local.edge.template import PHYSICAL, private_template, template
from tests.local.edge.test_edge_http import raw

Start = Callable[..., httpx.Client]
NOW = 1_700_000_000
FILM = "/a/film-1/index.m3u8"
SEGMENT = "/a/film-1/v/1-r1/stream_1.cmfv"


def _key(kind: str) -> Any:
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _private(key: Any, form: Any = serialization.PrivateFormat.PKCS8) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


OLD, NEW, ELLIPTIC, FOREIGN = _key("rsa"), _key("rsa"), _key("ec"), _key("rsa")
TRUSTED = {"Old": _public(OLD), "New": _public(NEW), "Elliptic": _public(ELLIPTIC)}
IDS = {"Old": "K2OLD", "New": "K2NEW", "Elliptic": "K2EC"}


@pytest.fixture(scope="module")
def bucket() -> Iterator[StubS3]:
    stub = StubS3()
    for key in (FILM, SEGMENT, "/a/film-2/index.m3u8"):
        stub.put(key[1:], "#EXTM3U\n", "application/vnd.apple.mpegurl")
    stub.put("site/index.html", "<h1>films</h1>", "text/html")
    yield stub
    stub.stop()


@pytest.fixture(scope="module")
def serving(bucket: StubS3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    edge = Edge(private_template(TRUSTED), PHYSICAL | IDS, bucket.url, tmp_path_factory.mktemp("private"))
    with serve(edge) as serving:
        yield serving


@pytest.fixture
def private(serving: Serving, bucket: StubS3) -> Iterator[httpx.Client]:
    """One edge for all of these tests; its clock stands still, and each test finds an empty cache."""
    serving.edge.library.clock = lambda: NOW
    serving.edge.library.entries.clear()
    bucket.asked.clear()
    with httpx.Client(base_url=serving.url, trust_env=False, headers={"accept-encoding": "identity"}) as client:
        client.serving = serving  # type: ignore[attr-defined]
        yield client


def sign(key: Any, message: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), algorithm)
    return key.sign(message, ec.ECDSA(algorithm))


def pack(data: bytes) -> str:
    return base64.b64encode(data).decode().translate(str.maketrans("+=/", "-_~"))


def custom(
    resource: str, key: Any = NEW, key_id: str = "K2NEW", *, sha1: bool = False, policy: Any = None, **condition: Any
) -> dict[str, str]:
    """The parts of a signed URL or of signed cookies with a custom policy, made without any code of ours."""
    condition = {"DateLessThan": {"AWS:EpochTime": NOW + 60}} | condition
    text = json.dumps(policy or {"Statement": [{"Resource": resource, "Condition": condition}]}).encode()
    parts = {"Policy": pack(text), "Key-Pair-Id": key_id}
    parts["Signature"] = pack(sign(key, text, hashes.SHA1() if sha1 else hashes.SHA256()))
    return parts if sha1 else parts | {"Hash-Algorithm": "SHA256"}


def cookie(parts: dict[str, str]) -> dict[str, str]:
    return {"cookie": "; ".join(f"CloudFront-{name}={value}" for name, value in parts.items())}


def query(parts: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in parts.items())


def ask(client: httpx.Client, parts: dict[str, str], how: str) -> httpx.Response:
    return client.get(FILM, headers=cookie(parts)) if how == "cookies" else client.get(f"{FILM}?{query(parts)}")


def base(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


ADMITTED: dict[str, Callable[[str], dict[str, str]]] = {
    "one file": lambda b: custom(b + FILM),
    "all of a film": lambda b: custom(f"{b}/a/film-1/*"),
    "any host and scheme": lambda b: custom("http*://*/a/film-1/*"),
    "? is one character": lambda b: custom(f"{b}/a/film-?/*"),
    "no resource is all": lambda b: custom(
        "", policy={"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": NOW + 1}}}]}
    ),
    "the older key": lambda b: custom(f"{b}/a/film-1/*", OLD, "K2OLD"),
    "SHA-1": lambda b: custom(f"{b}/a/film-1/*", sha1=True),
    "ECDSA": lambda b: custom(f"{b}/a/film-1/*", ELLIPTIC, "K2EC"),
    "ECDSA with SHA-1": lambda b: custom(f"{b}/a/film-1/*", ELLIPTIC, "K2EC", sha1=True),
    "begun": lambda b: custom(f"{b}/a/film-1/*", DateGreaterThan={"AWS:EpochTime": NOW - 1}),
    "from here": lambda b: custom(f"{b}/a/film-1/*", IpAddress={"AWS:SourceIp": "127.0.0.0/8"}),
    "from anywhere": lambda b: custom(f"{b}/a/film-1/*", IpAddress={"AWS:SourceIp": "0.0.0.0/0"}),
}


@pytest.mark.parametrize("how", ["cookies", "URL"])
@pytest.mark.parametrize("name", ADMITTED)
def test_a_good_signature_opens_the_film(private: httpx.Client, name: str, how: str) -> None:
    parts = ADMITTED[name](base(private))
    answer = ask(private, parts, how)
    assert (answer.status_code, answer.text) == (200, "#EXTM3U\n")


def test_our_own_cookies_open_all_of_one_film_and_nothing_else(private: httpx.Client) -> None:
    key = signing.RsaKey.from_pem(_private(NEW))
    values = signing.asset_cookies(key, "K2NEW", base(private), "film-1", NOW + 10)
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in values.items())}
    assert [private.get(path, headers=headers).status_code for path in (FILM, SEGMENT)] == [200, 200]
    assert private.get("/a/film-2/index.m3u8", headers=headers).status_code == 403
    assert private.get("/a/film-10/index.m3u8", headers=headers).status_code == 403
    private.serving.edge.library.clock = lambda: NOW + 10  # type: ignore[attr-defined]
    assert private.get(FILM, headers=headers).status_code == 403


def test_what_is_not_private_stays_open(private: httpx.Client) -> None:
    assert private.get("/").status_code == 200


@pytest.mark.parametrize("sha", ["SHA1", "SHA256"])
def test_boto3s_canned_url_is_understood(private: httpx.Client, sha: str) -> None:
    algorithm = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}[sha]()
    signer = CloudFrontSigner("K2NEW", lambda message: sign(NEW, message, algorithm))
    until = datetime.datetime.fromtimestamp(NOW + 60, datetime.UTC)
    url = signer.generate_presigned_url(base(private) + FILM + "?size=1", date_less_than=until)
    url += "&Hash-Algorithm=SHA256" if sha == "SHA256" else ""
    assert private.get(url).status_code == 200
    assert private.get(url.replace("size=1", "size=2")).status_code == 403


def test_the_aws_cli_signs_what_the_edge_takes(private: httpx.Client, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(_private(NEW, serialization.PrivateFormat.TraditionalOpenSSL))  # all that version 1 reads
    cli = [str(Path(sys.executable).parent / "aws"), "cloudfront", "sign", "--url", base(private) + FILM]
    cli += ["--key-pair-id", "K2NEW", "--private-key", f"file://{file}", "--date-less-than", str(NOW + 60)]
    url = subprocess.run(cli, capture_output=True, text=True, check=True, timeout=120).stdout.strip()
    assert private.get(url).status_code == 200


def test_canned_cookies_open_the_one_file_they_are_for(private: httpx.Client) -> None:
    condition = f'"Condition":{{"DateLessThan":{{"AWS:EpochTime":{NOW + 60}}}}}'
    text = f'{{"Statement":[{{"Resource":"{base(private)}{FILM}",{condition}}}]}}'
    parts = {
        "Expires": str(NOW + 60),
        "Signature": pack(sign(NEW, text.encode(), hashes.SHA1())),
        "Key-Pair-Id": "K2NEW",
    }
    assert private.get(FILM, headers=cookie(parts)).status_code == 200
    assert private.get(SEGMENT, headers=cookie(parts)).status_code == 403
    assert private.get(FILM, headers=cookie(parts | {"Expires": str(NOW + 61)})).status_code == 403


def test_a_signed_url_decides_alone(private: httpx.Client) -> None:
    good, bad = custom(f"{base(private)}/a/film-1/*"), custom(f"{base(private)}/a/film-2/*")
    assert private.get(f"{FILM}?{query(bad)}", headers=cookie(good)).status_code == 403
    assert private.get(f"{FILM}?{query(good)}", headers=cookie(bad)).status_code == 200


def _changed(parts: dict[str, str], name: str, change: Callable[[str], str]) -> dict[str, str]:
    return parts | {name: change(parts[name])}


def _flip(text: str) -> str:
    return ("B" if text[0] == "A" else "A") + text[1:]


def _without(parts: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in parts.items() if key != name}


def _policy(**statement: Any) -> dict[str, Any]:
    return {"Statement": [statement]}


ENDS = {"DateLessThan": {"AWS:EpochTime": NOW + 60}}
REFUSED: dict[str, tuple[str, Callable[[str], dict[str, str]]]] = {
    "anonymous": ("MissingKey", lambda b: {}),
    "only a key id": ("MissingSignature", lambda b: {"Key-Pair-Id": "K2NEW"}),
    "no policy": ("MissingPolicy", lambda b: _without(custom(b + FILM), "Policy")),
    "no signature": ("MissingSignature", lambda b: _without(custom(b + FILM), "Signature")),
    "expired this second": ("AccessDenied", lambda b: custom(b + FILM, DateLessThan={"AWS:EpochTime": NOW})),
    "not yet": ("AccessDenied", lambda b: custom(b + FILM, DateGreaterThan={"AWS:EpochTime": NOW})),
    "another address": ("AccessDenied", lambda b: custom(b + FILM, IpAddress={"AWS:SourceIp": "192.0.2.0/24"})),
    "an address that is none": ("MalformedPolicy", lambda b: custom(b + FILM, IpAddress={"AWS:SourceIp": "here"})),
    "another file": ("AccessDenied", lambda b: custom(b + SEGMENT)),
    "another film": ("AccessDenied", lambda b: custom(f"{b}/a/film-2/*")),
    "another host": ("AccessDenied", lambda b: custom("https://elsewhere.example/a/film-1/*")),
    "capital letters": ("AccessDenied", lambda b: custom(f"{b}/A/film-1/*")),
    "[] is no wildcard": ("AccessDenied", lambda b: custom(f"{b}/a/film-[1]/*")),
    "a key nobody trusts": ("InvalidKey", lambda b: custom(b + FILM, FOREIGN, "K2FOREIGN")),
    "signed by another than it says": ("AccessDenied", lambda b: custom(b + FILM, FOREIGN, "K2NEW")),
    "the other trusted key's id": ("AccessDenied", lambda b: custom(b + FILM, NEW, "K2OLD")),
    "the id of a key of another kind": ("AccessDenied", lambda b: custom(b + FILM, NEW, "K2EC")),
    "a changed policy": ("AccessDenied", lambda b: _changed(custom(b + FILM), "Policy", lambda t: pack(b"{}"))),
    "a changed signature": ("AccessDenied", lambda b: _changed(custom(b + FILM), "Signature", _flip)),
    "an empty signature": ("AccessDenied", lambda b: custom(b + FILM) | {"Signature": ""}),
    "SHA-256 called SHA-1": ("AccessDenied", lambda b: _without(custom(b + FILM), "Hash-Algorithm")),
    "SHA-1 called SHA-256": ("AccessDenied", lambda b: custom(b + FILM, sha1=True) | {"Hash-Algorithm": "SHA256"}),
    "MD5": ("MalformedPolicy", lambda b: custom(b + FILM) | {"Hash-Algorithm": "MD5"}),
    "ordinary base64": ("MalformedPolicy", lambda b: _changed(custom(b + FILM), "Policy", lambda t: t + "!")),
    "a policy that is no JSON": ("MalformedPolicy", lambda b: _signed_text(b"hello")),
    "a policy that is a list": ("MalformedPolicy", lambda b: custom("", policy=["Statement"])),
    "no statement": ("MalformedPolicy", lambda b: custom("", policy={"Statement": []})),
    "two statements": (
        "MalformedPolicy",
        lambda b: custom("", policy={"Statement": 2 * [{"Resource": "*", "Condition": ENDS}]}),
    ),
    "no end": ("MalformedPolicy", lambda b: custom("", policy=_policy(Resource="*", Condition={}))),
    "an end that is a text": (
        "MalformedPolicy",
        lambda b: custom(b + FILM, DateLessThan={"AWS:EpochTime": "9999999999"}),
    ),
    "an end that is true": ("MalformedPolicy", lambda b: custom(b + FILM, DateLessThan={"AWS:EpochTime": True})),
    "a condition nobody knows": ("MalformedPolicy", lambda b: custom(b + FILM, StringEquals={"a": "b"})),
    "a canned end that is no number": (
        "MalformedPolicy",
        lambda b: _without(custom(b + FILM), "Policy") | {"Expires": "-1"},
    ),
}


def _signed_text(text: bytes) -> dict[str, str]:
    signature = pack(sign(NEW, text, hashes.SHA256()))
    return {"Policy": pack(text), "Signature": signature, "Key-Pair-Id": "K2NEW", "Hash-Algorithm": "SHA256"}


@pytest.mark.parametrize("how", ["cookies", "URL"])
@pytest.mark.parametrize("name", REFUSED)
def test_everybody_else_is_refused_with_a_reason(private: httpx.Client, bucket: StubS3, name: str, how: str) -> None:
    code, make = REFUSED[name]
    parts = make(base(private))
    answer = ask(private, parts, how)
    assert answer.status_code == 403
    assert f"<Code>{code}</Code>" in answer.text
    assert bucket.asked == []  # nothing of the film is even looked at
    assert {"etag", "last-modified"}.isdisjoint(answer.headers)


def test_a_refusal_can_be_read_by_players_of_other_sites(private: httpx.Client) -> None:
    answer = private.get(FILM, headers={"origin": "https://elsewhere.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (403, "*")


def test_the_same_name_twice_is_refused_unless_it_says_the_same(private: httpx.Client) -> None:
    good, bad = custom(f"{base(private)}/a/film-1/*"), custom(f"{base(private)}/a/film-2/*")
    for first, second, status in ((good, bad, 403), (bad, good, 403), (good, good, 200)):
        both = f"{cookie(first)['cookie']}; {cookie(second)['cookie']}"
        assert private.get(FILM, headers={"cookie": both}).status_code == status
        assert (
            private.get(FILM, headers=[("cookie", c["cookie"]) for c in map(cookie, (first, second))]).status_code
            == status
        )
        assert private.get(f"{FILM}?{query(first)}&{query(second)}").status_code == status


def _good(client: httpx.Client) -> str:
    return "Cookie: " + cookie(custom(f"{base(client)}/a/film-1/*"))["cookie"]


def _host(client: httpx.Client) -> str:
    return f"Host: 127.0.0.1:{client.serving.port}"  # type: ignore[attr-defined]


#: With good cookies for film-1, asked for something else in other words: (target, status, why)
TARGETS = [
    ("/a/film-1/../film-2/index.m3u8", 403, "dot segments"),
    ("/a/film-1/%2e%2e/film-2/index.m3u8", 403, "escaped dots"),
    ("/a/film-1/..%2ffilm-2/index.m3u8", 404, "an escaped slash is part of a name"),
    ("/a/film-1/./index.m3u8", 404, "S3 keeps dots as they are"),
    ("/a//film-1/index.m3u8", 403, "two slashes"),
    ("/a/film-2/index.m3u8?/a/film-1/", 403, "the film in the query"),
    ("/a/film-2/index.m3u8%3F/a/film-1/", 403, "the film in an escaped query"),
    ("/a/film%2D2/index.m3u8", 403, "an escaped letter"),
    ("/%61/film-2/index.m3u8", 404, "an escaped folder: the default behaviour must not reach films"),
    ("/%61%2ffilm-2/index.m3u8", 404, "an escaped slash after it"),
    ("/x/../a/film-2/index.m3u8", 403, "into the film from outside"),
    ("/a/film-1/index.m3u8%00", 400, "a NUL character"),
    ("/a/film-1/" + "x" * 8200, 414, "a long address"),
]


@pytest.mark.parametrize(("target", "status", "why"), TARGETS, ids=[why for *_, why in TARGETS])
def test_no_other_spelling_leads_to_another_film(private: httpx.Client, target: str, status: int, why: str) -> None:
    client = private
    lines = [_good(client)]
    # raw() sends its own Host: the policy names the address with its port.
    got = raw(client, target, *lines, host=_host(client))
    assert got == status


METHODS = [
    ("HEAD", 200),
    ("OPTIONS", 403),
    ("POST", 403),
    ("PUT", 403),
    ("DELETE", 403),
    ("PATCH", 403),
    ("TRACE", 403),
]


@pytest.mark.parametrize(("method", "status"), METHODS)
def test_methods(private: httpx.Client, method: str, status: int) -> None:
    headers = {} if method == "OPTIONS" else cookie(custom(f"{base(private)}/a/film-1/*"))
    assert private.request(method, FILM, headers=headers).status_code == status


@pytest.mark.parametrize("size", [21_000, 40_000])
def test_a_huge_header_is_turned_away(private: httpx.Client, size: int) -> None:
    assert private.get(FILM, headers={"x-padding": "x" * size}).status_code == 494


RANGES = [
    ("bytes=0-3", 206), ("bytes=-4", 206), ("bytes=4-", 206), ("bytes=0-0,2-2", 206), ("bytes=99-", 416),
    ("bytes=3-1", 200), ("bytes=0-1,0-1", 200), ("bytes=a-b", 200), ("bytes=--1", 200), ("items=0-1", 200),
    ("bytes=" + ",".join(["0-0"] * 50), 200), ("bytes=0-99999999999999999999", 200), ("bytes=-0", 416),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "status"), RANGES)
def test_odd_ranges_get_no_more_than_the_film_and_nothing_without_cookies(
    private: httpx.Client, asked: str, status: int
) -> None:
    headers = cookie(custom(f"{base(private)}/a/film-1/*"))
    answer = private.get(FILM, headers=headers | {"range": asked})
    assert answer.status_code == status
    if status == 200:
        assert answer.text == "#EXTM3U\n"
    assert private.get(FILM, headers={"range": asked}).status_code == 403


def test_conditions_are_answered_to_who_may_see_only(private: httpx.Client) -> None:
    headers = cookie(custom(f"{base(private)}/a/film-1/*"))
    etag = private.get(FILM, headers=headers).headers["etag"]
    assert private.get(FILM, headers=headers | {"if-none-match": etag}).status_code == 304
    assert private.get(FILM, headers={"if-none-match": etag}).status_code == 403


def test_a_copy_in_the_cache_is_no_way_in_and_signatures_make_no_second_copy(
    private: httpx.Client, bucket: StubS3
) -> None:
    first, second = custom(f"{base(private)}/a/film-1/*"), custom(f"{base(private)}/a/*", OLD, "K2OLD")
    assert private.get(f"{SEGMENT}?{query(first)}").status_code == 200
    assert private.get(f"{SEGMENT}?{query(second)}").headers["x-cache"] == "Hit from cloudfront"
    assert private.get(SEGMENT).status_code == 403
    assert len(bucket.asked) == 1
    assert not any("cookie" in headers for _, _, headers in bucket.asked)


BAD_KEYS = {
    "RSA 3072": _public(rsa.generate_private_key(public_exponent=65537, key_size=3072)),
    "P-384": _public(ec.generate_private_key(ec.SECP384R1())),
    "nonsense": "-----BEGIN PUBLIC KEY-----\nhello\n-----END PUBLIC KEY-----",
}


@pytest.mark.parametrize("pem", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_that_cloudfront_would_not_take_stops_the_edge(pem: str) -> None:
    with pytest.raises(DistributionNotHonoured, match="TrustedKeyGroups"):
        read_distribution(private_template({"New": pem}), PHYSICAL | IDS)


def test_without_a_key_group_nobody_is_asked(start: Start, origin: StubS3) -> None:
    origin.put(FILM[1:], "#EXTM3U\n")
    assert start(template()).get(FILM, headers=cookie({"Key-Pair-Id": "nonsense"})).status_code == 200


_INTRODUCTION = """# A battery of requests

What is asked of a private film at the local edge, and what it answers. Written by
[tests/local/edge/test_edge_private.py](../tests/local/edge/test_edge_private.py), which asks all of it: the first two
tables once by signed URL and once by signed cookies.
"""


def _battery() -> str:
    """docs/edge-battery.md: what these tests ask of the edge, and what it answers."""

    def table(heading: str, rows: list[tuple[str, str]]) -> str:
        lines = [f"| {what.replace('|', chr(92) + '|')} | {answer} |" for what, answer in rows]
        return "\n".join([f"\n## {heading}\n", "| request | answer |", "|---|---|", *lines]) + "\n"

    spelt = [
        (f"{why}: `{target if len(target) < 60 else target[:24] + '...'}`", str(status))
        for target, status, why in TARGETS
    ]
    ranges = [(f"`{asked if len(asked) < 60 else asked[:24] + '...'}`", str(status)) for asked, status in RANGES]
    return "".join(
        [
            _INTRODUCTION,
            table("Good signatures", [(name, "200") for name in ADMITTED]),
            table("All others", [(name, f"403 {code}") for name, (code, _) in REFUSED.items()]),
            table("Good cookies for one film, another asked for in other words", spelt),
            table("Methods", [(method, str(status)) for method, status in METHODS]),
            table("Ranges, with good cookies; without them all are 403", ranges),
            table(
                "And",
                [
                    ("the same name twice with two values, as cookies or in the URL", "403"),
                    ("a good URL with bad cookies / a bad URL with good cookies", "200 / 403"),
                    ("a request of more than 20,480 bytes with its headers", "494"),
                    ("a copy in the edge's cache, without a signature", "403"),
                    ("an ETag that matches, without a signature", "403"),
                ],
            ),
        ]
    )


def test_the_battery_is_written_down() -> None:
    """VOD_UPDATE_DOCS=1 writes it."""
    path = ROOT / "docs" / "edge-battery.md"
    if os.environ.get("VOD_UPDATE_DOCS"):
        path.write_text(_battery(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == _battery()
