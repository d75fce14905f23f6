"""Where films lie and what we know of them: the buckets for sources, outputs and access logs, and the table of assets.

Each of the two film buckets is new, or one that was there before the stack (`FilmBucket` hides which). What is new
and holds what nobody can make again stays when the stack goes, unless `remove_data` says otherwise.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pipeline.media import keys
from pipeline.media.reconcile import LISTED_INDEX, LISTED_PARTS, OPEN_INDEX
from pipeline.stacks.configuration import Configuration
from pipeline.stacks.naming import named, resource

#: The mark on a published film's source that the archive rule looks for.
ARCHIVE_TAG = ("vod-archive", "yes")
_ARCHIVES = {
    "glacier-instant": s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
    "glacier": s3.StorageClass.GLACIER,
    "deep-archive": s3.StorageClass.DEEP_ARCHIVE,
}
WORK_DAYS = 14
OLD_RECEIPTS_DAYS = 30
BROKEN_UPLOAD_DAYS = 7
PREFLIGHT_SECONDS = 86400


@dataclasses.dataclass(frozen=True)
class Rule:
    """One lifecycle rule, for CDK (a bucket of ours) and for S3's own API (one that we adopt)."""

    name: str
    prefix: str = ""
    tag: tuple[str, str] | None = None
    abort_days: int | None = None
    expire_days: int | None = None
    expire_old_days: int | None = None
    archive: tuple[s3.StorageClass, int] | None = None

    def as_cdk(self) -> s3.LifecycleRule:
        def days(number: int | None) -> Duration | None:
            return Duration.days(number) if number else None

        return s3.LifecycleRule(
            id=self.name,
            prefix=self.prefix or None,
            tag_filters=dict([self.tag]) if self.tag else None,
            abort_incomplete_multipart_upload_after=days(self.abort_days),
            expiration=days(self.expire_days),
            noncurrent_version_expiration=days(self.expire_old_days),
            transitions=[s3.Transition(storage_class=self.archive[0], transition_after=days(self.archive[1]))]
            if self.archive
            else None,
            noncurrent_version_transitions=[
                s3.NoncurrentVersionTransition(storage_class=self.archive[0], transition_after=days(self.archive[1]))
            ]
            if self.archive
            else None,
        )

    def as_api(self) -> dict[str, Any]:
        """As PutBucketLifecycleConfiguration has it, without the name: the custom resource gives one."""
        prefix = {"Prefix": self.prefix}
        tag = {"Tag": {"Key": self.tag[0], "Value": self.tag[1]}} if self.tag else {}
        both = {"And": {**prefix, "Tags": [tag["Tag"]]}} if tag else prefix
        rule: dict[str, Any] = {"Status": "Enabled", "Filter": both}
        if self.abort_days:
            rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": self.abort_days}
        if self.expire_days:
            rule["Expiration"] = {"Days": self.expire_days}
        if self.expire_old_days:
            rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": self.expire_old_days}
        if self.archive:
            kind, after = self.archive[0].value, self.archive[1]
            rule["Transitions"] = [{"Days": after, "StorageClass": kind}]
            rule["NoncurrentVersionTransitions"] = [{"NoncurrentDays": after, "StorageClass": kind}]
        return rule


