"""A project as the Python source of a stack file: readable, formatted, and proven to declare what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..diff import Difference, compare
from ..errors import IacError, StackError
from ..loading.environment import EMBEDDED, Environment
from ..loading.resolve import resolve
from ..model.address import Address, collection_address, function_address, owners
from ..model.resource import Live
from ..model.stack import FromEnvironment
from ..state.document import new_state
from .declared import Declared, build, declared
from .names import Name, Names, call, comment, constant, text_literal
from .project import Diagnostic, Project, looks_secret

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
    remarks: tuple[Diagnostic, ...] = ()


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


#: An environment that changes nothing of a stack.
PLAIN = Environment(name="import", endpoint=EMBEDDED, project="import")
_MEMBERS = ("attribute", "relationship", "index")
_UNUSABLE = ("failed", "stuck", "deleting")


@dataclass(frozen=True)
class Settled:
    """The calls that declare a project; `secrets` by the environment variable that each is to come from."""

    calls: tuple[Declared, ...]
    secrets: Mapping[str, Address] = field(default_factory=dict)
    left_out: Mapping[Address, str] = field(default_factory=dict)


def settle(project: Project, name: str) -> Settled:
    """What can be declared of a project. Raises IacError only for a defect of this tool."""
    secrets = _secret_sources(project)
    sources = {address: FromEnvironment(source) for source, address in secrets.items()}
    left_out = dict(_unusable(project))
    while True:
        tree = _tree(project.resources, left_out)
        calls, found = [], {}
        for live in _in_order(tree):
            try:
                calls.append(_call(live, tree, sources))
            except ValueError as error:
                found[live.address] = str(error)
        found = found or _objections(project, name, calls, secrets, left_out)
        if not found:
            return Settled(tuple(calls), _present(secrets, tree), left_out)
        left_out.update(found)


def _objections(
    project: Project,
    name: str,
    calls: list[Declared],
    secrets: Mapping[str, Address],
    left_out: Mapping[Address, str],
) -> dict[Address, str]:
    """Resources that cannot be declared like this, with the reason; each of them is a new one."""
    try:
        desired = resolve(build(name, calls), PLAIN, Path(), dict.fromkeys(secrets, "?"))
    except StackError as error:
        found = {Address.parse(each.subject): each.message for each in error.problems}
    else:
        differences = compare(desired, new_state(), project.resources)
        found = {each.address: _difference(each) for each in differences if _differs(each, project.resources)}
    fresh = {address: reason for address, reason in found.items() if address not in left_out}
    if found and not fresh:
        raise IacError(f"A defect of this tool: {next(iter(found.items()))} was left out and is still there.")
    return fresh


def _differs(difference: Difference, real: Mapping[Address, Live]) -> bool:
    fields = [each.name for each in difference.fields]
    # The value of a secret cannot be read, so it cannot be compared either.
    if difference.address.kind == "variable" and fields == ["value"] and real[difference.address].fields["secret"]:
        return False
    return bool(fields) or difference.address not in real


def _difference(difference: Difference) -> str:
    shown = ", ".join(f"{each.name} is {each.before!r}, declared {each.after!r}" for each in difference.fields)
    return f"a declaration would come out as something else: {shown}"


def _secret_sources(project: Project) -> dict[str, Address]:
    names = Names()
    found = {}
    for address, live in project.resources.items():
        if address.kind == "variable" and live.fields["secret"]:
            function = project.resources[function_address(address.parts[0])]
            shown = str(function.fields["name"])
            found[names.environment_variable(address.parts[0], shown, variable_key(address))] = address
    return found


def variable_key(variable: Address) -> str:
    """A variable's key; it may hold slashes."""
    return variable.path.partition("/")[2]


def _unusable(project: Project) -> Iterator[tuple[Address, str]]:
    for address, live in project.resources.items():
        if live.status in _UNUSABLE:
            yield address, f"it is {live.status}{': ' + live.error if live.error else ''}"
        elif (
            address.kind == "variable"
            and not live.fields["secret"]
            and looks_secret(variable_key(address), str(live.fields["value"]))
        ):
            yield address, "it looks like a secret, but is plain text; its value is not written into a file"


Tree = Mapping[tuple[str, Address | None], list[Live]]


def _tree(resources: Mapping[Address, Live], left_out: Mapping[Address, str]) -> Tree:
    """What is not left out, by kind and the innermost owner."""
    found: dict[tuple[str, Address | None], list[Live]] = {}
    for address, live in resources.items():
        if address not in left_out:
            above = owners(address)
            found.setdefault((address.kind, above[-1] if above else None), []).append(live)
    return found


def _in_order(tree: Tree) -> Iterator[Live]:
    """Resources in the order of writing: databases with all that is in them, then functions."""
    for database in tree.get(("database", None), ()):
        yield database
        for collection in tree.get(("collection", database.address), ()):
            yield collection
            for kind in _MEMBERS:
                yield from tree.get((kind, collection.address), ())
    yield from tree.get(("function", None), ())


def _call(live: Live, tree: Tree, sources: Mapping[Address, FromEnvironment]) -> Declared:
    address = live.address
    if address.kind == "function":
        variables: dict[str, str | FromEnvironment] = {
            variable_key(each.address): sources.get(each.address) or str(each.fields["value"])
            for each in tree.get(("variable", address), ())
        }
        return declared(live, variables)
    if address.kind == "index":
        attributes = tree.get(("attribute", collection_address(*address.parts[:2])), ())
        return declared(live, arrays=[each.address.name for each in attributes if each.fields["array"]])
    return declared(live)


def _present(secrets: Mapping[str, Address], tree: Tree) -> dict[str, Address]:
    """Secrets that are declared: neither left out nor their function."""
    functions = {live.address for live in tree.get(("function", None), ())}
    kept = {each.address for function in functions for each in tree.get(("variable", function), ())}
    return {source: address for source, address in secrets.items() if address in kept}
