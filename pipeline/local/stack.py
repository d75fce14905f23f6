"""The whole of it on a laptop: synthesise, start the embedded AWS, deploy the template, serve the outputs.

A home folder and, if wanted, ports in; a running `Stack` out: the AWS endpoint, the delivery URL, the stack's outputs.
One stack at a time in a process. `stop()` (or leaving the `with`, or the interpreter's end) closes everything in the
reverse of the order it was started in and removes the run's folder; a killed process leaves only that folder, which the
next start removes, because every child process ends with its parent.

Can go wrong: PortTaken, HomeUnusable, RunInUse, DeployFailed (the resource and why), and what synthesis raises.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline.local import faults as fault_plans
from pipeline.local import faults_world
from pipeline.local import home as homes
from pipeline.local.deploy import Assembly, Deployment, deploy
from pipeline.local.emulators import server

if TYPE_CHECKING:
    from pipeline.local.lambda_host import LambdaHost
    from pipeline.local.mediaconvert.service import MediaConvertService

FaultSource = fault_plans.Plan | Mapping[str, Any] | Path | str | None
ACCOUNT = "123456789012"
EDGE_PORT = 8080


def default_region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


@dataclass(frozen=True)
class Emulators:
    """The embedded AWS without a stack on it: what tests of single services need."""

    run: homes.Run
    region: str
    endpoint_url: str
    mediaconvert: MediaConvertService
    lambdas: LambdaHost
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of the endpoint, whatever the user's own AWS configuration says. Made once: it is dear to
        make (it reads botocore's models), and safe to share between threads."""
        wanted = f"{service} {sorted(config.items())}"
        if wanted not in self._clients:
            self._clients[wanted] = self._new_client(service, config)
        return self._clients[wanted]

    def _new_client(self, service: str, config: dict[str, Any]) -> Any:
        import boto3
        from botocore.config import Config

        options = {"retries": {"total_max_attempts": 2}, "s3": {"addressing_style": "path"}, **config}
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=self.region)
        return session.client(service, endpoint_url=self.endpoint_url, config=Config(**options))


@dataclass(frozen=True)
class Stack:
    """The template, deployed and served on this machine."""

    emulators: Emulators
    delivery_url: str
    template: Mapping[str, Any]
    deployment: Deployment
    _closing: ExitStack = field(repr=False)

    @classmethod
    def start(
        cls,
        home: Path,
        port: int | None = None,
        edge_port: int | None = None,
        workers: int | None = None,
        faults: FaultSource = None,
        context: Mapping[str, str] | None = None,
        before: Callable[[Emulators], None] | None = None,
    ) -> Stack:
        """Up and deployed when it returns; nothing is left when it raises. `workers`: MediaConvert jobs at once.

        `faults`: a plan (pipeline/local/faults.py) or its file; when left out, the file VOD_FAULTS names, if any.
        `context`: options of the deployment (docs/configuration.md); `before` makes what they take for granted.
        """
        with ExitStack() as opening:
            edge_socket = _reserve_edge(opening, edge_port)
            emulators = start_emulators(opening, home, port, workers, faults)
            if before:
                before(emulators)
            stack = cls._put_up(opening, emulators, edge_socket, context)
        atexit.register(stack.stop)
        return stack

    @classmethod
    def _put_up(
        cls, opening: ExitStack, emulators: Emulators, edge_socket: socket.socket, context: Mapping[str, str] | None
    ) -> Stack:
        from pipeline.local.synth import synthesise

        delivery_url = f"http://{server.HOST}:{edge_socket.getsockname()[1]}"
        assembly = synthesise(emulators.run.home, context)
        deployment = _deploy(emulators, assembly, delivery_url)
        _serve_edge(opening, emulators, assembly, deployment, edge_socket)
        return cls(emulators, delivery_url, assembly.template, deployment, opening.pop_all())

    def beside(self, context: Mapping[str, str], edge_port: int | None = None) -> Stack:
        """Another environment in the same account and region; it ends with this one."""
        with ExitStack() as opening:
            stack = self._put_up(opening, self.emulators, _reserve_edge(opening, edge_port), context)
        self._closing.callback(stack.stop)
        return stack

    @property
    def endpoint_url(self) -> str:
        return self.emulators.endpoint_url

    @property
    def faults(self) -> fault_plans.Faults | None:
        """What goes wrong, and what has; `set_faults` replaces the plan."""
        return fault_plans.current

    @property
    def outputs(self) -> Mapping[str, str]:
        return self.deployment.outputs

    def client(self, service: str, **config: Any) -> Any:
        return self.emulators.client(service, **config)

    def stop(self) -> None:
        """Close everything; safe to call twice."""
        atexit.unregister(self.stop)
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_emulators(
    opening: ExitStack, home: Path, port: int | None = None, workers: int | None = None, faults: FaultSource = None
) -> Emulators:
    """Start the embedded AWS; `opening` closes it."""
    plan = fault_plans.load(faults)
    region = default_region()
    sock = server.reserve(port)
    opening.callback(sock.close)
    run = homes.open_run(home)
    opening.callback(run.close)
    opening.enter_context(server.prepared(sock.getsockname()[1], region, ACCOUNT))
    from pipeline.local.emulators import check_versions, cloudformation, events, queues, s3, stepfunctions
    from pipeline.local.emulators.lambdas import install_lambda
    from pipeline.local.lambda_host import LambdaHost
    from pipeline.local.mediaconvert.service import MediaConvertService

    check_versions()
    endpoint = server.EmulatorServer(sock, run.ministack_log)
    opening.callback(endpoint.stop)
    lambdas = LambdaHost(run.functions, run.logs, endpoint.endpoint_url, ACCOUNT)
    opening.callback(lambdas.close)
    mediaconvert = MediaConvertService(
        run.path,
        endpoint.endpoint_url,
        region,
        ACCOUNT,
        events.mediaconvert_emit,
        workers,
        logs=run.logs / "mediaconvert",
        hook=faults_world.Hands(lambda service: emulators.client(service), lambdas),
    )
    opening.callback(mediaconvert.close)
    s3.install(run.objects)
    events.install()
    queues.install()
    cloudformation.install(mediaconvert)
    install_lambda(lambdas)
    stepfunctions.install_stepfunctions(endpoint.endpoint_url, ACCOUNT)
    opening.callback(stepfunctions.stop_all)
    endpoint.mediaconvert, endpoint.install_faults = mediaconvert, set_faults
    endpoint.start()
    emulators = Emulators(run, region, endpoint.endpoint_url, mediaconvert, lambdas)
    opening.callback(set_faults, None)
    set_faults(plan)
    return emulators


