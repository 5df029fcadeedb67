"""What `health` and `recover` look with: the stack in its environment, what is watched of it, and an open target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from ..errors import IacError, ProviderError, StackError, StateError
from ..health.observations import StateLock
from ..health.observing import Eye, Place
from ..health.report import Report, judge, without_secrets
from ..health.shared import Rules, load_rules
from ..health.spans import read_span
from ..health.watch_file import Declared, read_watched
from ..health.watched import Watched
from ..loading.environment import load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.desired import Desired
from ..model.problem import Location, Problem
from ..provider import Reader
from ..redaction import shown
from .options import Options
from .target import Target
from .workspace import Workspace

#: Beside the stack file.
HEALTH = "health.yaml"


@dataclass(frozen=True)
class Scenery:
    """An environment, and what is watched in it."""

    workspace: Workspace
    watched: Watched
    rules: Rules | None
    #: What is not watched in this environment, and why.
    skipped: tuple[str, ...] = ()

    @classmethod
    def load(cls, options: Options, *, reading: bool = False) -> Scenery:
        """Read the user's files. Nothing is packed: what code would be deployed does not matter here. With `reading`
        the store of the state can only be read, too."""
        environment = load_environment(options.stack, options.env)
        desired = resolve(load_stack(options.stack), environment, options.root)
        workspace = Workspace(options, environment, desired, {}, reading)
        watched, rules = watched_of(options, desired), load_rules(desired)
        if environment.schedules:
            return cls(workspace, watched, rules)
        # Where nothing runs by itself, nothing is brought up to date.
        resting = watched.model_copy(update={"daily": (), "freshness": ()})
        return cls(workspace, resting, rules, ("data and daily runs: schedules are off in this environment",))

    @contextmanager
    def opened(self) -> Iterator[Target]:
        """The server to look at, for as long as the block lasts."""
        with self.workspace.target() as target:
            yield target

    def eye(self, target: Target, reader: Reader, window: timedelta | None = None) -> Eye:
        """Looks at the server through a connection."""
        place = Place(self.workspace.environment.name, target.endpoint, target.project)
        return Eye(reader, self.workspace.desired, self.watched, place, self.rules, window)

    def report(self, eye: Eye) -> Report:
        """One look, judged. What a log says goes into messages and to webhooks, so secrets are taken out of it."""
        seen = eye.look()
        lock, problems = self._state_lock()
        skipped = (*seen.skipped, *problems, *self.skipped)
        found = judge(replace(seen, state_lock=lock, skipped=skipped), self.watched, self.rules)
        return without_secrets(found, shown)

    def _state_lock(self) -> tuple[StateLock | None, tuple[str, ...]]:
        """Who holds it; a state that cannot be reached does not keep the project from being looked at."""
        try:
            holder = self.workspace.store.lock_holder()
        except (StateError, ProviderError) as error:
            return None, (f"the lock of the state: {error.message.partition(chr(10))[0]}",)
        return (StateLock(str(holder), holder.age, holder.expired) if holder else None), ()


def watched_of(options: Options, desired: Desired) -> Watched:
    """What `health.yaml` beside the stack file says; the defaults without one."""
    path = options.stack.parent / HEALTH
    if not path.exists():
        return Watched()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StackError([Problem(Location(str(path)), "", f"cannot be read: {error}")]) from None
    return read_watched(text, str(path), Declared.of(desired))


def window_of(since: str) -> timedelta | None:
    """How far back; None for the declared window. Raises IacError."""
    if not since:
        return None
    try:
        return read_span(since)
    except ValueError as error:
        raise IacError(f"--since: {error}.") from None
