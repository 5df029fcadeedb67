"""Take what the stack declares and Appwrite has into the state, so that a lost state is no loss. Changes nothing live.

What differs from the declaration is adopted as it is: the next plan then shows the stack's change, and not a drift.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..diff import Difference, compare_resource, stored_fields
from ..errors import IacError
from ..kinds import kind_of
from ..model.address import Address, owners
from ..model.resource import Desired, Live, Resource, frozen
from ..model.secret import Secret, fingerprinted
from ..state.document import Entry, State


@dataclass(frozen=True)
class Adoption:
    """What came of an import. `state` has what is `adopted` and what is `differing`; its serial is that of before.

    `assumed` are adopted secrets whose value could not be compared, because Appwrite never gives it back.
    """

    state: State
    adopted: tuple[Address, ...] = ()
    differing: tuple[Difference, ...] = ()
    missing: tuple[Address, ...] = ()
    owned: tuple[Address, ...] = ()
    assumed: tuple[Address, ...] = ()

    @property
    def changes_state(self) -> bool:
        return bool(self.adopted or self.differing)


def chosen(desired: Desired, addresses: Collection[Address]) -> list[Address]:
    """Declared resources that the addresses name, with all that is declared in them; none named are all of them.
    Raises IacError for what is not declared."""
    unknown = sorted(str(each) for each in addresses if each not in desired.resources)
    if unknown:
        raise IacError(
            f"{', '.join(unknown)}: not declared in the stack, so it cannot be imported.",
            hint="declare it first, or let raceday-iac write the declaration: raceday-iac import --write FILE ADDRESS",
            unchanged=True,
        )
    wanted = set(addresses)
    return [
        each for each in desired.resources if not wanted or each in wanted or any(o in wanted for o in owners(each))
    ]


def adopt(
    desired: Desired,
    state: State,
    real: Mapping[Address, Live],
    addresses: Collection[Address],
    *,
    trust_secrets: bool = True,
) -> Adoption:
    """The state with everything of `addresses` that is live and not yet owned. With `trust_secrets`, a live secret is
    taken to hold what the stack gives it; without, the next apply sends it again."""
    found = _Found()
    for address in addresses:
        live = real.get(address)
        if address in state.entries:
            found.owned.append(address)
        elif live is None or live.status == "deleting":
            found.missing.append(address)
        else:
            found.take(desired.resources[address], live, state.salt, trust_secrets=trust_secrets)
    return Adoption(
        replace(state, entries={**state.entries, **found.entries}),
        tuple(found.adopted),
        tuple(found.differing),
        tuple(found.missing),
        tuple(found.owned),
        tuple(found.assumed),
    )


@dataclass
class _Found:
    entries: dict[Address, Entry] = field(default_factory=dict)
    adopted: list[Address] = field(default_factory=list)
    differing: list[Difference] = field(default_factory=list)
    missing: list[Address] = field(default_factory=list)
    owned: list[Address] = field(default_factory=list)
    assumed: list[Address] = field(default_factory=list)

    def take(self, wanted: Resource, live: Live, salt: str, *, trust_secrets: bool) -> None:
        address = wanted.address
        difference = compare_resource(wanted, None, live, salt)
        kind = kind_of(address)
        if kind.secret_field and trust_secrets and wanted.fields["secret"] and live.fields["secret"]:
            self.assumed.append(address)
            difference = replace(difference, fields=())
        always = {} if kind.secret_field else wanted.fields
        hidden = [name for name, each in always.items() if isinstance(each, Secret) and name not in live.fields]
        if hidden and trust_secrets:
            self.assumed.append(address)
            kept = tuple(each for each in difference.fields if each.name not in hidden)
            difference = replace(difference, fields=kept)
        if difference.is_clean:
            self.adopted.append(address)
            fields = stored_fields(wanted.fields, salt) if kind.secret_field else fingerprinted(wanted.fields, salt)
        else:
            self.differing.append(difference)
            trusted = {name: wanted.fields[name] for name in hidden if trust_secrets}
            fields = fingerprinted({**trusted, **_as_live(wanted, live)}, salt)
        deployments = (live.remote_id,) if kind.is_code else ()
        self.entries[address] = Entry(address, frozen(fields), live.remote_id, deployments)


def _as_live(wanted: Resource, live: Live) -> Mapping[str, Any]:
    """The live values of what is declared. Never one that the stack calls a secret, though it is readable now."""
    if kind_of(wanted.address).secret_field and (live.fields["secret"] or wanted.fields["secret"]):
        return {"secret": live.fields["secret"]}
    return {name: live.fields[name] for name in wanted.fields if name in live.fields}
