"""What has to be looked at once the changes are made: imports and deployments of what is not there, and mentions.

All of it is found in the tree as it is afterwards, so that a second run tells the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from .appwrite_file import AppwriteFile
from .changes import Finding
from .commands import functions_named
from .holding import CODE_FILES
from .javascript import Import, imports, uses
from .mentions import Names
from .names import MOVED_FROM, MOVED_TO, NEW_FUNCTION, REMOVED_FUNCTIONS
from .package_file import PackageFile, dangling
from .tree import Tree, beside, line_of

_ENDINGS = ("", ".js", ".mjs", ".cjs", ".ts", ".json", "/index.js")
#: Files that act on what they name; elsewhere an unknown id may be a placeholder.
_ACTING = (".sh", ".yml", ".yaml")
_LOCK_FILES = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml")
_EXCERPT = 90


def findings_in(after: Tree, appwrite: AppwriteFile, package: PackageFile | None, gone: Names) -> Iterator[Finding]:
    """Everything to be told of a tree after its clean-up."""
    yield from appwrite.findings
    yield from _undeployable(after, appwrite)
    if package:
        yield from package.findings
        yield from dangling(package.path, package, appwrite.functions, after.files)
    else:
        yield Finding("package.json", 0, "is missing, so that the scripts of database-setup could not be added", True)
    for path, text in after.texts():
        if path.rpartition("/")[2] not in _LOCK_FILES:
            if path.endswith(CODE_FILES):
                yield from _broken_imports(after, path, text)
            yield from _unknown_functions(path, text, appwrite)
            yield from _mentions(path, text, gone)


def _undeployable(after: Tree, appwrite: AppwriteFile) -> Iterator[Finding]:
    """Functions of appwrite.json whose code is not there."""
    for id, (folder, entry, line) in appwrite.functions.items():
        wanted = [entry, "package.json"] if id == NEW_FUNCTION else [entry]
        missing = [name for name in wanted if name and f"{folder}/{name}" not in after]
        if not after.under(folder):
            yield Finding(appwrite.path, line, f"{id} cannot be deployed: there is no folder {folder}", must=True)
        elif missing:
            message = f"{id} cannot be deployed: {folder} has no {' and no '.join(missing)}"
            yield Finding(appwrite.path, line, message, must=True)


def _broken_imports(after: Tree, path: str, text: str) -> Iterator[Finding]:
    for each in imports(text):
        target = beside(path, each.target)
        if target.startswith("../") or any(target + ending in after for ending in _ENDINGS):
            continue
        message = f"imports {each.target}, which does not exist"
        if target == MOVED_FROM and MOVED_TO in after:
            message = f"imports {each.target}, which is {MOVED_TO} now{_used(text, each)}. "
            message += f"Take it out before this is deployed, and deploy it after {NEW_FUNCTION} has run once"
        elif path == MOVED_TO:
            message = f"imports {each.target}, which did not move with it"
        yield Finding(path, line_of(text, each.position), message, must=True)


def _used(text: str, each: Import) -> str:
    lines = sorted({line_of(text, position) for position in uses(text, each.names, after=each.end)})
    if not lines:
        return ""
    return f" ({', '.join(each.names)} in line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))})"


def _unknown_functions(path: str, text: str, appwrite: AppwriteFile) -> Iterator[Finding]:
    """Commands in texts for functions that do not exist, other than the removed ones: those are mentions."""
    if path.endswith("package.json"):
        return
    for position, name in functions_named(text):
        if name not in appwrite.functions and name not in REMOVED_FUNCTIONS:
            message = f"is for function {name}, which does not exist"
            yield Finding(path, line_of(text, position), message, must=path.endswith(_ACTING))


def _mentions(path: str, text: str, gone: Names) -> Iterator[Finding]:
    by_line: dict[int, list[str]] = {}
    for position, name in gone.positions(text):
        by_line.setdefault(line_of(text, position), []).append(name)
    lines = text.split("\n") if by_line else []
    for number, names in by_line.items():
        excerpt = lines[number - 1].strip()
        excerpt = "".join(each if each.isprintable() else " " for each in excerpt)
        excerpt = excerpt if len(excerpt) <= _EXCERPT else excerpt[: _EXCERPT - 1] + "…"
        yield Finding(path, number, f"names {', '.join(dict.fromkeys(names))}: {excerpt}", mention=True)
