"""A project as the Python source of a stack file: readable, formatted, and proven to declare what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..diff import Difference, compare
from ..errors import IacError, StackError
from ..kinds import KINDS, holds_others, in_newest_words, kind_of, on_server
from ..kinds.fields import Called
from ..kinds.variable import looks_secret
from ..loading.environment import EMBEDDED, Environment
from ..loading.resolve import resolve
from ..model.address import Address, owners
from ..model.declarations import KEEP
from ..model.resource import Live, frozen
from ..model.secret import Lenient, Secret
from ..model.server import NEWEST, ServerFacts
from ..model.stack import FromEnvironment, Stack
from ..state.document import new_state
from .names import Name, Names, Project, Remark, call, comment, constant, text_literal

#: Arguments whose value may be shared by many resources.
_SHARED = ("execute", "events", "scopes", "permissions")
_HEAD = '''\
"""The project as it was when it was imported. Make changes in this file from now on."""

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


def write_source(project: Project, name: str, root: Path = Path()) -> Source:
    """The source of a stack called `name` that declares all of a project that can be declared. `root` is the folder
    that its code paths are relative to."""
    settled = settle(project, name, root)
    declared = tuple(each.address for each in settled.calls)
    text = "\n".join(_lines(settled, project, name)) + "\n"
    return Source(text, declared, settled.secrets, settled.left_out, project.remarks)


def _lines(settled: Settled, project: Project, name: str) -> Iterator[str]:
    names = Names()
    calls, constants = _with_constants(settled.calls, names)
    handles = _handles(calls, project, names)
    yield from _HEAD.splitlines()
    yield ""
    yield f"from raceday_iac import {', '.join(_imports(settled))}"
    yield ""
    yield f"stack = Stack({text_literal(name)})"
    for word, values in constants.items():
        yield ""
        yield from constant(word, values)
    for each in calls:
        if holds_others(each.address):
            yield ""
        if each.address in project.notes:
            yield comment(project.notes[each.address])
        yield from _call_lines(each, handles)
    yield from _left_out_lines(settled.left_out)


def _imports(settled: Settled) -> Iterator[str]:
    """In the order in which import sorters want them."""
    if any(each.keywords.get("code") == KEEP for each in settled.calls):
        yield "KEEP"
    if settled.secrets:
        yield "FromEnvironment"
    yield "Stack"


def _call_lines(each: Called, handles: Mapping[Address, str]) -> list[str]:
    target = "stack" if each.owner is None else handles[each.owner]
    before = f"{handles[each.address]} = " if each.address in handles else ""
    keywords = {
        name: Name("KEEP") if (name, value) == ("code", KEEP) else value for name, value in each.keywords.items()
    }
    return call(f"{target}.{each.method}", each.positional, keywords, before=before, always_spread=each.is_long)


def _handles(calls: Sequence[Called], project: Project, names: Names) -> dict[Address, str]:
    """Variables for what something is declared in, such as databases and collections."""
    owners = {each.owner for each in calls}
    alone = Counter(each.method for each in calls if each.owner is None)
    found = {}
    for each in calls:
        if each.address not in owners:
            continue
        if alone[each.method] == 1:
            found[each.address] = names.handle(each.method, each.method, "")
        else:
            shown = str(project.resources[each.address].fields["name"])
            found[each.address] = names.handle(each.method, each.address.name, shown)
    return found


def _with_constants(calls: Sequence[Called], names: Names) -> tuple[list[Called], dict[str, Sequence[Any]]]:
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
    yield "# Not declared here, so it is left as it is:"
    for address, reason in left_out.items():
        yield comment(f"  {address}: {reason}")


# Find out what of a project can be declared so that nothing would change, and what has to be left as it is.
#
# Every declaration is checked by the very rules that a stack file is checked by, and then compared with what is
# there. What does not pass is left out with the reason, and the rest is tried again: what remains is proven.


#: An environment that changes nothing of a stack.
PLAIN = Environment(name="import", endpoint=EMBEDDED, project="import")
_UNUSABLE = ("failed", "stuck", "deleting")


@dataclass(frozen=True)
class Settled:
    """The calls that declare a project; `secrets` by the environment variable that each is to come from."""

    calls: tuple[Called, ...]
    secrets: Mapping[str, Address] = field(default_factory=dict)
    left_out: Mapping[Address, str] = field(default_factory=dict)


def settle(project: Project, name: str, root: Path = Path()) -> Settled:
    """What can be declared of a project. Raises IacError only for a defect of this tool."""
    places = _secret_sources(project)
    secrets = {source: address for source, (address, _) in places.items()}
    sources = {place: FromEnvironment(source) for source, place in places.items()}
    left_out = dict(_unusable(project))
    while True:
        tree = _tree(project.resources, left_out)
        calls: list[Called] = []
        found = {}
        for live in _in_order(tree):
            try:
                declaring = kind_of(live.address).declaring
                called = declaring.called(live, _Beside(tree, sources)) if declaring else None
                calls += [called] if called else []
            except ValueError as error:
                found[live.address] = str(error)
        found = found or _objections(project, name, root, calls, left_out)
        if not found:
            left_out.update(_inside(project, left_out))
            return Settled(tuple(calls), _present(secrets, left_out), left_out)
        left_out.update(found)


def _inside(project: Project, left_out: Collection[Address]) -> dict[Address, str]:
    """What lies in something that is left out."""
    found = {}
    for address in project.resources:
        above = next((each for each in owners(address) if each in left_out), None)
        if above and address not in left_out:
            found[address] = f"it is in {above}"
    return found


def _objections(
    project: Project,
    name: str,
    root: Path,
    calls: list[Called],
    left_out: Mapping[Address, str],
) -> dict[Address, str]:
    """Resources that cannot be declared like this, with the reason; each of them is a new one."""
    try:
        desired = resolve(build(name, calls), PLAIN, root, Lenient())
    except StackError as error:
        found = {Address.parse(each.subject): each.message for each in error.problems}
    else:
        real = in_newest_words(without_secrets(project.resources))
        differences = compare(on_server(desired, ServerFacts(NEWEST)), new_state(), real)
        found = {each.address: _difference(each) for each in differences if _differs(each, real)}
    fresh = {address: reason for address, reason in found.items() if address not in left_out}
    if found and not fresh:
        raise IacError(f"This is a defect of raceday-iac: {next(iter(found.items()))} was left out and is still there.")
    return fresh


def _differs(difference: Difference, real: Mapping[Address, Live]) -> bool:
    fields = [each.name for each in difference.fields]
    # The value of a secret cannot be read, so it cannot be compared either.
    if difference.address in real:
        live = real[difference.address]
        declaring = kind_of(live.address).declaring
        hidden = {each.name for each in declaring.secrets(live.fields)} if declaring else set()
        fields = [name for name in fields if name not in {*hidden, *_secret_names(live)}]
    return bool(fields) or difference.address not in real


def _difference(difference: Difference) -> str:
    shown = ", ".join(f"{each.name} is {each.before!r}, declared {each.after!r}" for each in difference.fields)
    return f"a declaration would give another result: {shown}"


def _secret_sources(project: Project) -> dict[str, tuple[Address, str]]:
    """By environment variable: whose secret comes from it, and which field that is."""
    names = Names()
    found = {}
    for address, live in project.resources.items():
        above = owners(address)
        owner = above[-1] if above else address
        shown = str(project.resources[owner].fields.get("name", ""))
        for name in _secret_names(live):
            word = address.name if above else name
            found[names.environment_variable(owner.name, shown, word)] = (address, name)
    return found


def _secret_names(live: Live) -> list[str]:
    """The fields that are secret: the one of a kind that may be, and those that always are, where they are there."""
    if _is_secret(live):
        return [kind_of(live.address).secret_field]
    declaring = kind_of(live.address).declaring
    held = declaring.secrets(live.fields) if declaring else ()
    return [each.name for each in held if each.info.is_required() or each.name in live.fields]


def without_secrets(resources: Mapping[Address, Live]) -> dict[Address, Live]:
    """Live resources without what nobody may write down."""
    return {
        at: replace(live, fields=frozen({k: v for k, v in live.fields.items() if not isinstance(v, Secret)}))
        for at, live in resources.items()
    }


def _is_secret(live: Live) -> bool:
    return bool(kind_of(live.address).secret_field and live.fields["secret"])


def _unusable(project: Project) -> Iterator[tuple[Address, str]]:
    for address, live in project.resources.items():
        if live.status in _UNUSABLE:
            yield address, f"it is {live.status}{': ' + live.error if live.error else ''}"
        elif (
            (name := kind_of(address).secret_field)
            and not _is_secret(live)
            and looks_secret(address.name, live.fields[name])
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
    """Resources in the order of writing: each with all that lies in it, low stages first."""

    def below(kind: str, owner: Address | None) -> Iterator[Live]:
        for each in sorted(KINDS.values(), key=lambda each: each.stage):
            if each.owner == kind:
                for live in tree.get((each.name, owner), ()):
                    yield live
                    yield from below(each.name, live.address)

    return below("", None)


@dataclass(frozen=True)
class _Beside:
    """What is declared together with a resource."""

    tree: Tree
    sources: Mapping[tuple[Address, str], FromEnvironment]

    def of(self, kind: str, owner: Address) -> Sequence[Live]:
        return self.tree.get((kind, owner), ())

    def value_of(self, live: Live) -> str | FromEnvironment:
        return self.sources.get((live.address, "value")) or str(live.fields["value"])

    def secret_of(self, live: Live, name: str) -> FromEnvironment | None:
        return self.sources.get((live.address, name))


def _present(secrets: Mapping[str, Address], left_out: Collection[Address]) -> dict[str, Address]:
    """Secrets that are declared: neither left out nor what they lie in."""
    return {
        source: address
        for source, address in secrets.items()
        if not any(each in left_out for each in (address, *owners(address)))
    }


def build(name: str, calls: Sequence[Called]) -> Stack:
    """The stack that the calls make. Owners must come before what they own."""
    stack = Stack(name)
    handles: dict[Address, Any] = {}
    for each in calls:
        target = stack if each.owner is None else handles[each.owner]
        handles[each.address] = getattr(target, each.method)(*each.positional, **each.keywords)
    return stack
