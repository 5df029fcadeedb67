"""`raceday-iac state lock list | release`."""

from __future__ import annotations

import sys
from dataclasses import asdict

from ..errors import EXIT_ERROR, EXIT_OK, RefusedError
from ..render.lines import Line, print_json, print_lines
from ..state.remote_lock import UNDATED
from ..state.store import LockInfo
from .options import Options
from .stores import opened_store


def run_list(options: Options) -> int:
    """Who holds the lock of the environment."""
    with opened_store(options) as store:
        holder = store.lock_holder()
    if options.json:
        print_json({"locks": [_document(holder)] if holder else []})
    else:
        lines = lock_lines(holder) if holder else ["The state is not locked."]
        print_lines(map(Line, lines), color=options.color)
    return EXIT_OK


def run_release(options: Options, lock_id: str, yes: bool) -> int:
    """Take the lock from its holder, after asking."""
    with opened_store(options) as store:
        holder = store.lock_holder()
        if holder is None:
            _say(options, None, "The state is not locked; there is nothing to release.")
            return EXIT_OK
        if not yes and not _confirmed(options, holder):
            print_lines([Line("The lock was left as it is.")], color=options.color)
            return EXIT_ERROR
        store.release_lock(lock_id or holder.id)
    _say(options, holder, f"Released. If that run still lives ({holder}), its next save is refused.")
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


def _confirmed(options: Options, holder: LockInfo) -> bool:
    if not sys.stdin.isatty() or options.json:
        raise RefusedError(
            f"There is no terminal to ask whether the lock may be released: {holder}. It was left as it is.",
            hint="make sure that this run is dead, then run the command again with --yes",
        )
    print_lines(map(Line, lock_lines(holder)), color=options.color)
    print("Release it? Do so only when that run is dead. Only 'yes' is taken for a yes: ", end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() == "yes"


def _document(holder: LockInfo) -> dict[str, object]:
    content = asdict(holder)
    endless = holder.expires_in == float("inf")
    expires = None if endless else holder.expires_in
    del content["expires_in"]
    return {**content, "expiresIn": expires, "expired": holder.expired}


def _say(options: Options, released: LockInfo | None, text: str) -> None:
    if options.json:
        print_json({"released": _document(released) if released else None})
    else:
        print_lines([Line(text)], color=options.color)
