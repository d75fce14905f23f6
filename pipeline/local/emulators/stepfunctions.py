"""Step Functions: ministack's API and records, moto's interpreter.

In: the endpoint tasks call. Out: an API that starts, stops, redrives, describes and lists executions as AWS's does,
with the history AWS writes, live, and the "Step Functions Execution Status Change" events on EventBridge.

ministack 1.5.33 keeps machines, executions, tags, versions and aliases, and answers the API; its own interpreter takes
no notice of jitter, heartbeats, time limits and exception names, and is never called. The functions that start and end
an execution are replaced here, RedriveExecution is added; its own GetExecutionHistory reads the same records.

An execution is one thread while it runs and a record when it has ended: environment, program state and tokens go. One
that ended badly keeps its progress (progress.py), from which a redrive goes on.

Can go wrong: a definition Step Functions would refuse (InvalidDefinition), also in a CloudFormation template.
"""

from __future__ import annotations

import contextvars
import datetime
import json
import logging
import re
import threading
import time
from typing import Any

from pipeline.local.emulators import check_versions, integrations, redrive
from pipeline.local.emulators.history import History
from pipeline.local.emulators.interpreter import DefinitionInvalid, install_fixes, parse
from pipeline.local.emulators.interpreter_waits import TokenGone, install_waits, pace, tokens
from pipeline.local.emulators.progress import Progress, install_progress

log = logging.getLogger(__name__)

INPUT_LIMIT_BYTES = 256 * 1024
OPEN_EXECUTIONS = 1_000_000  # an account's, https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
_FORBIDDEN_IN_NAMES = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_running: dict[str, Execution] = {}
_starting = threading.Lock()
_installed = False


def install_stepfunctions(endpoint_url: str, account: str) -> None:
    """Patch ministack and moto, once; from then on tasks call `endpoint_url`. Call before serving."""
    global _installed
    check_versions()
    integrations.point_at(endpoint_url, account)
    if _installed:
        return
    _installed = True
    install_fixes()
    install_progress()
    install_waits()
    integrations.install_integrations()
    _replace_the_api()


def stop_all() -> None:
    """End every execution without a word: the stack is stopping."""
    for execution in list(_running.values()):
        execution.abandon()


def _replace_the_api() -> None:
    from ministack.services import stepfunctions as api
    from ministack.services.cloudformation import provisioners

    for name, ours in {
        "_start_execution": _start_execution,
        "_run_execution": _run_execution,
        "_stop_execution": _stop_execution,
        "_describe_execution": _describe_execution,
        "_describe_state_machine_for_execution": _describe_state_machine_for_execution,
        "_send_task_success": _send_task_success,
        "_send_task_failure": _send_task_failure,
        "_send_task_heartbeat": _send_task_heartbeat,
        "_validate_state_machine_definition": _validate_state_machine_definition,
        "_emit_execution_status_event": _emit_status,
        "_list_executions": _with_redrives(api._list_executions),
        "handle_request": _knowing_redrive(api.handle_request),
        "_create_state_machine": _checking_the_definition(api._create_state_machine),
        "_update_state_machine": _checking_the_definition(api._update_state_machine),
    }.items():
        setattr(api, name, ours)
    provisioners._sfn_definition = _checked(provisioners._sfn_definition)


# ---- definitions ----------------------------------------------------------------------------------------------------


def _checking_the_definition(original):
    """CreateStateMachine and UpdateStateMachine refuse what cannot run, and parse what can ahead of its executions."""

    def checked(data: dict) -> tuple:
        if "definition" in data:
            try:
                _prepare(data["definition"])
            except DefinitionInvalid as error:
                return _error("InvalidDefinition", str(error)[:2000])
        return original(data)

    return checked


def _checked(original):
    """CloudFormation's way to the same refusal: the resource, and with it the stack, fails."""

    def definition_of(props: dict) -> str:
        definition = original(props)
        _prepare(definition)
        return definition

    return definition_of


