"""`package.json`: scripts go by key, two come, and what the remaining ones start is checked."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

from .json_text import CODE, COMMENT, TEMPLATE, Item, Listing, Node, checked, kinds, node, rebuilt, root, without
from .tree import (
    FUNCTION_SCRIPTS,
    KEPT_FUNCTIONS,
    NEW_ENTRY,
    NEW_FUNCTION,
    NEW_SCRIPTS,
    REMOVED_FILES,
    REMOVED_FUNCTIONS,
    REMOVED_SCRIPTS,
    VARIABLES_FILE,
    VARIABLES_SCRIPT,
    Count,
    Finding,
    Names,
    line_of,
)

# What a command line of package.json (or of a text) starts: functions, files and other scripts.


_BETWEEN = {"&&", "||", ";", "|", "&"}
_RUNNERS = {"npm", "pnpm", "yarn"}
_RUN = {"run", "run-script"}
#: Scripts take the function's id first; this one only for functions that exist, whatever else it did.
_FUNCTION_SCRIPTS = (*FUNCTION_SCRIPTS, posixpath.basename(VARIABLES_FILE))
#: Upper case is a placeholder.
_NAMED = re.compile(rf"\bnode[ \t]+\S*\b(?:{'|'.join(map(re.escape, FUNCTION_SCRIPTS))})[ \t]+([a-z0-9][\w.-]*)")


@dataclass(frozen=True)
class Started:
    """Ids of functions, paths of script files, and names of scripts."""

    functions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


def started_by(command: str) -> Started:
    """What a command line starts; nothing of one that a shell could not read."""
    functions: list[str] = []
    files: list[str] = []
    scripts: list[str] = []
    for words in _commands(command):
        plain = [word for word in words[1:] if not word.startswith("-")]
        if words[0] == "node" and plain and plain[0].endswith((".js", ".mjs", ".cjs")):
            file = posixpath.normpath(plain[0])
            files.append(file)
            functions += plain[1:2] if posixpath.basename(file) in _FUNCTION_SCRIPTS else []
        elif words[0] in _RUNNERS and plain and plain[0] in _RUN:
            scripts += plain[1:2]
        elif words[0] == "appwrite":
            functions += [after for word, after in pairwise(words) if word == "--function-id"]
            functions += [word.partition("=")[2] for word in words if word.startswith("--function-id=")]
    return Started(tuple(functions), tuple(files), tuple(scripts))


def functions_named(line: str) -> list[tuple[int, str]]:
    """Where a text hands the id of a function to one of the scripts that take one."""
    return [(found.start(1), found[1].rstrip(".")) for found in _NAMED.finditer(line)]


def _commands(command: str) -> list[list[str]]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return []
    found: list[list[str]] = [[]]
    for word in words:
        if word in _BETWEEN:
            found.append([])
        else:
            found[-1].append(word)
    return [command for command in map(_without_wrapper, found) if command]


def _without_wrapper(words: list[str]) -> list[str]:
    """The command behind what only starts it, such as `dotenv --`, `npx` or `cross-env NAME=value`."""
    start = next((number for number, word in enumerate(words) if word in {"node", "appwrite", *_RUNNERS}), 0)
    return words[start:]


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
    while more := {key for key, command in scripts.items() if key not in goes and _sets_variables(key, command, goes)}:
        goes |= more
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


def _sets_variables(key: str, command: object, goes: Collection[str]) -> bool:
    """Whether a script does nothing but set variables of functions, also of one that is gone already."""
    started = started_by(str(command))
    return (
        bool(VARIABLES_SCRIPT.fullmatch(key))
        and bool(started.files or started.scripts)
        and {*started.files} <= {VARIABLES_FILE}
        and {*started.scripts} <= {*goes}
    )


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
            yield Finding(
                path, line, f"script {part.key} stays: it runs something that is not deleted: {command}", must=True
            )
        elif part.key in NEW_SCRIPTS and part.value != NEW_SCRIPTS[part.key]:
            yield Finding(path, line, f"script {part.key} exists already and stays: {command}")


# `appwrite.json`: entries go by `$id`, one comes.


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


class OtherProjectError(Exception):
    """The tree is that of another project; why, in words."""


def clean_appwrite_file(path: str, text: str) -> AppwriteFile:
    """Take the three pollers out and put `database-setup` in. Raises OtherProjectError for another project's file."""
    document = checked(text, path)
    entries = document.get("functions")
    if not isinstance(entries, list):
        raise OtherProjectError(f"{path} has no list of functions")
    ids = tuple(_id(each) for each in entries)
    if not {*ids} & {*REMOVED_FUNCTIONS, *KEPT_FUNCTIONS, NEW_FUNCTION}:
        raise OtherProjectError(f"{path} names none of the functions of RaceDay")
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
        tuple(_file_findings(path, after)),
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


