"""States of several runs and the lock store, what may happen in each, and which of them behave alike from there on.

A pause needs no event: a run that is not chosen while others are is paused, for as long as they like. A crash is a
pause without end. What needs one, and is counted as a fault:

* *no answer yet*: the run gets none, the request is carried out at any later time, or never. Carried out at once it is
  a lost answer, never it is a lost request, and long after it is a late one.
* *duplicated*: a copy is on its way beside the request, and is carried out before it, after it or never. Carried out
  before, the run hears the answer to the second one, as behind a proxy that repeats requests.

A request counts as sent at the moment it is carried out or given up, if it was not duplicated before: later than that
it cannot have been, and the later it was, the longer the run may write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from _shared.lock_protocol import Numbers

from .lock_world import Document, Heard, Operation, Progress, Request, advance, carry_out, later, writable

Fence = tuple[int, int]
NO_FENCE: Fence = (-1_000_000_000, 0)
#: Stands for "there is no such time" among ages.
NEVER = -9


class Broken(AssertionError):
    """A rule does not hold."""


class Run(NamedTuple):
    """One run. It is over when it does nothing and holds nothing."""

    name: str
    operation: Operation | None
    progress: Progress
    #: When the request that is waited for was duplicated, at the latest then it was sent.
    copied: int | None = None
    #: Requests that are still on their way and whose answers nobody waits for.
    late: tuple[Request, ...] = ()

    @property
    def over(self) -> bool:
        return self.operation is None and self.progress.held is None


class State(NamedTuple):
    """Everything there is; runs and the document by their numbers in the model."""

    document: int
    #: The last stamp that the server gave in this tick. Each write has one of its own: between two writes lies a
    #: round trip wherever it matters, and that takes more than a millisecond.
    last: int
    runs: tuple[int, ...]
    #: How many more may happen.
    faults: int
    #: The highest fence that any run could ever write with, while some run holds a lower one.
    fence: Fence = NO_FENCE


class Move(NamedTuple):
    """What one run does, or what becomes of a request of it."""

    label: str
    run: int
    document: int
    last: int
    faults: int


Value = TypeVar("Value")


class Table(Generic[Value]):
    """Values known by number, so that what was worked out for one of them is found without comparing it again."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._numbers: dict[Value, int] = {}
        self._later: dict[int, int] = {}

    def number(self, value: Value) -> int:
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
        return found

    def later(self, number: int) -> int:
        """The number of the same value, one tick later."""
        found = self._later.get(number)
        if found is None:
            found = self._later[number] = self.number(later(self.values[number]))
        return found


