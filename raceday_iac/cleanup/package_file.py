"""`package.json`: scripts go by key, two come, and what the remaining ones start is checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from .changes import Count, Finding
from .commands import Started, started_by
from .json_text import Node, checked, node, root, without
from .mentions import Names
from .names import NEW_SCRIPTS, REMOVED_FILES, REMOVED_FUNCTIONS, REMOVED_SCRIPTS
from .tree import line_of


@dataclass(frozen=True)
class PackageFile:
    """The file before and after, and what its remaining scripts start."""

    path: str
    before: str
    after: str
    count: Count
    #: The remaining scripts: what each starts, and its line.
    scripts: Mapping[str, tuple[Started, int]]
    findings: tuple[Finding, ...]


def clean_package_file(path: str, text: str) -> PackageFile:
    """Take the pollers' and the variables' scripts out and put those of `database-setup` in."""
    document = checked(text, path)
    scripts = document.get("scripts")
    if not isinstance(scripts, dict):
        finding = Finding(path, 0, f"has no scripts, so that {' and '.join(NEW_SCRIPTS)} could not be added", must=True)
        return PackageFile(path, text, text, Count(), {}, (finding,))
    goes = {key for key in REMOVED_SCRIPTS if key in scripts and _is_what_was_meant(scripts[key])}
    new = {key: command for key, command in NEW_SCRIPTS.items() if key not in scripts}
    after = without(text, _scripts(text), lambda part: part.key in goes, new) if goes or new else text
    return PackageFile(
        path,
        text,
        after,
        Count(len(scripts), len(goes), len(new)),
        dict(_started(after)),
        tuple(_findings(path, after)),
    )


def dangling(path: str, package: PackageFile, functions: Collection[str], files: Collection[str]) -> Iterator[Finding]:
    """Scripts that start what is not there: a function, a file, another script."""
    for key, (started, line) in package.scripts.items():
        for name in started.functions:
            if name not in functions:
                yield Finding(path, line, f"script {key} is for function {name}, which does not exist", must=True)
        for name in started.files:
            if name not in files:
                yield Finding(path, line, f"script {key} starts {name}, which does not exist", must=True)
        for name in started.scripts:
            if name not in package.scripts:
                yield Finding(path, line, f"script {key} runs script {name}, which does not exist", must=True)


def _is_what_was_meant(command: object) -> bool:
    """Whether a script of a removed name does what goes. One that was given another task stays, and is reported."""
    return Names(REMOVED_FUNCTIONS, REMOVED_SCRIPTS, tuple(REMOVED_FILES)).named_in(str(command))


def _scripts(text: str) -> Node:
    found = root(text).last("scripts")
    assert found is not None
    return node(text, found.value_start)


def _started(text: str) -> Iterator[tuple[str, tuple[Started, int]]]:
    for part in _scripts(text).parts:
        yield part.key, (started_by(str(part.value)), line_of(text, part.start))


def _findings(path: str, text: str) -> Iterator[Finding]:
    for part in _scripts(text).parts:
        line, command = line_of(text, part.start), re.sub(r"\s+", " ", str(part.value))
        if part.key in REMOVED_SCRIPTS:
            yield Finding(path, line, f"script {part.key} stays: what it runs is not what goes: {command}", must=True)
        elif part.key in NEW_SCRIPTS and part.value != NEW_SCRIPTS[part.key]:
            yield Finding(path, line, f"script {part.key} is there already and stays: {command}")