def _file_findings(path: str, text: str) -> Iterator[Finding]:
    """What is to be said of the entry of `database-setup`."""
    part = next(each for each in _functions(text).parts if _id(each.value) == NEW_FUNCTION)
    other = [key for key, value in NEW_ENTRY.items() if part.value.get(key) != value]
    line = line_of(text, part.start)
    if other:
        yield Finding(path, line, f"{NEW_FUNCTION} exists already and stays; it differs in {', '.join(other)}")
    if "any" in (part.value.get("execute") or []):
        yield Finding(path, line, f'{NEW_FUNCTION}: execute ["any"] lets anyone on the internet start it')


# References in the deployment scripts that can be taken out safely: a line of help that only names what goes, and a
# list of function ids. Everything else is left to people.


_PRINTS = r"console\.(?:log|info|warn|error)\("
_PRINTED_LINE = re.compile(rf"[ \t]*{_PRINTS}(?:'[^'\\]*'|\"[^\"\\]*\"|`[^`$\\]*`)\);[ \t]*\r?\n?")
_PRINTS_TEMPLATE = re.compile(_PRINTS + r"\s*\Z")
#: A list of nothing but quoted words.
_LIST = re.compile(r"\[(?P<inner>(?:\s*(?:'[\w.-]+'|\"[\w.-]+\")\s*,)*\s*(?:'[\w.-]+'|\"[\w.-]+\")\s*,?\s*)\]")
_ELEMENT = re.compile(r"['\"]([\w.-]+)['\"]")
#: What stands before a bracket that opens a list and not a subscript.
_BEFORE_LIST = re.compile(r"[=(,:\[{;?&|]\s*$|\breturn\s*$|^\s*$")


def without_references(text: str, gone: Names, kept: Names, deployed: Collection[str]) -> str:
    """The script without safe references. `deployed` are the ids of all functions before the clean-up."""
    return _without_help(_without_elements(text, gone, kept, deployed), gone, kept)


def _without_help(text: str, gone: Names, kept: Names) -> str:
    kind = kinds(text)
    lines: list[_Line] = []
    before, here = "", 0
    for line in text.splitlines(keepends=True):
        end = here + len(line)
        goes = gone.named_in(line) and not kept.named_in(line) and _is_help(text, kind, here, end, before)
        # A comment between a branch and its only statement must not hide the branch.
        code = "".join(c for c, k in zip(line, kind[here:end], strict=True) if k != COMMENT).strip()
        lines.append(_Line(line, code, goes, kind[here] == TEMPLATE))
        before = before if goes else code or before
        here = end
    words = {place: _other_words(lines[place].text, gone, kept) for place in _last_words(lines)}
    return "".join(words.get(place, "" if each.goes else each.text) for place, each in enumerate(lines))


@dataclass(frozen=True)
class _Line:
    """A line of a script, what of it is no comment, and whether it goes and begins in a text over several lines."""

    text: str
    code: str
    goes: bool
    is_inside: bool


_SAYS = re.compile(r"\bconsole\.|\bprocess\.std(?:err|out)\.write\(|\bthrow\b")
#: The script ends, and shows whoever started it that it failed.
_FAILS = re.compile(r"\bprocess\.exit\(\s*(?![\s0)])|\bprocess\.exitCode\s*=\s*(?![\s0=])")


