"""`appwrite.json`: entries go by `$id`, one comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import IacError
from .changes import Count, Finding
from .json_text import Node, checked, node, root, without
from .names import KEPT_FUNCTIONS, NEW_ENTRY, NEW_FUNCTION, REMOVED_FUNCTIONS
from .tree import line_of


@dataclass(frozen=True)
class AppwriteFile:
    """The file before and after, and the folder of each function that it has afterwards."""

    path: str
    before: str
    after: str
    count: Count
    #: Folder and entry file by id, and the line of each entry, all as of afterwards.
    functions: Mapping[str, tuple[str, str, int]]
    #: The ids before.
    deployed: tuple[str, ...]
    #: Folders of entries that go, by id.
    removed: Mapping[str, str]
    findings: tuple[Finding, ...]


def clean_appwrite_file(path: str, text: str) -> AppwriteFile:
    """Take the three pollers out and put `database-setup` in. Raises IacError for a file of another project."""
    document = checked(text, path)
    entries = document.get("functions")
    if not isinstance(entries, list):
        raise IacError(f"{path} has no list of functions. Nothing was changed.")
    ids = tuple(_id(each) for each in entries)
    if not {*ids} & {*REMOVED_FUNCTIONS, *KEPT_FUNCTIONS, NEW_FUNCTION}:
        raise IacError(f"{path} names none of the functions of RaceDay: this is another project. Nothing was changed.")
    new = {} if NEW_FUNCTION in ids else {None: dict(NEW_ENTRY)}
    where = _functions(text)
    after = text
    if new or {*ids} & {*REMOVED_FUNCTIONS}:
        after = without(text, where, lambda part: _id(part.value) in REMOVED_FUNCTIONS, new)
    goes = [each for each in entries if _id(each) in REMOVED_FUNCTIONS]
    return AppwriteFile(
        path,
        text,
        after,
        Count(len(ids), len(goes), len(new)),
        dict(_places(after)),
        ids,
        {_id(each): _folder(each) for each in goes},
        tuple(_findings(path, after)),
    )


def _functions(text: str) -> Node:
    found = root(text).last("functions")
    assert found is not None
    return node(text, found.value_start)


def _id(entry: Any) -> str:
    return str(entry.get("$id", "")) if isinstance(entry, dict) else ""


def _folder(entry: Mapping[str, Any]) -> str:
    """Where the code lies; the id where nothing is said. `./x/` and `x` are the same."""
    return str(entry.get("path") or _id(entry)).removeprefix("./").rstrip("/")


def _places(text: str) -> Iterator[tuple[str, tuple[str, str, int]]]:
    for part in _functions(text).parts:
        if _id(part.value):
            entry = str(part.value.get("entrypoint") or "")
            yield _id(part.value), (_folder(part.value), entry, line_of(text, part.start))


def _findings(path: str, text: str) -> Iterator[Finding]:
    """What is to be said of the entry of `database-setup`."""
    part = next(each for each in _functions(text).parts if _id(each.value) == NEW_FUNCTION)
    other = [key for key, value in NEW_ENTRY.items() if part.value.get(key) != value]
    line = line_of(text, part.start)
    if other:
        yield Finding(path, line, f"{NEW_FUNCTION} is there already and stays; it differs in {', '.join(other)}")
    if "any" in (part.value.get("execute") or []):
        yield Finding(path, line, f'{NEW_FUNCTION}: execute ["any"] lets anyone on the internet start it')
