"""Which stack is tested: the one in AWS that VOD_LIVE names, or else the embedded one, in three configurations.

    VOD_LIVE=Vod-test AWS_REGION=eu-west-1 .venv/bin/python -m pytest tests/live

One embedded stack at a time: pytest finishes with one parameter of a package's fixture before it begins the next.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pipeline.cli.world import World
from pipeline.local.stack import Emulators, Stack
from tests.live.place import Account, Place

LIVE = os.environ.get("VOD_LIVE")
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"

#: All that an owner may bring along: buckets with a life of their own, viewers of his choice, a name, a key, sites that
#: embed films. The public keys' file is named when it has been made.
OWNERS = {
    "playback": "private",
    "signing_secret": "vod/films",
    "sources_bucket": "the-owners-films",
    "outputs_bucket": "the-owners-streams",
    "kms_key": "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012",
    "domain_names": "films.example.com",
    "certificate_arn": CERTIFICATE,
    "cors_origins": "https://www.example.com",
    "archive_sources": "deep-archive",
    "old_sources_days": "90",
    "acceleration": "preferred",
    "job_priority": "5",
    "log_days": "365",
}
EMBEDDED = ("default", "owners", "two environments")
THEIR_POLICY = '{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}'  # noqa: E501


@pytest.fixture(scope="package", params=["live"] if LIVE else EMBEDDED)
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Place]]:
    """The stacks of one configuration; what the tests put into them is gone afterwards."""
    with ExitStack() as closing:
        found = [_in_account()] if LIVE else _embedded(request.param, closing, tmp_path_factory.mktemp("home"))
        for place in found:
            closing.callback(place.clean_up)
        yield found


def _in_account() -> Place:
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=LIVE)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    return Place(LIVE or "", Account("", outputs["DeliveryUrl"], outputs))


def _embedded(name: str, closing: ExitStack, home: Path) -> list[Place]:
    if name == "default":
        stacks = {"default": closing.enter_context(Stack.start(home, 0, 0))}
    elif name == "owners":
        public, private = _key_pair(home)
        options = {**OWNERS, "signing_public_keys": str(public)}
        before = functools.partial(_owners_things, private)
        stacks = {"owners": closing.enter_context(Stack.start(home, 0, 0, context=options, before=before))}
    else:
        test = closing.enter_context(Stack.start(home, 0, 0, context={"env": "test"}))
        stacks = {"test": test, "prod": test.beside({"env": "prod"}, 0)}
    return [
        Place(name, World(stack.endpoint_url, stack.delivery_url, dict(stack.outputs)))
        for name, stack in stacks.items()
    ]


def _key_pair(folder: Path) -> tuple[Path, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "films.pub.pem").write_bytes(key.public_key().public_bytes(pem, spki))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return folder / "films.pub.pem", private.decode()


def _owners_things(private_key: str, emulators: Emulators) -> None:
    """The secret, and two buckets as an owner has them: with a policy, and one with a notification of his own."""
    secret = json.dumps({"private_key": private_key, "login_secret": "the owner's login and the issuer share this"})
    emulators.client("secretsmanager").create_secret(Name=OWNERS["signing_secret"], SecretString=secret)
    s3, sqs = emulators.client("s3"), emulators.client("sqs")
    for bucket in (OWNERS["sources_bucket"], OWNERS["outputs_bucket"]):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_policy(Bucket=bucket, Policy=THEIR_POLICY % bucket)
    bucket = OWNERS["sources_bucket"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    url = sqs.create_queue(QueueName="theirs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    theirs = {"Id": "theirs", "QueueArn": arn, "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [theirs]})


@pytest.fixture(scope="session")
def film_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")
