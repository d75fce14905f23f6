"""Make moto's interpreter of the Amazon States Language behave as Step Functions does.

In: a definition. Out: a Program that an execution evaluates. A definition that Step Functions would refuse raises
DefinitionInvalid with the service's kind of message.

moto 5.2.5's interpreter (of LocalStack's descent) is right about most of the language. Each function below repairs one
thing it is wrong about, and says what AWS does; tests/local/test_asl.py has a case for each. What concerns waiting,
timing out and stopping is in interpreter_waits.py, the calls of other services in integrations.py.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html, and the language itself,
https://states-language.net/spec.html
"""

from __future__ import annotations

import datetime
import enum
import functools
import hashlib
import importlib
import json
import logging
import random
import re
import sys
import types
import uuid
from typing import TYPE_CHECKING, Any

from pipeline.local.emulators.definition import problem_of

if TYPE_CHECKING:
    from moto.stepfunctions.parser.asl.component.program.program import Program

log = logging.getLogger(__name__)

UNCATCHABLE = ("States.DataLimitExceeded", "States.Runtime")
TIMEOUTS = ("States.Timeout", "States.HeartbeatTimeout")

# The grammar wants a float here; AWS takes an integer. The name is never matched inside a string: its quotes would be
# escaped there.
_WHOLE_PERCENTAGE = re.compile(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?=\s*[,}])')


class DefinitionInvalid(ValueError):
    """What CreateStateMachine answers with InvalidDefinition."""


@functools.cache
def load() -> None:
    """Import moto's interpreter, without what it drags in: three quarters of the time.

    Its integration of AWS Batch, which nothing here emulates, imports moto's Batch for one enumeration, that imports
    moto's EC2, and that reads megabytes of instance types and availability zones. Its logging to CloudWatch, which
    is not used, imports moto's Logs and with it moto's S3.
    """
    states = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
    stand_ins = {
        "moto.batch": {},
        "moto.batch.utils": {"JobStatus": enum.Enum("JobStatus", {state: state for state in states}, type=str)},
        "moto.logs": {},
        "moto.logs.models": {"LogEvent": None, "LogsBackend": None, "logs_backends": {}},
    }
    used = {name: types.ModuleType(name) for name in stand_ins if name not in sys.modules}
    for name, module in used.items():
        vars(module).update(stand_ins[name])
        sys.modules[name] = module
    try:
        importlib.import_module("moto.stepfunctions.parser.asl.parse.asl_parser")
    finally:
        for name in used:
            del sys.modules[name]  # whoever wants the real one can still have it


@functools.lru_cache(maxsize=64)
def parse(definition: str) -> Program:
    """The program of a definition. Kept, because parsing takes longer than most executions.

    Executions share a program: what one evaluation has to remember is in its Environment, never in the program.
    """
    if found := problem_of(definition):
        raise DefinitionInvalid(f"Invalid State Machine Definition: '{found}'")
    load()
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    try:
        return AmazonStateLanguageParser.parse(_WHOLE_PERCENTAGE.sub(r"\1.0", definition))[0]
    except Exception as error:  # the parser raises whatever its visitors raise
        raise DefinitionInvalid(f"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {error}'") from error


def install_fixes() -> None:
    load()
    for fix in (
        _name_the_choice_that_did_not_match,
        _match_errors_by_name,
        _let_branches_fail_with_any_error,
        _fail_map_runs,
        _evaluate_jsonata,
        _name_heap_keys_once,
        _tell_the_time_as_step_functions,
        _log_what_is_not_in_the_history,
        _read_each_path_once,
    ):
        fix()


def _read_each_path_once() -> None:
    """Parsing a JSONPath takes longer than all else in a state, and moto does it at each use."""
    from moto.stepfunctions.parser.asl.utils import json_path

    json_path.parse = functools.lru_cache(maxsize=4096)(json_path.parse)


def _name_the_choice_that_did_not_match() -> None:
    """A Choice without a match and without Default fails with States.NoChoiceMatched, not States.Runtime."""
    from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    original = StateChoice._eval_state

    def evaluate(self, env):
        try:
            original(self, env)
        except RuntimeError as error:
            if not str(error.args[0]).startswith("No branching option"):
                raise
            details = ExecutionFailedEventDetails(
                error="States.NoChoiceMatched",
                cause=f"An error occurred while executing the state '{self.name}'. Failed to transition out of the "
                f"state. The state's choice rules matched no input and it has no Default",
            )
            raise FailureEventException(
                FailureEvent(
                    env=env,
                    error_name=named_error("States.NoChoiceMatched"),
                    event_type=HistoryEventType.ExecutionFailed,
                    event_details=EventDetails(executionFailedEventDetails=details),
                )
            ) from error

    StateChoice._eval_state = evaluate


def named_error(name: str | None):
    """moto's object for an error's name, of either kind."""
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName

    if name is None or not name.startswith("States."):
        return CustomErrorName(name)
    try:
        return StatesErrorName.from_name(name)
    except ValueError:  # a name the grammar does not know
        return ErrorName(name)


