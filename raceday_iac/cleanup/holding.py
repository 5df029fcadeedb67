"""What does not go although the plan says so, because something that stays needs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .appwrite_file import AppwriteFile
from .changes import Finding
from .javascript import imports
from .names import REMOVED_FILES, REMOVED_FUNCTIONS
from .package_file import PackageFile
from .tree import Tree, beside, line_of

CODE_FILES = (".js", ".mjs", ".cjs", ".ts")


@dataclass(frozen=True)
class Held:
    """Folders and files that stay, and who needs them."""

    paths: frozenset[str]
    findings: tuple[Finding, ...]


def held(tree: Tree, appwrite: AppwriteFile, package: PackageFile | None) -> Held:
    """Which of the folders and files stay. What stays may need others, so the question is asked until nothing comes."""
    stays: dict[str, Finding] = {}
    for path, finding in (*_by_functions(appwrite), *_by_scripts(package)):
        if path in tree or tree.under(path):
            stays.setdefault(path, finding)
    count = -1
    while count != len(stays):
        count = len(stays)
        for path, finding in _by_imports(tree, frozenset(stays)):
            stays.setdefault(path, finding)
    return Held(frozenset(stays), (*stays.values(), *_elsewhere(tree, appwrite)))


def _by_functions(appwrite: AppwriteFile) -> Iterator[tuple[str, Finding]]:
    for id, (folder, _, line) in appwrite.functions.items():
        for goes in REMOVED_FUNCTIONS:
            if folder == goes or folder.startswith(f"{goes}/"):
                yield goes, Finding(appwrite.path, line, f"{goes} stays: the code of {id} lies in it", must=True)


def _by_scripts(package: PackageFile | None) -> Iterator[tuple[str, Finding]]:
    for key, (started, line) in (package.scripts if package else {}).items():
        for file in started.files:
            goes = _owner(file)
            if package and goes:
                yield goes, Finding(package.path, line, f"{goes} stays: script {key} starts {file}", must=True)


def _by_imports(tree: Tree, stays: frozenset[str]) -> Iterator[tuple[str, Finding]]:
    for path, text in tree.texts():
        owner = _owner(path)
        if not path.endswith(CODE_FILES) or (owner and owner not in stays):
            continue
        for each in imports(text):
            goes = _owner(beside(path, each.target))
            if goes and goes != owner:
                line = line_of(text, each.position)
                yield goes, Finding(path, line, f"{goes} stays: {each.target} is imported here", must=True)


def _elsewhere(tree: Tree, appwrite: AppwriteFile) -> Iterator[Finding]:
    """Code of a removed function that lies under another name than the plan gives."""
    for id, folder in appwrite.removed.items():
        if folder != id and tree.under(folder):
            yield Finding(folder, 0, f"stays, although {id} goes: it is not the folder {id}", must=True)


def _owner(path: str) -> str:
    """The folder or file of the plan that a path belongs to, or nothing."""
    top = path.partition("/")[0]
    return top if top in REMOVED_FUNCTIONS else path if path in REMOVED_FILES else ""
