"""States of several runs and the lock store, what may happen in each, and which of them behave alike from there on.

A pause needs no event: a run that is not chosen while others are is paused, for as long as they like. A crash is a
pause without end. What needs one, and is counted as a fault:

* *no answer yet*: the run gets none, the request is carried out at any later time, or never. Carried out at once it is
  a lost answer, never it is a lost request, and long after it is a late one.
* *duplicated*: a copy is on its way beside the request, and is carried out before it, after it or never. Carried out
  before, the run hears the answer to the second one, as behind a proxy that repeats requests. Only the creation of a
  fence is not carried out once more after it was answered.

A request counts as sent at the instant it is carried out or given up, if it was not duplicated before: later than that
it cannot have been, and the later it was, the longer the run may write.

What runs write is in the model too (unless it is left out to keep it small): a write is sent while the run may write,
and is carried out at any later time, or never, whatever has become of the run by then.

Clocks: *true* ones; *set* ones, where the server's clock is set forward or back while it is stamped with; or *no*
clocks at all, where a contender may find any lock stale or alive, a run believes for ever that it may write, and every
condition on a date holds or not, as it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from _shared.lock_protocol import Numbers

from .lock_world import (
    STAMPS,
    Document,
    Heard,
    Operation,
    Progress,
    Request,
    Store,
    advance,
    carry_out,
    later,
    moved,
    writable,
)

Token = tuple[int, int]
NO_TOKEN: Token = (-1_000_000_000, 0)
#: Stands for "there is no such time" among ages.
NEVER = -9999
#: The last stamp of a tick that has none yet, once the clock was set.
STEPPED = 499
#: Added to what may be negative.
BASE = 1000
#: So far from that of the lock, one generation is like another.
FURTHEST = 4
#: By a clock that shows this, every lock is stale.
FAR = 100_000
#: These change nothing, so late ones are of no interest.
READING = ("read", "list", "recall")


class Broken(AssertionError):
    """A rule does not hold."""


class Settings(NamedTuple):
    """What is in the model besides the lock."""

    #: What runs write: nothing, without a fence (as once), or behind it.
    writes: str = ""
    #: Whether there are any clocks that can be believed.
    clocks: bool = True
    #: By how many ticks the server's clock may be set, and how often.
    steps: tuple[int, ...] = ()
    #: Whether runs show signs of life.
    beats: bool = True
    #: Whether runs give the lock back.
    releases: bool = True
    #: Whether the creation of a fence may be carried out once more after it was answered.
    copies_fences: bool = False


class Run(NamedTuple):
    """One run. It is over when it does nothing and holds nothing."""

    name: str
    operation: Operation | None
    progress: Progress
    #: When the request that is waited for was duplicated, at the latest then it was sent.
    copied: int | None = None
    #: Requests that are still on their way and whose answers nobody waits for.
    late: tuple[Request, ...] = ()
    #: Which of all times that somebody got the lock its own is.
    order: int = 0

    @property
    def over(self) -> bool:
        return self.operation is None and self.progress.held is None


class State(NamedTuple):
    """Everything there is; runs and the store by their numbers in the model."""

    store: int
    #: The last stamp that the server gave in this tick. Each write has one of its own: between two writes lies a
    #: round trip wherever it matters, and that takes more than a millisecond.
    last: int
    runs: tuple[int, ...]
    #: How many more may happen.
    faults: int
    #: How often the server's clock may still be set.
    steps: int = 0
    #: The highest token that any run could ever write with, while some run holds a lower one.
    token: Token = NO_TOKEN
    #: The newest owner of which a write was carried out.
    wrote: int = 0


class Move(NamedTuple):
    """What one run does, or what becomes of a request of it."""

    label: str
    run: int
    store: int
    last: int
    faults: int
    #: Whose write was carried out.
    wrote: int = 0


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

    def stepped(self, number: int, ticks: int) -> int:
        """The number of the same value, when the server's clock was set forward."""
        return self.number(moved(self.values[number], ticks, STAMPS))