def set_faults(plan: fault_plans.Plan | None) -> None:
    """What goes wrong from now on, and how fast the state machine's clocks run; None: nothing, and at AWS's pace."""
    from pipeline.local.emulators import interpreter_waits

    scale = plan.clock_scale if plan else 1.0
    interpreter_waits.heartbeat_share = scale
    interpreter_waits.pace.set(waits=scale)
    fault_plans.install(plan)


def _reserve_edge(opening: ExitStack, port: int | None) -> socket.socket:
    reserved = server.reserve(port, EDGE_PORT)
    opening.callback(reserved.close)
    return reserved


def _deploy(emulators: Emulators, assembly: Assembly, delivery_url: str) -> Deployment:
    from pipeline.local.emulators import cloudformation

    return deploy(
        assembly,
        emulators.client,
        emulators.region,
        ACCOUNT,
        emulators.run.scratch,
        {"DeliveryUrl": delivery_url},
        cloudformation.outcome,
    )


def _serve_edge(
    opening: ExitStack, emulators: Emulators, assembly: Assembly, deployment: Deployment, sock: Any
) -> None:
    from pipeline.local.edge import Edge
    from pipeline.local.edge.server import Serving
    from pipeline.local.emulators import invalidations

    cache = emulators.run.path / "edge" / assembly.stack_name
    cache.mkdir(parents=True)
    edge = Edge(
        assembly.template,
        deployment.physical,
        emulators.endpoint_url,
        cache,
        region=emulators.region,
        foreign=lambda bucket: _settings_of(emulators.client("s3"), bucket),
    )
    opening.callback(Serving(edge, sock).stop)
    opening.callback(invalidations.tell(deployment.physical[edge.distribution.id], edge.invalidate))
    for setting in edge.distribution.not_enforced:
        print(f"the local edge does not enforce the {setting}", file=sys.stderr)


def _settings_of(s3: Any, bucket: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """An adopted bucket's policy statements and CORS rules, as they are now."""
    statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    try:
        return statements, s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    except s3.exceptions.ClientError:  # it has none
        return statements, []
