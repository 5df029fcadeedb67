"""What most commands begin with: the checked stack, its environment, its state, and a connection to the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from ..loading.environment import Environment, load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.desired import Desired
from ..model.evidence import Answer, Question
from ..model.stack import Stack
from ..packaging import Bundle, pack_all, with_deployments
from ..planning import Plan, Wishes, build_plan
from ..provider import Reader
from ..provider.appwrite import AppwriteProvider, AppwriteReader, ReadingTransport, Transport
from ..refresh import refresh
from ..refresh.archives import Archives
from ..refresh.evidence import Counting
from ..state.binding import Binding, binding_of
from ..state.document import State
from ..state.store import StateStore
from .options import Options
from .stores import must_not_be_declared, open_store
from .target import Target, opened


@dataclass(frozen=True)
class Workspace:
    """One stack in one environment."""

    options: Options
    environment: Environment
    desired: Desired
    bundles: dict[str, Bundle]
    #: For commands that only look: state in Appwrite is read by a connection that cannot write.
    reading: bool = False

    @classmethod
    def load(cls, options: Options, *, reading: bool = False) -> Workspace:
        """Read and check the user's files. Raises StackError with everything that is wrong in them."""
        workspace = cls.of(options, load_stack(options.stack), load_environment(options.stack, options.env))
        return replace(workspace, reading=reading)

    @classmethod
    def of(cls, options: Options, stack: Stack, environment: Environment) -> Workspace:
        """Check a stack for an environment. Raises StackError with everything that is wrong in them."""
        checked = resolve(stack, environment, options.root)
        must_not_be_declared(checked, environment)
        bundles = pack_all(checked)
        return cls(options, environment, with_deployments(checked, bundles), bundles)

    @classmethod
    def without_stack(cls, options: Options) -> Workspace:
        """Environment and state alone, for what must work while the stack is broken."""
        return cls(options, load_environment(options.stack, options.env), Desired("", {}), {})

    @cached_property
    def store(self) -> StateStore:
        """Where the state is kept. State in the target's own Appwrite can be used while the target is open."""
        return open_store(self.environment, self.options, lambda: self._targets[-1], reading=self.reading)

    @property
    def place(self) -> Binding:
        """What a state that is used here belongs to. Without a stack, whichever it is does not matter."""
        return binding_of(self.environment.endpoint, self.environment.project, self.desired.name)

    def read_state(self) -> State:
        """The state, which says from now on what it belongs to. Raises RefusedError when that is something else."""
        state = self.store.read()
        state.bound.must_fit(self.place, self.store.where)
        return replace(state, bound=state.bound.filled(self.place))

    @cached_property
    def _targets(self) -> list[Target]:
        return []

    def archives(self, connection: Reader) -> Archives:
        """What is known of deployments' sources; kept in a cache that may be lost."""
        return Archives(connection, self.options.state_folder / "cache" / "archives.json")

    @contextmanager
    def target(self) -> Iterator[Target]:
        """The server to talk to, for as long as the block lasts."""
        with opened(self.environment, self.options) as target:
            self._targets.append(target)
            yield target


def reader(target: Target) -> AppwriteReader:
    """A connection that can only read: its transport has no way to send anything but GET."""
    return AppwriteReader(ReadingTransport(target.endpoint, target.project, target.key))


def provider(target: Target, parallelism: int = 8) -> AppwriteProvider:
    """A connection that can write."""
    return AppwriteProvider(Transport(target.endpoint, target.project, target.key, parallelism=parallelism))


def make_plan(
    workspace: Workspace,
    state: State,
    connection: Reader,
    wishes: Wishes = Wishes(),  # noqa: B008 - immutable
    shown: Mapping[Question, Answer] | None = None,
) -> Plan:
    """Refresh from live and compare. What was `shown` by a saved plan is not counted again."""
    archives = workspace.archives(connection)
    snapshot = refresh(connection, workspace.desired, state, archives)
    counting = Counting(connection, state, archives)
    return build_plan(workspace.environment.name, workspace.desired, state, snapshot, counting, wishes, shown)
