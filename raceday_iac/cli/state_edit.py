"""`raceday-iac state mv | rm | restore | push | rebind`: changes of the state alone. Nothing is sent to Appwrite for
them, unless the state is kept there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..errors import EXIT_ERROR, EXIT_OK, IacError, RefusedError, StateError
from ..loading.environment import load_environment
from ..loading.stack_file import load_stack
from ..model.address import Address
from ..render.lines import Line, print_json, print_lines
from ..state.binding import Binding, binding_of
from ..state.document import State
from ..state.edits import forgotten, moved, pushed
from ..state.store import StateStore, Version
from .auditing import record_rebinding
from .options import Options, begin_changes
from .reading import unreadable
from .stores import codec_of, opened_store

_LOOK = "Nothing on Appwrite was changed. See what that means: raceday-iac plan"


def run_mv(options: Options, source: str, destination: str) -> int:
    """Rename a resource in the state."""
    old, new = _address(source), _address(destination)
    renamed: dict[Address, Address] = {}

    def change(store: StateStore) -> State:
        state, found = moved(store.read(), old, new)
        renamed.update(found)
        return state

    state = _save(options, "state mv", change)
    lines = [f"{before} is {after} now." for before, after in sorted(renamed.items())]
    _say(options, state, {"moved": {str(before): str(after) for before, after in sorted(renamed.items())}}, lines)
    return EXIT_OK


def run_rm(options: Options, addresses: Sequence[str]) -> int:
    """Forget resources."""
    unwanted = [_address(each) for each in addresses]
    gone: list[Address] = []

    def change(store: StateStore) -> State:
        state, found = forgotten(store.read(), unwanted)
        gone.extend(found)
        return state

    state = _save(options, "state rm", change)
    lines = [f"{each} is forgotten." for each in gone]
    warning = "What is forgotten stays on Appwrite. As long as the stack declares it, the next apply adopts it again."
    _say(options, state, {"forgotten": [str(each) for each in gone]}, [*lines, warning])
    return EXIT_OK


def run_restore(options: Options, serial: int) -> int:
    """Make an earlier state the current one."""

    def change(store: StateStore) -> State:
        found = store.version(serial)
        current = newest(store)
        number = max(serial, current.serial if current else 0) + 1
        return replace(found, serial=number, bound=found.bound.filled(_binding(store)))

    state = _save(options, "state restore", change)
    text = f"The state is again as it was at serial {serial}, with {len(state.entries)} resources."
    _say(options, state, {"restored": serial}, [text])
    return EXIT_OK


def run_push(options: Options, file: Path, force: bool) -> int:
    """Put a state in the place of the current one."""
    text = _content(file)
    try:
        given = codec_of(load_environment(options.stack, options.env).state.encryption).decode(text).state
    except StateError as error:
        raise StateError(f"{file} cannot be used as a state: {error}. Nothing was changed.", error.hint) from None
    if not force:
        environment = load_environment(options.stack, options.env)
        given.bound.must_fit(binding_of(environment.endpoint, environment.project), str(file))
    state = _save(options, "state push", lambda store: pushed(newest(store), given, force=force))
    _say(options, state, {"pushed": str(file)}, [f"{file} is the state now, with {len(state.entries)} resources."])
    return EXIT_OK


def run_rebind(options: Options, yes: bool) -> int:
    """Let the state belong to what the environment and the stack name now."""
    environment = load_environment(options.stack, options.env)
    here = binding_of(environment.endpoint, environment.project, load_stack(options.stack).name)
    with opened_store(options) as store, store.locked("state rebind"):
        state = store.read()
        before = state.bound
        differences = list(before.differences(here))
        if state.serial and before != here:
            if differences and not yes and not _confirmed(options, differences):
                print_lines([Line("The state was left as it is.")], color=options.color)
                return EXIT_ERROR
            state = replace(state, serial=state.serial + 1, bound=here)
            store.keep_backup()
            begin_changes()
            store.write(state)
            record_rebinding(options, before, state)
    content: dict[str, object] = {"before": before.to_json(), "after": here.to_json()}
    if before == here or not state.serial:
        _tell(options, state, content, f"Nothing to do: the state belongs to {here}.")
    else:
        _say(options, state, content, [f"The state belongs to {here} now."])
    return EXIT_OK


def _confirmed(options: Options, differences: Sequence[tuple[str, str, str]]) -> bool:
    lines = [f"  its {name} is {own}, and becomes {other}" for name, own, other in differences]
    if not sys.stdin.isatty() or options.json:
        raise RefusedError(
            "There is no terminal to ask whether the state is to belong to something else. It was left as it is.\n"
            + "\n".join(lines),
            hint="if the move is meant, run the command again with --yes",
        )
    print_lines(map(Line, ["The state is to belong to something else:", *lines]), color=options.color)
    print("What it owns will be taken for ours there. Only 'yes' is taken for a yes: ", end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() == "yes"


def _tell(options: Options, state: State, content: dict[str, object], text: str) -> None:
    if options.json:
        print_json({"lineage": state.lineage, "serial": state.serial, **content})
    else:
        print_lines([Line(text)], color=options.color)


def newest(store: StateStore) -> Version | None:
    """What is known of the current state without a key, also when it is damaged."""
    return next(iter(store.history()), None)


def _binding(store: StateStore) -> Binding:
    """What the current state belongs to; nothing is known of one that is damaged."""
    with suppress(StateError):
        return store.read().bound
    return Binding()


def _save(options: Options, command: str, change: Callable[[StateStore], State]) -> State:
    """Read, change and save, with the lock held."""
    with opened_store(options) as store, store.locked(command):
        state = change(store)
        store.keep_backup()
        begin_changes()
        store.write(state)
    return state


def _say(options: Options, state: State, content: dict[str, object], lines: Sequence[str]) -> None:
    if options.json:
        print_json({"lineage": state.lineage, "serial": state.serial, **content})
    else:
        print_lines([*map(Line, lines), Line(f"Saved as serial {state.serial}. {_LOOK}")], color=options.color)


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise IacError(f"{error}. Nothing was changed.") from None


def _content(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(str(file), error) from None
