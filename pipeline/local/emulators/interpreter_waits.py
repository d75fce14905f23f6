"""Waiting, timing out and being stopped, in moto's interpreter: what takes long must be cheap and must end.

Step Functions: StopExecution, the machine's TimeoutSeconds and the failure of a sibling branch end a state at once,
whatever it waits for. moto marks the execution and lets its threads wait on: a callback until its timeout, a retry
until its delay is over. And it spends three threads on each task, most of which only wait for one another.

Here a state runs on its execution's (or branch's) thread unless it has a time limit, and everything that waits is woken
when its environment leaves the running state.

Clocks can be made fast (`pace`), for tests and for runs with injected faults only: a definition means the same, the
numbers in it and in the history stay, but a second of waiting is shorter.
"""

from __future__ import annotations

import copy
import threading
import time

from pipeline.local.emulators.interpreter import named_error

# How long a failed branch waits for its siblings to take note.
SIBLING_SECONDS = 0.5


class Pace:
    """How long a second of the definition lasts, in seconds: while waiting (Wait, the delays of Retry), and in limits
    (TimeoutSeconds, HeartbeatSeconds, of states and of the machine). Counts for what begins after it was set."""

    def __init__(self) -> None:
        self.set()

    def set(self, waits: float = 1, limits: float = 1) -> None:
        self.waits, self.limits = waits, limits


pace = Pace()


class Stopped(BaseException):
    """The state was ended from outside. Not an Exception: no Retry, Catch or history event may see it."""


class TokenGone(Exception):
    """The task of this token has ended, or has its answer already."""


def install_waits() -> None:
    for fix in (
        _wake_what_waits,
        _limit_states_in_time,
        _end_stopped_states_quietly,
        _end_siblings_in_order,
        _wait_interruptibly,
        _retry_interruptibly,
        _wait_for_tokens,
        _forget_threads,
    ):
        fix()


