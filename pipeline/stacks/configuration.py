"""What an owner may decide about a deployment: one frozen object, read from CDK's context.

In: the context, which is what cdk.json says under "context" and what follows -c on the command line:

    -c env=NAME         takes the options of that environment from cdk.json's "environments"
    -c OPTION=VALUE     one option; it wins over the environment's

Out: a `Configuration`. docs/configuration.md is written from this file (`as_markdown`). Text from the command line
and JSON from cdk.json are both read: lists as "a,b" or ["a", "b"], switches as "true" or true.

Can go wrong (`ConfigurationError`, which names the option, the value and what to do): an option nobody knows, a value
of the wrong kind, options that contradict each other.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.media import profiles

ENVIRONMENTS = "environments"
#: CDK's own words in the context: feature flags, the CLI's switches, cached look-ups.
_CDKS_OWN = re.compile(r"^@|:|^aws-cdk|^cdk-|^(tree|debug)$")


class ConfigurationError(Exception):
    """The deployment cannot be configured like this; the message names option, value and what to do."""

    def __init__(self, option: str, value: Any, what: str) -> None:
        super().__init__(f"{option}={_shown(value)}: {what}")
        self.option = option


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=list)


@dataclasses.dataclass(frozen=True)
class Kind:
    """How an option is read. `read` raises ValueError with what it wants; `wants` is the same for the documentation."""

    wants: str
    read: Callable[[Any], Any]


def _text(wants: str, pattern: str) -> Kind:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"give {wants}")
        return value

    return Kind(wants, read)


def _choice(*options: str) -> Kind:
    def read(value: Any) -> str:
        if str(value) not in options:
            raise ValueError(f"give one of {', '.join(options)}")
        return str(value)

    return Kind(" | ".join(f"`{option}`" for option in options), read)


def _number(low: int, high: int, allowed: Sequence[int] = ()) -> Kind:
    wants = f"a whole number from {low} to {high}"
    if allowed:
        wants = f"one of {', '.join(map(str, allowed))}"

    def read(value: Any) -> int:
        whole = re.fullmatch(r"-?\d{1,9}", value) if isinstance(value, str) else isinstance(value, int)
        number = int(value) if whole and not isinstance(value, bool) else None
        if number is None or not low <= number <= high or (allowed and number not in allowed):
            raise ValueError(f"give {wants}")
        return number

    return Kind(wants, read)


def _switch() -> Kind:
    def read(value: Any) -> bool:
        if value is not True and value is not False and value not in ("true", "false"):
            raise ValueError("give true or false")
        return value in (True, "true")

    return Kind("`true` | `false`", read)


def _list(each: Kind) -> Kind:
    def read(value: Any) -> tuple[str, ...]:
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            raise ValueError("give a list")
        found = tuple(each.read(part) for part in parts if part != "")
        twice = {part for part in found if found.count(part) > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))} stands there twice: name each once")
        return found

    return Kind(f"a list; each {each.wants}", read)


def _option(default: Any, kind: Kind, about: str, example: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"kind": kind, "about": about, "example": example})


_UPLOADING = r"none|https?://[A-Za-z0-9.-]+(:(\d{1,5}|\*))?"
_HOST = r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
_BUCKET = _text("the name of an S3 bucket", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_QUEUE_ARN = _text(
    "the ARN of a MediaConvert queue", r"arn:[a-z-]+:mediaconvert:[a-z0-9-]+:\d{12}:queues/[A-Za-z0-9_-]+"
)
_COUNTRIES = _list(_text("a country's two capital letters (ISO 3166-1)", r"[A-Z]{2}"))
#: CloudWatch Logs keeps for these numbers of days only (API Reference, PutRetentionPolicy).
_LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


@dataclasses.dataclass(frozen=True)
class Configuration:
    """Every option, its default and what it means. Empty text, an empty list or 0 is "not used"."""

    env: str = _option(
        "",
        _text("a short name: small letters, digits and hyphens", r"[a-z][a-z0-9-]{0,19}|"),
        "The environment. It becomes part of the stack's name (`Vod-test`), and with it of every name in the account.",
        "test",
    )
    profile: str = _option(
        "default",
        Kind("the name of a profile", lambda value: _profile(value)),
        "What is made of a film: one of the profiles in profiles.toml ([profiles](profiles.md)).",
    )

    # Where films lie ------------------------------------------------------------------------------------------
    sources_bucket: str = _option(
        "",
        _BUCKET,
        "An existing bucket to take uploads from, instead of a new one. It must be versioned. Its policy and its "
        "EventBridge switch are added to; nothing that is there is overwritten.",
        "films-in",
    )
    outputs_bucket: str = _option(
        "",
        _BUCKET,
        "An existing bucket for what viewers get, instead of a new one. Its policy is added to; nothing that is there "
        "is overwritten.",
        "films-out",
    )
    kms_key: str = _option(
        "",
        _text("`new`, or the ARN of a KMS key", r"new|arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+"),
        "Encrypts buckets, table and topic with a KMS key: a new one of the stack's, or yours. Left out: the services' "
        "own keys. The key of an existing bucket must be the one named here; docs/deploy.md says what a key of yours "
        "must allow.",
        "new",
    )
    archive_sources: str = _option(
        "never",
        _choice("never", "glacier-instant", "glacier", "deep-archive"),
        "Moves a film's source to a cheaper storage class once the film is published. The version is tagged and a "
        "lifecycle rule moves it; nothing is copied. `vod retry` of an archived film needs a restore first, but for "
        "`glacier-instant`.",
        "deep-archive",
    )
    archive_after_days: int = _option(
        30, _number(1, 3650), "How old a published film's source is when `archive_sources` moves it."
    )
    old_sources_days: int = _option(
        0, _number(0, 36500), "Removes replaced and deleted sources after so many days. 0 keeps them."
    )
    old_outputs_days: int = _option(
        30,
        _number(1, 36500),
        "How long what a newer version has replaced can still be played: viewers in the middle of a film, and "
        "`vod rollback`.",
    )
    log_days: int = _option(90, _number(1, 3653, _LOG_DAYS), "How long logs are kept, access logs included.")
    upload_origins: tuple[str, ...] = _option(
        ("http://127.0.0.1:*",),
        _list(_text("an origin such as http://127.0.0.1:8090, whose port may be `*`; or `none`", _UPLOADING)),
        "Pages that may send films from a browser to the sources bucket, with URLs that somebody signed for them: the "
        "console's, on any port of the machine it runs on ([console](console.md)). It becomes a CORS rule of the "
        "bucket, which by itself lets nobody in. `none`: no page.",
    )
    remove_data: bool = _option(
        False,
        _switch(),
        "Buckets, table and key go when the stack is deleted (a bucket that is not empty stops the deletion). For "
        "environments that come and go.",
    )

    # How films are encoded ------------------------------------------------------------------------------------
    mediaconvert_queue: str = _option(
        "",
        _QUEUE_ARN,
        "An existing MediaConvert queue, such as a reserved one (CloudFormation can only make on-demand queues). Left "
        "out: an on-demand queue of the stack's own.",
        "arn:aws:mediaconvert:eu-west-1:123456789012:queues/films",
    )
    job_priority: int = _option(0, _number(-50, 50), "A job's place in its queue: higher is earlier.")
    hop_queue: str = _option(
        "", _QUEUE_ARN, "A queue that takes over what has waited for `hop_minutes`; typically an on-demand one."
    )
    hop_minutes: int = _option(30, _number(1, 4320), "How long a job waits in its queue before it hops to `hop_queue`.")
    acceleration: str = _option(
        "disabled",
        _choice("disabled", "preferred", "enabled"),
        "MediaConvert's accelerated transcoding, billed at the professional tier. `preferred` falls back where a film "
        "cannot be accelerated, `enabled` fails. On-demand queues only.",
    )

    # How viewers get them -------------------------------------------------------------------------------------
    domain_names: tuple[str, ...] = _option(
        (),
        _list(_text("a host name", _HOST)),
        "The distribution's own names; the first is that of playback URLs. DNS stays yours to set.",
        "films.example.com",
    )
    certificate_arn: str = _option(
        "",
        _text(
            "the ARN of an ACM certificate in us-east-1, where CloudFront looks for it",
            r"arn:[a-z-]+:acm:us-east-1:\d{12}:certificate/[A-Za-z0-9-]+",
        ),
        "The certificate for `domain_names`.",
        "arn:aws:acm:us-east-1:123456789012:certificate/6a7f...",
    )
    price_class: str = _option(
        "all",
        _choice("100", "200", "all"),
        "Which edge locations serve: `100` North America and Europe, `200` also Asia, Middle East and Africa, `all`.",
    )
    cors_origins: tuple[str, ...] = _option(
        (),
        _list(_text("`*` or an origin such as https://www.example.com", r"\*|https?://[A-Za-z0-9.-]+(:\d{1,5})?")),
        "Sites whose own pages may play films. Left out: any site when playback is public, none when it is private.",
        "https://www.example.com",
    )
    playback: str = _option(
        "public",
        _choice("public", "private"),
        "`private`: a film plays for who brings CloudFront's signed cookies or a signed URL.",
    )
    signing_public_keys: tuple[str, ...] = _option(
        (),
        _list(_text("a file's path", r"[^\0,]+")),
        "PEM files of the public keys that CloudFront trusts (RSA 2048 or ECDSA P-256); two while a key is replaced.",
        "keys/films-2026.pub.pem",
    )
    signing_secret: str = _option(
        "",
        _text("the name or ARN of a secret", r"[A-Za-z0-9/_+=.@:-]{1,2048}"),
        "The Secrets Manager secret that holds the private key which signs now.",
        "vod/films-2026",
    )
    cookie_seconds: int = _option(
        3600,
        _number(10, 604800),
        "How long the cookies of `/session/<asset>` last. The player page renews them while a film is open.",
    )
    embedding_sites: tuple[str, ...] = _option(
        (),
        _list(_text("an origin such as https://www.example.com", r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")),
        "Sites that may show the player page in a frame; the distribution's own pages always may.",
        "https://www.example.com",
    )
    geo_allow: tuple[str, ...] = _option((), _COUNTRIES, "Countries that may watch; all others may not.", "CH,DE")
    geo_deny: tuple[str, ...] = _option((), _COUNTRIES, "Countries that may not watch; all others may.", "")
    web_acl_arn: str = _option(
        "",
        _text(
            "the ARN of a WAFv2 web ACL for CloudFront (us-east-1, global)",
            r"arn:[a-z-]+:wafv2:us-east-1:\d{12}:global/webacl/[A-Za-z0-9_-]+/[A-Za-z0-9-]+",
        ),
        "The web ACL that stands before the distribution.",
    )

    # Who watches over it --------------------------------------------------------------------------------------
    notify_email: str = _option(
        "",
        _text("an e-mail address", r"[^@\s,]+@[^@\s,]+\.[^@\s,]+"),
        "Who is written to about failures and alarms. AWS asks this address for its consent first.",
        "films@example.com",
    )
    unfinished_alarm_minutes: int = _option(
        720,
        _number(10, 14400),
        "After how long an upload that is still under way raises an alarm. Longer than your longest film takes, its "
        "wait in MediaConvert's queue included.",
    )
    daily_budget_usd: int = _option(
        0,
        _number(0, 1_000_000),
        "What encoding may cost in a day (of UTC), in US dollars. A film for which the day has no room is planned and "
        "waits for the next, or for `vod release`. 0: no limit.",
    )

    @property
    def stack_name(self) -> str:
        return f"Vod-{self.env}" if self.env else "Vod"

    @property
    def private(self) -> bool:
        return self.playback == "private"

    @property
    def uploading_origins(self) -> tuple[str, ...]:
        return tuple(origin for origin in self.upload_origins if origin != "none")

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Origins that CORS answers name; empty: none."""
        return self.cors_origins or (() if self.private else ("*",))


