"""The files of a tree as values. Paths are relative to its root, with slashes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Tree:
    """Every file with its bytes; None for what was not read (a link, `node_modules`, something large)."""

    files: Mapping[str, bytes | None]

    def __contains__(self, path: str) -> bool:
        return path in self.files

    def text(self, path: str) -> str | None:
        """The text of a file, or None when it has none: not there, not read, or no UTF-8. A byte order mark stays."""
        return self._texts.get(path)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Path and text of each file that has one, in order of path."""
        yield from sorted(self._texts.items())

    def under(self, folder: str) -> tuple[str, ...]:
        """What lies in a folder, or the path itself where it is a file or a link."""
        return tuple(sorted(path for path in self.files if path == folder or path.startswith(f"{folder}/")))

    def after(self, gone: set[str], written: Mapping[str, str]) -> Tree:
        """The tree with some files gone and others written."""
        kept = {path: content for path, content in self.files.items() if path not in gone}
        return replace(self, files={**kept, **{path: text.encode() for path, text in written.items()}})

    @cached_property
    def _texts(self) -> dict[str, str]:
        found = {}
        for path, content in self.files.items():
            if content is None or b"\0" in content:
                continue
            try:
                found[path] = content.decode()
            except UnicodeDecodeError:
                continue
        return found


