"""References in the deployment scripts that can be taken out safely: a line of help that only names what goes, and a
list of function ids. Everything else is left to people.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from .javascript import CODE, COMMENT, TEMPLATE, kinds
from .listing import Item, Listing, rebuilt
from .mentions import Names
from .names import NEW_FUNCTION

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
    result: list[str] = []
    before, here = "", 0
    for line in text.splitlines(keepends=True):
        end = here + len(line)
        if not (gone.named_in(line) and not kept.named_in(line) and _is_help(text, kind, here, end, before)):
            result.append(line)
            # A comment between a branch and its only statement must not hide the branch.
            code = "".join(c for c, k in zip(line, kind[here:end], strict=True) if k != COMMENT).strip()
            before = code or before
        here = end
    return "".join(result)


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
