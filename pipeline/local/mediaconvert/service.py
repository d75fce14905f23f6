"""The local MediaConvert: its REST API over a pool of worker processes.

In: HTTP requests as boto3's `mediaconvert` client sends them. Out: answers as AWS gives them, and events through
`emit` while jobs run. What can go wrong is an `ApiError`, answered with its status, `x-amzn-ErrorType` and
{"message"}; an operation we do not offer is a BadRequestException that names it; anything else is logged here and
answered as InternalServerErrorException.

`handle` is thread-safe and quick, except for Probe, which reads some MiB of the file from S3 before it looks, or all of
it where those do not tell (peek.py).
"""

from __future__ import annotations

import functools
import json
import logging
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import faults, honoured, jobs, model, peek, queries, rules, transfer
from pipeline.local.mediaconvert.dispatch import MINUTE_SECONDS, WORKER_COMMAND, Dispatcher
from pipeline.local.mediaconvert.errors import (
    ApiError,
    BadRequestException,
    ForbiddenException,
    InternalServerErrorException,
    NotFoundException,
    UnprocessableEntityException,
)
from pipeline.local.mediaconvert.events import Announcer, Emit
from pipeline.local.mediaconvert.library import Library
from pipeline.local.mediaconvert.paging import page
from pipeline.local.mediaconvert.probe import ProbeRefused, probe_result, read_facts
from pipeline.local.mediaconvert.queues import DEFAULT, Queues

Response = tuple[int, dict[str, str], bytes]
BODY_BYTES = 4 * 1024 * 1024
POLICY = {"S3Inputs": "ALLOWED", "HttpInputs": "ALLOWED", "HttpsInputs": "ALLOWED"}  # of an account without one
#: Operations whose other half is a service of AWS's that is not here.
ELSEWHERE = {
    "AssociateCertificate": "there is no AWS Certificate Manager and no DRM key server behind it",
    "DisassociateCertificate": "there is no AWS Certificate Manager and no DRM key server behind it",
    "CreateResourceShare": "there is no AWS Support to share a job with",
}
READ_FAILURES: dict[int, type[ApiError]] = {1401: ForbiddenException, 1404: NotFoundException}
log = logging.getLogger(__name__)


