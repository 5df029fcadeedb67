"""`state`: look at the state, change it by hand, its history, its key and its lock."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ..audit import AuditLog, Inspection
from ..backup.storage import Backups
from ..counting import counted
from ..errors import EXIT_ERROR, EXIT_OK, IacError, RefusedError, StateError
from ..loading.environment import load_environment
from ..loading.stack_file import load_stack
from ..model.address import Address
from ..render.lines import Line, print_json, print_lines, tolerant, write
from ..state.backends.remote import UNDATED
from ..state.codec import Codec
from ..state.document import Binding, State, binding_of, entry_to_json, forgotten, moved, pushed, to_json
from ..state.encryption import Encryption, KeyInUse, cipher_of, new_key
from ..state.store import LockInfo, StateStore, Version
from .help import addresses
from .options import Options, begin_changes, current
from .plan import read_address
from .recording import record_rebinding
from .workspace import Workspace, answer, opened_store, says_yes, unreadable

app = typer.Typer(name="state", no_args_is_help=True, rich_markup_mode=None)
lock_app = typer.Typer(help="Who holds the lock of the state.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(lock_app, name="lock")


@app.command("list")
def list_resources() -> int:
    """List the addresses of all owned resources."""
    options = current()
    state = _read(options)
    addresses = [str(address) for address in sorted(state.entries, key=str)]
    answer(options, {"lineage": state.lineage, "serial": state.serial, "resources": addresses}, addresses)
    return EXIT_OK


@app.command("show")
def show_resource(
    address: Annotated[str, typer.Argument(help="For example function.send-bills.", autocompletion=addresses)],
) -> int:
    """Show the values that were last applied to one resource."""
    options = current()
    state = _read(options)
    try:
        entry = state.entries.get(Address.parse(address))
    except ValueError as error:
        raise IacError(f"{error}.") from None
    if entry is None:
        is_migration = any(str(each) == address for each in state.migrations)
        other = f"to see a migration: raceday-iac migration show {address.partition('.')[2]}"
        hint = other if is_migration else "see all: raceday-iac state list"
        raise IacError(f"{address} is not among the resources of the state.", hint=hint)
    content = entry_to_json(entry)
    lines = [Line(address, "bold")]
    lines += [Line(f"  {name}: {json.dumps(value, ensure_ascii=False)}") for name, value in content["fields"].items()]
    if "remoteId" in content:
        lines.append(Line(f"  (id on the server: {content['remoteId']})"))
    lines += [Line(f"  (deployment {each})") for each in content.get("deployments", ())]
    answer(options, {"address": address, **content}, lines)
    return EXIT_OK


def _read(options: Options) -> State:
    with opened_store(options) as store:
        return store.read()


@app.command("verify")
def verify() -> int:
    """Check that nobody changed the audit log. Exit 1 where its chain is broken."""
    options = current()
    load_environment(options.stack, options.env)
    log = AuditLog(options.state_folder)
    try:
        inspection: Inspection = log.inspect()
    except OSError as error:
        raise IacError(f"The audit log {log.file} cannot be read: {error.strerror or error}.") from None
    answer(options, {"audit": inspection_document(inspection, log.file)}, inspection_lines(inspection, log.file))
    return EXIT_OK if inspection.is_sound else EXIT_ERROR


# `raceday-iac state mv | rm | restore | push | rebind`: changes of the state alone. Nothing is sent to Appwrite for
# them, unless the state is kept there.


_LOOK = "Nothing on Appwrite was changed. To see the effect: raceday-iac plan"


@app.command("mv")
def move(
    source: Annotated[
        Address,
        typer.Argument(
            parser=read_address, metavar="SOURCE", help="For example function.old.", autocompletion=addresses
        ),
    ],
    destination: Annotated[
        Address, typer.Argument(parser=read_address, metavar="DESTINATION", help="For example function.new.")
    ],
) -> int:
    """Rename a resource, with everything in it, in the state only."""
    options = current()
    renamed: dict[Address, Address] = {}

    def change(store: StateStore) -> State:
        state, found = moved(store.read(), source, destination)
        renamed.update(found)
        return state

    state = _save(options, "state mv", change)
    lines = [f"{before} is now {after}." for before, after in sorted(renamed.items())]
    _say(options, state, {"moved": {str(before): str(after) for before, after in sorted(renamed.items())}}, lines)
    return EXIT_OK


@app.command("rm")
def remove(
    addresses: Annotated[
        list[Address], typer.Argument(parser=read_address, metavar="ADDRESS…", autocompletion=addresses)
    ],
) -> int:
    """Remove resources from the state, with everything in them. They stay on Appwrite."""
    options = current()
    gone: list[Address] = []

    def change(store: StateStore) -> State:
        state, found = forgotten(store.read(), addresses)
        gone.extend(found)
        return state

    state = _save(options, "state rm", change)
    lines = [f"{each} is removed from the state." for each in gone]
    warning = "It stays on Appwrite. As long as the stack declares it, the next apply adopts it again."
    _say(options, state, {"forgotten": [str(each) for each in gone]}, [*lines, warning])
    return EXIT_OK


@app.command("restore")
def restore(serial: Annotated[int, typer.Argument(help="From `state history`.")]) -> int:
    """Make an earlier state the current one, under a new serial. Nothing on Appwrite is changed."""
    options = current()

    def change(store: StateStore) -> State:
        found = store.version(serial)
        latest = newest(store)
        number = max(serial, latest.serial if latest else 0) + 1
        return replace(found, serial=number, bound=found.bound.filled(_binding(store)))

    state = _save(options, "state restore", change)
    text = f"The state is again as it was at serial {serial}, with {len(state.entries)} resources."
    _say(options, state, {"restored": serial}, [text])
    return EXIT_OK


@app.command("push")
def push(
    file: Annotated[Path, typer.Argument(help="A state as `pull` prints it; - is standard input.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also accept a state of another lineage, or an older one.")
    ] = False,
) -> int:
    """Replace the current state."""
    options = current()
    text = _content(file)
    try:
        given = Codec(cipher_of(load_environment(options.stack, options.env).state.encryption)).decode(text).state
    except StateError as error:
        raise StateError(f"{file} cannot be used as a state: {error}.", error.hint, unchanged=True) from None
    if not force:
        environment = load_environment(options.stack, options.env)
        given.bound.must_fit(binding_of(environment.endpoint, environment.project), str(file))
    state = _save(options, "state push", lambda store: pushed(newest(store), given, force=force))
    _say(options, state, {"pushed": str(file)}, [f"{file} is now the state, with {len(state.entries)} resources."])
    return EXIT_OK


@app.command("rebind")
def rebind(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> int:
    """Bind the state to the endpoint, project and stack of this environment, after an intended move."""
    options = current()
    environment = load_environment(options.stack, options.env)
    here = binding_of(environment.endpoint, environment.project, load_stack(options.stack).name)
    with opened_store(options) as store, store.locked("state rebind"):
        state = store.read()
        before = state.bound
        differences = list(before.differences(here))
        if state.serial and before != here:
            if differences and not yes and not _move_confirmed(options, differences):
                print_lines([Line("The state was left as it is.")], color=options.color)
                return EXIT_ERROR
            state = replace(state, serial=state.serial + 1, bound=here)
            store.keep_backup()
            begin_changes()
            store.write(state)
            record_rebinding(options, before, state)
    content: dict[str, object] = {"before": before.to_json(), "after": here.to_json()}
    if before == here or not state.serial:
        text = f"Nothing to do: the state belongs to {here}."
        answer(options, {"lineage": state.lineage, "serial": state.serial, **content}, [text])
    else:
        _say(options, state, content, [f"The state belongs to {here} now."])
    return EXIT_OK


def _move_confirmed(options: Options, differences: Sequence[tuple[str, str, str]]) -> bool:
    lines = [f"  its {name} is {own}, and becomes {other}" for name, own, other in differences]
    if not sys.stdin.isatty() or options.json:
        raise RefusedError(
            "There is no terminal to ask whether the state should belong to another target. It was left as it is.\n"
            + "\n".join(lines),
            hint="if the move is intended, run the command again with --yes",
        )
    print_lines(map(Line, ["The state would belong to another target:", *lines]), color=options.color)
    return says_yes("Resources there with the addresses in this state will count as owned.")


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
    document = {"lineage": state.lineage, "serial": state.serial, **content}
    answer(options, document, [*lines, f"Saved as serial {state.serial}. {_LOOK}"])


def _content(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(str(file), error) from None


@app.command("history")
def history() -> int:
    """List the states that are kept: when, by whom, by which command, how many resources."""
    options = current()
    with opened_store(options) as store:
        versions = store.history()
        where = store.where
    lines = _table(versions) if versions else [Line(f"No state was saved in {where} yet.")]
    answer(options, {"where": where, "history": [_document(each) for each in versions]}, lines)
    return EXIT_OK


@app.command("pull")
def pull() -> int:
    """Print the state as canonical JSON, decrypted."""
    with opened_store(current()) as store:
        state, latest = store.read(), newest(store)
    content = to_json(state, latest.saved if latest and latest.serial == state.serial else None)
    write(tolerant(sys.stdout), json.dumps(content, indent=2, sort_keys=True, ensure_ascii=True) + "\n")
    return EXIT_OK


# `raceday-iac state history | pull`: look at states, without changing any.


def _document(version: Version) -> dict[str, object]:
    saved = version.saved.to_json()
    del saved["session"]
    return {"serial": version.serial, "lineage": version.lineage, "current": version.current, **saved}


def _table(versions: Sequence[Version]) -> Iterator[Line]:
    rows = [("serial", "saved", "by", "command", "resources")]
    for each in versions:
        at = each.saved.at[:19].replace("T", " ") + (" UTC" if each.saved.at.endswith("+00:00") else "")
        resources = str(each.saved.resources)
        rows.append((str(each.serial), at or "?", each.saved.by or "?", each.saved.command or "?", resources))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        serial, *texts = row
        cells = [serial.rjust(widths[0]), *(text.ljust(width) for text, width in zip(texts, widths[1:], strict=True))]
        mark = "  ← current" if number and versions[number - 1].current else ""
        yield Line(("  ".join(cells) + mark).rstrip(), "bold" if number == 0 else "")


@app.command("keys")
def keys(
    generate: Annotated[
        bool, typer.Option("--generate", help="Print a new key instead. It is not saved anywhere.")
    ] = False,
) -> int:
    """Show the key that the state is encrypted with, and its age."""
    options = current()
    if generate:
        key, public = new_key()
        if options.json:
            print_json({"key": key.reveal(), "public": public}, revealing=True)
        else:
            print_lines([Line(f"# public key: {public}"), Line(key.reveal())], revealing=True)
        return EXIT_OK
    encryption = _encryption(options)
    with opened_store(options) as store:
        store.read()
        in_use = store.key_in_use()
    _show_key(options, encryption, in_use)
    return EXIT_OK


@app.command("rekey")
def rekey() -> int:
    """Encrypt the state, its history and the backups beside it with the key that the environment names now. A run that
    was killed is repeated, and passes over the backups that are done."""
    options = current()
    _encryption(options)
    backups = Workspace.without_stack(options).backups
    with opened_store(options) as store, store.locked("state rekey"):
        state = store.read()
        begin_changes()
        store.write(replace(state, serial=state.serial + 1))
        rewritten = store.rewrite_history()
        in_use = store.key_in_use()
        done, left = _rekey_backups(backups)
    public = in_use.public if in_use else ""
    lines = [
        Line(f"Serial {state.serial + 1} and {rewritten} earlier states are encrypted for {public} now."),
        *([Line(f"So {'is' if done == 1 else 'are'} {counted(done, 'backup')} in {backups.where}.")] if done else []),
        Line("The previous key cannot decrypt them any more. It still decrypts copies that were made before."),
        *(Line(f"  ✗ {each} It was left as it is.", "red") for each in left.values()),
    ]
    document = {"serial": state.serial + 1, "lineage": state.lineage, "rewritten": rewritten, "key": public}
    answer(options, {**document, "backups": done, "left": left}, lines)
    return EXIT_ERROR if left else EXIT_OK


def _rekey_backups(backups: Backups) -> tuple[int, dict[str, str]]:
    """How many were encrypted again, and why others could not be."""
    done, left = 0, dict[str, str]()
    for each in backups.ids():
        try:
            done += backups.rekey(backups.manifest(each))
        except StateError as error:
            left[each] = error.message
    return done, left


def _show_key(options: Options, encryption: Encryption, in_use: KeyInUse | None) -> None:
    public, since = (in_use.public, in_use.since) if in_use else ("", "")
    days = (datetime.now(UTC) - datetime.fromisoformat(since)).days if since else None
    due = days is not None and days >= encryption.rotate_after
    used = f"in use since {since[:10]}, for {days} days" if since else "not used yet: nothing is encrypted with it"
    lines = [Line(f"{public} (from {encryption.key_env}): {used}")]
    lines += [Line(f"{each} can decrypt it, too") for each in encryption.recipients]
    if due:
        text = f"It is older than {encryption.rotate_after} days: make a new one, then run raceday-iac state rekey"
        lines.append(Line(text, "yellow"))
    document = {
        "key": public,
        "since": since or None,
        "days": days,
        "due": due,
        "recipients": list(encryption.recipients),
    }
    answer(options, document, lines)


# `raceday-iac state keys | rekey`: the keys that an encrypted state is sealed with.


def _encryption(options: Options) -> Encryption:
    found = load_environment(options.stack, options.env).state.encryption
    if found is None:
        raise IacError(
            f"The state of environment {options.env!r} is not encrypted.",
            hint="to have it encrypted, name the variable with its key: state: {encryption: {key_env: NAME}}",
            unchanged=True,
        )
    return found


@lock_app.command("list")
def show_lock() -> int:
    """Show who holds the lock, since when, and when it expires."""
    options = current()
    with opened_store(options) as store:
        holder = store.lock_holder()
    lines = lock_lines(holder) if holder else ["The state is not locked."]
    answer(options, {"locks": [_lock_document(holder)] if holder else []}, lines)
    return EXIT_OK


@lock_app.command("release")
def release_lock(
    lock_id: Annotated[str, typer.Argument(metavar="[ID]", help="Release it only if it still has this id.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Release the lock of a run that is dead. If that run is still alive, its next save is refused."""
    options = current()
    with opened_store(options) as store:
        holder = store.lock_holder()
        if holder is None:
            _say_release(options, None, "The state is not locked; there is nothing to release.")
            return EXIT_OK
        if not yes and not _release_confirmed(options, holder):
            print_lines([Line("The lock was left as it is.")], color=options.color)
            return EXIT_ERROR
        store.release_lock(lock_id or holder.id)
    _say_release(options, holder, f"Released. If that run still lives ({holder}), its next save is refused.")
    return EXIT_OK


