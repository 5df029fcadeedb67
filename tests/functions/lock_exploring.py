"""Visits every state that can be reached, checks the rules in each, and shows the way that leads to a broken one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from .lock_states import Broken, Model, State
from .lock_world import Heard, Operation, Request, Store, advance, carry_out, later

#: One in so many states that were reached again is compared with the one it is taken to be like.
SAMPLE = 60


class Explored(NamedTuple):
    """How much was visited."""

    states: int
    moves: int
    #: States in which some run may write.
    writing: int
    #: States that were reached but not looked at: 0 when everything there is was visited.
    left: int
    #: The most seconds that anybody needs for the lock after its owner crashed.
    longest_wait: int
    #: Pairs of states that were taken to behave alike, and found to.
    compared: int


def explore(model: Model, first: State, limit: int = 10_000_000) -> Explored:
    """Breadth first, so that a story is the shortest one. Raises `Broken` with it."""
    rescue = Rescue(model)
    first = model.checked(first)
    index_of = {model.alike(first): 0}
    parents: list[tuple[int, str]] = [(-1, "")]
    queue: deque[State] = deque([first])
    known: dict[State, int] = {}
    after: list[int] = []
    again: list[State] = []
    moves = writing = longest_wait = 0
    while queue and len(parents) < limit:
        state = queue.popleft()
        writing += bool(model.writing(state))
        reached = set()
        for label, raw in model.moves(state):
            moves += 1
            if (mark := known.get(raw)) is not None:
                reached.add(mark)
                continue
            try:
                found = model.checked(raw)
                if model.settings.clocks:
                    longest_wait = max(longest_wait, rescue.within_bounds(*model.crashed(found)))
            except Broken as broken:
                raise Broken(f"{broken} after: {_story(parents, len(after), label)}") from None
            mark = model.alike(found)
            reached.add(mark)
            if mark not in index_of:
                index_of[mark] = len(parents)
                parents.append((len(after), label))
                queue.append(found)
            elif len(known) % SAMPLE == 0:
                again.append(found)
            known[raw] = mark
        after.append(hash(frozenset(reached)))
    if not queue:
        _compare(model, again, index_of, after)
    return Explored(len(parents), moves, writing, len(queue), longest_wait, len(again))


def _story(parents: list[tuple[int, str]], index: int, label: str) -> str:
    steps = [label]
    while index > 0:
        index, step = parents[index]
        steps.append(step)
    return " / ".join(reversed(steps))


def _compare(model: Model, again: list[State], index_of: dict[int, int], after: list[int]) -> None:
    """States taken to behave alike must lead to states that are taken to behave alike."""
    for state in again:
        reached = frozenset(model.alike(model.checked(found)) for _, found in model.moves(state))
        assert hash(reached) == after[index_of[model.alike(state)]], f"taken to be like another state: {state}"


Late = tuple[tuple[str, Request], ...]


class Rescue:
    """Every run crashes at once; somebody who tries each second must get the lock, whatever late requests do."""

    def __init__(self, model: Model) -> None:
        self._model, self._numbers = model, model.numbers
        self._known: dict[object, int] = {}
        self._bounded: dict[tuple[Store, Late], int] = {}

    def within_bounds(self, store: Store, late: Late) -> int:
        """As `_within_bounds`, which is worked out once for what is left behind by many states."""
        found = self._bounded.get((store, late))
        if found is None:
            found = self._bounded[store, late] = self._within_bounds(store, late)
        return found

    def _within_bounds(self, store: Store, late: Late) -> int:
        """The seconds that it takes at most. A late request can put the takeover off once, as a sign of life does.

        Where the server's clock was set back, the time counts from when somebody first sees the lock, and begins again
        when that clock has come to the last sign of life again: twice the time at most, and the second of its rounding.
        """
        found = self.wait(store, late)
        allowed = int(self._numbers.stale_after) + 1
        if self._model.settings.steps:
            allowed = 2 * allowed + 1
        allowed *= 1 + len(late)
        if found > allowed:
            raise Broken(f"nobody gets the lock of crashed runs within {allowed} s")
        return found

    def wait(self, store: Store, late: Late, depth: int = 0) -> int:
        mark = self._mark(store, late)
        if mark not in self._known:
            if depth > 50:
                return depth
            tries = list(self._tries(store, late))
            waits = [1 + self.wait(later(stored), later(rest), depth + 1) for taken, stored, rest in tries if not taken]
            self._known[mark] = max(waits, default=0)
        return self._known[mark]

    def _tries(self, store: Store, late: Late) -> Iterator[tuple[bool, Store, Late]]:
        """All ways in which one attempt within a second may go, with late requests carried out in between."""
        first = -1 if store.lock is None or self._model.settings.steps else max(-1, store.lock.updated)
        open_ends = [(Operation("contender", "acquire"), store, late, first)]
        while open_ends:
            operation, stored, rest, last = open_ends.pop()
            found = advance(self._numbers, operation)
            if found.request is None:
                yield found.held is not None, stored, rest
                continue
            for index, (name, request) in enumerate(rest):
                after = carry_out(stored, name, request, last + 1)[2]
                open_ends.append((operation, after, self._acting(rest[:index] + rest[index + 1 :], after), last + 1))
            status, answered, after = carry_out(stored, operation.name, found.request, last + 1)
            heard = (*operation.heard, Heard(status, answered, 0, 0))
            open_ends.append((operation._replace(heard=heard), after, self._acting(rest, after), last + 1))

    def _mark(self, store: Store, late: Late) -> object:
        """Attempts that meet the same go the same ways: for a contender only ages count."""
        document, watch = store.lock, store.watch

        def age(instant: int | None) -> int:
            return -9999 if instant is None else min(-(instant // 1000), int(self._numbers.expiry) + 1)

        requests = sorted(
            (each.verb, each.generation is None, age(each.acquired), age(each.unless), each.note is not None)
            for _, each in late
        )
        if document is None:
            return (None, tuple(requests))
        noted = watch is not None and (watch.owner, watch.updated) == (document.owner, document.updated)
        since = age(watch.clock * 1000) if noted and watch is not None else None
        return (age(document.updated), age(document.acquired or document.created), since, tuple(requests))

    def _acting(self, late: Late, store: Store) -> Late:
        return tuple((name, request) for name, request in late if self._model.can_act(request, store))