def beside(path: str, relative: str) -> str:
    """Where a relative import of a file leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), relative))


def line_of(text: str, position: int) -> int:
    """The number of the line that a position lies in, from 1."""
    return text.count("\n", 0, position) + 1


# What a clean-up does and what it leaves to people.


class Action(StrEnum):
    """In the order in which they are done: nothing goes before everything else is written."""

    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """One file. `before` and `after` are texts where the action has them; a deletion carries none."""

    action: Action
    path: str
    reason: str
    before: str = ""
    after: str = ""
    #: Where a created file comes from; that one is deleted.
    origin: str = ""


@dataclass(frozen=True)
class Finding:
    """Something that a person has to look at, with the line as it is after the clean-up (0: the whole file)."""

    path: str
    line: int
    message: str
    #: It breaks otherwise.
    must: bool = False
    #: Only a text in which something is still named.
    mention: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


@dataclass(frozen=True)
class Count:
    """How many there are of something, and how many go and come."""

    before: int = 0
    removed: int = 0
    added: int = 0

    @property
    def kept(self) -> int:
        return self.before - self.removed


@dataclass(frozen=True)
class Cleanup:
    """The plan: changes in the order in which they are safe, and findings."""

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    functions: Count
    scripts: Count
    #: Folders that go with everything in them.
    folders: tuple[str, ...] = ()
    #: Why there is nothing to clean up, where the tree is that of another project.
    nothing_here: str = ""

    def of(self, action: Action) -> tuple[Change, ...]:
        return tuple(each for each in self.changes if each.action is action)

    @property
    def by_hand(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.must)

    @property
    def notes(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if not each.must and not each.mention)

    @property
    def mentions(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.mention)


# What goes, what comes, and what it is called: exact ids, keys and paths, never patterns.
#
# `enhanced-race-poller` and `meeting-status-poller` stay, although their names contain what the names of the others
# do.


REMOVED_FUNCTIONS = ("race-data-poller", "single-race-poller", "batch-race-poller")
KEPT_FUNCTIONS = (
    "daily-meetings",
    "daily-races",
    "daily-initial-data",
    "meeting-status-poller",
    "enhanced-race-poller",
    "master-race-scheduler",
)
POLLER_SCRIPTS = (
    "deploy:poller",
    "deploy:single-race",
    "deploy:batch-race-poller",
    "poller",
    "single-race",
    "batch-race-poller",
    "test:batch-race-poller",
    "monitor-batch-results",
)
#: Variables belong to the whole project, so that no script for one function's has anything left to do.
VARIABLE_SCRIPTS = (
    "vars:meetings",
    "vars:races",
    "vars:poller",
    "vars:single-race",
    "vars:meeting-status",
    "vars:batch-race-poller",
    "vars:enhanced-race-poller",
    "vars:master-scheduler",
    "vars:all",
)
#: Others like them may have been added since, or belong to functions that are gone already.
VARIABLES_SCRIPT = re.compile(r"vars:[a-z][\w-]*")
VARIABLES_FILE = "scripts/update-vars-only.js"
REMOVED_SCRIPTS = (*POLLER_SCRIPTS, *VARIABLE_SCRIPTS)
#: Scripts that only the removed entries of package.json started, with the reason why they go.
REMOVED_FILES: Mapping[str, str] = {
    VARIABLES_FILE: "variables belong to the whole project",
    "scripts/test-batch-race-poller.js": "tests a deleted function",
    "scripts/monitor-batch-results.js": "watches a deleted function",
}

NEW_FUNCTION = "database-setup"
#: As the clean-up plan gives it; in the order in which Appwrite's command line writes the keys.
NEW_ENTRY: Mapping[str, Any] = {
    "$id": NEW_FUNCTION,
    "name": "Database Setup and Schema Management",
    "runtime": "node-22",
    "specification": "s-2vcpu-2gb",
    "path": NEW_FUNCTION,
    "execute": ["any"],
    "events": [],
    "schedule": "",
    "timeout": 300,
    "enabled": True,
    "logging": True,
    "entrypoint": "src/main.js",
    "commands": "npm install",
    "scopes": [
        f"{subject}.{verb}"
        for subject in ("databases", "collections", "attributes", "indexes")
        for verb in ("read", "write")
    ],
}
NEW_SCRIPTS: Mapping[str, str] = {
    "deploy:database-setup": "node scripts/deploy.js database-setup",
    "database-setup": "node scripts/run-function.js database-setup",
}
#: The schema moves out of the daily job that used to set it up.
MOVED_FROM = "daily-meetings/src/database-setup.js"
MOVED_TO = "database-setup/src/database-setup.js"

#: Both names that Appwrite's command line has used.
APPWRITE_FILES = ("appwrite.json", "appwrite.config.json")
PACKAGE_FILE = "package.json"
#: Scripts whose first argument is the id of a function.
FUNCTION_SCRIPTS = ("deploy.js", "run-function.js")


# Where a removed function, script or file is still named: exact words only.


#: What may not stand beside a name. A dot or colon with something behind it continues a name: `batch-race-poller.js`.
_BEFORE, _AFTER = r"(?<![\w:-])", r"(?![\w-]|[.:]\w)"
RUNNER = r"\b(?:npm|pnpm|yarn)\s+(?:(?:run|run-script|-\S+)\s+)*"


@dataclass(frozen=True)
class Names:
    """Names of functions and scripts, and paths of scripts."""

    functions: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        files = [re.escape(path.rpartition("/")[2]) for path in self.files]
        # A script's name without a colon is an ordinary word: it counts only where it is run.
        distinct = [re.escape(name) for name in self.scripts if ":" in name]
        plain = [re.escape(name) for name in self.scripts if ":" not in name]
        words = [*map(re.escape, self.functions), *files, *distinct]
        parts = [f"{_BEFORE}(?:{'|'.join(words)}){_AFTER}"] if words else []
        if plain:
            parts.insert(0, f"{RUNNER}(?:{'|'.join(plain)})(?![\\w:.-])")
        return re.compile("|".join(parts) or r"(?!)")

    def positions(self, text: str) -> Iterator[tuple[int, str]]:
        """Where something is named, and how."""
        for found in self._pattern.finditer(text):
            yield found.start(), re.sub(r"\s+", " ", found[0])

    def like(self, name: str) -> str:
        """The first name of the same sort: a function, a script that is run in the same way; nothing where there is
        none."""
        runner, _, word = name.rpartition(" ")
        sort, colon, _ = word.rpartition(":")
        if runner or colon:
            scripts = (each for each in self.scripts if each.rpartition(":")[:2] == (sort, colon))
            found = next(scripts, "")
            return f"{runner} {found}" if runner and found else found
        return next(iter(self.functions), "") if "." not in word else ""

    def named_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None
