"""`raceday-iac state keys | rekey`: the keys that an encrypted state is sealed with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ..errors import EXIT_OK, IacError
from ..loading.environment import load_environment
from ..loading.state_settings import Encryption
from ..render.lines import Line, print_json, print_lines
from ..state.sealing import KeyInUse, new_key
from .options import Options, begin_changes
from .stores import opened_store


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
    """Seal the state and its history with the key that the environment names now."""
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
        text = f"Serial {state.serial + 1} and {rewritten} earlier states are sealed for {public} now."
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
    used = f"in use since {since[:10]}, for {days} days" if since else "not used yet: nothing is sealed with it"
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