# `raceday-iac state lock list | release`.


def lock_lines(holder: LockInfo) -> list[str]:
    """A lock, for people."""
    lines = [str(holder), f"  id {holder.id or 'unknown'}"]
    if holder.expires_in is None:
        return [*lines, "  it ends with its process"]
    if holder.age is None:
        return [*lines, f"  {UNDATED}"]
    lines.append(f"  last renewed {round(holder.age)} s ago")
    if holder.expired:
        return [*lines, "  it has expired: the next command that needs it takes it over"]
    if holder.expires_in != float("inf"):
        lines.append(f"  it expires in {round(holder.expires_in)} s, unless it is renewed")
    return lines


def _release_confirmed(options: Options, holder: LockInfo) -> bool:
    if not sys.stdin.isatty() or options.json:
        raise RefusedError(
            f"There is no terminal to ask whether the lock may be released: {holder}. It was left as it is.",
            hint="make sure that this run is dead, then run the command again with --yes",
        )
    print_lines(map(Line, lock_lines(holder)), color=options.color)
    return says_yes("Release it? Do so only when that run is dead.")


def _lock_document(holder: LockInfo) -> dict[str, object]:
    content = asdict(holder)
    endless = holder.expires_in == float("inf")
    expires = None if endless else holder.expires_in
    del content["expires_in"]
    return {**content, "expiresIn": expires, "expired": holder.expired}