def _last_words(lines: Sequence[_Line]) -> Iterator[int]:
    """Lines that go and were all that a script said before it failed, or all of a text: the first of each."""
    for place, each in enumerate(lines):
        if not each.is_inside and not each.goes and _FAILS.search(each.code):
            said = list(_said_before(lines, place))
            if said and all(lines[number].goes for number in said):
                yield said[-1]
        elif each.goes and each.is_inside and not lines[place - 1].goes:
            inner = list(takewhile(lambda line: line.is_inside, lines[place:]))
            is_blank = all(line.goes or line.text.strip(" \t\r\n`);") == "" for line in inner)
            if is_blank and lines[place - 1].code.endswith("`"):
                yield place


def _said_before(lines: Sequence[_Line], place: int) -> Iterator[int]:
    """What is said in the block before a line, the last first."""
    for number in range(place - 1, -1, -1):
        each = lines[number]
        if each.goes or _SAYS.search(each.code):
            yield number
        if not each.is_inside and (each.code.endswith("{") or each.code.startswith("}")):
            return


def _other_words(line: str, gone: Names, kept: Names) -> str:
    """The line with names of what stays, or that there is none."""
    named = [name for _, name in gone.positions(line)]
    others = {name: kept.like(name) for name in named}
    if all(others.values()):
        for name in sorted(named, key=len, reverse=True):
            line = line.replace(name, others[name])
        return line
    said = f"There is nothing to name here: {', '.join(dict.fromkeys(named))} is gone."
    printed = re.search(r"(['\"`])(.*)\1\);", line)
    if printed:
        return line[: printed.start(2)] + said + line[printed.end(2) :]
    blank = line[: len(line) - len(line.lstrip())]
    return blank + said + line[len(line.rstrip()) :]


def _is_help(text: str, kind: str, start: int, end: int, before: str) -> bool:
    """Whether the line only prints, or is a whole line of a text that is only printed."""
    line = text[start:end]
    if kind[start + len(line) - len(line.lstrip())] == CODE:
        # The only statement of a branch without braces cannot go.
        return _PRINTED_LINE.fullmatch(line) is not None and (not before or before[-1] in ";{}")
    if not start or set(kind[start - 1 : end]) != {TEMPLATE} or "`" in line or "${" in line:
        return False
    opening = len(kind[:start].rstrip(TEMPLATE))
    return "${" not in text[opening:start] and bool(_PRINTS_TEMPLATE.search(text[max(opening - 80, 0) : opening]))


def _without_elements(text: str, gone: Names, kept: Names, deployed: Collection[str]) -> str:
    """Lists of function ids lose those that go. A list of all functions gets the new one as well."""
    for found in reversed(list(_LIST.finditer(text))):
        ids = _ELEMENT.findall(found["inner"])
        known = {*gone.functions, *kept.functions}
        goes = {each for each in ids if each in gone.functions}
        if not goes or not known.issuperset(ids) or not _is_list(text, found.start()):
            continue
        new = () if NEW_FUNCTION in ids or not set(deployed) <= set(ids) else (NEW_FUNCTION,)
        text = _edited(text, found, goes, new)
    return text


def _is_list(text: str, position: int) -> bool:
    return kinds(text)[position] == CODE and _BEFORE_LIST.search(text[max(position - 80, 0) : position]) is not None


def _edited(text: str, found: re.Match[str], goes: Collection[str], new: tuple[str, ...]) -> str:
    start, end = found.span("inner")
    items: list[Item] = []
    here, quote = start, "'"
    for each in _ELEMENT.finditer(text, start, end):
        items.append(Item(each.start(), each.end(), text[here : each.start()].replace(",", "", 1)))
        here, quote = each.end(), each[0][0]
    listing = Listing(start, end, tuple(items), text[here:end])

    def stays(number: int) -> bool:
        return text[items[number].start + 1 : items[number].end - 1] not in goes

    return rebuilt(text, listing, stays, [quote + each + quote for each in new])
