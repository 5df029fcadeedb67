"""The state document: what we own, and what we last applied to it. Never a secret value.

Live Appwrite is the truth; state says which of it is ours and what we last wrote, so that a difference can be told
apart into "the stack changed" and "somebody changed the server".
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import StateError
from ..kinds.base import thaw
from ..model.address import Address, function_address
from ..model.resource import Fields, frozen
from ..model.secret import Secret
from .binding import NOWHERE, Binding, binding_from_json
from .provenance import Saved
from .upgrades import FORMAT, upgraded

__all__ = [
    "FORMAT",
    "Entry",
    "State",
    "entry_to_json",
    "from_json",
    "header_to_json",
    "new_state",
    "saved_of",
    "to_json",
]


@dataclass(frozen=True)
class Entry:
    """One owned resource. `fields` are the values last applied; `remote_id` the server's id where it chose one.

    `deployments` (of a function's code) are the ids that a rollback goes back through, the active one first.
    `uploads` (of a function) are deployments that were begun and not accepted yet: under way, failed, or cut short.
    """

    address: Address
    fields: Fields
    remote_id: str = ""
    deployments: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """`serial` counts saves; `lineage` names the series; `salt` keys the fingerprints of secrets and the seals of saved
    plans; `bound` says what the state belongs to."""

    lineage: str
    serial: int = 0
    salt: str = ""
    entries: Mapping[Address, Entry] = field(default_factory=dict)
    bound: Binding = NOWHERE

    def with_entry(self, entry: Entry) -> State:
        return replace(self, entries={**self.entries, entry.address: entry})

    def uploads_of(self, function: str) -> tuple[str, ...]:
        """Deployments of a function that were begun and not accepted yet."""
        entry = self.entries.get(function_address(function))
        return entry.uploads if entry else ()

    def with_upload(self, function: Entry, deployment: str) -> State:
        """Remember a deployment that is begun. `function` is the entry to begin with where there is none yet."""
        entry = self.entries.get(function.address, function)
        known = deployment in entry.uploads
        return self if known else self.with_entry(replace(entry, uploads=(*entry.uploads, deployment)))

    def without_uploads(self, function: str, ended: Collection[str]) -> State:
        """Deployments were accepted, or are gone."""
        entry = self.entries.get(function_address(function))
        if entry is None or not set(entry.uploads) & set(ended):
            return self
        return self.with_entry(replace(entry, uploads=tuple(each for each in entry.uploads if each not in ended)))

    def without(self, address: Address) -> State:
        return replace(self, entries={key: each for key, each in self.entries.items() if key != address})


def new_state(
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()), new_salt: Callable[[], str] = lambda: secrets.token_hex(16)
) -> State:
    """An empty state of a new lineage."""
    return State(lineage=new_id(), salt=new_salt())


def to_json(state: State, saved: Saved | None = None) -> dict[str, Any]:
    """The stored form. Raises TypeError when a secret has slipped into an entry."""
    resources = {str(address): entry_to_json(entry) for address, entry in sorted(state.entries.items())}
    return {**header_to_json(state, saved), "salt": state.salt, "resources": resources}


def header_to_json(state: State, saved: Saved | None = None) -> dict[str, Any]:
    """The part of the stored form that is never sealed."""
    made = saved or Saved(resources=len(state.entries))
    return {
        "format": FORMAT,
        "lineage": state.lineage,
        "serial": state.serial,
        "bound": state.bound.to_json(),
        "saved": made.to_json(),
    }


def entry_to_json(entry: Entry) -> dict[str, Any]:
    if any(isinstance(value, Secret) for value in entry.fields.values()):
        raise TypeError(f"{entry.address}: a secret must not be stored")
    stored: dict[str, Any] = {"fields": thaw(entry.fields)}
    if entry.remote_id:
        stored["remoteId"] = entry.remote_id
    if entry.deployments:
        stored["deployments"] = list(entry.deployments)
    if entry.uploads:
        stored["uploads"] = list(entry.uploads)
    return stored


def from_json(content: Any) -> State:
    """Read the stored form, upgrading older formats. Raises StateError when it is not a state document."""
    content = upgraded(content)
    try:
        entries = [_entry(text, stored) for text, stored in content["resources"].items()]
        return State(
            lineage=str(content["lineage"]),
            serial=int(content["serial"]),
            salt=str(content["salt"]),
            entries={entry.address: entry for entry in entries},
            bound=binding_from_json(content["bound"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"it is damaged: {type(error).__name__}: {error}") from None


def saved_of(content: Any) -> Saved:
    """How a stored document came to be; empty for what does not say."""
    return Saved.from_json(content.get("saved")) if isinstance(content, dict) else Saved()


def _entry(text: str, stored: Mapping[str, Any]) -> Entry:
    fields = {name: _frozen_value(value) for name, value in stored["fields"].items()}
    return Entry(
        Address.parse(text),
        frozen(fields),
        str(stored.get("remoteId", "")),
        tuple(stored.get("deployments", ())),
        tuple(stored.get("uploads", ())),
    )


def _frozen_value(value: Any) -> Any:
    return tuple(_frozen_value(item) for item in value) if isinstance(value, list) else value
