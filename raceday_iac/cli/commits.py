"""Commits of the user's repository: which one is checked out, and the files of another one. The repository itself is
only read."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import IacError

#: Would send git somewhere else than to the named folder, for example inside a hook.
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class CheckedOut:
    """The commit that a project's files are of; empty outside of a repository, or before its first commit. `is_dirty`:
    they are not exactly that."""

    commit: str = ""
    is_dirty: bool = False


def checked_out(root: Path, folders: Collection[Path]) -> CheckedOut:
    """What the project in `root` is checked out at. Dirty makes it whatever differs of the files that git has, and in
    these `folders` (of the stack and of code) also what git neither has nor ignores. Never raises: it is only noted."""
    try:
        commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
        changed = _git(root, "status", "--porcelain=v1", "--untracked-files=no", "--", ".")
        inside = [str(each) for each in sorted({each.resolve() for each in folders}) if each.is_relative_to(root)]
        strange = _git(root, "ls-files", "--others", "--exclude-standard", "--", *inside) if inside else ""
    except _GitError:
        return CheckedOut()
    return CheckedOut(commit, bool(changed or strange))


def full_commit(root: Path, name: str) -> str:
    """The whole hash of a commit that is named by a hash, a tag or a branch. Raises IacError."""
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
    except _GitError as error:
        raise IacError(
            f"{name} is no commit of the repository that {root} lies in{error.said}.",
            hint="name one that is here; git fetch brings others (in CI, check out with fetch-depth: 0)",
            unchanged=True,
        ) from None


@contextmanager
def files_of(root: Path, commit: str) -> Iterator[Path]:
    """The project of `root` as it is in a commit (a whole hash), in a folder of its own for as long as the block lasts.
    They are checked out as git would, by an index of their own. Raises IacError."""
    if not _COMMIT.fullmatch(commit):
        raise IacError(f"{commit!r} is not the hash of a commit.", unchanged=True)
    full_commit(root, commit)
    with tempfile.TemporaryDirectory(prefix="raceday-iac-") as made:
        folder = Path(made).resolve()
        try:
            top = Path(_git(root, "rev-parse", "--show-toplevel").strip())
            _git(top, "read-tree", commit, index=folder / "index")
            _git(top, "checkout-index", "--all", f"--prefix={folder / 'files'}/", index=folder / "index")
        except _GitError as error:
            raise IacError(f"The files of commit {commit[:12]} cannot be read{error.said}.", unchanged=True) from None
        project = folder / "files" / root.resolve().relative_to(top.resolve())
        if not project.is_dir():
            raise IacError(f"Commit {commit[:12]} has no folder {root.name}.", unchanged=True)
        # What links in code may lead to ends at the repository's root, as it does in a real one.
        (folder / "files" / ".git").mkdir(exist_ok=True)
        yield project


class _GitError(Exception):
    """Git said no, or is not there."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = f" ({said})" if said else ""


def _git(folder: Path, *words: str, index: Path | None = None) -> str:
    variables = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    variables |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    if index is not None:
        variables["GIT_INDEX_FILE"] = str(index)
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except OSError as error:
        raise _GitError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        raise _GitError(next(iter(done.stderr.strip().splitlines()), "").removeprefix("fatal: "))
    return done.stdout
