"""How far an execution has come, so that RedriveExecution can go on from there.

In: the evaluation of a program by moto's interpreter, state by state. Out: a `Progress` for the machine and, below it,
one for each branch and iteration that has begun; a later evaluation that is given a copy of it enters the state that
was under way with the input and variables it had, and passes by what has ended.

Why not the history, which has the same facts as text: it names neither branches nor variables, and GetExecutionHistory
may be told to leave the data out. A history is for people.

What the history says already stands, so it is not said again: a state that is resumed has no second Entered event, its
Parallel or Map no second Started. What comes next is chained to the last event its branch has written.

Can go wrong: the children of a distributed Map are executions of their own in AWS and are not kept here (`map_run`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(eq=False)
class Progress:
    """One program under evaluation: the machine's, a branch's, or an iteration's."""

    state: str | None = None  # the one it is in or, when not `entered`, the one it goes to next; None: not begun
    entered: bool = False
    input: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    output: Any = None
    parts: dict[int, Progress] = field(default_factory=dict)  # of the state's present attempt, by branch or item
    map_run: bool = False
    resuming: bool = False
    context: Any = None  # moto's EventHistoryContext: knows the last event of this program

    def enter(self, state: Any, env: Any) -> None:
        if self.state is None:  # the first; for every other one, leaving the state before has noted them
            self.input, self.variables = env.states.get_input(), dict(env.variable_store._inner_scope)
        self.state, self.entered = state.name, True
        self.parts, self.resuming, self.map_run = {}, False, _is_map_run(state)
        self.context = env.event_history_context

    def leave(self, env: Any) -> None:
        """The state has its output: the next one, or the end, is what a redrive would go on from."""
        if env.is_running():
            self.state, self.entered, self.input = env.next_state_name, False, env.states.get_input()
            self.variables = dict(env.variable_store._inner_scope)
        elif _has_ended(env):
            self.ended, self.output = True, env.states.get_input()
        else:
            return  # stopped in this very moment: the state counts as under way
        self.parts, self.resuming, self.map_run = {}, False, False

    def attempt(self) -> bool:
        """A Parallel or Map begins its branches. True when it goes on with those of the attempt before."""
        if self.resuming:
            self.resuming = False
            return True
        self.parts = {}
        return False

    def part(self, number: int) -> Progress:
        return self.parts.setdefault(number, Progress())

    def resumed(self) -> Progress:
        """A copy to go on from: a task that takes its time to notice the end may still write to the original."""
        parts = {number: part.resumed() for number, part in list(self.parts.items())}
        return replace(self, parts=parts, resuming=self.entered)

    def has_map_run(self) -> bool:
        return self.map_run or any(part.has_map_run() for part in self.parts.values())

    def restore(self, env: Any) -> None:
        """Put an environment where this program was."""
        env.states.reset(self.output if self.ended else self.input)
        env.variable_store._inner_scope.update(self.variables)
        if self.context is not None:
            env.event_history_context.source_event_id = self.context.source_event_id
            env.event_history_context.last_published_event_id = self.context.last_published_event_id


def install_progress() -> None:
    for fix in (
        _give_frames_their_programs,
        _begin_where_it_was,
        _follow_states,
        _go_on_with_branches,
        _go_on_with_iterations,
    ):
        fix()


def _is_map_run(state: Any) -> bool:
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
        DistributedIterationComponent,
    )

    return isinstance(getattr(state, "iteration_component", None), DistributedIterationComponent)


def _has_ended(env: Any) -> bool:
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded

    return isinstance(env._program_state, ProgramEnded)


def _give_frames_their_programs() -> None:
    """moto evaluates a state in frames of its program's environment; they share its progress."""
    from moto.stepfunctions.parser.asl.eval.environment import Environment

    original = Environment.as_inner_frame_of.__func__

    def frame_of(cls, env, variable_store, event_history_frame_cache=None):
        frame = original(cls, env, variable_store, event_history_frame_cache)
        frame.progress = env.progress
        return frame

    Environment.as_inner_frame_of = classmethod(frame_of)
    Environment.progress = None  # a machine's is set by who evaluates it


def _begin_where_it_was() -> None:
    """A program starts at StartAt, or where its progress says; one that has ended gives its output and does nothing.

    On the caller's thread: the machine's own time limit is kept by stepfunctions.py.
    """
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
    from moto.stepfunctions.parser.asl.component.program.program import Program

    def evaluate(self, env):
        progress = env.progress
        env.next_state_name = progress.state or self.start_at.start_at_name
        if progress.state is not None:
            progress.restore(env)
        if progress.ended:
            env.set_ended()
        else:
            EvalComponent.eval(self, env)

    Program.eval = evaluate


def _follow_states() -> None:
    from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
    from moto.stepfunctions.parser.asl.component.state.state import CommonStateField

    original = CommonStateField._eval_body

    def evaluate(self, env):
        if env.progress.resuming:
            env.event_history_context.stands = {self.state_entered_event_type}
            env.progress.context = env.event_history_context
        else:
            env.progress.enter(self, env)
        original(self, env)

    CommonStateField._eval_body = evaluate
    for kind in (CommonStateField, StateChoice):  # the two that say where a state goes, when it has its output
        kind._set_next = _noting_the_next(kind._set_next)


def _noting_the_next(set_next):
    def noted(self, env):
        set_next(self, env)
        env.progress.leave(env)

    return noted


def _go_on_with_branches() -> None:
    """A resumed Parallel evaluates each branch with the progress it had; a new attempt at it (Retry) begins anew."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import BranchWorker
    from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl import BranchesDecl
    from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import StateParallel

    declare, work, execute = BranchesDecl.__init__, BranchWorker.__init__, StateParallel._eval_execution

    def number_branches(self, programs):
        declare(self, programs)
        for number, program in enumerate(programs):
            program.branch_number = number

    def branch(self, branch_worker_comm, program, env):
        env.progress = env.progress.part(program.branch_number)
        work(self, branch_worker_comm, program, env)

    def evaluate(self, env):
        if env.progress.attempt():
            env.event_history_context.stands = {"ParallelStateStarted"}
        execute(self, env)

    BranchesDecl.__init__ = number_branches
    BranchWorker.__init__ = branch
    StateParallel._eval_execution = evaluate


def _go_on_with_iterations() -> None:
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
        distributed_item_processor_worker as processor,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iteration_worker import IterationWorker
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iterator import (
        distributed_iterator_worker as iterator,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap

    execute, iterate = StateMap._eval_execution, IterationWorker._eval_job

    def evaluate(self, env):
        if env.progress.attempt():
            env.event_history_context.stands = {"MapStateStarted"}
        execute(self, env)

    def iteration(self, env, job):
        env.progress = env.progress.part(job.job_index)
        if env.progress.ended:
            env.progress.restore(env)
            job.job_output = env.progress.output
            return
        if env.progress.state is not None:
            env.event_history_context.stands = {"MapIterationStarted"}
        iterate(self, env, job)

    StateMap._eval_execution = evaluate
    IterationWorker._eval_job = iteration
    for worker in (processor.DistributedItemProcessorWorker, iterator.DistributedIteratorWorker):
        worker._eval_job = _apart(worker._eval_job)


def _apart(evaluate_job):
    """A child of a Map Run keeps no progress that its parent would find."""

    def evaluate(self, env, job):
        env.progress = Progress()
        evaluate_job(self, env, job)

    return evaluate