def _prepare(definition: str) -> None:
    """Have a machine ready for its first execution; DefinitionInvalid when it cannot have one."""
    from ministack.core.responses import get_region

    parse(definition)
    integrations.warm(definition, get_region())


def _validate_state_machine_definition(data: dict) -> tuple:
    try:
        parse(data.get("definition", ""))
    except DefinitionInvalid as error:
        diagnostic = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(error)}
        return _answer({"result": "FAIL", "diagnostics": [diagnostic], "truncated": False})
    return _answer({"result": "OK", "diagnostics": [], "truncated": False})


# ---- start ----------------------------------------------------------------------------------------------------------


def _start_execution(data: dict) -> tuple:
    """StartExecution. The same name and input while it runs is the same execution; otherwise a name is used once."""
    from ministack.core.responses import new_uuid
    from ministack.services import stepfunctions as api

    requested = data.get("stateMachineArn", "")
    machine = api._state_machines.get(api._resolve_state_machine_arn(requested))
    if machine is None:
        return _error("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{requested}'")
    name = data.get("name") or new_uuid()
    text = data.get("input", "{}")
    if refusal := _refusal(name, text):
        return _error(*refusal)
    arn = _execution_arn(machine, name)
    with _starting:
        known = api._executions.get(arn)
        if known is not None:
            same = known["status"] == "RUNNING" and known["input"] == text
            return _started(known) if same else _error("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        if len(_running) >= OPEN_EXECUTIONS:
            return _too_many()
        record = _new_record(arn, name, text, machine, api._execution_version_arn(requested))
        _running[arn] = execution = Execution(record, record["machine"])
        api._executions[arn] = record
    _run_beside(execution)
    return _started(record)


def _too_many() -> tuple:
    return _error("ExecutionLimitExceeded", f"Execution Limit Exceeded: '{OPEN_EXECUTIONS} executions are running'")


def _run_beside(execution: Execution) -> None:
    _emit_status(execution.record)
    threading.Thread(
        target=contextvars.copy_context().run,
        args=(execution.run,),
        name=f"execution {execution.record['name']}",
        daemon=True,
    ).start()


def _refusal(name: str, text: str) -> tuple[str, str] | None:
    if not 1 <= len(name) <= 80 or _FORBIDDEN_IN_NAMES.search(name):
        return "InvalidName", f"Invalid Name: '{name}'"
    if len(text.encode()) > INPUT_LIMIT_BYTES:
        return "InvalidExecutionInput", f"Invalid State Machine Execution Input: longer than {INPUT_LIMIT_BYTES} bytes"
    try:
        json.loads(text)
    except ValueError as error:
        return "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
    return None


def _execution_arn(machine: dict, name: str) -> str:
    from ministack.core.responses import get_account_id, get_region, new_uuid

    prefix = f"arn:aws:states:{get_region()}:{get_account_id()}"
    if machine["type"] == "EXPRESS":
        return f"{prefix}:express:{machine['name']}:{name}:{new_uuid()}"
    return f"{prefix}:execution:{machine['name']}:{name}"


def _new_record(arn: str, name: str, text: str, machine: dict, version_arn: str | None) -> dict:
    """What ministack keeps of an execution, and the machine as it was when the execution began."""
    from ministack.services import stepfunctions as api

    version = api._state_machine_versions.get(version_arn) or {}
    return {
        "executionArn": arn,
        "stateMachineArn": machine["stateMachineArn"],
        "name": name,
        "status": "RUNNING",
        "startDate": _now(),
        "stopDate": None,
        "input": text,
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": {"included": True},
        "events": [],
        "testCase": "",
        "mockAttempts": {},
        "encryptionConfiguration": (version or machine).get("encryptionConfiguration") or api._default_encryption(),
        "machine": {**machine, **{key: version[key] for key in ("definition", "roleArn") if version.get(key)}},
        **({"sync": True} if machine["type"] == "EXPRESS" else {}),
    }


def _started(record: dict) -> tuple:
    return _answer({"executionArn": record["executionArn"], "startDate": record["startDate"]})


# ---- run ------------------------------------------------------------------------------------------------------------


class Execution:
    """One running execution: its environment, its time limit, and its one end. A redrive is a second one."""

    def __init__(self, record: dict, machine: dict, progress: Progress | None = None) -> None:
        self.record = record
        self.arn = record["executionArn"]
        self.program = parse(machine["definition"])
        self.env = _environment(record, machine)
        self.history = self.env.event_manager = History(record["events"])  # live: it is read while we append
        self.env.progress = record["progress"] = progress or Progress()
        self.ending = threading.Lock()
        self.ended = False
        self.context = contextvars.copy_context()
        if progress is None:
            details = {"input": record["input"], "inputDetails": {"truncated": False}, "roleArn": machine["roleArn"]}
            self._begin("ExecutionStarted", {"executionStartedEventDetails": details})
        else:
            details = {"redriveCount": record["redriveCount"]}
            self._begin("ExecutionRedriven", {"executionRedrivenEventDetails": details})

    def _begin(self, kind: str, details: dict) -> None:
        context = self.env.event_history_context
        context.source_event_id = len(self.history.events)  # 0 at first; after a redrive, the end before it
        self.history.add_event(context, kind, details, update_source_event_id=False)

    def run(self) -> None:
        """Evaluate to the end, on the caller's thread."""
        limit = self._limit()
        try:
            if not self.ended:  # not stopped before it began
                self.program.eval(self.env)
            self._end_as_evaluated()
        except Exception as error:
            log.exception("execution %s", self.arn)
            self.end("FAILED", error="States.Runtime", cause=f"{type(error).__name__}: {error}")
        finally:
            if limit is not None:
                limit.cancel()

    def _limit(self) -> threading.Timer | None:
        """The machine's TimeoutSeconds."""
        if self.program.timeout_seconds is None:
            return None
        seconds = self.program.timeout_seconds.timeout_seconds * pace.limits
        timer = threading.Timer(seconds, self.context.run, (self.time_out,))
        timer.daemon = True
        timer.start()
        return timer

    def _end_as_evaluated(self) -> None:
        from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError

        state = self.env._program_state
        if self.history.full:
            self.end("FAILED", error="States.Runtime", cause=self.history.full)
        elif isinstance(state, ProgramEnded):
            output = json.dumps(integrations.as_json(self.env.states.get_input()), separators=(",", ":"), default=str)
            self.end("SUCCEEDED", output=output)
        elif isinstance(state, ProgramError):
            details = state.error or {}
            self.end("FAILED", error=details.get("error"), cause=details.get("cause"))
        else:
            self.end("ABORTED")

    def stop(self, error: str | None, cause: str | None) -> None:
        self.end("ABORTED", error=error, cause=cause)
        self.env.set_stop(stop_date=datetime.datetime.now(datetime.UTC), error=error, cause=cause)

    def time_out(self) -> None:
        """At the limit to the second, whatever a task is doing; error and cause are in the history only."""
        self.end("TIMED_OUT")
        self.env.set_timed_out()

    def abandon(self) -> None:
        self.record["sync"] = True  # no event: nobody is there to receive it
        self.stop(None, None)

    def end(self, status: str, output: str | None = None, error: str | None = None, cause: str | None = None) -> None:
        """The first end counts: history, then record, then the event that tells of it."""
        with self.ending:
            if self.ended:
                return
            self.ended = True
            self.history.end(status, self.env.event_history_context, output, error, cause)
            if status == "SUCCEEDED":
                self.record["progress"] = Progress()  # nobody will ask for it
            _running.pop(self.arn, None)
            self.record.update(output=output, error=error, cause=cause, stopDate=_now())
            self.record["status"] = status  # last: from here on it can be redriven
            told = dict(self.record)
        _emit_status(told)


def _environment(record: dict, machine: dict):
    from ministack.core.responses import get_account_id, get_region
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
    from moto.stepfunctions.parser.asl.eval.states import ContextObjectData, ExecutionData, StateMachineData

    role_arn = machine["roleArn"]
    # StartTime is text: with a datetime in it the state is not JSON any more.
    execution = ExecutionData(
        Id=record["executionArn"],
        Input=json.loads(record["input"]),
        Name=record["name"],
        RoleArn=role_arn,
        StartTime=record["startDate"],
    )
    execution["RedriveCount"] = record.get("redriveCount", 0)
    if record.get("redriveDate"):
        execution["RedriveTime"] = record["redriveDate"]
    return Environment(
        aws_execution_details=AWSExecutionDetails(account=get_account_id(), region=get_region(), role_arn=role_arn),
        execution_type=machine.get("type", "STANDARD"),
        context=ContextObjectData(
            Execution=execution, StateMachine=StateMachineData(Id=machine["stateMachineArn"], Name=machine["name"])
        ),
        event_history_context=EventHistoryContext.of_program_start(),
        cloud_watch_logging_session=None,
        activity_store={},
        mock_test_case=None,
    )


def _run_execution(arn: str) -> None:
    """What ministack's StartSyncExecution calls: run the execution it has recorded, to the end."""
    from ministack.services import stepfunctions as api

    record = api._executions[arn]
    record["machine"] = api._state_machines[record["stateMachineArn"]]
    record["events"] = []
    _running[arn] = execution = Execution(record, record["machine"])
    execution.run()


# ---- stop, describe -------------------------------------------------------------------------------------------------


def _stop_execution(data: dict) -> tuple:
    record, refusal = _execution(data)
    if refusal:
        return refusal
    execution = _running.get(record["executionArn"])
    if execution is not None:
        execution.stop(data.get("error"), data.get("cause"))
    return _answer({"stopDate": record["stopDate"] or _now()})


def _describe_execution(data: dict) -> tuple:
    record, refusal = _execution(data)
    if refusal:
        return refusal
    fields = (
        "executionArn",
        "stateMachineArn",
        "name",
        "status",
        "startDate",
        "stopDate",
        "input",
        "inputDetails",
        "output",
        "error",
        "cause",
        "mapRunArn",
    )
    found = {field: record[field] for field in fields if record.get(field) is not None}
    if "output" in found:
        found["outputDetails"] = {"included": True}
    return _answer({**found, **redrive.described(record, _moment())})


def _describe_state_machine_for_execution(data: dict) -> tuple:
    """The machine as it was when the execution began, also when it has been updated or deleted since."""
    record, refusal = _execution(data)
    if refusal:
        return refusal
    machine = record["machine"]
    found = {key: machine[key] for key in ("stateMachineArn", "name", "definition", "roleArn", "loggingConfiguration")}
    return _answer(
        {**found, "updateDate": machine["creationDate"], "encryptionConfiguration": record["encryptionConfiguration"]}
    )


def _execution(data: dict) -> tuple[dict, tuple | None]:
    from ministack.services import stepfunctions as api

    arn = data.get("executionArn") or ""
    if ":express:" in arn:
        return {}, _error("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    record = api._executions.get(arn)
    if record is None:
        return {}, _error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    return record, None


def _with_redrives(original):
    """ListExecutions says how often each execution was redriven."""

    def listed(data: dict) -> tuple:
        from ministack.services import stepfunctions as api

        answer = original(data)
        found = json.loads(answer[2])
        for item in found.get("executions", []):
            record = api._executions[item["executionArn"]]
            item["redriveCount"] = record.get("redriveCount", 0)
            if record.get("redriveDate"):
                item["redriveDate"] = record["redriveDate"]
        return _answer(found) if "executions" in found else answer

    return listed


# ---- redrive --------------------------------------------------------------------------------------------------------


def _knowing_redrive(original):
    """ministack does not know the action: https://docs.aws.amazon.com/step-functions/latest/apireference/."""

    async def handle(method, path, headers, body, query_params):
        from ministack.services import stepfunctions as api

        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            return api._finalize_response(_redrive_execution(json.loads(body or "{}")))
        return await original(method, path, headers, body, query_params)

    return handle


def _redrive_execution(data: dict) -> tuple:
    """RedriveExecution: the same ARN, definition, input and history; on from the states that did not succeed."""
    record, refusal = _execution(data)
    if refusal:
        return refusal
    token = data.get("clientToken")
    with _starting:
        if date := redrive.answered(record, token, _moment()):
            return _answer({"redriveDate": date})
        if reason := redrive.refusal(record, _moment()):
            return _error("ExecutionNotRedrivable", f"Execution Not Redrivable: '{record['executionArn']}': {reason}")
        if len(_running) >= OPEN_EXECUTIONS:
            return _too_many()
        redrive.note(record, token, _now())
        record.update(output=None, error=None, cause=None, stopDate=None, status="RUNNING")
        execution = Execution(record, record["machine"], record["progress"].resumed())
        _running[record["executionArn"]] = execution
    _run_beside(execution)
    return _answer({"redriveDate": record["redriveDate"]})


# ---- task tokens ----------------------------------------------------------------------------------------------------


def _send_task_success(data: dict) -> tuple:
    from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeSuccess

    try:
        json.loads(data.get("output", ""))
    except ValueError as error:
        return _error("InvalidOutput", f"Invalid Output: '{error}'")
    name = data.get("taskToken", "")
    return _tell(name, "notify", CallbackOutcomeSuccess(callback_id=name, output=data["output"]))


def _send_task_failure(data: dict) -> tuple:
    from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeFailure

    name = data.get("taskToken", "")
    outcome = CallbackOutcomeFailure(callback_id=name, error=data.get("error"), cause=data.get("cause"))
    return _tell(name, "notify", outcome)


def _send_task_heartbeat(data: dict) -> tuple:
    return _tell(data.get("taskToken", ""), "notify_heartbeat")


def _tell(name: str, method: str, *arguments: object) -> tuple:
    if not _TOKEN.fullmatch(name):
        return _error("InvalidToken", "Invalid Token: 'Invalid token'")
    try:
        getattr(tokens[name], method)(*arguments)
    except (KeyError, TokenGone):
        return _error("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    return _answer({})


# ---- events ---------------------------------------------------------------------------------------------------------

EVENT_PAYLOAD_LIMIT = 248 * 1024


def _emit_status(record: dict) -> None:
    """Tell EventBridge of a Standard execution's new status.

    The shape: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    from ministack.services import eventbridge

    if record.get("sync"):
        return
    entry = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(status_detail(record)),
        "Resources": [record["executionArn"]],
    }
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:  # delivery is best effort in AWS too; the execution goes on
        log.exception("the status event of %s was not delivered", record["executionArn"])


def status_detail(record: dict) -> dict[str, Any]:
    told = redrive.described(record, _moment())
    return {
        "executionArn": record["executionArn"],
        "stateMachineArn": record["stateMachineArn"],
        "name": record["name"],
        "status": record["status"],
        "startDate": _epoch_ms(record["startDate"]),
        "stopDate": _epoch_ms(record.get("stopDate")),
        **_payload("input", record.get("input")),
        **_payload("output", record.get("output")),
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": told["redriveCount"],
        "redriveDate": _epoch_ms(told.get("redriveDate")),
        "redriveStatus": told["redriveStatus"],
        "redriveStatusReason": told.get("redriveStatusReason"),
        "error": record.get("error"),
        "cause": record.get("cause"),
    }


def _payload(name: str, text: str | None) -> dict[str, Any]:
    if text is None:
        return {name: None, f"{name}Details": None}
    included = len(json.dumps(text)) <= EVENT_PAYLOAD_LIMIT
    return {name: text if included else None, f"{name}Details": {"included": included}}


# ---- answers --------------------------------------------------------------------------------------------------------


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"


def _moment() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _epoch_ms(stamp: str | None) -> int | None:
    return None if stamp is None else round(datetime.datetime.fromisoformat(stamp).timestamp() * 1000)


def _answer(content: dict) -> tuple:
    from ministack.core.responses import json_response

    return json_response(content)


def _error(code: str, message: str) -> tuple:
    from ministack.core.responses import error_response_json

    return error_response_json(code, message, 400)
