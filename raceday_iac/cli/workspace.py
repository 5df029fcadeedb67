"""What most commands begin with: the checked stack, its environment, its state, and a connection to the target. And
what they end with: an answer for people or machines, and files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import files
from ..errors import NOTHING_CHANGED, IacError, RefusedError, StackError
from ..loading.environment import Environment, load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..loading.yaml_file import read_yaml_text
from ..model.address import Address, database_address
from ..model.evidence import Answer, Question
from ..model.resource import Desired, Diagnostic
from ..model.secret import Lenient, Secret, know_credentials
from ..model.stack import Stack
from ..packaging import Bundle, pack_all, with_deployments
from ..packaging.bundle import SHARED
from ..planning import Plan, PlanOptions, build_plan
from ..provider import Reader
from ..provider.appwrite import AppwriteProvider, AppwriteReader, ReadingTransport, Transport
from ..refresh import refresh
from ..refresh.deployments import Archives
from ..refresh.snapshot import Counting
from ..render.lines import Line, print_json, print_lines
from ..state.backends import Access, open_backend, open_files
from ..state.document import Binding, Revision, State, binding_of, new_state
from ..state.encryption import cipher_of
from ..state.store import StateStore
from ..waiting import WAITS
from .options import Options

if TYPE_CHECKING:
    from ..backup.storage import Backups
    from ..devserver.ages import Age
    from ..linting.findings import Acceptance

#: Beside the stack file.
POLICIES = "policies.yaml"


@dataclass(frozen=True)
class Workspace:
    """One stack in one environment."""

    options: Options
    environment: Environment
    desired: Desired
    bundles: dict[Address, Bundle]
    #: For commands that only look: state in Appwrite is read by a connection that cannot write.
    reading: bool = False
    #: The commit that the stack was read from, where that is not what is checked out.
    commit: str = ""

    @classmethod
    def load(cls, options: Options, *, reading: bool = False, sending: bool = True) -> Workspace:
        """Read and check the user's files. Raises StackError with everything that is wrong in them. Without `sending`,
        values of secrets may be missing."""
        stack, environment = load_stack(options.stack), load_environment(options.stack, options.env)
        workspace = cls.of(options, stack, environment, os.environ if sending else Lenient(os.environ))
        return replace(workspace, reading=reading)

    @classmethod
    def of(
        cls,
        options: Options,
        stack: Stack,
        environment: Environment,
        variables: Mapping[str, str] = os.environ,
        root: Path | None = None,
    ) -> Workspace:
        """Check a stack for an environment. Paths of code are relative to `root`, if not to the project's. Raises
        StackError with everything that is wrong in them."""
        checked = resolve(stack, environment, root or options.root, variables)
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

    @cached_property
    def backups(self) -> Backups:
        """The backups of the environment, beside its state."""
        # Slow to import, and a plan does not need it.
        from ..backup.storage import Backups

        settings = self.environment.state
        access = Access(self.environment.name, self.options.state_folder, _no_target, self.reading)
        return Backups(open_files(settings, access), cipher_of(settings.encryption))

    @property
    def revision(self) -> Revision:
        """What an apply of it is noted as. It asks git."""
        from .commits import checked_out

        if self.commit:
            return Revision(self.commit)
        code = [each.folder for each in self.desired.code.values()]
        shared = {each.parent / SHARED for each in code}
        migrations = {(self.options.root / each.file).parent for each in self.desired.migrations.values()}
        return checked_out(self.options.root, [self.options.stack.parent, *code, *shared, *migrations])

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
    plan_options: PlanOptions = PlanOptions(),  # noqa: B008 - immutable
    shown: Mapping[Question, Answer] | None = None,
    *,
    every_kind: bool = False,
) -> Plan:
    """Refresh from live and compare. What was `shown` by a saved plan is not counted again. With `every_kind`, what is
    unmanaged is also looked for among kinds of which the stack declares nothing."""
    archives = workspace.archives(connection)
    snapshot = refresh(connection, workspace.desired, state, archives, every_kind=every_kind)
    counting = Counting(connection, state, archives, plan_options.look_at)
    return build_plan(workspace.environment.name, workspace.desired, state, snapshot, counting, plan_options, shown)


# Files that a user names to be read.


def read_text(file: Path, called: str) -> str:
    """Raises IacError, with the file as it is `called`, when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(called, error) from None


