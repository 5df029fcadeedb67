"""Taking over into the state what others did to live resources, without changing anything live. Pure.

Afterwards, a plan compares the stack with what is real and finds no drift. A secret stays what it was: its value never
comes back, and one that somebody wrote down in the open is not taken into the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..diff import Cause, FieldChange
from ..diff.values import same
from ..diff.variable import HIDDEN
from ..kinds import KINDS
from ..kinds.deployment import UNFINISHED
from ..model.address import Address
from ..model.desired import Desired
from ..model.resource import Fields, Live, frozen
from ..model.secret import Secret
from ..state.document import Entry, State
from .plan import Action, Change


def refresh_changes(state: State, real: Mapping[Address, Live], desired: Desired) -> list[Change]:
    """What the state says otherwise than live Appwrite does, owners before what lies in them."""
    entries = sorted(state.entries.values(), key=lambda entry: (KINDS[entry.address.kind].stage, entry.address))
    return [change for entry in entries for change in _refresh(entry, real.get(entry.address), desired)]


def taken_over(entry: Entry, real: Live, desired: Desired) -> Entry:
    """The entry as it is when it says what is live."""
    fields = _live_fields(entry, real, desired)
    deployments = entry.deployments
    if entry.address.kind == "deployment" and real.remote_id not in deployments:
        deployments = (real.remote_id, *deployments)
    return replace(entry, fields=frozen(fields), remote_id=real.remote_id or entry.remote_id, deployments=deployments)


def _refresh(entry: Entry, real: Live | None, desired: Desired) -> Iterator[Change]:
    if real is None or real.status == "deleting":
        yield Change(entry.address, Action.FORGET, "it is gone from the server", drifted=True)
        return
    if real.status == UNFINISHED:
        # Ours, and not accepted: that is for the next apply to say.
        return
    after = taken_over(entry, real, desired)
    fields = tuple(_field_changes(entry, after, desired))
    if fields or after.remote_id != entry.remote_id:
        yield Change(entry.address, Action.REFRESH, "it was changed on the server", fields, drifted=True)


def _field_changes(before: Entry, after: Entry, desired: Desired) -> Iterator[FieldChange]:
    kind = KINDS[before.address.kind]
    names = [
        name
        for name, known in before.fields.items()
        if name not in after.fields or not same(known, after.fields[name], unordered=name in kind.unordered)
    ]
    hides = _is_secret(before, desired)
    for name in names:
        if name == "fingerprint" or (name == "value" and hides):
            yield FieldChange("value", HIDDEN, HIDDEN, HIDDEN, Cause.DRIFT)
        else:
            known = before.fields[name]
            yield FieldChange(name, known, after.fields.get(name), known, Cause.DRIFT, name in kind.unordered)


def _live_fields(entry: Entry, real: Live, desired: Desired) -> Fields | dict[str, Any]:
    if entry.address.kind == "variable":
        return _live_variable(entry, real, desired)
    if entry.address.kind == "deployment":
        # What an unknown deployment holds is not read where the stack leaves the code alone.
        return real.fields if real.fields or real.remote_id != entry.remote_id else entry.fields
    return real.fields


def _live_variable(entry: Entry, real: Live, desired: Desired) -> dict[str, Any]:
    fields: dict[str, Any] = {"secret": bool(real.fields["secret"])}
    if fields["secret"]:
        # Another id is another variable, with a value that we do not know.
        if "fingerprint" in entry.fields and real.remote_id == entry.remote_id:
            fields["fingerprint"] = entry.fields["fingerprint"]
    elif not _is_secret(entry, desired) or entry.fields.get("value") == real.fields["value"]:
        fields["value"] = real.fields["value"]
    return fields


def _is_secret(entry: Entry, desired: Desired) -> bool:
    """Whether the stack or the state takes the value for a secret, however it is on the server."""
    wanted = desired.resources.get(entry.address)
    declared = wanted is not None and isinstance(wanted.fields.get("value"), Secret)
    return declared or bool(entry.fields.get("secret"))
