"""Commits of the user's repository: which one is checked out, and the stack of another one. The repository is only
read."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..errors import IacError
from ..loading.environment import environment_file, load_environment
from ..loading.stack_file import load_stack
from ..model.secret import Lenient
from ..state.document import UNKNOWN_REVISION, Revision
from .options import Options
from .workspace import Workspace

#: Would send git somewhere else than to the named folder, for example inside a hook.
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def checked_out(root: Path, folders: Collection[Path]) -> Revision:
    """What the project in `root` is checked out at. Dirty makes it whatever differs of the files that git has, and in
    these `folders` (of the stack and of code) also what git neither has nor ignores. States are no part of it, though
    somebody may commit them. Never raises: it is only noted."""
    here = root.resolve()
    # Git would find none either, and takes longer than all the rest of a small plan.
    if not any(os.path.lexists(each / ".git") for each in (here, *here.parents)):
        return UNKNOWN_REVISION
    try:
        top = Path(_git(root, "rev-parse", "--show-toplevel").strip())
        commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
        places = sorted({each.resolve() for each in (root, *folders)})
        inside = [str(each) for each in places if each.is_relative_to(top) and each.exists()]
        states = [f":(exclude){root.resolve() / 'state'}"]
        changed = _git(top, "status", "--porcelain=v1", "--untracked-files=no", "--", *inside, *states)
        known = [each for each in inside if each != str(root.resolve())]
        strange = _git(top, "ls-files", "--others", "--exclude-standard", "--", *known) if known else ""
    except _GitError:
        return UNKNOWN_REVISION
    return Revision(commit, bool(changed or strange))


def full_commit(root: Path, name: str) -> str:
    """The whole hash of a commit that is named by a hash, a tag or a branch. Raises IacError."""
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
    except _GitError as error:
        raise IacError(
            f"{name} is not a commit of the git repository of {root}{error.said}.",
            hint="name a commit of this clone; git fetch gets more of them (in CI, check out with fetch-depth: 0)",
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


@contextmanager
def at_commit(options: Options, commit: str, *, reading: bool = True, sending: bool = False) -> Iterator[Workspace]:
    """The stack of a commit (a whole hash) in an environment, for as long as the block lasts: code is read from its
    files. Where the environment is, and where its state is kept, is as it is said now; what it overrides, as the commit
    says. Raises IacError."""
    now, root = load_environment(options.stack, options.env), options.root
    variables = os.environ if sending else Lenient(os.environ)
    with files_of(root, commit) as files:
        stack_file = files / options.stack.resolve().relative_to(root)
        if not stack_file.is_file():
            raise IacError(f"Commit {commit[:12]} has no {stack_file.relative_to(files)}.", unchanged=True)
        environment = now
        if environment_file(stack_file, options.env).is_file():
            then = load_environment(stack_file, options.env)
            environment = now.model_copy(update={name: getattr(then, name) for name in _OF_COMMIT})
        workspace = Workspace.of(options, load_stack(stack_file), environment, variables, root=files)
        yield replace(workspace, reading=reading, commit=commit)


#: What an environment file says that belongs to the stack; the rest says how it is reached.
_OF_COMMIT = ("schedules", "build_patience", "overrides", "file")


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
