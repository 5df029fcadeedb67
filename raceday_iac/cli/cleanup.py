"""`raceday-iac cleanup PATH`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..cleanup import Cleanup, plan_cleanup
from ..errors import EXIT_CHANGES, EXIT_OK, IacError, Interrupted
from ..render.cleanup_text import cleanup_document, cleanup_lines
from ..render.lines import print_json, print_lines
from .cleanup_files import must_be_writable, read_tree, write_changes
from .cleanup_git import Git, repository
from .options import Options


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line."""

    path: Path
    write: bool = False
    git: bool = True
    detailed_exitcode: bool = False


def run(options: Options, asked: Asked) -> int:
    """Show what a clean-up of the tree would do, or do it."""
    root = asked.path.resolve()
    cleanup = plan_cleanup(read_tree(root))
    git = repository(root) if asked.git and cleanup.changes else None
    unkept = git.unkept(cleanup) if git else ()
    written = asked.write and bool(cleanup.changes)
    if written:
        _write(root, cleanup, git, asked)
    if options.json:
        print_json({"cleanup": cleanup_document(cleanup, str(asked.path), written=written, unkept=unkept)})
    else:
        lines = cleanup_lines(cleanup, str(asked.path), written=written, unkept=unkept)
        print_lines(lines, color=options.color)
    pending = cleanup.changes and not written
    return EXIT_CHANGES if pending and asked.detailed_exitcode else EXIT_OK


def _write(root: Path, cleanup: Cleanup, git: Git | None, asked: Asked) -> None:
    if git is None and asked.git:
        hint = "put it under git first, or take the risk: --no-git"
        raise IacError(
            f"{root} is in no git repository: what goes could not be brought back. Nothing was changed.", hint
        )
    must_be_writable(root, cleanup)
    if git:
        git.must_be_clean()
        git.must_keep(cleanup)
        git.begin(cleanup)
    try:
        write_changes(root, cleanup)
    except Interrupted:
        hint = f"run it again, it does the rest: raceday-iac cleanup {asked.path} --write"
        raise Interrupted("Interrupted. Some files may be changed, each of them completely.", hint=hint) from None
    if git:
        git.end()
