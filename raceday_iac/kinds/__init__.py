"""The kinds of resources: one module each. A new kind is a new module and a line in this table. What lies in one and is
made like another kind stands in the same module (`INNER`).

Modules with models have no `from __future__ import annotations`: pydantic compiles each annotation that is a text, at
the start of every command.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..model.address import Address, owners
from ..model.resource import CodeSource, Desired, Fields, Live, Resource
from ..model.server import NEWEST, ServerFacts
from . import (
    attribute,
    auth_method,
    bucket,
    collection,
    database,
    deployment,
    document,
    email_template,
    function,
    index,
    key,
    labels,
    migration,
    mock_phone,
    oauth,
    platform,
    policy,
    project_variable,
    protocol,
    provider,
    relationship,
    rule,
    service,
    site,
    smtp,
    team,
    topic,
    variable,
    webhook,
)
from .base import Call, Kind
from .fields import fitted
from .schema_rules import MOST_INLINE

KINDS: dict[str, Kind] = {
    kind.name: kind
    for module in (
        database,
        collection,
        attribute,
        relationship,
        index,
        function,
        variable,
        deployment,
        site,
        bucket,
        team,
        topic,
        project_variable,
        provider,
        platform,
        auth_method,
        service,
        protocol,
        labels,
        smtp,
        policy,
        webhook,
        key,
        mock_phone,
        email_template,
        oauth,
        document,
        rule,
    )
    for kind in (module.KIND, *getattr(module, "INNER", ()))
}

#: What is in plans beside resources, and Appwrite knows nothing of.
BESIDE = {migration.KIND.name: migration.KIND}

#: Kinds whose name Appwrite can change while everything else stays, the data included.
RENAMEABLE = tuple(name for name, kind in KINDS.items() if kind.rename is not None)
#: Kinds that are read by one list of their own.
LISTED = tuple(name for name, kind in KINDS.items() if kind.listing is not None)
#: By what it lies in, the kind that is code.
_CODE = {kind.owner: name for name, kind in KINDS.items() if kind.is_code}
#: Kinds that have code.
HAVING_CODE = tuple(_CODE)
#: By what they lie in, kinds.
_INNER: dict[str, list[Kind]] = {}
for _kind in KINDS.values():
    _INNER.setdefault(_kind.owner, []).append(_kind)
#: Names of kinds in which others lie.
_HOLDING = frozenset(kind.owner for kind in KINDS.values() if kind.owner)


def kind_of(address: Address) -> Kind:
    """The rules for a resource, or for a migration."""
    return KINDS.get(address.kind) or BESIDE[address.kind]


def is_known(kind: str) -> bool:
    """Whether an address can begin with this word: a kind of resource, or that of migrations."""
    return kind in KINDS or kind in BESIDE


def answered_with(kind: Kind, raw: Mapping[str, Any]) -> Iterator[Live]:
    """A resource as an answer describes it, with what the same answer says of what lies in it."""
    owner = kind.parse((), raw)
    yield owner
    for inner in _INNER.get(kind.name, ()):
        yield from (inner.parse(owner.address.parts, each) for each in inner.answered_in(raw))


def has_code(address: Address) -> bool:
    return address.kind in _CODE


def code_of(owner: Address) -> Address:
    """The code of a function or site."""
    return Address(_CODE[owner.kind], owner.path)


def sent_with(source: CodeSource) -> dict[str, str]:
    """The settings that are sent with an archive of the source."""
    return {name: source.settings[name] for name in kind_of(code_of(source.owner)).sent_along}


def as_typed(owner: Address) -> str:
    """How commands name a resource with code: a function by its id alone, others by their address."""
    return owner.path if kind_of(owner).has_runs else str(owner)


def declared(desired: Desired, has: Callable[[Kind], bool]) -> list[Resource]:
    """What the stack declares of the kinds that have something, in declaration order."""
    chosen = {name for name, kind in KINDS.items() if has(kind)}
    return [each for address, each in desired.resources.items() if address.kind in chosen]


def outermost(address: Address) -> Address:
    """The outermost resource that contains an address; the address itself if nothing contains it."""
    return next(iter(owners(address)), address)


def holds_others(address: Address) -> bool:
    """Whether other resources can lie in it."""
    return address.kind in _HOLDING


def in_words_of(server: ServerFacts, address: Address, fields: Fields) -> Fields:
    """The fields of a resource in the words of a server of that version."""
    kind = kind_of(address)
    return fitted(kind.model_of(fields), fields, server) if kind.ages else fields


def on_server(desired: Desired, server: ServerFacts) -> Desired:
    """The wanted side in the words of the server: one stack is for servers of all ages."""
    changed = {
        address: replace(wanted, fields=in_words_of(server, address, wanted.fields))
        for address, wanted in desired.resources.items()
        if kind_of(address).ages
    }
    ignored = {
        address: frozenset(names.union(*(kind_of(address).instead(each) for each in names)))
        for address, names in desired.lifecycle.ignored.items()
    }
    lifecycle = replace(desired.lifecycle, ignored=ignored)
    return replace(desired, resources={**desired.resources, **changed}, lifecycle=lifecycle)


def in_newest_words(resources: Mapping[Address, Live]) -> dict[Address, Live]:
    """Live resources, or those of a file, as the newest server that we know would show them."""
    newest = ServerFacts(NEWEST)
    return {at: replace(live, fields=in_words_of(newest, at, live.fields)) for at, live in resources.items()}


def inline_members(
    created: Collection[Address], desired: Desired, server: ServerFacts
) -> dict[Address, dict[Address, Mapping[str, Any]]]:
    """By collection that is created: what is made along with it by the same request, and how that names it. An index
    comes along where all that it is over does."""
    found: dict[Address, dict[Address, Mapping[str, Any]]] = {}
    created = frozenset(created)
    for owner in created:
        chosen: dict[Address, Mapping[str, Any]] = {}
        for kind in _INNER.get(owner.kind, ()):
            below = desired.below(owner, kind.name) if kind.listed else []
            beside = {at.name for at in chosen if kind_of(at).is_column} if below else set[str]()
            for each in [each for each in below if each.address in created][:MOST_INLINE]:
                named = kind.inline(each.address, each.fields, server)
                if named is not None and beside.issuperset(kind.over(each.fields)):
                    chosen[each.address] = named
        if chosen:
            found[owner] = chosen
    return found


__all__ = [
    "HAVING_CODE",
    "KINDS",
    "LISTED",
    "RENAMEABLE",
    "Call",
    "Kind",
    "as_typed",
    "code_of",
    "declared",
    "has_code",
    "holds_others",
    "in_newest_words",
    "in_words_of",
    "inline_members",
    "is_known",
    "kind_of",
    "on_server",
    "outermost",
    "sent_with",
    "answered_with",
]