class FilmBucket:
    """`bucket`: for names and permissions. `allow` adds to its policy, whoever made the bucket."""

    def __init__(self, bucket: s3.IBucket, *, adopted: bool, sources: bool = False) -> None:
        self.bucket, self.adopted = bucket, adopted
        # Several environments may listen to one bucket; what they make of a film would have one place in another.
        self._events, self._versioned, self._alone = sources, sources, not sources
        self._statements: list[iam.PolicyStatement] = []
        self._rules: list[Rule] = []
        self._cors: list[dict[str, Any]] = []

    def allow(self, statement: iam.PolicyStatement) -> None:
        if self.adopted:
            self._statements.append(statement)
        else:
            self.bucket.add_to_resource_policy(statement)

    def keep(self, *rules: Rule) -> None:
        """Add lifecycle rules. In a bucket of somebody else's they reach only what lies under our prefixes."""
        for rule in rules:
            if self.adopted:
                self._rules.append(rule)
            else:
                self.bucket.add_lifecycle_rule(**rule.as_cdk()._values)

    def let_origins_read(self, origins: tuple[str, ...]) -> None:
        """The answer to a browser's preflight; CloudFront passes it through."""
        if origins:
            self._allow_origins(origins, ["GET", "HEAD"], ["*"], [])

    def let_origins_upload(self, origins: tuple[str, ...]) -> None:
        """Pages may PUT what they have presigned URLs for, and read the ETags that complete a multipart upload."""
        if origins:
            self._allow_origins(origins, ["PUT"], ["content-type"], ["ETag"])

    def _allow_origins(
        self, origins: tuple[str, ...], methods: list[str], headers: list[str], expose: list[str]
    ) -> None:
        if self.adopted:
            rule = {
                "AllowedMethods": methods,
                "AllowedOrigins": list(origins),
                "AllowedHeaders": headers,
                "MaxAgeSeconds": PREFLIGHT_SECONDS,
            }
            self._cors.append({**rule, "ExposeHeaders": expose} if expose else rule)
        else:
            self.bucket.add_cors_rule(
                allowed_methods=[s3.HttpMethods(method) for method in methods],
                allowed_origins=list(origins),
                allowed_headers=headers,
                exposed_headers=expose or None,
                max_age=PREFLIGHT_SECONDS,
            )

    def wish(self, scope: Construct) -> str:
        """What the custom resource adds to the bucket, as JSON (pipeline.aws.adoption.Wish)."""
        return Stack.of(scope).to_json_string(
            {
                "statements": [statement.to_statement_json() for statement in self._statements],
                "cors": self._cors,
                "lifecycle": [rule.as_api() for rule in self._rules],
                "events": self._events,
                "versioned": self._versioned,
                "alone": self._alone,
            }
        )