def unreadable(called: str, error: OSError | UnicodeDecodeError) -> IacError:
    """The error for it, in words."""
    reason = error.strerror if isinstance(error, OSError) else "it is not text"
    return IacError(f"{called} cannot be read: {reason}.", unchanged=True)


# Opens the place where an environment's state is kept. Keys are read here from the variables that the file names.


@contextmanager
def opened_store(options: Options) -> Iterator[StateStore]:
    """The store of an environment, for commands that need neither a stack nor (if they can help it) a server."""
    environment = load_environment(options.stack, options.env)
    if environment.state.is_in_target:
        with opened(environment, options) as target:
            yield open_store(environment, options, lambda: target)
    else:
        yield open_store(environment, options, _no_target)


def open_store(
    environment: Environment, options: Options, target: Callable[[], Target], *, reading: bool = False
) -> StateStore:
    """The store that the environment asks for. `target` is called when state is first read from the target itself.
    With `reading`, state that is kept elsewhere cannot be written."""
    access = Access(environment.name, options.state_folder, target, reading)
    return open_backend(environment.state, access)


def reset_state(environment: Environment, options: Options) -> None:
    """The target's data is gone: so is what a state outside of it describes."""
    if environment.state.is_in_target or not environment.state.is_shared:
        return
    with opened_store(options) as store, store.locked("server reset"):
        newest = next(iter(store.history()), None)
        if newest is not None:
            store.write(replace(new_state(), serial=newest.serial + 1))


def must_not_be_declared(desired: Desired, environment: Environment) -> None:
    """Raises StackError when the stack declares the database that the state itself is kept in."""
    message = f"the state of environment {environment.name!r} is kept in this database; give it one of its own"
    found = [desired.resources.get(database_address(each)) for each in environment.state.databases_in_target]
    problems = [Diagnostic(each.location, str(each.address), message) for each in found if each is not None]
    if problems:
        raise StackError(problems)


def _no_target() -> Target:
    raise AssertionError("this state is not kept in the target")


# Where an environment's Appwrite is. The embedded server is found or started here; nobody else knows of it.


@dataclass(frozen=True)
class Target:
    """An Appwrite project to talk to."""

    endpoint: str
    project: str
    key: Secret

    def __post_init__(self) -> None:
        know_credentials(self.endpoint)


def server_folder(options: Options) -> Path:
    """Where the embedded server of an environment keeps its data."""
    return options.state_folder / "server"


def must_run_here() -> None:
    """Raises IacError where the embedded server cannot run: it ends the functions that it runs as POSIX groups."""
    if not hasattr(os, "killpg"):
        raise IacError(
            "The embedded server needs Linux or macOS.",
            hint="name an environment with a real Appwrite (--env NAME), or run it in the container or in WSL",
            unchanged=True,
        )


def require_same_project(served: str, environment: Environment) -> None:
    """A running embedded server serves the project that its environment named when it was started, and no other."""
    if served != environment.project:
        raise IacError(
            f"The running embedded server serves project {served}, but the environment names project "
            f"{environment.project}.",
            hint="restart it: raceday-iac server stop, then raceday-iac server start",
            unchanged=True,
        )


def know_secrets(options: Options, environment: Environment) -> None:
    """Take note of the stack's secrets, as far as their variables are set: what functions log is searched for them. For
    commands that do without the stack, and go on where it cannot be read."""
    with suppress(IacError):
        resolve(load_stack(options.stack), environment, options.root, Lenient(os.environ))


@contextmanager
def opened(environment: Environment, options: Options) -> Iterator[Target]:
    """The environment's target. An embedded server that is not running is started for the block and stopped after."""
    if not environment.is_embedded:
        yield Target(environment.endpoint, environment.project, environment.api_key())
        return
    must_run_here()
    from ..devserver.daemon import status

    running = status(server_folder(options))
    if running.running:
        require_same_project(running.project, environment)
        yield Target(running.endpoint, running.project, Secret(running.key))
        return
    from ..devserver.daemon import DataInUseError, StartError
    from ..devserver.runner import start_server
    from ..devserver.server import Settings
    from .options import plugins_of

    try:
        with WAITS.on("starting the embedded server"):
            folder = server_folder(options)
            age = played(environment.appwrite, folder)
            settings = Settings(age=age, scheduler=False, plugins=plugins_of(options))
            server = start_server(folder, settings=settings, project=environment.project)
    except DataInUseError:
        raise IacError(
            "Another command is using the embedded server.",
            hint="wait for it to end, or keep one running for all commands: raceday-iac server start",
            unchanged=True,
        ) from None
    except (StartError, OSError) as error:
        raise IacError(f"The embedded server could not be started: {error}.", unchanged=True) from None
    try:
        yield Target(server.endpoint, server.project, Secret(server.key))
    finally:
        server.stop()