OPTIONS = {field.name: field for field in dataclasses.fields(Configuration)}


def from_context(context: Mapping[str, Any]) -> Configuration:
    """The configuration that a context asks for. Raises ConfigurationError."""
    flat = {name: value for name, value in context.items() if name != ENVIRONMENTS and not _CDKS_OWN.search(name)}
    env = _env(flat, context.get(ENVIRONMENTS, {}))
    chosen = dict(context.get(ENVIRONMENTS, {}).get(env, {})) if env else {}
    if "env" in chosen:
        raise ConfigurationError("env", chosen["env"], f"leave it out: environments.{env} has its name already")
    read = {name: _read(name, value) for name, value in {**chosen, **flat}.items()}
    configuration = Configuration(**read)
    _hold_together(configuration)
    return configuration


def _env(flat: Mapping[str, Any], environments: Any) -> str:
    if not isinstance(environments, Mapping) or not all(isinstance(each, Mapping) for each in environments.values()):
        raise ConfigurationError(ENVIRONMENTS, environments, 'give {"test": {"option": value, ...}, ...} in cdk.json')
    name = _read("env", flat.get("env", ""))
    if name and name not in environments:
        known = ", ".join(sorted(environments)) or "none yet"
        raise ConfigurationError(
            "env", name, f'cdk.json\'s "{ENVIRONMENTS}" has {known}: add it there, empty if need be'
        )
    return name


