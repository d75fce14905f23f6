"""The local MediaConvert: its REST API over a pool of worker processes.

In: HTTP requests as boto3's `mediaconvert` client sends them. Out: answers as AWS gives them, and events through
`emit` while jobs run. What can go wrong is an `ApiError`, answered with its status, `x-amzn-ErrorType` and
{"message"}; an operation we do not offer is a BadRequestException that names it; anything else is logged here and
answered as InternalServerErrorException.

`handle` is thread-safe and quick, except for Probe, which reads the whole file from S3 before it looks.
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

from pipeline.local.mediaconvert import faults, honoured, jobs, model, rules, transfer
from pipeline.local.mediaconvert.dispatch import WORKER_COMMAND, Dispatcher
from pipeline.local.mediaconvert.errors import (
    ApiError,
    BadRequestException,
    ForbiddenException,
    InternalServerErrorException,
    NotFoundException,
    UnprocessableEntityException,
)
from pipeline.local.mediaconvert.events import Announcer, Emit
from pipeline.local.mediaconvert.probe import ProbeRefused, probe_file
from pipeline.local.mediaconvert.queues import DEFAULT, Queues

Response = tuple[int, dict[str, str], bytes]
PAGE = 20  # "up to twenty", in every list of this API
BODY_BYTES = 4 * 1024 * 1024
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
        hook: faults.Hook = faults.nothing,
    ):
        """`logs` is where the logs go when they should outlive `home`. `status_seconds` overrides every job's
        StatusUpdateInterval: AWS's shortest is ten seconds. `hook` says what goes wrong (faults.py)."""
        self._home = home / "mediaconvert"
        self._endpoint_url = endpoint_url
        self._region = region
        self._arn_prefix = f"arn:aws:mediaconvert:{region}:{account}"
        self._hook = hook
        self._announcer = Announcer(emit if hook is faults.nothing else faults.Emitting(emit, hook))
        self._dispatcher = Dispatcher(
            self._home / "scratch",
            logs or self._home,
            Queues(self._arn_prefix),
            self._announcer,
            {"endpoint_url": endpoint_url, "region": region, "account": account},
            workers=workers,
            worker_command=worker_command,
            status_seconds=status_seconds,
            make_worker=None if hook is faults.nothing else self._make_worker,
            hook=hook,
        )
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateJob": self._create_job,
            "GetJob": self._get_job,
            "ListJobs": self._list_jobs,
            "SearchJobs": self._search_jobs,
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
        }

    # --- for the stack -------------------------------------------------------------------------------------------

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        """One HTTP request. `path` may be percent-encoded or not; `query` holds texts or lists of texts."""
        try:
            return self._answer(method, path, body, query)
        except ApiError as error:
            return _error_response(error)
        except Exception as error:
            log.exception("%s %s", method, path)
            return _error_response(InternalServerErrorException(f"The local MediaConvert failed: {error!r}"))

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
            raise BadRequestException(f"{operation.name} is not offered by the local MediaConvert")
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
        return transfer.s3_client(self._endpoint_url, self._region)

    # --- jobs ----------------------------------------------------------------------------------------------------

    def _create_job(self, request: dict[str, Any]) -> dict[str, Any]:
        model.refuse(rules.violations(request))
        model.refuse(honoured.refusals(request))
        job = self._dispatcher.submit(request, request.get("Queue", DEFAULT), self._arn_prefix)
        return {"Job": jobs.describe(job)}

    def _get_job(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Job": jobs.describe(self._dispatcher.get(request["Id"]))}

    def _list_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._page_of_jobs(request, lambda job: True)

    def _search_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("InputFile", "")
        if not wanted:
            return self._list_jobs(request)
        return self._page_of_jobs(
            request, lambda job: any(wanted in source.get("FileInput", "") for source in job.settings["Inputs"])
        )

    def _page_of_jobs(self, request: dict[str, Any], keep: Callable[[jobs.Job], bool]) -> dict[str, Any]:
        """The newest first, unless asked otherwise: "up to twenty of your most recently created jobs"."""
        queue = self._dispatcher.find_queue(request["Queue"]).arn if "Queue" in request else None
        status = request.get("Status")
        found = self._dispatcher.list(
            lambda job: (queue is None or job.queue == queue) and (status is None or job.status == status)
        )
        if request.get("Order") != "ASCENDING":
            found.reverse()
        page, next_token = _page([job for job in found if keep(job)], request, lambda job: job.id)
        return {"Jobs": [jobs.describe(job) for job in page], "NextToken": next_token}

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
            path = Path(folder) / "source"
            try:
                transfer.download(self._s3, url, path)
                return probe_file(path, url)
            except transfer.TransferFailed as failed:
                raise READ_FAILURES.get(failed.code, BadRequestException)(str(failed)) from failed
            except ProbeRefused as refused:
                raise UnprocessableEntityException(str(refused)) from refused

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
        page, next_token = _page(queues, request, lambda queue: queue["Name"])
        return {"Queues": page, "NextToken": next_token}

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
        """The tags of a queue or a job, and how to replace them."""
        kind, _, name = arn.removeprefix(f"{self._arn_prefix}:").partition("/")
        if kind == "queues":
            return self._dispatcher.find_queue(name).tags, lambda tags: self._dispatcher.tag_queue(name, tags)
        if kind == "jobs":
            return self._dispatcher.get(name).tags, lambda tags: self._dispatcher.tag(name, tags)
        raise NotFoundException(f"{arn} is neither a queue nor a job in account and region")

    def _describe_endpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Endpoints": [{"Url": self._endpoint_url}]}


def _page(items: list[Any], request: Mapping[str, Any], name: Callable[[Any], str]) -> tuple[list[Any], str | None]:
    """One page, and the token of the next: the name of this page's last item, so that new items move nothing."""
    start = 0
    if token := request.get("NextToken"):
        places = [index for index, item in enumerate(items) if name(item) == token]
        if not places:
            raise BadRequestException(f"Invalid nextToken: {token}")
        start = places[0] + 1
    end = start + request.get("MaxResults", PAGE)
    return items[start:end], name(items[end - 1]) if end < len(items) else None


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}


def _error_response(error: ApiError) -> Response:
    headers = {**_headers(), "x-amzn-ErrorType": error.error_type}
    return error.status, headers, json.dumps({"message": str(error)}).encode()
