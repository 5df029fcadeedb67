"""`raceday-iac state`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from ..audit import AuditLog, Inspection
from ..errors import EXIT_ERROR, EXIT_OK, IacError, RefusedError, StateError
from ..loading.environment import load_environment
from ..loading.stack_file import load_stack
from ..model.address import Address
from ..render.audit_text import inspection_document, inspection_lines
from ..render.lines import Line, print_json, print_lines, tolerant, write
from ..state.backends.remote import UNDATED
from ..state.codec import Codec
from ..state.document import Binding, State, binding_of, entry_to_json, to_json
from ..state.edits import forgotten, moved, pushed
from ..state.encryption import Encryption, KeyInUse, cipher_of, new_key
from ..state.store import LockInfo, StateStore, Version
from .apply import record_rebinding
from .options import Options, begin_changes
from .workspace import opened_store, unreadable


def run_resource_list(options: Options) -> int:
    """Addresses of everything owned."""
    state = _read(options)
    addresses = [str(address) for address in sorted(state.entries, key=str)]
    if options.json:
        print_json({"lineage": state.lineage, "serial": state.serial, "resources": addresses})
    else:
        print_lines((Line(address) for address in addresses), color=options.color)
    return EXIT_OK


def run_show(options: Options, text: str) -> int:
    """One resource as last applied."""
    state = _read(options)
    try:
        entry = state.entries.get(Address.parse(text))
    except ValueError as error:
        raise IacError(f"{error}.") from None
    if entry is None:
        raise IacError(f"{text} is not in the state.", hint="see what is: raceday-iac state list")
    content = entry_to_json(entry)
    if options.json:
        print_json({"address": text, **content})
    else:
        lines = [Line(text, "bold")]
        lines += [
            Line(f"  {name}: {json.dumps(value, ensure_ascii=False)}") for name, value in content["fields"].items()
        ]
        if "remoteId" in content:
            lines.append(Line(f"  (id on the server: {content['remoteId']})"))
        lines += [Line(f"  (deployment {each})") for each in content.get("deployments", ())]
        print_lines(lines, color=options.color)
    return EXIT_OK


def _read(options: Options) -> State:
    with opened_store(options) as store:
        return store.read()


def run_verify(options: Options) -> int:
    """Check the audit log's chain. Exit 1 when it is broken."""
    load_environment(options.stack, options.env)
    log = AuditLog(options.state_folder)
    try:
        inspection: Inspection = log.inspect()
    except OSError as error:
        raise IacError(f"The audit log {log.file} cannot be read: {error.strerror or error}.") from None
    if options.json:
        print_json({"audit": inspection_document(inspection, log.file)})
    else:
        print_lines(inspection_lines(inspection, log.file), color=options.color)
    return EXIT_OK if inspection.is_sound else EXIT_ERROR


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
        given = Codec(cipher_of(load_environment(options.stack, options.env).state.encryption)).decode(text).state
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


def run_history(options: Options) -> int:
    """The states that are kept, newest first."""
    with opened_store(options) as store:
        versions = store.history()
        where = store.where
    if options.json:
        print_json({"where": where, "history": [_document(each) for each in versions]})
    elif not versions:
        print_lines([Line(f"Nothing was saved in {where} yet.")], color=options.color)
    else:
        print_lines(_table(versions), color=options.color)
    return EXIT_OK


def run_pull(options: Options) -> int:
    """The current state, decrypted, as canonical JSON."""
    with opened_store(options) as store:
        state, current = store.read(), newest(store)
    content = to_json(state, current.saved if current and current.serial == state.serial else None)
    write(tolerant(sys.stdout), json.dumps(content, indent=2, sort_keys=True, ensure_ascii=True) + "\n")
    return EXIT_OK


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


def run_keys(options: Options, generate: bool) -> int:
    """The key in use with its age; or a new one, which is not kept anywhere."""
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
    _show(options, encryption, in_use)
    return EXIT_OK


def run_rekey(options: Options) -> int:
    """Encrypt the state and its history with the key that the environment names now."""
    _encryption(options)
    with opened_store(options) as store, store.locked("state rekey"):
        state = store.read()
        begin_changes()
        store.write(replace(state, serial=state.serial + 1))
        rewritten = store.rewrite_history()
        in_use = store.key_in_use()
    public = in_use.public if in_use else ""
    if options.json:
        print_json({"serial": state.serial + 1, "lineage": state.lineage, "rewritten": rewritten, "key": public})
    else:
        text = f"Serial {state.serial + 1} and {rewritten} earlier states are encrypted for {public} now."
        note = "The previous key opens none of them any more; copies made before are opened by it as ever."
        print_lines([Line(text), Line(note)], color=options.color)
    return EXIT_OK


def _show(options: Options, encryption: Encryption, in_use: KeyInUse | None) -> None:
    public, since = (in_use.public, in_use.since) if in_use else ("", "")
    days = (datetime.now(UTC) - datetime.fromisoformat(since)).days if since else None
    due = days is not None and days >= encryption.rotate_after
    if options.json:
        print_json(
            {"key": public, "since": since or None, "days": days, "due": due, "recipients": list(encryption.recipients)}
        )
        return
    used = f"in use since {since[:10]}, for {days} days" if since else "not used yet: nothing is encrypted with it"
    lines = [Line(f"{public} (from {encryption.key_env}): {used}")]
    lines += [Line(f"{each} may open it as well") for each in encryption.recipients]
    if due:
        text = f"It is older than {encryption.rotate_after} days: name a new one, and run raceday-iac state rekey"
        lines.append(Line(text, "yellow"))
    print_lines(lines, color=options.color)


def _encryption(options: Options) -> Encryption:
    found = load_environment(options.stack, options.env).state.encryption
    if found is None:
        raise IacError(
            f"The state of environment {options.env!r} is not encrypted. Nothing was changed.",
            hint="to have it encrypted, name the variable with its key: state: {encryption: {key_env: NAME}}",
        )
    return found


def run_lock_list(options: Options) -> int:
    """Who holds the lock of the environment."""
    with opened_store(options) as store:
        holder = store.lock_holder()
    if options.json:
        print_json({"locks": [_lock_document(holder)] if holder else []})
    else:
        lines = lock_lines(holder) if holder else ["The state is not locked."]
        print_lines(map(Line, lines), color=options.color)
    return EXIT_OK


def run_release(options: Options, lock_id: str, yes: bool) -> int:
    """Take the lock from its holder, after asking."""
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


def lock_lines(holder: LockInfo) -> list[str]:
    """A lock, for people."""
    lines = [str(holder), f"  id {holder.id or 'unknown'}"]
    if holder.expires_in is None:
        return [*lines, "  it goes with its process"]
    if holder.age is None:
        return [*lines, f"  {UNDATED}"]
    lines.append(f"  last sign of life {round(holder.age)} s ago")
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
    print("Release it? Do so only when that run is dead. Only 'yes' is taken for a yes: ", end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() == "yes"


def _lock_document(holder: LockInfo) -> dict[str, object]:
    content = asdict(holder)
    endless = holder.expires_in == float("inf")
    expires = None if endless else holder.expires_in
    del content["expires_in"]
    return {**content, "expiresIn": expires, "expired": holder.expired}


def _say_release(options: Options, released: LockInfo | None, text: str) -> None:
    if options.json:
        print_json({"released": _lock_document(released) if released else None})
    else:
        print_lines([Line(text)], color=options.color)
