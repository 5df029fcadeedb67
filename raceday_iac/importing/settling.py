"""Find out what of a project can be declared so that nothing would change, and what has to be left as it is.

Every declaration is checked by the very rules that a stack file is checked by, and then compared with what is there.
What does not pass is left out with the reason, and the rest is tried again: what remains is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..diff import Difference, compare
from ..errors import IacError, StackError
from ..loading.environment import EMBEDDED, Environment
from ..loading.resolve import resolve
from ..model.address import Address, collection_address, function_address, owners
from ..model.resource import Live
from ..model.stack import FromEnvironment
from ..state.document import new_state
from .declared import Declared, build, declared
from .names import Names
from .project import Project
from .secrets import looks_secret

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