def _wake_what_waits() -> None:
    """Give each environment an event, `left`, set when it leaves the running state, and callbacks for that moment."""
    from moto.stepfunctions.parser.asl.eval.environment import Environment

    original = Environment.__init__

    def create(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.left = threading.Event()
        self.wakers = []

    Environment.__init__ = create
    for name in ("set_ended", "set_error", "set_timed_out", "set_stop"):
        setattr(Environment, name, _waking(getattr(Environment, name)))


def _waking(change):
    def changed(self, *args, **kwargs):
        change(self, *args, **kwargs)
        if not self.is_running():
            self.left.set()
            for wake in list(self.wakers):
                wake()

    return changed


def _limit_states_in_time() -> None:
    """TimeoutSeconds of a state. Without one there is no limit, also when there is a heartbeat (moto: 60 s then)."""
    from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
    from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState

    def evaluate(self, env):
        seconds = None
        if not self.timeout.is_default_value():
            self.timeout.eval(env=env)
            seconds = env.stack.pop()
        frame = env.open_frame()
        frame.states.reset(input_value=env.states.get_input())
        frame.stack = copy.deepcopy(env.stack)
        try:
            output = _evaluate_within(self, frame, seconds, EvalTimeoutError)
        except Exception:
            if not env.is_running():
                raise Stopped from None
            raise
        finally:
            frame.set_ended()
            env.close_frame(frame)
        if not env.is_running():
            raise Stopped
        _take_output(self, env, output)

    ExecutionState._evaluate_with_timeout = evaluate


def _evaluate_within(state, frame, seconds: float | None, timeout: type[Exception]):
    """The state's output. With a limit it runs on a thread of its own, which is left behind when the time is over."""
    if seconds is None:
        state._eval_execution(frame)
        return frame.stack[-1]
    ended, outcome = threading.Event(), []

    def run() -> None:
        try:
            state._eval_execution(frame)
            outcome.append((frame.stack[-1], None))
        except Exception as error:
            outcome.append((None, error))
        except Stopped:
            pass
        ended.set()

    frame.wakers.append(ended.set)
    threading.Thread(target=run, name=f"state {state.name}", daemon=True).start()
    in_time = ended.wait(seconds * pace.limits)
    if not outcome:
        raise Stopped if in_time else timeout
    output, error = outcome[0]
    if error is not None:
        raise error
    return output


def _take_output(state, env, output) -> None:
    """What follows an execution in moto's own _evaluate_with_timeout."""
    env.stack.append(output)
    if not state._is_language_query_jsonpath():
        env.states.set_result(output)
    if state.assign_decl:
        state.assign_decl.eval(env=env)
    if state.result_selector:
        state.result_selector.eval(env=env)
    if state.result_path:
        state.result_path.eval(env)
    else:
        env.states.reset(input_value=env.stack.pop())


def _end_stopped_states_quietly() -> None:
    """A state that was ended from outside leaves <Type>StateAborted in the history and raises nothing."""
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.component.state.state import CommonStateField

    original = CommonStateField._eval_body
    aborted = {
        getattr(HistoryEventType, f"{kind}StateEntered"): getattr(HistoryEventType, f"{kind}StateAborted")
        for kind in ("Task", "Parallel", "Map", "Wait")
    }

    def evaluate(self, env):
        before = env.event_history_context.last_published_event_id
        try:
            original(self, env)
        except Stopped:
            pass
        except Exception:
            if env.is_running():
                raise
        if _was_stopped(env) and env.event_history_context.last_published_event_id != before:
            event = aborted.get(self.state_entered_event_type)
            if event is not None:
                env.event_manager.add_event(context=env.event_history_context, event_type=event)

    CommonStateField._eval_body = evaluate


def _was_stopped(env) -> bool:
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped

    return isinstance(env._program_state, ProgramStopped)


def _end_siblings_in_order() -> None:
    """When a branch fails, its siblings' aborted states come before the Parallel's failure in the history.

    What waits is ended in no time. What is in the middle of a call is left to end by itself.
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import BranchWorker

    original = BranchWorker.stop

    def stop(self, stop_date, cause, error):
        original(self, stop_date, cause, error)
        self._worker_thread.join(SIBLING_SECONDS)

    BranchWorker.stop = stop


def _wait_interruptibly() -> None:
    """A Wait ends when its execution does, and lasts as long as it says (moto counts in whole seconds)."""
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

    def wait(self, env, wait_seconds):
        env.left.wait(max(0, wait_seconds) * pace.waits)

    WaitFunction._wait_interval = wait


def _retry_interruptibly() -> None:
    """The delay before a retry ends when the execution does."""
    from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
    from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import RetrierDecl
    from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome

    def evaluate(self, env):
        self.error_equals.eval(env)
        if not env.stack.pop():
            env.stack.append(RetrierOutcome.Skipped)
            return
        self.max_attempts.eval(env=env)
        if env.stack.pop() == MaxAttemptsOutcome.EXHAUSTED:
            env.stack.append(RetrierOutcome.Failed)
            return
        for part in (self.interval_seconds, self.backoff_rate, self.max_delay_seconds, self.jitter_strategy):
            part.eval(env=env)
        if env.left.wait(env.stack.pop() * pace.waits):
            raise Stopped
        env.stack.append(RetrierOutcome.Executed)

    RetrierDecl._eval_body = evaluate


# ---- task tokens ----------------------------------------------------------------------------------------------------

# Every token somebody may still answer. AWS's answer for any other token we made is "no longer exists".
tokens: dict[str, object] = {}
# A heartbeat is awaited for so much of its time, beside the pace of all limits: what sends heartbeats in a chaos run is
# as fast as everything there, while the time that a function takes is its own.
heartbeat_share = 1.0


def _token_class():
    from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint, HeartbeatTimedOut

    class TaskToken(CallbackEndpoint):
        """One attempt at a .waitForTaskToken task, from before its call to its end.

        The first answer counts, also one that comes while the call is still running. A heartbeat counts from then on
        too (moto refuses it until the call has returned).
        """

        def __init__(self, callback_id):
            super().__init__(callback_id)
            self.changed = threading.Condition()
            self.closed = False
            self.heartbeat_seconds = None
            self.last_beat = 0.0

        def setup_heartbeat_endpoint(self, heartbeat_seconds):
            self.heartbeat_seconds = heartbeat_seconds * heartbeat_share
            return self

        def notify(self, outcome):
            with self.changed:
                if self.closed or self._outcome is not None:
                    raise TokenGone(self.callback_id)
                self._outcome = outcome
                self.changed.notify_all()

        def notify_heartbeat(self):
            with self.changed:
                if self.closed or self._outcome is not None:
                    raise TokenGone(self.callback_id)
                self.last_beat = time.monotonic()
                self.changed.notify_all()
            return True

        def interrupt_all(self):
            with self.changed:
                self.closed = True
                self.changed.notify_all()

        def wait_for_answer(self, env):
            """The outcome; HeartbeatTimedOut; or None when the task was ended from outside."""
            with self.changed:
                began = time.monotonic()
                while self._outcome is None and not self.closed and env.is_running():
                    left = None
                    if self.heartbeat_seconds is not None:
                        left = max(began, self.last_beat) + self.heartbeat_seconds * pace.limits - time.monotonic()
                        if left <= 0:
                            return HeartbeatTimedOut()
                    self.changed.wait(left)
                return self._outcome

    return TaskToken


def _wait_for_tokens() -> None:
    """A new token for each attempt, answers found by token, HeartbeatTimeout under its own name.

    moto makes one token a state, so a retry gets the answer of the attempt before; it searches all executions for a
    token; and a heartbeat that does not come is States.Timeout.
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_callback as callbacks,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
    from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackPoolManager

    token_class = _token_class()

    def add(self, callback_id):
        token = self._pool[callback_id] = tokens[callback_id] = token_class(callback_id)
        return token

    def wait(self, env, timeout_seconds, callback_endpoint, heartbeat_endpoint):
        outcome = callback_endpoint.wait_for_answer(env)
        return outcome or callbacks.CallbackOutcomeTimedOut(callback_id=callback_endpoint.callback_id)

    def wait_sync(self, env, sync_resolver, timeout_seconds, callback_endpoint, heartbeat_endpoint):
        while env.is_running():
            if result := sync_resolver():
                return result
            env.left.wait(callbacks._DELAY_SECONDS_SYNC_CONDITION_CHECK)
        return None

    def evaluate(self, env):
        takes_tokens = ResourceCondition.WaitForTaskToken in self._supported_integration_patterns
        if not (self._is_integration_pattern() and takes_tokens):
            return super(callbacks.StateTaskServiceCallback, self)._eval_execution(env)
        self._assert_integration_pattern_is_supported()
        name = env.states.context_object.update_task_token()
        token = env.callback_pool_manager.add(name)
        env.wakers.append(token.interrupt_all)
        try:
            super(callbacks.StateTaskServiceCallback, self)._eval_execution(env)
        finally:
            token.interrupt_all()
            tokens.pop(name, None)
            env.callback_pool_manager._pool.pop(name, None)
        return None

    CallbackPoolManager.add = add
    task = callbacks.StateTaskServiceCallback
    del task._eval_body  # it made the token, once for all attempts
    task._eval_execution = evaluate
    task._eval_wait_for_task_token = wait
    task._eval_sync = wait_sync
    task._from_error = _with_heartbeat_timeout(task._from_error)


def _with_heartbeat_timeout(original):
    from moto.stepfunctions.parser.api import HistoryEventType, TaskTimedOutEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
    from moto.stepfunctions.parser.asl.eval.callback.callback import HeartbeatTimeoutError
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    def from_error(self, env, ex):
        if not isinstance(ex, HeartbeatTimeoutError):
            return original(self, env, ex)
        details = TaskTimedOutEventDetails(
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
            error="States.HeartbeatTimeout",
        )
        return FailureEvent(
            env=env,
            error_name=named_error("States.HeartbeatTimeout"),
            event_type=HistoryEventType.TaskTimedOut,
            event_details=EventDetails(taskTimedOutEventDetails=details),
        )

    return from_error


def _forget_threads() -> None:
    """moto keeps every thread it ever started in a list, and with it everything the thread held."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import inline_iteration_component
    from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branch_worker

    class Nothing(list):
        def append(self, _):
            pass

    for module in (inline_iteration_component, branch_worker):
        module.TMP_THREADS = Nothing()