def _match_errors_by_name() -> None:
    """ErrorEquals as documented.

    States.ALL does not catch States.DataLimitExceeded and States.Runtime; nothing does. States.TaskFailed matches every
    error but a timeout. States.Timeout also stands for a missing heartbeat (github.com/aws/aws-cdk/issues/16084).
    """
    from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl

    def evaluate(self, env):
        name = env.stack.pop().error_name
        env.stack.append(matches([known.error_name for known in self.error_names], name))

    ErrorEqualsDecl._eval_body = evaluate


def matches(error_equals: list[str | None], name: str | None) -> bool:
    if name in UNCATCHABLE:
        return False
    if "States.ALL" in error_equals or name in error_equals:
        return True
    if name == "States.HeartbeatTimeout" and "States.Timeout" in error_equals:
        return True
    return "States.TaskFailed" in error_equals and name not in TIMEOUTS


def _let_branches_fail_with_any_error() -> None:
    """A branch, an iteration or a callback may end with an error in the States. namespace (States.Timeout above all).

    moto takes each for an error of the user's and refuses the name, so that the Parallel fails with States.Runtime and
    its Catch is passed by.
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
    from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback

    def custom_error_name(error_name):
        return named_error(error_name)

    for module in (iteration_worker, branches_decl, state_task_service_callback):
        module.CustomErrorName = custom_error_name


def _fail_map_runs() -> None:
    """A distributed Map one of whose items fails is States.ExceedToleratedFailureThreshold (moto: it succeeds).

    Definitions that tolerate failures are refused, see definition.py.
    """
    from moto.stepfunctions.parser.api import HistoryEventType, MapRunFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
        DistributedIterationComponent,
    )
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    original = DistributedIterationComponent._map_run

    def run(self, env, eval_input):
        original(self, env=env, eval_input=eval_input)
        items = eval_input.map_run_record.item_counter
        if items.failed.get() + items.timed_out.get() > 0:
            error = "States.ExceedToleratedFailureThreshold"
            details = MapRunFailedEventDetails(
                error=error, cause="The specified tolerated failure threshold was exceeded"
            )
            raise FailureEventException(
                FailureEvent(
                    env=env,
                    error_name=named_error(error),
                    event_type=HistoryEventType.MapRunFailed,
                    event_details=EventDetails(mapRunFailedEventDetails=details),
                )
            )

    DistributedIterationComponent._map_run = run


def _evaluate_jsonata() -> None:
    """JSONata expressions, and the functions Step Functions adds to the language, by jsonata-python.

    moto leaves its evaluator None (LocalStack's needs a JVM) and declares $hash and $uuid as texts that say they are
    not supported. https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    """
    from moto.stepfunctions.parser.asl.component.intrinsic import jsonata as declarations
    from moto.stepfunctions.parser.asl.jsonata import jsonata as evaluator

    for function in ("$hash", "$uuid", "$parse"):
        declarations._DECLARATION_BY_VARIABLE_REFERENCE.pop(function, None)

    def evaluate(expression: str) -> Any:
        import jsonata

        try:
            compiled = jsonata.Jsonata(expression)
            compiled.register_lambda("uuid", lambda: str(uuid.uuid4()))
            compiled.register_lambda("parse", json.loads)
            compiled.register_lambda("hash", _hash)
            compiled.register_lambda("random", random.random)
            return compiled.evaluate(None)
        except Exception as error:
            raise evaluator.JSONataException("UNKNOWN", str(error)) from error

    evaluator._eval_jsonata = evaluate


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()


def _name_heap_keys_once() -> None:
    """Let executions share a program: moto makes a component's key up on first use, and two threads would make two."""
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent

    EvalComponent.heap_key = property(lambda self: str(id(self)))


def _tell_the_time_as_step_functions() -> None:
    """$$.State.EnteredTime is 2024-01-31T12:00:00.000Z (moto: microseconds and +00:00)."""
    from moto.stepfunctions.parser.asl.component.state import state

    def entered(EnteredTime: str, Name: str) -> dict[str, str]:
        at = datetime.datetime.fromisoformat(EnteredTime)
        return {"EnteredTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "Name": Name}

    state.StateData = entered


def _log_what_is_not_in_the_history() -> None:
    """A task that fails is told of in the history; moto also logs it at every level of the machine, printed whole.

    What is left to log is the interpreter's own mistake, which the history shows as States.Runtime without a place.
    """
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent

    expected = ("botocore.", "moto.", "pipeline.", "builtins.TimeoutError")

    def log_exception(self, exception):
        kind = type(exception)
        if not f"{kind.__module__}.{kind.__qualname__}".startswith(expected) and not hasattr(exception, "_vod_logged"):
            exception._vod_logged = True
            log.warning("in a %s", type(self).__name__, exc_info=exception)

    EvalComponent._log_failure_event_exception = lambda self, failure_event_exception: None
    EvalComponent._log_exception = log_exception
    for noisy in ("program.program", "state.exec.execute_state", "state.exec.state_task.service"):
        logging.getLogger(f"moto.stepfunctions.parser.asl.component.{noisy}").setLevel(logging.CRITICAL)
