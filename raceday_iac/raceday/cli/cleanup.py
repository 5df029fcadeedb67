"""`raceday-iac cleanup PATH`."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ...cli.options import current
from ...cli.workspace import answer
from ...counting import counted
from ...errors import EXIT_CHANGES, EXIT_OK, IacError, Interrupted
from ...files import PRIVATE_FILE, is_draft_of, write_whole
from ...render.lines import Line
from ..cleanup import Action, Change, Cleanup, Finding, Tree, plan_cleanup
from ..cleanup.tree import Count

app = typer.Typer()


@app.command("cleanup")
def cleanup(
    path: Annotated[Path, typer.Argument(help="The folder with appwrite.json and package.json.")],
    write: Annotated[
        bool, typer.Option("--write", help="Make the changes. Refused while git has uncommitted changes.")
    ] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="With --write: without git's safety net.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending, 0 when there are none.")
    ] = False,
) -> int:
    """Show what a clean-up of the tree would do, or do it."""
    root = path.resolve()
    found = plan_cleanup(read_tree(root))
    git = None if no_git or not found.changes else repository(root)
    unkept = git.unkept(found) if git else ()
    written = write and bool(found.changes)
    if written:
        if git is None and not no_git:
            raise IacError(
                f"{root} is not in a git repository, so deleted files could not be restored.",
                hint="put it under git first, or take the risk: --no-git",
                unchanged=True,
            )
        _write(path, found, git)
    answer(
        current(),
        {"cleanup": cleanup_document(found, str(path), written=written, unkept=unkept)},
        cleanup_lines(found, str(path), written=written, unkept=unkept),
    )
    return EXIT_CHANGES if found.changes and not written and detailed_exitcode else EXIT_OK


def _write(path: Path, cleanup: Cleanup, git: Git | None) -> None:
    root = path.resolve()
    must_be_writable(root, cleanup)
    if git:
        git.must_be_clean()
        git.must_keep(cleanup)
        git.begin(cleanup)
    try:
        write_changes(root, cleanup)
    except Interrupted:
        hint = f"run it again, it does the rest: raceday-iac cleanup {path} --write"
        raise Interrupted("Interrupted. Some files may be changed, each of them completely.", hint=hint) from None
    if git:
        git.end()


#: Larger files are no source code.
_LARGEST = 2_000_000
#: Folders that are taken as one thing.
_OPAQUE = {"node_modules", ".git"}


def read_tree(root: Path) -> Tree:
    """The files below a folder. Links are not followed; the root's own `.git` is left out."""
    if not root.is_dir():
        raise IacError(f"{root} is not a folder.", unchanged=True)
    found: dict[str, bytes | None] = {}
    for folder, folders, files in os.walk(root, onerror=_unreadable):
        here = Path(folder)
        opaque = [name for name in folders if name in _OPAQUE or (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in opaque]
        for name in (*opaque, *files):
            path = here / name
            if path != root / ".git":
                found[path.relative_to(root).as_posix()] = _content(path)
        if here != root and not (folders or files or opaque):
            # An empty folder: what is left of one whose deletion was cut short.
            found[here.relative_to(root).as_posix()] = None
    return Tree(found)


def must_be_writable(root: Path, cleanup: Cleanup) -> None:
    """Raises IacError when something is no longer as it was planned from, or must not be deleted."""
    for change in cleanup.changes:
        path = root / change.path
        expected = change.before.encode() if change.action is Action.EDIT else None
        if change.action is not Action.DELETE and (_content(path) if path.exists() else None) != expected:
            raise IacError(f"{path} was changed meanwhile. Nothing was written.", hint="run the command again")
        if change.action is Action.DELETE and ".git" in Path(change.path).parts:
            raise IacError(f"{path.parent} is a git repository of its own.", unchanged=True)


def write_changes(root: Path, cleanup: Cleanup, done: Callable[[Change], None] | None = None) -> None:
    """Do the changes in their order, and call `done` after each. Raises IacError for one that cannot be done."""
    must_be_writable(root, cleanup)
    for change in cleanup.changes:
        path = root / change.path
        try:
            if change.action is Action.DELETE:
                _delete(path)
            else:
                _write_file(path, change.after.encode(), like=root / (change.origin or change.path))
        except OSError as error:
            raise IacError(
                f"{path} cannot be changed: {error.strerror or error}. What was done before stays done.",
                hint="put that right and run the command again: it does the rest",
            ) from None
        if done:
            done(change)
    for folder in cleanup.folders:
        _delete_empty(root / folder)


def _write_file(path: Path, content: bytes, like: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, stat.S_IMODE(like.stat().st_mode))


def _delete(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    elif path.name in _OPAQUE:
        shutil.rmtree(path)
    else:
        path.rmdir()


def _delete_empty(folder: Path) -> None:
    """What is left of a folder whose files are gone. A file that has appeared meanwhile keeps its folder."""
    if folder.is_symlink():
        return
    for each in sorted(_folders(folder), reverse=True):
        with suppress(OSError):
            each.rmdir()


def _folders(folder: Path) -> Iterator[Path]:
    for name, _, _ in os.walk(folder):
        yield Path(name)


def _content(path: Path) -> bytes | None:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        _unreadable(error)
        raise


def _unreadable(error: OSError) -> None:
    raise IacError(f"{error.filename} cannot be read: {error.strerror or error}.", unchanged=True) from None


_JOURNAL = "raceday-iac-cleanup.json"
#: Would send git somewhere else than to the named folder, for example inside a hook.
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_SHOWN = 5


@dataclass(frozen=True)
class Git:
    """The repository that a folder lies in."""

    top: Path
    folder: Path
    root: Path

    def must_be_clean(self) -> None:
        """Raises IacError for a difference to the last commit that is not left over from a clean-up."""
        allowed = self._intended()
        others = [path for path in self._differing() if not _is_intended(path, allowed)]
        if others:
            names = ", ".join(os.path.relpath(path, self.top) for path in others[:_SHOWN])
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            raise IacError(
                f"The git tree is not clean: {names}{more}.",
                hint="commit or stash the changes, so that git can restore deleted files",
                unchanged=True,
            )

    def must_keep(self, cleanup: Cleanup) -> None:
        """Raises IacError for a file to be edited that git ignores."""
        edited = {each.path for each in cleanup.of(Action.EDIT)}
        unkept = [path for path in self.unkept(cleanup) if path in edited]
        if unkept:
            raise IacError(
                f"git ignores {', '.join(unkept)}, so it could not be restored.",
                hint="commit it, or do without git: --no-git",
                unchanged=True,
            )

    def unkept(self, cleanup: Cleanup) -> tuple[str, ...]:
        """What goes or is edited and git does not have, relative to the root."""
        listed = _git(self.root, "ls-files", "-z", "--", ".").split("\0")
        changes = (*cleanup.of(Action.EDIT), *cleanup.of(Action.DELETE))
        # A folder that git has nothing of holds nothing to bring back when it is empty.
        return tuple(
            each.path for each in changes if each.path not in listed and _holds_something(self.root / each.path)
        )

    def begin(self, cleanup: Cleanup) -> None:
        """Write down what is going to be done."""
        intended: dict[str, list[str | None]] = dict(self._intended())
        for change in cleanup.changes:
            before = None if change.action is Action.CREATE else _hash(self.root / change.path)
            after = None if change.action is Action.DELETE else hashlib.sha256(change.after.encode()).hexdigest()
            intended[str(self.root / change.path)] = [before, after]
        write_whole(self._journal, json.dumps({"format": 1, "files": intended}), PRIVATE_FILE)

    def end(self) -> None:
        """Everything is done."""
        self._journal.unlink(missing_ok=True)

    @property
    def _journal(self) -> Path:
        return self.folder / _JOURNAL

    def _intended(self) -> Mapping[str, list[str | None]]:
        try:
            content: Any = json.loads(self._journal.read_text(encoding="utf-8"))
            return dict(content["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _differing(self) -> list[Path]:
        options = ("--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
        lines = _git(self.top, "status", *options).split("\0")
        return [self.top / line[3:] for line in lines if line]


def repository(root: Path) -> Git | None:
    """The repository of a folder; None when it lies in none. Raises IacError when git cannot say."""
    try:
        top, folder = _git(root, "rev-parse", "--show-toplevel", "--absolute-git-dir").splitlines()
    except _NoRepository:
        return None
    return Git(Path(top), Path(folder), root)


class _NoRepository(Exception):
    pass


def _git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    # Looking must not write: `status` would refresh the index otherwise.
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, check=False, env=environment)
    except OSError as error:
        hint = "install git, or do without it: --no-git"
        raise IacError(f"git cannot be run: {error.strerror or error}.", hint=hint, unchanged=True) from None
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip()
        if "not a git repository" in said:
            raise _NoRepository
        raise IacError(f"git {arguments[0]} failed: {said.splitlines()[0] if said else 'no reason given'}.")
    return os.fsdecode(result.stdout)


def _is_intended(path: Path, intended: Mapping[str, list[str | None]]) -> bool:
    if str(path) in intended:
        return _hash(path) in intended[str(path)]
    return any(is_draft_of(path, Path(each)) for each in intended)


def _hash(path: Path) -> str | None:
    if path.is_symlink() or not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _holds_something(path: Path) -> bool:
    return path.is_symlink() or path.is_file() or (path.is_dir() and any(path.iterdir()))


def cleanup_lines(cleanup: Cleanup, path: str, *, written: bool, unkept: Sequence[str]) -> Iterator[Line]:
    """The whole report."""
    if cleanup.nothing_here:
        yield Line(f"Nothing here to clean up: {path} is not RaceDay's server ({cleanup.nothing_here}).", "green")
        return
    yield Line(f"Clean-up of {path}", "bold")
    if cleanup.changes:
        yield _count_line("functions", cleanup.functions)
        yield _count_line("scripts", cleanup.scripts)
        yield from _change_lines(cleanup)
    if unkept:
        yield Line()
        what = "git did not have and cannot restore" if written else "git does not have and could not restore"
        yield Line(f"Among them are files that {what}:", "bold yellow")
        yield from (Line(f"    {each}", "yellow") for each in unkept)
    yield from _finding_lines("To do by hand, or something breaks", cleanup.by_hand, "yellow")
    yield from _finding_lines("To consider", cleanup.notes, "")
    yield from _finding_lines("Mentioned in texts, which breaks nothing", cleanup.mentions, "dim")
    if cleanup.findings and cleanup.changes and not written:
        yield Line("Line numbers are those after the change.", "dim")
    yield Line()
    yield from _closing_lines(cleanup, path, written=written)


def cleanup_document(cleanup: Cleanup, path: str, *, written: bool, unkept: Sequence[str]) -> dict[str, Any]:
    return {
        "path": path,
        "written": written,
        "nothingHere": cleanup.nothing_here or None,
        "functions": _count(cleanup.functions),
        "scripts": _count(cleanup.scripts),
        "changes": [_change(each) for each in cleanup.changes],
        "unkept": list(unkept),
        "byHand": [_finding(each) for each in cleanup.by_hand],
        "notes": [_finding(each) for each in cleanup.notes],
        "mentions": [_finding(each) for each in cleanup.mentions],
    }


def unified(change: Change) -> list[str]:
    """The difference of an edited file in the form that `patch` reads, without line ends."""
    lines = difflib.unified_diff(
        _lines(change.before), _lines(change.after), f"a/{change.path}", f"b/{change.path}", lineterm="\n"
    )
    found: list[str] = []
    for line in lines:
        found.append(line.removesuffix("\n"))
        if not line.endswith("\n"):
            found.append("\\ No newline at end of file")
    return found


def _lines(text: str) -> list[str]:
    """Lines as `patch` sees them: other separators than the newline are characters like any other."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def _count_line(subject: str, count: Count) -> Line:
    added = f", and {count.added} added" if count.added else ""
    return Line(f"    {subject:<10} {count.before} → {count.kept}{added}")


def _change_lines(cleanup: Cleanup) -> Iterator[Line]:
    for change in cleanup.of(Action.EDIT):
        yield Line()
        yield from (_diff_line(line) for line in unified(change))
    yield Line()
    for change in cleanup.of(Action.CREATE):
        yield Line(f"  > {change.origin} moves to {change.path}", "green")
    origins = {change.origin for change in cleanup.changes}
    deleted = [change for change in cleanup.of(Action.DELETE) if change.path not in origins]
    for folder in cleanup.folders:
        inside = [each for each in deleted if each.path == folder or each.path.startswith(f"{folder}/")]
        yield Line(f"  - {folder}/ with {counted(len(inside), 'file')}", "red")
        deleted = [each for each in deleted if each not in inside]
    yield from (Line(f"  - {each.path}: {each.reason}", "red") for each in deleted)


def _diff_line(line: str) -> Line:
    if line.startswith(("---", "+++")):
        return Line(line, "bold")
    style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
    return Line(line, style)


def _finding_lines(title: str, findings: Sequence[Finding], style: str) -> Iterator[Line]:
    if findings:
        yield Line()
        yield Line(f"{title} ({len(findings)}):", "bold")
        yield from (Line(f"    {each}", style) for each in findings)


def _closing_lines(cleanup: Cleanup, path: str, *, written: bool) -> Iterator[Line]:
    if not cleanup.changes:
        left = " except the findings above" if cleanup.findings else ""
        yield Line(f"Nothing to do{left}.", "green")
    elif written:
        moved = cleanup.of(Action.CREATE)
        deleted = len(cleanup.of(Action.DELETE)) - len(moved)
        yield Line(f"Done: {len(cleanup.of(Action.EDIT))} edited, {len(moved)} moved, {deleted} deleted.", "bold green")
    else:
        yield Line(f"Dry run: nothing was changed. To do it: raceday-iac cleanup {path} --write", "bold")
    if cleanup.changes:
        yield Line(
            "Files only: on Appwrite the functions run on until they are deleted there; raceday-iac plan shows that."
        )


def _count(count: Count) -> dict[str, int]:
    return {"before": count.before, "removed": count.removed, "kept": count.kept, "added": count.added}


def _change(change: Change) -> dict[str, str]:
    said = {"action": str(change.action), "path": change.path, "reason": change.reason}
    if change.action is Action.EDIT:
        said["diff"] = "\n".join(unified(change)) + "\n"
    return said | ({"from": change.origin} if change.origin else {})


def _finding(finding: Finding) -> dict[str, Any]:
    return {"file": finding.path, "line": finding.line or None, "message": finding.message}