def _read(name: str, value: Any) -> Any:
    if name not in OPTIONS:
        near = difflib.get_close_matches(name.replace("-", "_"), OPTIONS, 1)
        hint = f"did you mean {near[0]}?" if near else "docs/configuration.md lists them."
        raise ConfigurationError(name, value, f"there is no such option; {hint}")
    field = OPTIONS[name]
    if value is None or value == "":
        return field.default
    try:
        return field.metadata["kind"].read(value)
    except ValueError as error:
        raise ConfigurationError(name, value, str(error)) from error


def _profile(value: Any) -> str:
    known = profiles.load()  # a mistake in profiles.toml is told here, with its line, before anything is deployed
    if value not in known:
        raise ValueError(f"give one of {', '.join(known)}")
    return str(value)


def _hold_together(c: Configuration) -> None:
    for option, what in _contradictions(c):
        raise ConfigurationError(option, getattr(c, option), what)


def _contradictions(c: Configuration) -> Iterator[tuple[str, str]]:
    """Options that contradict each other, or that say nothing without another."""
    if c.domain_names and not c.certificate_arn:
        yield "domain_names", "they need a certificate: give certificate_arn"
    if c.certificate_arn and not c.domain_names:
        yield "certificate_arn", "it serves no name: give domain_names, or leave it out"
    if c.geo_allow and c.geo_deny:
        yield "geo_deny", "geo_allow already says who may watch: give one of the two"
    if len(c.cors_origins) > 1 and "*" in c.cors_origins:
        yield "cors_origins", "* is every site already: give * alone, or the sites by name"
    if c.private:
        yield from _private_contradictions(c)
    elif c.signing_public_keys:
        yield "signing_public_keys", "playback is public: give playback=private, or leave it out"
    elif c.signing_secret:
        yield "signing_secret", "playback is public: give playback=private, or leave it out"
    if c.sources_bucket and c.sources_bucket == c.outputs_bucket:
        yield "outputs_bucket", "it is the sources_bucket: outputs need a bucket of their own"
    if c.kms_key == "new" and c.sources_bucket and c.outputs_bucket:
        yield "kms_key", "both buckets are yours and have a key: give its ARN, or leave it out"
    if c.hop_queue and c.hop_queue == c.mediaconvert_queue:
        yield "hop_queue", "jobs wait there already: name another queue"