class MediaConvertService:
    """`home` gets a folder "mediaconvert" with the workers' scratch and the logs of jobs that had something to say."""

    def __init__(
        self,
        home: Path,
        endpoint_url: str,
        region: str,
        account: str,
        emit: Emit,
        workers: int | None = None,
        *,
        logs: Path | None = None,
        worker_command: Sequence[str] = WORKER_COMMAND,
        status_seconds: float | None = None,
        minute_seconds: float = MINUTE_SECONDS,
        s3_endpoint_url: str | None = None,
        hook: faults.Hook = faults.nothing,
    ):
        """`logs` is where the logs go when they should outlive `home`. `status_seconds` overrides every job's
        StatusUpdateInterval: AWS's shortest is ten seconds. `minute_seconds` is how long a minute of a
        HopDestination's WaitMinutes lasts. `s3_endpoint_url` is where files are when not behind `endpoint_url`
        (transfer.OWN: wherever the AWS SDK finds them). `hook` says what goes wrong (faults.py)."""
        self._home = home / "mediaconvert"
        self._endpoint_url, self._s3_endpoint_url = endpoint_url, s3_endpoint_url or endpoint_url
        self._region = region
        self._arn_prefix = f"arn:aws:mediaconvert:{region}:{account}"
        self._hook = hook
        self._announcer = Announcer(emit if hook is faults.nothing else faults.Emitting(emit, hook))
        self._dispatcher = Dispatcher(
            self._home / "scratch",
            logs or self._home,
            Queues(self._arn_prefix),
            self._announcer,
            {"endpoint_url": self._s3_endpoint_url, "region": region, "account": account},
            workers=workers,
            worker_command=worker_command,
            status_seconds=status_seconds,
            make_worker=None if hook is faults.nothing else self._make_worker,
            hook=hook,
            minute_seconds=minute_seconds,
            admit=self._allowed_by_policy,
        )
        self._library = Library(self._arn_prefix)
        self._queries = queries.Queries()
        self._policy = dict(POLICY)
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateJob": self._create_job,
            "GetJob": self._get_job,
            "ListJobs": self._list_jobs,
            "SearchJobs": self._list_jobs,
            "CancelJob": self._cancel_job,
            "Probe": self._probe,
            "CreateQueue": self._create_queue,
            "GetQueue": self._get_queue,
            "ListQueues": self._list_queues,
            "UpdateQueue": self._update_queue,
            "DeleteQueue": self._delete_queue,
            "TagResource": self._tag_resource,
            "UntagResource": self._untag_resource,
            "ListTagsForResource": self._list_tags_for_resource,
            "DescribeEndpoints": self._describe_endpoints,
            "StartJobsQuery": self._start_jobs_query,
            "GetJobsQueryResults": self._get_jobs_query_results,
            "GetPolicy": lambda request: {"Policy": dict(self._policy)},
            "PutPolicy": self._put_policy,
            "DeletePolicy": self._delete_policy,
            "ListVersions": lambda request: {"Versions": []},  # "not publicly available at this time"
            **self._library.operations(),
        }

    # --- for the stack -------------------------------------------------------------------------------------------

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        """One HTTP request. `path` may be percent-encoded or not; `query` holds texts or lists of texts."""
        try:
            return self._answer(method, path, body, query)
        except ApiError as error:
            return error_response(error)
        except Exception as error:
            log.exception("%s %s", method, path)
            return error_response(InternalServerErrorException(f"The local MediaConvert failed: {error!r}"))

    def create_queue_from_template(self, properties: Mapping[str, Any]) -> str:
        """CloudFormation's AWS::MediaConvert::Queue; its properties are CreateQueue's. The new queue's ARN."""
        request = {"Name": f"Queue-{uuid.uuid4().hex[:12]}", **properties}
        if "ConcurrentJobs" in request:
            request["ConcurrentJobs"] = int(request["ConcurrentJobs"])  # templates may carry numbers as text
        return self._dispatcher.create_queue(request)["Arn"]

    def delete_queue(self, arn: str) -> None:
        self._dispatcher.delete_queue(arn)

    def close(self) -> None:
        """Stop every job, without events. No process and no scratch is left when this returns."""
        self._announcer.close()
        self._dispatcher.close()
        shutil.rmtree(self._home / "scratch", ignore_errors=True)

    def _answer(self, method: str, path: str, body: bytes, query: Mapping[str, Any]) -> Response:
        if len(body) > BODY_BYTES:
            raise BadRequestException(f"The request body is longer than {BODY_BYTES} bytes")
        operation, labels = model.route(method, path)
        run = self._operations.get(operation.name)
        if run is None:
            why = ELSEWHERE.get(operation.name, "it is new in the service model")
            raise BadRequestException(f"{operation.name} is not offered by the local MediaConvert: {why}")
        request = model.read_input(operation, labels, query, body)
        under_faults = faults.active(self._hook)
        result = self._under_faults(operation.name, run, request) if under_faults else run(request)
        return operation.http["responseCode"], _headers(), model.write_output(operation, result)

    # --- faults --------------------------------------------------------------------------------------------------

    def _under_faults(self, name: str, run: Callable[[dict[str, Any]], dict[str, Any]], request: dict[str, Any]) -> Any:
        if faults.before(self._hook, name, request):
            url = request.get("InputFiles", [{}])[0].get("FileUrl", "")
            result = {"ProbeResults": [self._fake_encoder.probe(url, lambda: self._probe_one(url))]}
        else:
            result = run(request)
        faults.after(self._hook, name, request)
        return result

    def _make_worker(self, job: jobs.Job, start: Callable[[Mapping[str, Any]], Any]) -> Any:
        """The worker of a job, with what the plan has for it."""
        effects = self._hook("mediaconvert.run", faults.job_facts(job)) if faults.active(self._hook) else ()
        inside = [effect for effect in effects if effect["kind"] in faults.IN_WORKER]
        if any(effect["kind"] == "mediaconvert.fake_encode" for effect in effects):
            return faults.FaultyWorker(effects, lambda: self._fake_encoder.worker(job.settings, inside))
        return faults.FaultyWorker(effects, lambda: start({"faults": inside})) if effects else start({})

    @functools.cached_property
    def _fake_encoder(self) -> Any:
        from pipeline.local.mediaconvert.fake_encoder import FakeEncoder

        return FakeEncoder(self._s3, self._home / "scratch")

    @functools.cached_property
    def _s3(self) -> Any:
        return transfer.s3_client(self._s3_endpoint_url, self._region)

    # --- jobs ----------------------------------------------------------------------------------------------------

    def _create_job(self, request: dict[str, Any]) -> dict[str, Any]:
        request = self._library.complete(request)
        model.refuse(rules.violations(request))
        model.refuse(honoured.refusals(request))
        job = self._dispatcher.submit(request, request.get("Queue", DEFAULT), self._arn_prefix)
        return {"Job": jobs.describe(job)}

    def _get_job(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Job": jobs.describe(self._dispatcher.get(request["Id"]))}

    def _list_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        """Of SearchJobs too, whose one filter more is InputFile."""
        found = queries.asked_for(self._dispatcher.list(), request, self._queue_arn)
        shown, next_token = page(found, request, lambda job: job.id)
        return {"Jobs": [jobs.describe(job) for job in shown], "NextToken": next_token}

    def _start_jobs_query(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Id": self._queries.start(self._dispatcher.list(), request, self._queue_arn)}

    def _get_jobs_query_results(self, request: dict[str, Any]) -> dict[str, Any]:
        ids, next_token = self._queries.result(request["Id"])
        known = {job.id: job for job in self._dispatcher.list()}
        found = [jobs.describe(known[job_id]) for job_id in ids if job_id in known]
        return {"Status": "COMPLETE", "Jobs": found, "NextToken": next_token}

    def _queue_arn(self, name_or_arn: str) -> str:
        return self._dispatcher.find_queue(name_or_arn).arn

    def _cancel_job(self, request: dict[str, Any]) -> dict[str, Any]:
        self._dispatcher.cancel(request["Id"])
        return {}

    # --- probe ---------------------------------------------------------------------------------------------------

    def _probe(self, request: dict[str, Any]) -> dict[str, Any]:
        files = request.get("InputFiles", [])
        if not files:
            raise BadRequestException("/inputFiles: Should have at least 1 items")
        return {"ProbeResults": [self._probe_one(file.get("FileUrl", "")) for file in files]}

    def _probe_one(self, url: str) -> dict[str, Any]:
        if not url.startswith("s3://"):
            raise BadRequestException(
                f"InputFiles[].FileUrl: {url} is not honoured by the local engine (honoured: s3:// URLs)"
            )
        with tempfile.TemporaryDirectory(prefix="probe-", dir=self._home / "scratch") as folder:
            try:
                return self._facts_of(url, Path(folder) / "source")
            except transfer.TransferFailed as failed:
                raise READ_FAILURES.get(failed.code, BadRequestException)(str(failed)) from failed
            except ProbeRefused as refused:
                raise UnprocessableEntityException(str(refused)) from refused

    def _facts_of(self, url: str, path: Path) -> dict[str, Any]:
        """From a few MiB of a large object where that is enough, or else from all of it."""
        source = transfer.head(self._s3, url)
        facts = peek.facts(self._s3, url, source, path) if source.size > peek.WHOLE_BYTES else None
        if facts is None:
            source = transfer.download(self._s3, url, path)
            facts = read_facts(path, url)
        said = {"ETag": source.etag.strip('"'), "LastModified": source.modified, "MimeType": source.content_type}
        result = probe_result(facts)
        return {**result, "Metadata": {**result["Metadata"], **{k: v for k, v in said.items() if v is not None}}}

    # --- queues --------------------------------------------------------------------------------------------------

    def _create_queue(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Queue": self._dispatcher.create_queue(request)}

    def _get_queue(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Queue": self._dispatcher.get_queue(request["Name"])}

    def _list_queues(self, request: dict[str, Any]) -> dict[str, Any]:
        by = "Name" if request.get("ListBy") == "NAME" else "CreatedAt"
        queues = sorted(self._dispatcher.list_queues(), key=lambda queue: queue[by])
        if request.get("Order") == "DESCENDING":
            queues.reverse()
        shown, next_token = page(queues, request, lambda queue: queue["Name"])
        return {"Queues": shown, "NextToken": next_token, **self._dispatcher.capacity()}

    def _update_queue(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Queue": self._dispatcher.update_queue(request)}

    def _delete_queue(self, request: dict[str, Any]) -> dict[str, Any]:
        self._dispatcher.delete_queue(request["Name"])
        return {}

    # --- tags ----------------------------------------------------------------------------------------------------

    def _list_tags_for_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        tags, _ = self._tagged(request["Arn"])
        return {"ResourceTags": {"Arn": request["Arn"], "Tags": dict(tags)}}

    def _tag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        tags, store = self._tagged(request["Arn"])
        store({**tags, **request["Tags"]})
        return {}

    def _untag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        tags, store = self._tagged(request["Arn"])
        store({key: value for key, value in tags.items() if key not in request.get("TagKeys", [])})
        return {}

    def _tagged(self, arn: str) -> tuple[Mapping[str, str], Callable[[Mapping[str, str]], None]]:
        """The tags of a queue, job, job template or preset, and how to replace them."""
        kind, _, name = arn.removeprefix(f"{self._arn_prefix}:").partition("/")
        found: dict[str, tuple[Callable[[str], Any], Callable[[str, Mapping[str, str]], None]]] = {
            "queues": (self._dispatcher.find_queue, self._dispatcher.tag_queue),
            "jobs": (self._dispatcher.get, self._dispatcher.tag),
            "jobTemplates": (self._library.templates.find, self._library.templates.tag),
            "presets": (self._library.presets.find, self._library.presets.tag),
        }
        if kind not in found:
            raise NotFoundException(f"{arn} is no queue, job, job template or preset in account and region")
        find, store = found[kind]
        return find(name).tags, lambda tags: store(name, tags)

    # --- the account -----------------------------------------------------------------------------------------------

    def _allowed_by_policy(self, job: jobs.Job) -> tuple[int, str] | None:
        """A job that the policy forbids is created, and ends in "3457 Input Disallowed by Policy" (error codes)."""
        if self._policy["S3Inputs"] == "DISALLOWED":
            return 3457, "You specified an input location that your policy disallows (S3Inputs)"
        return None

    def _put_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        self._policy = {**POLICY, **request["Policy"]}
        return {"Policy": dict(self._policy)}

    def _delete_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        self._policy = dict(POLICY)
        return {}

    def _describe_endpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Endpoints": [{"Url": self._endpoint_url}]}


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}


def error_response(error: ApiError) -> Response:
    headers = {**_headers(), "x-amzn-ErrorType": error.error_type}
    return error.status, headers, json.dumps({"message": str(error)}).encode()
