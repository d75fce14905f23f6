"""Private playback: whom CloudFront trusts to let viewers in, and the function that lets them in.

In: the configuration's public keys and the name of the secret with the private one. Out: a key group for behaviours,
and the issuer as an origin of the same distribution, because a browser keeps its cookies only for the host that it
asked. The function's URL can be called by this distribution alone (origin access control).

Two public keys at a time let a key be replaced without anybody noticing: trust the new one, sign with it, and when the
last cookie of the old one has expired trust it no more.

What can go wrong: a file that is no public key (`ConfigurationError`, with its name).
"""

from __future__ import annotations

from pathlib import PurePath

from aws_cdk import ArnFormat, Aws, Fn, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from pipeline import settings
from pipeline.bundle import ROOT
from pipeline.media import signing
from pipeline.stacks import grants
from pipeline.stacks.configuration import Configuration, ConfigurationError
from pipeline.stacks.functions import Functions, Row
from pipeline.stacks.naming import named

TIMEOUT_SECONDS = 10
SESSION = "session/"
_SERVICE = "cloudfront.amazonaws.com"


class PrivatePlayback(Construct):
    """`keys`: the group that films' behaviours trust; `origin`: the issuer; `secret` and `trusted`: for `vod sign`."""

    def __init__(
        self, scope: Construct, construct_id: str, configuration: Configuration, base_url: str, functions: Functions
    ) -> None:
        super().__init__(scope, construct_id)
        self.secret = configuration.signing_secret
        made = {}
        for path in configuration.signing_public_keys:
            pem = _public_key(path)
            print_of_key = signing.fingerprint(pem)
            # Named after its content: CloudFront cannot change a public key, only take another one.
            key = cloudfront.PublicKey(
                self,
                f"Key{print_of_key[:12]}",
                public_key_name=f"{Aws.STACK_NAME}-{Aws.REGION}-{print_of_key[:12]}",
                comment=f"Signs for private playback: {PurePath(path).name}"[:128],
                encoded_key=pem,
            )
            made[print_of_key] = named(key, f"SigningKey{print_of_key[:12]}")
        group = cloudfront.KeyGroup(
            self, "Keys", key_group_name=f"{Aws.STACK_NAME}-{Aws.REGION}-films", items=list(made.values())
        )
        self.keys = named(group, "SigningKeys")
        self.trusted = Fn.join(",", [f"{key.public_key_id}={fingerprint}" for fingerprint, key in made.items()])
        self._function = functions.make([self._row(configuration, base_url)])["issue"]
        url = self._function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)
        self.access = cloudfront.FunctionUrlOriginAccessControl(
            self,
            "IssuerAccess",
            origin_access_control_name=f"vod-issue-{Fn.select(4, Fn.split('-', Aws.STACK_ID))}",
            signing=cloudfront.Signing.SIGV4_ALWAYS,
        )
        self.origin = origins.FunctionUrlOrigin(url)

    def _row(self, configuration: Configuration, base_url: str) -> Row:
        return Row(
            "issue",
            "Hands CloudFront's signed cookies to viewers whose login vouches for them",
            settings.IssueSettings(
                signing_secret=self.secret,
                trusted_keys=self.trusted,
                base_url=base_url,
                cookie_seconds=str(configuration.cookie_seconds),
                same_site="None" if configuration.cors_origins else "Lax",
            ),
            TIMEOUT_SECONDS,
            (grants.allow(["secretsmanager:GetSecretValue"], [_secret_arn(self, self.secret)]),),
        )

    def let_cloudfront_call(self, distribution: cloudfront.Distribution) -> None:
        """Both permissions: Lambda asks for both since October 2025 (Developer Guide, "Restrict access to a Lambda
        function URL origin")."""
        for action, by_url in (("lambda:InvokeFunctionUrl", None), ("lambda:InvokeFunction", True)):
            lambda_.CfnPermission(
                self,
                f"Allow{action.rpartition(':')[2]}",
                action=action,
                principal=_SERVICE,
                function_name=self._function.function_arn,
                source_arn=distribution.distribution_arn,
                invoked_via_function_url=by_url,
            )


def _public_key(path: str) -> str:
    file = ROOT / path  # an absolute path stays what it is
    if not file.is_file():
        raise ConfigurationError(
            "signing_public_keys", path, f"there is no such file ({file}); `vod keys new` makes one"
        )
    pem = file.read_text(encoding="utf-8", errors="replace")
    try:
        signing.fingerprint(pem)
    except signing.KeyNotUsable as error:
        raise ConfigurationError("signing_public_keys", path, str(error)) from error
    return pem


def _secret_arn(scope: Construct, secret: str) -> str:
    if secret.startswith("arn:"):
        return secret
    # Secrets Manager adds a hyphen and six characters to a secret's name in its ARN.
    return Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"{secret}-??????",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