class Model:
    """What may happen to runs that share one lock."""

    def __init__(self, numbers: Numbers, settings: Settings = Settings()) -> None:  # noqa: B008 - immutable
        self.numbers = numbers
        self.settings = settings
        #: By other clocks two runs may well believe that they may write. What counts then is what is carried out.
        self._by_lease = settings.clocks and not settings.steps
        self.runs: Table[Run] = Table()
        self.stores: Table[Store] = Table()
        self._moves: dict[tuple[int, int, int, bool], tuple[Move, ...]] = {}
        #: By what of a state is the same for all runs in it, and by run.
        self._codes: dict[tuple[int, bool, int], dict[int, tuple[int, bool, Token]]] = {}
        self._store_codes: dict[tuple[int, bool, int], object] = {}
        self._tokens: dict[int, tuple[Token, bool]] = {}
        self._ranks: dict[tuple[Token, ...], tuple[int, ...]] = {}
        self._late: dict[int, dict[int, tuple[tuple[str, Request], ...]]] = {}
        self._advanced: dict[Operation, Progress] = {}
        #: By how many ticks the clock of the state that is looked at can still be set back.
        self._back = 0

    def start(self, names: str, faults: int, store: Store = Store()) -> State:  # noqa: B008 - immutable
        """Runs that are about to try for the lock."""
        runs = tuple(self.runs.number(self._begun(Run(name, None, Progress(None, None)), "acquire")) for name in names)
        return State(self.stores.number(store), -1, runs, faults, 1 if self.settings.steps else 0)

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        """Everything that may happen next."""
        for index, run in enumerate(state.runs):
            for move in self._moves_of(run, state.store, state.last, state.faults > 0):
                runs = (*state.runs[:index], move.run, *state.runs[index + 1 :])
                # A write that comes after one of a newer owner stays remembered as that.
                wrote = state.wrote if not move.wrote else -1 if move.wrote < state.wrote else move.wrote
                faults = state.faults - move.faults
                yield move.label, State(move.store, move.last, runs, faults, state.steps, state.token, wrote)
        for ticks in self.settings.steps if state.steps else ():
            store = self.stores.stepped(state.store, ticks)
            runs = tuple(self.runs.stepped(run, ticks) for run in state.runs)
            label = f"the server's clock is set by {ticks} s"
            yield label, state._replace(store=store, runs=runs, last=STEPPED, steps=state.steps - 1)
        if self.settings.clocks:
            yield "a second passes", self._later(state)

    def _later(self, state: State) -> State:
        token = NO_TOKEN if state.token == NO_TOKEN else (state.token[0] - 1000, state.token[1])
        runs = tuple(self.runs.later(run) for run in state.runs)
        # After the clock was set, nothing gets a stamp that something had before.
        last = STEPPED if self.settings.steps and not state.steps else -1
        return State(self.stores.later(state.store), last, runs, state.faults, state.steps, token, state.wrote)

    def checked(self, state: State) -> State:
        """The state with its highest token brought up to date. Raises `Broken` when a run may write that must not, or
        a write was carried out that must not be."""
        if state.wrote < 0:
            raise Broken("a write is carried out after one of a newer owner")
        if not self._by_lease:
            return state
        known = self._tokens
        tokens = [known.get(run) or self._token(run) for run in state.runs]
        writing = [index for index, (_, writes) in enumerate(tokens) if writes]
        highest = state.token
        if not writing and highest is NO_TOKEN:
            return state
        if len(writing) > 1:
            names = (self.runs.values[state.runs[index]].name for index in writing)
            raise Broken(f"{' and '.join(names)} may both write")
        for index in writing:
            if tokens[index][0] < highest:
                name = self.runs.values[state.runs[index]].name
                raise Broken(f"{name} may write after a run with a newer token")
            highest = tokens[index][0]
        # Tokens to come are newer than all there are: a highest one that nobody is below need not be remembered.
        needed = any(NO_TOKEN < token < highest for token, _ in tokens)
        return state._replace(token=highest if needed else NO_TOKEN)

    def alike(self, state: State) -> int:
        """States with the same number behave alike from here on. Without writes the names of the runs do not count.

        (The number is a hash of 64 bits: that two of a million states share one by chance has a likelihood of 1e-7. The
        hashes of -1 and -2 are the same one, so nothing in it may be both.)
        """
        self._back = max(0, -min(self.settings.steps)) if state.steps else 0
        store, faults = state.store, state.faults > 0
        known = self._codes.setdefault((store, faults, self._back), {})
        views = [known.get(run) or self._viewed(run, store, faults) for run in state.runs]
        codes, acquiring, own = zip(*views, strict=True)
        highest = 0
        if self._by_lease:
            highest, *ranks = self._ranked((state.token, *own))
            codes = tuple(map(hash, zip(codes, ranks, strict=True)))
        if not self.settings.writes:
            codes = tuple(sorted(codes))
        # Whether anybody will check the age of the lock any more.
        stored = self._code_of_store(store, True in acquiring)
        return hash((stored, codes, state.faults, state.steps, highest, self._orders(state)))

    def _ranked(self, tokens: tuple[Token, ...]) -> tuple[int, ...]:
        """Of each token, how many lower ones there are."""
        found = self._ranks.get(tokens)
        if found is None:
            order = sorted({*tokens})
            found = self._ranks[tokens] = tuple(order.index(token) for token in tokens)
        return found

    def _orders(self, state: State) -> tuple[int, ...]:
        """Who got the lock after whom, as far as it can matter for what is written."""
        if not self.settings.writes:
            return ()
        store = self.stores.values[state.store]
        runs = [self.runs.values[run] for run in state.runs]
        orders = [run.order if run.progress.held or self._is_writing(run, store) else 0 for run in runs]
        orders.append(0 if store.lock is None else store.lock.order)
        ranks = sorted({*orders} - {0})
        # Of what was written only counts who of those that are left has got the lock before it, or has written it.
        wrote = (sum(each < state.wrote for each in ranks), state.wrote in ranks)
        return (*wrote, *(ranks.index(each) + 1 if each else 0 for each in orders))

    def writing(self, state: State) -> list[str]:
        """The runs that may write."""
        return [self.runs.values[run].name for run in state.runs if self._token(run)[1]]

    def crashed(self, state: State) -> tuple[Store, tuple[tuple[str, Request], ...]]:
        """What is left when every run crashes now: the store, and requests that may still be carried out."""
        known = self._late.setdefault(state.store, {})
        late: tuple[tuple[str, Request], ...] = ()
        for run in state.runs:
            found = known.get(run)
            late += self._late_of(run, state.store) if found is None else found
        return self.stores.values[state.store], late

    def _late_of(self, number: int, stored: int) -> tuple[tuple[str, Request], ...]:
        run, store = self.runs.values[number], self.stores.values[stored]
        acting = (each for each in run.late if each.verb != "write" and not each.fence)
        found = self._late[stored][number] = tuple((run.name, each) for each in acting if self.can_act(each, store))
        return found

    def can_act(self, request: Request, store: Store) -> bool:
        """Whether a request can still change anything: not when it compares with a stamp that was overtaken for good,
        and not when it needs a fence that is gone for good."""
        if request.verb == "write":
            return not request.fence or self.settings.copies_fences or request.fence in store.fences
        if request.fence:
            return request.verb == "create" or self.settings.copies_fences or request.fence in store.fences
        if request.unless is None or self.settings.steps or not self.settings.clocks:
            return True
        return store.lock is not None and store.lock.updated <= request.unless

    def _token(self, number: int) -> tuple[Token, bool]:
        """The token of a run and whether it may write. One that is giving the lock back has ended its work before."""
        found = self._tokens.get(number)
        if found is None:
            run = self.runs.values[number]
            held = run.progress.held
            if held is None or _is_acquiring(run):
                found = (NO_TOKEN, False)
            else:
                found = ((held.created, held.generation), self._may_write(run))
            self._tokens[number] = found
        return found

    def _may_write(self, run: Run) -> bool:
        held = run.progress.held
        if held is None or (run.operation is not None and run.operation.doing not in ("beat", "open")):
            return False
        return held.lost is None if not self.settings.clocks else writable(self.numbers, run.name, held)

    def _moves_of(self, number: int, store: int, last: int, faults: bool) -> tuple[Move, ...]:
        found = self._moves.get((number, store, last, faults))
        if found is None:
            found = tuple(self._work_out(self.runs.values[number], self.stores.values[store], last, faults))
            self._moves[number, store, last, faults] = found
        return found

    def _work_out(self, run: Run, store: Store, last: int, faults: bool) -> Iterator[Move]:
        yield from self._arriving(run, store, last)
        # A run between operations may begin one at any time, which nobody sees before its first request.
        begun = [run] if run.operation is not None else [self._begun(run, doing) for doing in self._choices(run)]
        for each in begun:
            yield from self._asking(each, store, last)
            yield from self._failing(each, store, last) if faults else ()
        if self._sends(run, store):
            assert run.progress.held is not None
            write = Request("write", fence=run.progress.held.fence if self.settings.writes == "fenced" else "")
            sent = run._replace(late=(*run.late, write))
            yield self._move(f"{run.name} sends a write", sent, store, last)

    def _choices(self, run: Run) -> tuple[str, ...]:
        held = run.progress.held
        if held is None:
            return ()
        opens = self.settings.writes == "fenced" and not held.is_open and self._may_write(run)
        chosen = {"beat": self.settings.beats, "release": self.settings.releases, "open": opens}
        return tuple(each for each, can_be in chosen.items() if can_be)

    def _sends(self, run: Run, store: Store) -> bool:
        """Whether it may send a write: a run has one under way at a time."""
        held = run.progress.held
        if not self.settings.writes or held is None or not self._may_write(run) or self._is_writing(run, store):
            return False
        return held.is_open or self.settings.writes == "plain"

    def _is_writing(self, run: Run, store: Store) -> bool:
        return any(each.verb == "write" and self.can_act(each, store) for each in run.late)

    def _arriving(self, run: Run, store: Store, last: int) -> Iterator[Move]:
        """What was on its way is carried out."""
        for index, request in enumerate(run.late):
            if not self.can_act(request, store):
                continue
            rest = run._replace(late=run.late[:index] + run.late[index + 1 :])
            if request.verb == "write":
                written = not request.fence or request.fence in store.fences
                yield self._move(f"the write of {run.name} is carried out", rest, store, last, 0, written * run.order)
            else:
                after = self._carried_out(store, run.name, request, last + 1)[-1][2]
                yield self._move(f"the late {request.verb} of {run.name} is carried out", rest, after, last + 1)

    def _carried_out(self, store: Store, name: str, request: Request, stamp: int) -> list[tuple[int, object, Store]]:
        """All that may come of it. Without clocks a condition holds or not, as it likes; the last is that it holds."""
        if self.settings.clocks or request.unless is None or store.lock is None:
            return [carry_out(store, name, request, stamp)]
        return [(409, None, store), carry_out(store, name, request, stamp, compares=False)]

    def _asking(self, run: Run, store: Store, last: int) -> Iterator[Move]:
        request, doing = _asked(run)
        times = (0,) if self.settings.clocks or (doing, request.verb) != ("acquire", "read") else (0, FAR)
        for status, answered, stored in self._carried_out(store, run.name, request, last + 1):
            for now in times:
                heard = self._heard(run, Heard(status, answered, now, run.copied or 0))  # type: ignore[arg-type]
                stamp = last if stored is store else last + 1
                about = f"{request.verb} {request.fence}".strip()
                label = f"{run.name}, to {doing}: {about} is answered {status}{' from afar' if now else ''}"
                yield self._move(label, heard, stored, stamp)

    def _failing(self, run: Run, store: Store, last: int) -> Iterator[Move]:
        request, doing = _asked(run)
        about = f"{request.verb} {request.fence}".strip()
        late = (*run.late, request) if request.verb not in READING else run.late
        nothing = self._heard(run, Heard(0, None, None, run.copied or 0))._replace(late=late)
        yield self._move(f"{run.name}, to {doing}: {about} gets no answer yet", nothing, store, last, 1)
        can_be_copied = self.settings.copies_fences or not (request.verb == "create" and request.fence)
        if request.verb not in READING and run.copied is None and can_be_copied:
            copied = run._replace(copied=0, late=late)
            yield self._move(f"{run.name}, to {doing}: {about} is duplicated", copied, store, last, 1)

    def _move(self, label: str, run: Run, store: Store, last: int, faults: int = 0, wrote: int = 0) -> Move:
        return Move(label, self.runs.number(run), self.stores.number(store), last, faults, wrote)

    def _heard(self, run: Run, heard: Heard) -> Run:
        assert run.operation is not None
        operation = run.operation._replace(heard=(*run.operation.heard, heard))
        lock = heard.document.lock if isinstance(heard.document, Store) else heard.document
        if isinstance(lock, Document) and lock.owner == run.name:
            # Also when a copy of its own takeover gave it the lock once more: it has written nothing before.
            run = run._replace(order=lock.order)
        return self._settled(run._replace(operation=operation, copied=None))

    def _begun(self, run: Run, doing: str) -> Run:
        """The run at the beginning of an operation."""
        return self._settled(run._replace(operation=Operation(run.name, doing, run.progress.held)))

    def _settled(self, run: Run) -> Run:
        """The run as far as it comes without another answer."""
        assert run.operation is not None
        progress = self._advanced.get(run.operation)
        if progress is None:
            progress = self._advanced[run.operation] = advance(self.numbers, run.operation)
        if progress.request is not None:
            return run._replace(progress=progress)
        held = None if run.operation.doing == "release" else progress.held
        between = run._replace(operation=None, progress=Progress(None, held))
        # A run that knows that its lock is lost releases nothing but its fence, and is over.
        return between if held is None or held.lost is None else self._begun(between, "release")

    def _code_of_store(self, number: int, is_wanted: bool) -> object:
        key = (number, is_wanted, self._back)
        if key not in self._store_codes:
            self._store_codes[key] = self._work_out_store(self.stores.values[number], is_wanted)
        return self._store_codes[key]

    def _work_out_store(self, store: Store, is_wanted: bool) -> tuple[object, ...]:
        fences = store.fences if self.settings.writes else ()
        if store.lock is None:
            return ("free", fences)
        if not is_wanted:
            return ("held", fences)
        acquired = store.lock.created if store.lock.acquired is None else store.lock.acquired
        updated = self._stamp_age(store.lock.updated, self.numbers.stale_after)
        return (updated, self._stamp_age(acquired, self.numbers.expiry), self._code_of_watch(store), fences)

    def _code_of_watch(self, store: Store) -> tuple[object, ...]:
        watch, lock = store.watch, store.lock
        if watch is None or lock is None or (watch.owner, watch.updated) != (lock.owner, lock.updated):
            return (watch is None,)
        return (self._stale_age(watch.clock),)

    def _viewed(self, number: int, store: int, faults: bool) -> tuple[int, bool, Token]:
        """A run as others see it: its code, whether it is acquiring, its token."""
        run = self.runs.values[number]
        code = hash(self._code_of_run(run, self.stores.values[store], faults))
        found = (code, _is_acquiring(run), self._token(number)[0])
        self._codes[store, faults, self._back][number] = found
        return found

    def _code_of_run(self, run: Run, store: Store, faults: bool) -> tuple[object, ...]:
        # Tuples of different forms are sorted, so by how they look.
        acting = [each for each in run.late if self.can_act(each, store)]
        late = tuple(sorted((self._code_of(each, run, store) for each in acting), key=repr))
        if run.operation is None:
            return (late, self._code_of_held(run, store))
        request, doing = _asked(run)
        begun, *seen = (*run.progress.times, None)[:2]
        acts = self.can_act(request, store)
        asked = self._code_of(request, run, store) if acts else (request.verb, request.fence)
        copied = (run.copied is None, self._lock_age(run.copied))
        place = (doing, run.progress.place, copied, late, asked, self._code_of_checked(run, store))
        mine = 0 if store.lock is None or store.lock.owner != run.name else min(store.lock.generation, 2)
        held = self._code_of_held(run, store)
        if doing != "acquire":
            return (place, mine > 0, held)
        # When acquiring began counts only if an answer was lost or can be.
        since = self._lock_age(begun) if faults or late or (mine and not held) else NEVER
        return (place, mine, held, since, self._lock_age(seen[0]) if seen and acts else NEVER)

    def _code_of_checked(self, run: Run, store: Store) -> tuple[object, ...]:
        checked = run.progress.checked
        if checked is None or not isinstance(checked.document, Document):
            return ()
        known = (checked.document.owner, checked.document.updated)
        same = store.lock is not None and known == (store.lock.owner, store.lock.updated)
        # Where the lock is another one by now, what comes of checking this one depends on what was noted of it.
        noted = store.watch is not None and known == (store.watch.owner, store.watch.updated)
        waited = self._stale_age(store.watch.clock) if noted and store.watch is not None else NEVER
        now = None if checked.server_now is None else checked.server_now * 1000
        return (same, noted, waited, self._stale_age(checked.sent), self._stamp_age(now, self.numbers.expiry))

    def _code_of(self, request: Request, run: Run, store: Store) -> tuple[object, ...]:
        if request.fence or request.verb == "write":
            return (request.verb, request.fence)
        if request.note is not None:
            lock = store.lock
            same = lock is not None and (request.note.owner, request.note.updated) == (lock.owner, lock.updated)
            return (request.verb, same, self._stale_age(request.note.clock) if same else NEVER)
        generation: object = request.generation
        if request.generation is not None and request.verb == "change":
            # A condition that holds for one document only says all about the generation.
            is_said = request.unless is not None and self._by_lease
            generation = is_said or self._code_of_generation(request.generation, run, store)
        unless: object = request.unless is not None
        if self.settings.steps and request.unless is not None:
            passes = store.lock is not None and store.lock.updated <= request.unless
            unless = (passes, self._stamp_age(request.unless, 0))
        return (request.verb, unless, self._stamp_age(request.acquired, self.numbers.expiry), generation)

    def _code_of_generation(self, generation: int, run: Run, store: Store) -> object:
        """What a run compares a generation with: that of the lock. Where conditions do not hold it by that, it is
        compared with those of its own changes that are on their way, and with that of a lock that it may still get."""
        stored = 0 if store.lock is None else store.lock.generation
        if self._by_lease:
            return BASE + generation - stored
        # A document that is created is another one by its date, so its generation is compared with none of these.
        own = {each.generation for each in run.late if each.verb == "change" and self.can_act(each, store)} - {None}
        if not own:
            return ()
        held, asked = run.progress.held, run.progress.request
        own |= {each.generation for each in (held, asked) if each is not None and each.generation is not None}
        beside: tuple[int, ...] = ()
        if _is_acquiring(run):
            # It may still get this lock, with the next generation, or one that is created after its end.
            beside = (max(-FURTHEST, min(generation - stored, FURTHEST)), min(generation, FURTHEST))
        elif held is not None and store.lock is not None:
            beside = (held.created == store.lock.created,)
        return (sorted(own).index(generation), beside)

    def _code_of_held(self, run: Run, store: Store) -> tuple[object, ...]:
        held = run.progress.held
        if held is None:
            return ()
        token = (held.created, held.generation)
        mine = store.lock is not None and store.lock.owner == run.name
        same = (mine, mine and store.lock is not None and token == (store.lock.created, store.lock.generation))
        newest = store.lock is not None and held.updated == store.lock.updated
        fence = (held.fence, held.is_open, held.sent_fences)
        if self.settings.steps:
            fence = (
                *fence,
                self._stamp_age(held.updated, 0),
                store.lock is not None and store.lock.updated <= held.updated,
            )
        times = (self._lock_age(held.since), self._stale_age(held.renewed), self._stale_age(held.unconfirmed))
        if not self._by_lease:
            fence = (*fence, self._code_of_generation(held.generation, run, store))
        releasing = run.operation is not None and run.operation.doing == "release"
        if releasing or times[0] > self.numbers.expiry:
            return (same, newest, held.lost is None, fence)
        return (same, newest, held.lost is None, fence, times)

    def _stamp_age(self, instant: int | None, limit: float) -> int:
        """The age of a stamp of the server. Above the limit it is of no interest, if the clock is not set back."""
        if instant is None or not self.settings.clocks:
            return NEVER
        return BASE + min(-(instant // 1000), int(limit) + 1 + self._back)

    def _stale_age(self, tick: int | None) -> int:
        return NEVER if tick is None or not self.settings.clocks else min(-tick, int(self.numbers.stale_after) + 1)

    def _lock_age(self, tick: int | None) -> int:
        return NEVER if tick is None or not self.settings.clocks else min(-tick, int(self.numbers.expiry) + 1)


def _is_acquiring(run: Run) -> bool:
    return run.operation is not None and run.operation.doing == "acquire"


def _asked(run: Run) -> tuple[Request, str]:
    assert run.operation is not None
    assert run.progress.request is not None
    return run.progress.request, run.operation.doing
