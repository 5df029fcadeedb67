"""From differences to changes: which action mends which difference. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..diff import HIDDEN, Cause, Difference, FieldChange, Presence, same
from ..kinds import holds_others, kind_of
from ..kinds.base import thaw
from ..kinds.conversion import has_form, temporary
from ..kinds.deployment import UNFINISHED
from ..model.address import Address, owners
from ..model.limits import shown
from ..model.resource import Desired, Fields, Live, Resource, frozen
from ..model.secret import Secret, fingerprinted, is_fingerprint
from ..state.document import Entry, State
from .order import removal_key, removal_of
from .plan import Action, Change, PlanOptions, Reason, created_fields

#: The reason of an ordinary creation.
DECLARED = "the stack declares it"
ALL_GO = "all managed resources are to be deleted"
ASKED_TO_GO = "requested by destroy"
#: Reasons that a creation, or a plan to destroy, says already.
OBVIOUS = (DECLARED, ALL_GO, ASKED_TO_GO)
#: The reason of a deletion that takes along what is neither declared nor managed.
NOT_OURS = "live, but neither declared nor managed"


def wanted_changes(
    desired: Desired,
    differences: Iterable[Difference],
    real: Mapping[Address, Live],
    replaced_anyway: Collection[Address] = (),
) -> list[Change]:
    """Changes that bring declared resources into being or back into shape, in declaration order.

    What is in `replaced_anyway` and exists is replaced, however it is."""
    differences = list(differences)
    changes = {change.address: change for difference in differences for change in _mend(difference)}
    for difference in differences:
        if difference.address in replaced_anyway and difference.presence is Presence.PRESENT:
            changes[difference.address] = _made_again(difference)
    for address in desired.lifecycle.converted.difference(replaced_anyway):
        _convert(changes, desired, address, real)
    _fill_again(changes, desired, real)
    remade = (Action.REPLACE, Action.CONVERT)
    replaced = {address for address, change in changes.items() if change.action in remade}
    for address, wanted in desired.resources.items() if replaced else ():
        broken = [each for each in wanted.depends_on if each in replaced]
        is_unchanged = address not in changes or changes[address].action is Action.ADOPT
        if broken and is_unchanged and kind_of(address).breaks_with_dependencies:
            # Deleting an attribute silently shrinks or drops its indexes (trap 32).
            reason = f"{broken[0]} is replaced, which would break this index"
            changes[address] = Change(address, Action.REPLACE, reason, why=Reason.DEPENDENCY_REPLACED)
        elif is_unchanged or changes[address].action is Action.UPDATE:
            _write_again(changes, wanted, real)
    return [changes[address] for address in desired.resources if address in changes]


def _write_again(changes: dict[Address, Change], wanted: Resource, real: Mapping[Address, Live]) -> None:
    """Values that go with a column, where it is replaced, although they are as they should be."""
    address, kind = wanted.address, kind_of(wanted.address)
    if not kind.has_free_fields or address not in real:
        return
    known = changes[address].fields if address in changes and changes[address].action is Action.UPDATE else ()
    lost: dict[str, Address] = {}
    for column in wanted.depends_on:
        if column in changes and changes[column].action is Action.REPLACE and column in real:
            # A relationship may be set from its far side.
            keys = {column.name, str(real[column].fields.get("twoWayKey"))}
            lost |= dict.fromkeys(keys & wanted.fields.keys() - {each.name for each in known}, column)
    fields = tuple(
        FieldChange(name, None, wanted.fields[name], wanted.fields[name], Cause.CONFIG) for name in sorted(lost)
    )
    if fields and known:
        changes[address] = replace(changes[address], fields=(*known, *fields))
    elif fields:
        reason = f"its values are deleted with {', '.join(map(str, dict.fromkeys(lost.values())))}, which is replaced"
        changes[address] = Change(address, Action.UPDATE, reason, fields, why=Reason.DEPENDENCY_REPLACED)


def _fill_again(changes: dict[Address, Change], desired: Desired, real: Mapping[Address, Live]) -> None:
    """What lies in a collection that is replaced is created again, and relationships to it are replaced."""
    replaced = replaced_owners(changes.values())
    for address, wanted in desired.resources.items() if replaced else ():
        inside = next((each for each in owners(address) if each in replaced), None)
        if inside is not None:
            reason = f"it lies in {inside}, which is replaced"
            changes[address] = Change(address, Action.CREATE, reason, why=Reason.OWNER_REPLACED)
        elif address in real:
            related = next(
                (each for each in kind_of(address).leads_to(address, wanted.fields) if each in replaced), None
            )
            if related is not None:
                reason = f"it refers to {related}, which is replaced"
                changes[address] = Change(address, Action.REPLACE, reason, why=Reason.DEPENDENCY_REPLACED)


def replaced_owners(changes: Iterable[Change]) -> set[Address]:
    """What is deleted and created in the course of these changes, and with it all that lies in it."""
    return {each.address for each in changes if each.action is Action.REPLACE and holds_others(each.address)}


def _convert(changes: dict[Address, Change], desired: Desired, address: Address, real: Mapping[Address, Live]) -> None:
    """Instead of replacing an attribute without its values."""
    change = changes.get(address)
    is_begun = _is_begun(desired, address, real)
    is_again = change is not None and change.action is Action.REPLACE and real[address].status == "available"
    if is_begun or is_again:
        stages = f"in stages: add {temporary(address).name}, copy and convert the values, verify, switch"
        reason, why = "an earlier run was interrupted", Reason.INTERRUPTED
        if change is not None and not is_begun:
            reason, why = change.reason, change.why
        fields = change.fields if change is not None else ()
        changes[address] = Change(address, Action.CONVERT, f"{reason}; {stages}", fields, why=why)


def _is_begun(desired: Desired, address: Address, real: Mapping[Address, Live]) -> bool:
    """Whether a conversion was cut short: the copy is live, and the attribute still as it was, or gone."""
    old = real.get(address)
    is_converted = (
        old is not None and old.status != "deleting" and has_form(old.fields, desired.resources[address].fields)
    )
    return temporary(address) in real and not is_converted


def _made_again(difference: Difference) -> Change:
    action = Action.DEPLOY if kind_of(difference.address).is_code else Action.REPLACE
    return Change(
        difference.address,
        action,
        "requested by --replace",
        difference.fields,
        drifted=difference.has_drifted,
        why=Reason.REPLACE_ASKED,
    )


def _mend(difference: Difference) -> Iterator[Change]:
    address = difference.address
    is_code = kind_of(address).is_code
    if difference.presence is not Presence.PRESENT:
        lost = difference.presence is Presence.LOST
        reason = "it was deleted on the server" if lost else DECLARED
        action = Action.DEPLOY if is_code else Action.CREATE
        yield Change(address, action, reason, drifted=lost, why=Reason.LOST if lost else Reason.DECLARED)
    elif difference.status in ("failed", "stuck"):
        reason = f"it is {difference.status} on the server{': ' + difference.error if difference.error else ''}"
        drifted = difference.has_drifted
        yield Change(address, Action.REPLACE, reason, difference.fields, drifted=drifted, why=Reason.UNUSABLE)
    elif is_code and difference.status == UNFINISHED:
        reason = "an earlier run activated the live deployment, but ended before it recorded that"
        yield Change(address, Action.DEPLOY, reason, difference.fields, why=Reason.INTERRUPTED)
    elif difference.fields:
        action = Action.UPDATE if difference.in_place else Action.REPLACE
        yield Change(
            address,
            Action.DEPLOY if is_code else action,
            _reason(difference, action),
            difference.fields,
            drifted=difference.has_drifted,
            why=why_different(difference),
        )
    elif not difference.owned:
        reason = "it exists as the stack declares it, but is not in the state yet"
        yield Change(address, Action.ADOPT, reason, why=Reason.EXISTS)


def with_values(change: Change, desired: Desired) -> Change:
    """A creation that says what it creates."""
    wanted = desired.resources.get(change.address)
    if change.action is not Action.CREATE or wanted is None:
        return change
    fields = created_fields(change, wanted.fields)
    values = {name: HIDDEN if isinstance(value, Secret) else thaw(value) for name, value in fields.items()}
    return replace(change, values=values)


def why_different(difference: Difference) -> Reason:
    """Who brought it about that something live is not as it should be."""
    if difference.status in ("failed", "stuck"):
        return Reason.UNUSABLE
    causes = {change.cause for change in difference.fields}
    if Cause.CONFLICT in causes:
        return Reason.BOTH_CHANGED
    if Cause.DRIFT in causes:
        return Reason.SERVER_CHANGED
    return Reason.DIFFERS if causes == {Cause.UNKNOWN} else Reason.STACK_CHANGED


_SENTENCES = {
    Reason.BOTH_CHANGED: "both the stack and the server changed",
    Reason.SERVER_CHANGED: "it was changed on the server",
    Reason.DIFFERS: "it exists, but not as the stack declares it",
    Reason.STACK_CHANGED: "the stack changed",
}


def _reason(difference: Difference, action: Action) -> str:
    text = _SENTENCES[why_different(difference)]
    if action is Action.REPLACE:
        kind = kind_of(difference.address)
        fixed = [change.name for change in difference.fields if not kind.is_in_place(change.name)]
        text += f"; Appwrite cannot change {' or '.join(fixed) or 'it'} in place"
    return text


def unwanted_changes(
    desired: Desired,
    state: State,
    real: Mapping[Address, Live],
    plan_options: PlanOptions,
    replaced: Iterable[Address] = (),
) -> list[Change]:
    """Deletions: tombstones that are live, and owned resources that the stack no longer declares; and whatever goes
    with those or with the collections that are `replaced`, ours or not.

    What lies in something that is not to go, by the wishes, is deleted by itself."""
    changes = []
    for address, tombstone in desired.tombstones.items():
        if address in real:
            changes.append(Change(address, Action.DELETE, tombstone.reason, why=Reason.ABSENT))
        elif address in state.entries:
            changes.append(Change(address, Action.FORGET, "it is gone from the server, as declared", why=Reason.GONE))
    # In an order of their own, so that the same plan is the same text.
    for address in sorted(state.entries):
        if address in desired.resources or address in desired.tombstones:
            continue
        forgotten = desired.lifecycle.forgets(address)
        if forgotten is not None:
            reason = f"it is no longer managed: {forgotten}"
            changes.append(Change(address, Action.FORGET, reason, why=Reason.FORGOTTEN))
        elif not _is_live(address, real):
            reason = "it is gone from the server and no longer declared"
            changes.append(Change(address, Action.FORGET, reason, why=Reason.GONE))
        else:
            changes.append(_undeclared(address, real[address]))
    deleted = {change.address: change for change in changes if change.deletes and plan_options.let_go(change.address)}
    going = {address: removal_of(change) for address, change in deleted.items()}
    going |= {address: removal_key(Action.REPLACE, address) for address in replaced}
    ours = [_with_owner(change, going) for change in changes]
    return [*ours, *_taken_along(going, desired, state, real)]


def _undeclared(address: Address, live: Live) -> Change:
    """The change for a managed resource that the stack no longer declares. A setting stays: to put it back could open
    what was closed, or close what is in use, because a line is gone."""
    if not kind_of(address).is_setting:
        return Change(address, Action.DELETE, "the stack no longer declares it", why=Reason.UNDECLARED)
    reported = {name: thaw(value) for name, value in live.fields.items() if not isinstance(value, Secret)}
    kept = ", ".join(f"{name} {shown(value)}" for name, value in reported.items())
    reason = f"the stack no longer declares it; it stays as it is ({kept})"
    return Change(address, Action.FORGET, reason, why=Reason.SETTING_LEFT)


def _is_live(address: Address, real: Mapping[Address, Live]) -> bool:
    return address in real and real[address].status != "deleting"


def _with_owner(change: Change, going: Mapping[Address, str]) -> Change:
    """What goes with its owner needs no deletion of its own. Code that nothing manages any more stays, unless its
    function goes."""
    owner = next((each for each in owners(change.address) if each in going), None)
    if change.deletes and owner is not None:
        return gone_with(owner, going[owner], change)
    if change.deletes and kind_of(change.address).is_code:
        reason = "its code is no longer managed; the active deployment stays"
        return replace(change, action=Action.FORGET, reason=reason, why=Reason.CODE_LEFT)
    return change


def gone_with(owner: Address, removal: str, change: Change) -> Change:
    """The deletion of something that is deleted with its owner, of which `removal` is the instant. It is ours until the
    owner is gone."""
    return replace(change, goes_with=owner, needs=(removal,))


def _taken_along(
    going: Mapping[Address, str], desired: Desired, state: State, real: Mapping[Address, Live]
) -> list[Change]:
    """What is neither declared nor managed and goes with something that is deleted."""
    known = known_addresses(desired, state, real)
    found = ((address, taken_with(real[address], going)) for address in sorted(real.keys() - known))
    return [
        gone_with(owner, going[owner], Change(address, Action.DELETE, NOT_OURS, managed=False, why=Reason.NOT_OURS))
        for address, owner in found
        if owner is not None
    ]


def taken_with(live: Live, deleted: Collection[Address]) -> Address | None:
    """What of the deleted takes this along: something that it lies in, or the collection that a relationship leads
    to."""
    places = [*owners(live.address), *kind_of(live.address).leads_to(live.address, live.fields)]
    return next((each for each in places if each in deleted), None)


def known_addresses(desired: Desired, state: State, real: Mapping[Address, Live]) -> set[Address]:
    """Everything that is declared or ours, and the copies of conversions that are under way."""
    copies = {temporary(each) for each in desired.lifecycle.converted if _is_begun(desired, each, real)}
    return {*desired.resources, *desired.tombstones, *state.entries, *copies}


def unmanaged(
    desired: Desired, state: State, real: Mapping[Address, Live], changes: Iterable[Change] = ()
) -> list[Address]:
    """Live resources that nothing declares and we never made, and that these changes leave alone. What lies in one of
    them is not named too."""
    known = known_addresses(desired, state, real)
    going = {change.address for change in changes}
    found = []
    for address in sorted(real.keys() - known - going):
        kind = kind_of(address)
        if kind.is_code or kind.is_original(real[address]):
            continue
        hidden = any(owner in real and owner not in known for owner in owners(address))
        buried = any(owner in desired.tombstones for owner in owners(address))
        if not hidden and not buried:
            found.append(address)
    return found


# Taking over into the state what others did to live resources, without changing anything live. Pure.
#
# Afterwards, a plan compares the stack with what is real and finds no drift. A secret stays what it was: its value
# never comes back, and one that somebody wrote down in the open is not taken into the state.


def refresh_changes(state: State, real: Mapping[Address, Live], desired: Desired) -> list[Change]:
    """What the state says otherwise than live Appwrite does, owners before what lies in them."""
    entries = sorted(state.entries.values(), key=lambda entry: (kind_of(entry.address).stage, entry.address))
    return [change for entry in entries for change in _refresh(entry, real.get(entry.address), desired, state.salt)]


def taken_over(entry: Entry, real: Live, desired: Desired, salt: str = "") -> Entry:
    """The entry as it is when it says what is live."""
    fields = {**_hidden(entry, real), **fingerprinted(_live_fields(entry, real, desired), salt)}
    deployments = entry.deployments
    if kind_of(entry.address).is_code and real.remote_id not in deployments:
        deployments = (real.remote_id, *deployments)
    return replace(entry, fields=frozen(fields), remote_id=real.remote_id or entry.remote_id, deployments=deployments)


def _refresh(entry: Entry, real: Live | None, desired: Desired, salt: str) -> Iterator[Change]:
    if real is None or real.status == "deleting":
        yield Change(entry.address, Action.FORGET, "it is gone from the server", drifted=True, why=Reason.GONE)
        return
    if real.status == UNFINISHED:
        # Ours, and not accepted: that is for the next apply to say.
        return
    after = taken_over(entry, real, desired, salt)
    fields = tuple(_field_changes(entry, after, desired))
    if fields or after.remote_id != entry.remote_id:
        reason = _SENTENCES[Reason.SERVER_CHANGED]
        yield Change(entry.address, Action.REFRESH, reason, fields, drifted=True, why=Reason.SERVER_CHANGED)


def _field_changes(before: Entry, after: Entry, desired: Desired) -> Iterator[FieldChange]:
    kind = kind_of(before.address)
    names = [
        name
        for name, known in before.fields.items()
        if name not in after.fields or not same(known, after.fields[name], unordered=name in kind.unordered)
    ]
    hidden = ("fingerprint", kind.secret_field) if _is_secret(before, desired) else ("fingerprint",)
    for name in names:
        known = before.fields[name]
        if is_fingerprint(known):
            yield FieldChange(name, HIDDEN, HIDDEN, HIDDEN, Cause.DRIFT)
        elif name in hidden:
            yield FieldChange(kind.secret_field, HIDDEN, HIDDEN, HIDDEN, Cause.DRIFT)
        else:
            yield FieldChange(name, known, after.fields.get(name), known, Cause.DRIFT, name in kind.unordered)


def _hidden(entry: Entry, real: Live) -> dict[str, Any]:
    """Fingerprints of secrets that the server does not return: they stay what they were."""
    return {name: value for name, value in entry.fields.items() if name not in real.fields and is_fingerprint(value)}


def _live_fields(entry: Entry, real: Live, desired: Desired) -> Fields | dict[str, Any]:
    kind = kind_of(entry.address)
    if kind.secret_field:
        return _live_secret(entry, real, desired, kind.secret_field)
    if kind.is_code:
        # What an unknown deployment holds is not read where the stack leaves the code alone.
        return real.fields if real.fields or real.remote_id != entry.remote_id else entry.fields
    return real.fields


def _live_secret(entry: Entry, real: Live, desired: Desired, name: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"secret": bool(real.fields["secret"])}
    if fields["secret"]:
        # Another id is another variable, with a value that we do not know.
        if "fingerprint" in entry.fields and real.remote_id == entry.remote_id:
            fields["fingerprint"] = entry.fields["fingerprint"]
    elif not _is_secret(entry, desired) or entry.fields.get(name) == real.fields[name]:
        fields[name] = real.fields[name]
    return fields


def _is_secret(entry: Entry, desired: Desired) -> bool:
    """Whether the stack or the state treats the value as a secret, whatever the server does."""
    wanted, name = desired.resources.get(entry.address), kind_of(entry.address).secret_field
    declared = wanted is not None and isinstance(wanted.fields.get(name), Secret)
    return declared or bool(entry.fields.get("secret"))