def played(appwrite: str, folder: Path) -> Age | None:
    """The Appwrite that the embedded server with its data in a folder is to play: without a word 1.9 in a new folder,
    and else the one that it played last (None). Raises IacError."""
    from ..devserver.ages import AGES, V1_9
    from ..devserver.storage import FILE_NAME

    if appwrite not in ("", *AGES):
        raise IacError(
            f"The embedded server does not play Appwrite {appwrite}.", hint=f"one of {', '.join(AGES)}", unchanged=True
        )
    is_new = not (folder / FILE_NAME).exists()
    return V1_9 if is_new and not appwrite else AGES.get(appwrite)


# Files that a command writes for the user: never over what is there unasked, and whole or not at all.


def must_be_free(file: Path, *, force: bool, otherwise: str = "name another file, or replace it with --force") -> None:
    """Raises IacError when something is there that nobody allowed to replace; then `otherwise` is the hint."""
    if file.is_dir() or (file.exists() and not force):
        hint = "" if file.is_dir() else otherwise
        raise IacError(f"{file} exists already. Nothing was written.", hint=hint)


def must_be_writable(file: Path) -> None:
    """Find out before minutes are spent on what to write. Raises IacError; what is there stays as it is."""
    try:
        files.must_be_writable(file)
    except OSError as error:
        raise _unwritable(file, error) from None


def write_file(file: Path, content: str | bytes, *, private: bool = False) -> None:
    """See `files.write_named`. Raises IacError when it cannot be written."""
    try:
        files.write_named(file, content, private=private)
    except OSError as error:
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> IacError:
    return IacError(f"{file} cannot be written: {error.strerror or error}. Nothing was written.")


def answer(options: Options, document: Mapping[str, Any], lines: Iterable[Line | str]) -> None:
    """Print what a command found or did: the document for machines, the lines for people."""
    if options.json:
        print_json(document)
    else:
        print_lines((Line(each) if isinstance(each, str) else each for each in lines), color=options.color)


#: The option of commands that ask.
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]


def confirmed(options: Options, question: str, look: str = "") -> bool:
    """Ask on the terminal; after anything but yes, say that nothing was changed. `look` is the command that shows what
    this is about, where it is not shown before the question. Raises RefusedError when there is nobody to ask; with
    `--json`, nobody is."""
    if options.json or not sys.stdin.isatty():
        first = f"see what would be done with `{look}`" if look else "read the plan above"
        raise RefusedError(
            "With --json, nobody is asked for approval."
            if sys.stdin.isatty()
            else "There is no terminal to ask for approval.",
            hint=f"{first}, then run the command again with --auto-approve",
            unchanged=True,
        )
    if says_yes(question):
        return True
    print_lines([Line(NOTHING_CHANGED)], color=options.color)
    return False


def says_yes(question: str) -> bool:
    """Whether the person at the terminal answers yes. Who answers `y` is asked once more."""
    print(f"{question} Only 'yes' will be accepted: ", end="", flush=True)  # noqa: T201
    said = sys.stdin.readline().strip().lower()
    if said in ("y", "ye", "yep", "ok"):
        print(f"The answer was {said!r}. To continue, type yes in full: ", end="", flush=True)  # noqa: T201
        said = sys.stdin.readline().strip().lower()
    return said == "yes"


def acceptances_of(options: Options) -> tuple[Acceptance, ...]:
    """What `policies.yaml` beside the stack file accepts; nothing without one."""
    from ..linting.findings import read_acceptances
    from ..linting.linter import known_rules
    from .options import lint_rules_of

    path = options.stack.parent / POLICIES
    if not path.exists():
        return ()
    return read_acceptances(read_yaml_text(path), str(path), known_rules(lint_rules_of(options)).codes)


def first_day(text: str) -> date:
    """The day that a year is looked at from. Raises IacError for what is none."""
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise IacError(f"--from {text!r} is not a date; write it as 2025-07-17.") from None
