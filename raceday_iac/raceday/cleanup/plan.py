"""The clean-up of a tree: what goes, what comes, what is edited, and what is left to people.

Whatever something that stays still needs does not go. The one exception is the database set-up, which moves as the
clean-up plan says: its import in the daily job is reported, because taking it out means taking out calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...errors import IacError
from .json_text import Import, imports, uses
from .package_file import (
    AppwriteFile,
    OtherProjectError,
    PackageFile,
    clean_appwrite_file,
    clean_package_file,
    dangling,
    functions_named,
    without_references,
)
from .tree import (
    APPWRITE_FILES,
    MOVED_FROM,
    MOVED_TO,
    NEW_FUNCTION,
    PACKAGE_FILE,
    REMOVED_FILES,
    REMOVED_FUNCTIONS,
    REMOVED_SCRIPTS,
    RUNNER,
    VARIABLES_SCRIPT,
    Action,
    Change,
    Cleanup,
    Count,
    Finding,
    Names,
    Tree,
    beside,
    line_of,
)


def plan_cleanup(tree: Tree) -> Cleanup:
    """The plan for a tree. Raises IacError for JSON that is none."""
    try:
        appwrite = _appwrite_file(tree)
    except OtherProjectError as other:
        return Cleanup((), (), Count(), Count(), nothing_here=str(other))
    package = _package_file(tree)
    stays = held(tree, appwrite, package)
    created, remarks = _moved(tree)
    deleted = tuple(_deleted(tree, stays, moved=bool(created) or _is_moved(tree)))
    names = _gone(tree, package, stays)
    edited = tuple(_edited(tree, appwrite, package, names, {each.path for each in deleted}))
    gone = {each.path for each in deleted}
    after = tree.after(gone, {each.path: each.after for each in (*created, *edited)})
    findings = {*stays.findings, *remarks, *findings_in(after, appwrite, package, names)}
    reported = {(each.path, each.line) for each in findings if each.must}
    return Cleanup(
        (*created, *edited, *deleted),
        tuple(
            sorted(
                (each for each in findings if not each.mention or (each.path, each.line) not in reported), key=_order
            )
        ),
        appwrite.count,
        package.count if package else Count(),
        tuple(folder for folder in REMOVED_FUNCTIONS if folder not in stays.paths and tree.under(folder)),
    )


def _order(finding: Finding) -> tuple[bool, str, int, str]:
    return not finding.must, finding.path, finding.line, finding.message


def _appwrite_file(tree: Tree) -> AppwriteFile:
    path = next((path for path in APPWRITE_FILES if path in tree), None)
    if path is None:
        raise OtherProjectError(f"there is no {APPWRITE_FILES[0]}; name the folder that contains it")
    return clean_appwrite_file(path, _text(tree, path))


def _package_file(tree: Tree) -> PackageFile | None:
    return clean_package_file(PACKAGE_FILE, _text(tree, PACKAGE_FILE)) if PACKAGE_FILE in tree else None


def _text(tree: Tree, path: str) -> str:
    text = tree.text(path)
    if text is None:
        raise IacError(f"{path} is a link, too large, or no UTF-8 text.", unchanged=True)
    return text


def _is_moved(tree: Tree) -> bool:
    """Whether a run that was cut short has written the copy and not deleted the original yet."""
    return MOVED_FROM in tree and tree.files.get(MOVED_TO) == tree.files[MOVED_FROM] is not None


def _moved(tree: Tree) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    if MOVED_FROM not in tree or _is_moved(tree):
        return (), ()
    text = tree.text(MOVED_FROM)
    if text is None:
        return (), (Finding(MOVED_FROM, 0, "is not text, so it was not moved", must=True),)
    if MOVED_TO in tree:
        return (), (Finding(MOVED_FROM, 0, f"stays: {MOVED_TO} exists already, and is different", must=True),)
    return (Change(Action.CREATE, MOVED_TO, f"moved from {MOVED_FROM}", after=text, origin=MOVED_FROM),), ()


def _deleted(tree: Tree, stays: Held, *, moved: bool) -> Iterator[Change]:
    if moved:
        yield Change(Action.DELETE, MOVED_FROM, f"moved to {MOVED_TO}")
    for path, reason in REMOVED_FILES.items():
        if path in tree and path not in stays.paths:
            yield Change(Action.DELETE, path, reason)
    for folder in REMOVED_FUNCTIONS:
        if folder not in stays.paths:
            for path in tree.under(folder):
                yield Change(Action.DELETE, path, f"function {folder} is deleted")


def _edited(
    tree: Tree, appwrite: AppwriteFile, package: PackageFile | None, gone: Names, deleted: set[str]
) -> Iterator[Change]:
    """Scripts are checked by what appwrite.json said before, so that it changes last: a run that was cut short must be
    able to check in the same way."""
    kept = Names(tuple(appwrite.functions), tuple(package.scripts) if package else ())
    for path, text in tree.texts():
        if path.startswith("scripts/") and path.endswith((".js", ".mjs", ".cjs")) and path not in deleted:
            after = without_references(text, gone, kept, appwrite.deployed)
            if after != text:
                yield Change(Action.EDIT, path, "references to deleted functions", text, after)
    if package:
        yield from _edit(package, "scripts")
    yield from _edit(appwrite, "function entries")


def _edit(file: AppwriteFile | PackageFile, subject: str) -> Iterator[Change]:
    if file.after != file.before:
        reason = f"{file.count.removed} {subject} deleted, {file.count.added} added"
        yield Change(Action.EDIT, file.path, reason, file.before, file.after)


def _gone(tree: Tree, package: PackageFile | None, stays: Held) -> Names:
    """The names that nothing answers to any more."""
    scripts: Mapping[str, object] = package.scripts if package else {}
    others = sorted({found for _, text in tree.texts() for found in _VARIABLES_SCRIPT.findall(text)})
    return Names(
        REMOVED_FUNCTIONS,
        tuple(each for each in dict.fromkeys((*REMOVED_SCRIPTS, *others)) if each not in scripts),
        tuple(path for path in REMOVED_FILES if path not in stays.paths),
    )


#: Where a text runs one, whichever function it was for.
_VARIABLES_SCRIPT = re.compile(rf"{RUNNER}({VARIABLES_SCRIPT.pattern})")


# What has to be looked at once the changes are made: imports and deployments of what is not there, and mentions.
#
# All of it is found in the tree as it is afterwards, so that a second run says the same.


_ENDINGS = ("", ".js", ".mjs", ".cjs", ".ts", ".json", "/index.js")
#: Files that act on what they name; elsewhere an unknown id may be a placeholder.
_ACTING = (".sh", ".yml", ".yaml")
_LOCK_FILES = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml")
_EXCERPT = 90


def findings_in(after: Tree, appwrite: AppwriteFile, package: PackageFile | None, gone: Names) -> Iterator[Finding]:
    """Everything to be reported of a tree after its clean-up."""
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
            message += f"Remove it before you deploy this, and deploy it after {NEW_FUNCTION} has run once"
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


# What does not go although the plan says so, because something that stays needs it.


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
                yield goes, Finding(appwrite.path, line, f"{goes} stays: it contains the code of {id}", must=True)


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
            yield Finding(folder, 0, f"stays, although {id} is deleted: it is not the folder {id}", must=True)


def _owner(path: str) -> str:
    """The folder or file of the plan that a path belongs to, or nothing."""
    top = path.partition("/")[0]
    return top if top in REMOVED_FUNCTIONS else path if path in REMOVED_FILES else ""