def _private_contradictions(c: Configuration) -> Iterator[tuple[str, str]]:
    if "*" in c.cors_origins:
        yield "cors_origins", "browsers send no cookies to *: name the sites, as playback is private"
    if not c.signing_public_keys:
        yield "playback", "say which public keys CloudFront trusts: give signing_public_keys"
    if not c.signing_secret:
        yield "playback", "say where the private key lies: give signing_secret"


#: The documentation's headings, each before the option named.
_HEADINGS = {
    "env": "What is deployed",
    "sources_bucket": "Where films lie",
    "mediaconvert_queue": "How films are encoded",
    "domain_names": "How viewers get them",
    "notify_email": "Who watches over it",
}

_INTRODUCTION = """# Configuration

What an owner may decide about a deployment. Written from
[pipeline/stacks/configuration.py](../pipeline/stacks/configuration.py); a test holds the two together.

Options are given on the command line, one each, or by the name of an environment in `cdk.json`, or both (the command
line wins):

```console
$ npx aws-cdk@2.1148.1 deploy -c env=prod -c price_class=100
```

```json
"environments": {
  "prod": { "playback": "public", "domain_names": ["films.example.com"], "log_days": 365 }
}
```

Lists are `a,b` on the command line, JSON lists in `cdk.json`. What is unknown, of the wrong kind or contradictory stops
the synthesis with the option, its value and what to do. `make synth CONTEXT="-c env=prod"` tries a configuration
without an account.
"""


def as_markdown() -> str:
    """docs/configuration.md."""
    text = [_INTRODUCTION]
    for name, field in OPTIONS.items():
        if name in _HEADINGS:
            text.append(f"\n## {_HEADINGS[name]}\n\n| option | default | value | what it does |\n|---|---|---|---|\n")
        about, example = field.metadata["about"], field.metadata["example"]
        wants = field.metadata["kind"].wants.replace("|", "\\|") + (f", such as `{example}`" if example else "")
        text.append(f"| `{name}` | {_default(field.default)} | {wants} | {about} |\n")
    return "".join(text)


def _default(value: Any) -> str:
    if value == "" or value == ():
        return "not used"
    text = ",".join(value) if isinstance(value, tuple) else str(value).lower()
    return f"`{text}`"