def _say_release(options: Options, released: LockInfo | None, text: str) -> None:
    answer(options, {"released": _lock_document(released) if released else None}, [text])


# Whether the audit log holds, for people and machines.


#: Broken lines that are named one by one.
_SHOWN = 10


def inspection_lines(inspection: Inspection, file: Path) -> Iterator[Line]:
    """The verdict, where it breaks first, and runs that have no end."""
    records = inspection.records
    if not records and inspection.is_sound:
        yield Line(f"There is no audit log yet ({file}).")
        return
    if inspection.is_sound:
        yield Line(
            f"The audit log is unbroken: {counted(len(records), 'record')}, the last of {records[-1].get('at')}.",
            "bold green",
        )
        # A cut at the end shows only to those who know where it ended.
        yield Line(f"  Its last hash is {inspection.head}")
    else:
        yield Line(f"The audit log {file} is broken. First at {inspection.breaks[0]}", "bold red")
        yield from (Line(f"  then at {each}", "red") for each in inspection.breaks[1:_SHOWN])
        if len(inspection.breaks) > _SHOWN:
            yield Line(f"  and {len(inspection.breaks) - _SHOWN} more", "red")
    for each in inspection.unended:
        yield Line(f"  {_run(each)} has no end: it was killed, or is still running", "yellow")


def inspection_document(inspection: Inspection, file: Path) -> dict[str, Any]:
    return {
        "file": str(file),
        "sound": inspection.is_sound,
        "records": len(inspection.records),
        "breaks": [{"line": each.line, "message": each.message} for each in inspection.breaks],
        "head": inspection.head,
        "unended": [each.get("number") for each in inspection.unended],
    }


def _run(record: Mapping[str, Any]) -> str:
    who = f"{record.get('who')}@{record.get('host')}"
    return f"record {record.get('number')}, {record.get('command')} by {who} at {record.get('at')},"
