"""The clean-up of a tree: what goes, what comes, what is edited, and what is left to people.

Whatever something that stays still needs does not go. The one exception is the database set-up, which moves as the
clean-up plan says: its import in the daily job is reported, because taking it out means taking out calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import IacError
from .appwrite_file import AppwriteFile, clean_appwrite_file
from .changes import Action, Change, Cleanup, Count, Finding
from .checks import findings_in
from .help_text import without_references
from .holding import Held, held
from .mentions import Names
from .names import APPWRITE_FILES, MOVED_FROM, MOVED_TO, PACKAGE_FILE, REMOVED_FILES, REMOVED_FUNCTIONS, REMOVED_SCRIPTS
from .package_file import PackageFile, clean_package_file
from .tree import Tree


def plan_cleanup(tree: Tree) -> Cleanup:
    """The plan for a tree. Raises IacError for a tree of another project, and for JSON that is none."""
    appwrite = _appwrite_file(tree)
    package = _package_file(tree)
    stays = held(tree, appwrite, package)
    created, remarks = _moved(tree)
    deleted = tuple(_deleted(tree, stays, moved=bool(created) or _is_moved(tree)))
    names = _gone(package, stays)
    edited = tuple(_edited(tree, appwrite, package, names, {each.path for each in deleted}))
    gone = {each.path for each in deleted}
    after = tree.after(gone, {each.path: each.after for each in (*created, *edited)})
    findings = {*stays.findings, *remarks, *findings_in(after, appwrite, package, names)}
    told = {(each.path, each.line) for each in findings if each.must}
    return Cleanup(
        (*created, *edited, *deleted),
        tuple(
            sorted((each for each in findings if not each.mention or (each.path, each.line) not in told), key=_order)
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
        raise IacError(
            f"There is no {APPWRITE_FILES[0]} here. Nothing was changed.",
            hint="name the folder that holds it: raceday-iac cleanup server",
        )
    return clean_appwrite_file(path, _text(tree, path))


def _package_file(tree: Tree) -> PackageFile | None:
    return clean_package_file(PACKAGE_FILE, _text(tree, PACKAGE_FILE)) if PACKAGE_FILE in tree else None


def _text(tree: Tree, path: str) -> str:
    text = tree.text(path)
    if text is None:
        raise IacError(f"{path} is a link, too large, or no UTF-8 text. Nothing was changed.")
    return text


def _is_moved(tree: Tree) -> bool:
    """Whether a run that was cut short has written the copy and not deleted the original yet."""
    return MOVED_FROM in tree and tree.files.get(MOVED_TO) == tree.files[MOVED_FROM] is not None


def _moved(tree: Tree) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    if MOVED_FROM not in tree or _is_moved(tree):
        return (), ()
    text = tree.text(MOVED_FROM)
    if text is None:
        return (), (Finding(MOVED_FROM, 0, "is no text, so it was not moved", must=True),)
    if MOVED_TO in tree:
        return (), (Finding(MOVED_FROM, 0, f"stays: {MOVED_TO} is there already, and different", must=True),)
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
                yield Change(Action.DELETE, path, f"function {folder} goes")


def _edited(
    tree: Tree, appwrite: AppwriteFile, package: PackageFile | None, gone: Names, deleted: set[str]
) -> Iterator[Change]:
    """Scripts are judged by what appwrite.json said before, so that it changes last: a run that was cut short must be
    able to judge in the same way."""
    kept = Names(tuple(appwrite.functions), tuple(package.scripts) if package else ())
    for path, text in tree.texts():
        if path.startswith("scripts/") and path.endswith((".js", ".mjs", ".cjs")) and path not in deleted:
            after = without_references(text, gone, kept, appwrite.deployed)
            if after != text:
                yield Change(Action.EDIT, path, "references to what goes", text, after)
    if package:
        yield from _edit(package, "scripts")
    yield from _edit(appwrite, "function entries")


def _edit(file: AppwriteFile | PackageFile, subject: str) -> Iterator[Change]:
    if file.after != file.before:
        reason = f"{file.count.removed} {subject} go, {file.count.added} added"
        yield Change(Action.EDIT, file.path, reason, file.before, file.after)


def _gone(package: PackageFile | None, stays: Held) -> Names:
    """The names that nothing answers to any more."""
    scripts: Mapping[str, object] = package.scripts if package else {}
    return Names(
        REMOVED_FUNCTIONS,
        tuple(each for each in REMOVED_SCRIPTS if each not in scripts),
        tuple(path for path in REMOVED_FILES if path not in stays.paths),
    )
