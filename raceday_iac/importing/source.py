"""A project as the Python source of a stack file: readable, formatted, and proven to declare what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..model.address import Address
from .declared import Declared
from .names import Names
from .project import Project, Remark
from .python_text import Name, call, comment, constant, text_literal
from .settling import Settled, settle

#: Arguments whose value may be shared by many resources.
_SHARED = ("execute", "events", "scopes", "permissions")
_HEAD = '''\
"""What the project held when it was imported. From here on this file is the one to change."""

from __future__ import annotations
'''


@dataclass(frozen=True)
class Source:
    """The text of a stack file. `secrets`: environment variables that must be set, with the variable each is for."""

    text: str
    declared: tuple[Address, ...]
    secrets: Mapping[str, Address] = field(default_factory=dict)
    left_out: Mapping[Address, str] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()


def write_source(project: Project, name: str) -> Source:
    """The source of a stack called `name` that declares all of a project that can be declared."""
    settled = settle(project, name)
    declared = tuple(each.address for each in settled.calls)
    text = "\n".join(_lines(settled, project, name)) + "\n"
    return Source(text, declared, settled.secrets, settled.left_out, project.remarks)


def _lines(settled: Settled, project: Project, name: str) -> Iterator[str]:
    names = Names()
    calls, constants = _with_constants(settled.calls, names)
    handles = _handles(calls, project, names)
    yield from _HEAD.splitlines()
    yield ""
    yield f"from raceday_iac.model.stack import {', '.join(_imports(settled))}"
    yield ""
    yield f"stack = Stack({text_literal(name)})"
    for word, values in constants.items():
        yield ""
        yield from constant(word, values)
    for each in calls:
        if each.method in ("database", "collection", "function"):
            yield ""
        if each.address in project.notes:
            yield comment(project.notes[each.address])
        yield from _call_lines(each, handles)
    yield from _left_out_lines(settled.left_out)


def _imports(settled: Settled) -> Iterator[str]:
    """In the order in which import sorters want them."""
    if any(each.method == "function" for each in settled.calls):
        yield "KEEP"
    if settled.secrets:
        yield "FromEnvironment"
    yield "Stack"


def _call_lines(each: Declared, handles: Mapping[Address, str]) -> list[str]:
    target = "stack" if each.owner is None else handles[each.owner]
    before = f"{handles[each.address]} = " if each.address in handles else ""
    keywords = {name: Name("KEEP") if name == "code" else value for name, value in each.keywords.items()}
    is_function = each.method == "function"
    return call(f"{target}.{each.method}", each.positional, keywords, before=before, always_spread=is_function)


def _handles(calls: Sequence[Declared], project: Project, names: Names) -> dict[Address, str]:
    """Variables for the databases and collections that something is declared in."""
    owners = {each.owner for each in calls}
    databases = [each for each in calls if each.method == "database"]
    found = {}
    for each in calls:
        if each.method not in ("database", "collection") or each.address not in owners:
            continue
        if each.method == "database" and len(databases) == 1:
            found[each.address] = names.handle("database", "database", "")
        else:
            shown = str(project.resources[each.address].fields["name"])
            found[each.address] = names.handle(each.method, each.address.name, shown)
    return found


def _with_constants(calls: Sequence[Declared], names: Names) -> tuple[list[Declared], dict[str, Sequence[Any]]]:
    """Lists that several resources share get a name."""
    counted = Counter((word, values) for each in calls for word, values in each.keywords.items() if word in _SHARED)
    given = {
        (word, values): names.constant(word)
        for (word, values), count in counted.items()
        if count > 1 and len(values) > 1
    }
    shorter = [
        replace(each, keywords={word: _shared(given, word, value) for word, value in each.keywords.items()})
        for each in calls
    ]
    return shorter, {word: values for (_, values), word in given.items()}


def _shared(given: Mapping[tuple[str, Any], str], word: str, value: Any) -> Any:
    return Name(given[word, value]) if word in _SHARED and (word, value) in given else value


def _left_out_lines(left_out: Mapping[Address, str]) -> Iterator[str]:
    if not left_out:
        return
    yield ""
    yield "# Not declared here, and so left as it is:"
    for address, reason in left_out.items():
        yield comment(f"  {address}: {reason}")