class Storage(Construct):
    """`sources`: uploads/ (watched by EventBridge) and receipts/. `outputs`: what viewers get, and our work files.

    `table`: one partition an asset. `logs`: who read and wrote the buckets. `key`: None where none was asked for.
    """

    def __init__(self, scope: Construct, construct_id: str, configuration: Configuration) -> None:
        super().__init__(scope, construct_id)
        self._removal = RemovalPolicy.DESTROY if configuration.remove_data else RemovalPolicy.RETAIN
        self.key = _key(self, configuration, self._removal)
        self.logs = self._logs(configuration.log_days)
        self.sources = self._sources(configuration)
        self.outputs = self._outputs(configuration)
        self.table = self._table()

    @property
    def adopted(self) -> dict[str, FilmBucket]:
        found = {"Sources": self.sources, "Outputs": self.outputs}
        return {name: each for name, each in found.items() if each.adopted}

    def _sources(self, c: Configuration) -> FilmBucket:
        if c.sources_bucket:
            bucket = FilmBucket(self._existing("Sources", c.sources_bucket), adopted=True, sources=True)
        else:
            new = self._new("Sources", versioned=True)
            # Said to CloudFormation directly: CDK's own event_bridge_enabled would add a function that calls S3's API.
            resource(new).add_property_override(
                "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
            )
            bucket = FilmBucket(new, adopted=False)
        bucket.keep(
            _abort_broken_uploads(bucket, keys.UPLOADS),
            Rule("ExpireOldReceipts", prefix=keys.RECEIPTS, expire_old_days=OLD_RECEIPTS_DAYS),
        )
        bucket.let_origins_upload(c.uploading_origins)
        if c.archive_sources != "never":
            archive = (_ARCHIVES[c.archive_sources], c.archive_after_days)
            bucket.keep(Rule("ArchivePublished", prefix=keys.UPLOADS, tag=ARCHIVE_TAG, archive=archive))
        if c.old_sources_days:
            bucket.keep(Rule("ExpireOldSources", prefix=keys.UPLOADS, expire_old_days=c.old_sources_days))
        return bucket

    def _outputs(self, c: Configuration) -> FilmBucket:
        if c.outputs_bucket:
            bucket = FilmBucket(self._existing("Outputs", c.outputs_bucket), adopted=True)
        else:
            bucket = FilmBucket(self._new("Outputs"), adopted=False)
        bucket.let_origins_read(c.allowed_origins)
        bucket.keep(
            _abort_broken_uploads(bucket, keys.ASSETS),
            Rule("ExpireWork", prefix=keys.WORK, expire_days=WORK_DAYS),
        )
        return bucket

    def _existing(self, name: str, bucket_name: str) -> s3.IBucket:
        return s3.Bucket.from_bucket_attributes(
            self, name, bucket_name=bucket_name, region=Aws.REGION, encryption_key=self.key
        )

    def _new(self, name: str, *, versioned: bool = False) -> s3.Bucket:
        bucket = private_bucket(self, name, self._removal, self.key, versioned=versioned)
        _log_access(bucket, self.logs, f"s3/{name.lower()}/")
        return bucket

    def _logs(self, days: int) -> s3.Bucket:
        # S3 delivers access logs only into a bucket with S3's own encryption (User Guide, "Enabling Amazon S3 server
        # access logging"), whatever key the films have.
        bucket = private_bucket(self, "AccessLogs", self._removal, None)
        bucket.add_lifecycle_rule(id="ExpireLogs", expiration=Duration.days(days))
        bucket.add_lifecycle_rule(
            id="AbortBrokenUploads", abort_incomplete_multipart_upload_after=Duration.days(BROKEN_UPLOAD_DAYS)
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects("s3/*")],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        return bucket

    def _table(self) -> dynamodb.Table:
        # Table and not TableV2: TableV2 with a customer's KMS key cannot be written without naming the region, and
        # changing the resource type later would mean a new table.
        table = dynamodb.Table(
            self,
            "Assets",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if self.key else None,
            encryption_key=self.key,
            removal_policy=self._removal,
        )
        # Sparse: only what the sweep still has to look at is in it (pipeline.aws.table). It reads the records too.
        table.add_global_secondary_index(
            index_name=OPEN_INDEX,
            partition_key=dynamodb.Attribute(name="open", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="due", type=dynamodb.AttributeType.STRING),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        # What `vod list` reads: the versions, newest change first (pipeline.aws.reading).
        table.add_global_secondary_index(
            index_name=LISTED_INDEX,
            partition_key=dynamodb.Attribute(name="listed", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="updated_at", type=dynamodb.AttributeType.STRING),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(LISTED_PARTS),
        )
        return named(table, "Assets")


def private_bucket(
    scope: Construct, name: str, removal: RemovalPolicy, key: kms.IKey | None, *, versioned: bool = False
) -> s3.Bucket:
    """A bucket as all of ours are: private, TLS only, owned by the account."""
    bucket = s3.Bucket(
        scope,
        name,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        # One call to KMS for many objects, and not one for each segment.
        bucket_key_enabled=True if key else None,
        enforce_ssl=True,
        versioned=versioned,
        removal_policy=removal,
    )
    return named(bucket, name)


def _abort_broken_uploads(bucket: FilmBucket, prefix: str) -> Rule:
    """An upload that broke off is invisible in every listing and paid for until somebody aborts it."""
    return Rule("AbortBrokenUploads", prefix=prefix if bucket.adopted else "", abort_days=BROKEN_UPLOAD_DAYS)


def _log_access(bucket: s3.Bucket, logs: s3.Bucket, prefix: str) -> None:
    """Said to CloudFormation directly: CDK would open the logs bucket to old-style ACLs."""
    resource(bucket).logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
        destination_bucket_name=logs.bucket_name, log_file_prefix=prefix
    )


def _key(scope: Construct, configuration: Configuration, removal: RemovalPolicy) -> kms.IKey | None:
    if not configuration.kms_key:
        return None
    if configuration.kms_key != "new":
        return kms.Key.from_key_arn(scope, "Key", configuration.kms_key)
    key = kms.Key(
        scope,
        "Key",
        description=f"{Aws.STACK_NAME}: films and what is known of them",
        enable_key_rotation=True,
        removal_policy=removal,
    )
    for statement in key_statements():
        key.add_to_resource_policy(statement)
    return named(key, "Key")


def key_statements() -> list[iam.PolicyStatement]:
    """What services that act in nobody's name need of the key: CloudFront reads outputs, alarms speak on the topic.

    The distribution cannot be named: it names the bucket, which names the key.
    """

    def may(service: str, actions: list[str], source: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            principals=[iam.ServicePrincipal(service)],
            actions=actions,
            resources=["*"],  # in a key's own policy: this key
            conditions={
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": f"arn:{Aws.PARTITION}:{source}"},
            },
        )

    return [
        may("cloudfront.amazonaws.com", ["kms:Decrypt"], f"cloudfront::{Aws.ACCOUNT_ID}:distribution/*"),
        may(
            "cloudwatch.amazonaws.com",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            f"cloudwatch:{Aws.REGION}:{Aws.ACCOUNT_ID}:alarm:{Aws.STACK_NAME}-*",
        ),
    ]