class Model:
    """What may happen to runs that share one lock."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.runs: Table[Run] = Table()
        self.documents: Table[Document | None] = Table()
        self._moves: dict[tuple[int, int, int, bool], tuple[Move, ...]] = {}
        self._codes: dict[tuple[int, int, bool], int] = {}
        self._fences: dict[int, tuple[Fence, bool]] = {}

    def start(self, names: str, faults: int, document: Document | None = None) -> State:
        """Runs that are about to try for the lock."""
        runs = tuple(self.runs.number(self._moved(Run(name, None, Progress(None, None)), "acquire")) for name in names)
        return State(self.documents.number(document), -1, runs, faults)

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        """Everything that may happen next."""
        document, last, runs, faults, fence = state
        for index, run in enumerate(runs):
            for move in self._moves_of(run, document, last, faults > 0):
                moved = (*runs[:index], move.run, *runs[index + 1 :])
                yield move.label, State(move.document, move.last, moved, faults - move.faults, fence)
        fence = NO_FENCE if fence == NO_FENCE else (fence[0] - 1000, fence[1])
        later_runs = tuple(self.runs.later(run) for run in runs)
        yield "a second passes", State(self.documents.later(document), -1, later_runs, faults, fence)

    def checked(self, state: State) -> State:
        """The state with its highest fence brought up to date. Raises `Broken` when a run may write that must not."""
        fences = [self._fence(run) for run in state.runs]
        writing = [index for index, (_, writes) in enumerate(fences) if writes]
        highest = state.fence
        if not writing and highest is NO_FENCE:
            return state
        if len(writing) > 1:
            raise Broken(
                f"{' and '.join(self.runs.values[state.runs[index]].name for index in writing)} may both write"
            )
        for index in writing:
            if fences[index][0] < highest:
                raise Broken(f"{self.runs.values[state.runs[index]].name} may write after a run with a newer fence")
            highest = fences[index][0]
        # Fences to come are newer than all there are: a highest one that nobody is below need not be remembered.
        needed = any(NO_FENCE < fence < highest for fence, _ in fences)
        return state._replace(fence=highest if needed else NO_FENCE)

    def alike(self, state: State) -> int:
        """States with the same number behave alike from here on. The names of the runs do not count.

        (The number is a hash of 64 bits: that two of a million states share one by chance has a likelihood of 1e-7.)
        """
        document, _, runs, faults, highest = state
        codes = [self._code(run, document, faults > 0) for run in runs]
        fences = [self._fence(run)[0] for run in runs]
        order = sorted({highest, *fences})
        ranked = sorted([(code, order.index(fence)) for code, fence in zip(codes, fences, strict=True)])
        stored = self._code_of_document(document, runs)
        return hash((stored, tuple(ranked), faults, order.index(highest)))

    def writing(self, state: State) -> list[str]:
        """The runs that may write."""
        return [self.runs.values[run].name for run in state.runs if self._fence(run)[1]]

    def crashed(self, state: State) -> tuple[Document | None, tuple[tuple[str, Request], ...]]:
        """What is left when every run crashes now: the document, and requests that may still be carried out."""
        document = self.documents.values[state.document]
        runs = (self.runs.values[run] for run in state.runs)
        return document, tuple((run.name, each) for run in runs for each in run.late if can_act(each, document))

    def _fence(self, number: int) -> tuple[Fence, bool]:
        """The fence of a run and whether it may write. One that is giving the lock back has ended its work before."""
        found = self._fences.get(number)
        if found is None:
            run = self.runs.values[number]
            held = run.progress.held
            if held is None:
                found = (NO_FENCE, False)
            else:
                working = run.operation is None or run.operation.doing == "beat"
                found = ((held.created, held.generation), working and writable(self.numbers, run.name, held))
            self._fences[number] = found
        return found

    def _moves_of(self, number: int, document: int, last: int, faults: bool) -> tuple[Move, ...]:
        found = self._moves.get((number, document, last, faults))
        if found is None:
            found = tuple(self._work_out(self.runs.values[number], self.documents.values[document], last, faults))
            self._moves[number, document, last, faults] = found
        return found

    def _work_out(self, run: Run, document: Document | None, last: int, faults: bool) -> Iterator[Move]:
        for index, request in enumerate(run.late):
            if can_act(request, document):
                rest = run._replace(late=run.late[:index] + run.late[index + 1 :])
                label = f"the late {request.verb} of {run.name} is carried out"
                yield self._move(label, rest, carry_out(document, run.name, request, last + 1)[2], last + 1)
        # A run between operations may begin one at any time, which nobody sees before its first request.
        begun = [run] if run.operation is not None else [self._moved(run, doing) for doing in ("beat", "release")]
        for each in begun if not run.over else ():
            yield from self._asking(each, document, last)
            yield from self._failing(each, document, last) if faults else ()

    def _asking(self, run: Run, document: Document | None, last: int) -> Iterator[Move]:
        request, doing = _asked(run)
        status, answered, stored = carry_out(document, run.name, request, last + 1)
        heard = self._heard(run, Heard(status, answered, 0, run.copied or 0))
        stamp = last if stored is document else last + 1
        yield self._move(f"{run.name}, to {doing}: {request.verb} is answered {status}", heard, stored, stamp)

    def _failing(self, run: Run, document: Document | None, last: int) -> Iterator[Move]:
        request, doing = _asked(run)
        late = (*run.late, request) if request.verb != "read" else run.late
        nothing = self._heard(run, Heard(0, None, None, run.copied or 0))._replace(late=late)
        yield self._move(f"{run.name}, to {doing}: {request.verb} gets no answer yet", nothing, document, last, 1)
        if request.verb != "read" and run.copied is None:
            copied = run._replace(copied=0, late=late)
            yield self._move(f"{run.name}, to {doing}: {request.verb} is duplicated", copied, document, last, 1)

    def _move(self, label: str, run: Run, document: Document | None, last: int, faults: int = 0) -> Move:
        return Move(label, self.runs.number(run), self.documents.number(document), last, faults)

    def _heard(self, run: Run, heard: Heard) -> Run:
        assert run.operation is not None
        operation = run.operation._replace(heard=(*run.operation.heard, heard))
        return self._settled(run._replace(operation=operation, copied=None))

    def _moved(self, run: Run, doing: str) -> Run:
        """The run at the beginning of an operation."""
        return self._settled(run._replace(operation=Operation(run.name, doing, run.progress.held)))

    def _settled(self, run: Run) -> Run:
        """The run as far as it comes without another answer."""
        assert run.operation is not None
        progress = advance(self.numbers, run.operation)
        if progress.request is not None:
            return run._replace(progress=progress)
        held = None if run.operation.doing == "release" else progress.held
        between = run._replace(operation=None, progress=Progress(None, held))
        # A run that knows that its lock is lost releases nothing and is over.
        return between if held is None or held.lost is None else self._moved(between, "release")

    def _code_of_document(self, number: int, runs: tuple[int, ...]) -> tuple[int, ...]:
        document = self.documents.values[number]
        if document is None:
            return ()
        if not any(self._acquires(run) for run in runs):
            # Nobody will judge its age any more.
            return (1,)
        acquired = document.created if document.acquired is None else document.acquired
        return (self._stale_age(document.updated // 1000), self._lock_age(acquired // 1000))

    def _acquires(self, number: int) -> bool:
        operation = self.runs.values[number].operation
        return operation is not None and operation.doing == "acquire"

    def _code(self, number: int, document: int, faults: bool) -> int:
        found = self._codes.get((number, document, faults))
        if found is None:
            code = self._code_of_run(self.runs.values[number], self.documents.values[document], faults)
            found = self._codes[number, document, faults] = hash(code)
        return found

    def _code_of_run(self, run: Run, document: Document | None, faults: bool) -> tuple[object, ...]:
        late = tuple(sorted(self._code_of(each, document) for each in run.late if can_act(each, document)))
        if run.operation is None:
            return (late, self._code_of_held(run, document))
        request, doing = _asked(run)
        begun, *seen = (*run.progress.times, None)[:2]
        asked = self._code_of(request, document) if can_act(request, document) else (request.verb,)
        place = (doing, run.progress.place, self._lock_age(run.copied), late, asked)
        if doing != "acquire":
            return (place, self._code_of_held(run, document))
        mine = document is not None and document.owner == run.name
        # When acquiring began counts only if an answer was lost or can be.
        since = self._lock_age(begun) if faults or late or mine else NEVER
        return (place, mine, since, self._lock_age(seen[0]) if seen and can_act(request, document) else NEVER)

    def _code_of(self, request: Request, document: Document | None) -> tuple[object, ...]:
        acquired = NEVER if request.acquired is None else self._lock_age(request.acquired // 1000)
        generation = (request.generation or 0) - (0 if document is None else document.generation)
        compared = request.unless is not None
        return (request.verb, compared, acquired, request.generation is None or (compared or generation))

    def _code_of_held(self, run: Run, document: Document | None) -> tuple[object, ...]:
        held = run.progress.held
        if held is None:
            return ()
        fence = (held.created, held.generation)
        mine = document is not None and document.owner == run.name
        same = (mine, mine and document is not None and fence == (document.created, document.generation))
        newest = document is not None and held.updated == document.updated
        times = (self._lock_age(held.since), self._stale_age(held.renewed), self._stale_age(held.unconfirmed))
        releasing = run.operation is not None and run.operation.doing == "release"
        if releasing or times[0] > self.numbers.expiry:
            return (same, newest, held.lost is None)
        return (same, newest, held.lost is None, times)

    def _stale_age(self, tick: int | None) -> int:
        return NEVER if tick is None else min(-tick, int(self.numbers.stale_after) + 1)

    def _lock_age(self, tick: int | None) -> int:
        return NEVER if tick is None else min(-tick, int(self.numbers.expiry) + 1)


def can_act(request: Request, document: Document | None) -> bool:
    """Whether a request can still change anything: not when it compares with a stamp that was overtaken for good."""
    return request.unless is None or (document is not None and document.updated <= request.unless)


def _asked(run: Run) -> tuple[Request, str]:
    assert run.operation is not None
    assert run.progress.request is not None
    return run.progress.request, run.operation.doing
