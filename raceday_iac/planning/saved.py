"""Saved plans: what was reviewed is what runs. Pure; reading and writing the file is the caller's.

A saved plan names everything it was made from: the target, the state's lineage and serial, a fingerprint of every live
object it touches and of what the stack wants of it, what was counted, and what was allowed. Applying it means planning
again and finding exactly the same. Its id is the hash of its content, for people and logs. Its seal is made with a key
that only the state holds, so nobody who has just the file can change it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..diff import Cause, FieldChange, Part, field_parts, stored_fields
from ..errors import NOTHING_CHANGED, IacError, RefusedError, StaleError
from ..kinds import Kind, kind_of
from ..kinds.base import thaw
from ..model.address import Address
from ..model.evidence import Answer, Question, counted_words, evidence_from_json, evidence_to_json
from ..model.resource import Desired, Live, Resource
from ..model.secret import Secret, fingerprinted
from .plan import Action, Change, Plan, PlanOptions, Reason, plan_options_from_json

#: Format 1 had neither evidence nor a seal.
FORMAT = 2
#: What is derived from the state's salt for this purpose alone.
_PURPOSE = b"raceday-iac: seal of saved plans"
ABSENT = "absent"


@dataclass(frozen=True)
class SavedPlan:
    """The content of a plan file. `id` identifies it. Without a state there is no key, and the `seal` is empty."""

    content: Mapping[str, Any]
    seal: str = ""

    @property
    def id(self) -> str:
        return _hash(self.content)

    @property
    def environment(self) -> str:
        return str(self.content["environment"])

    @property
    def commit(self) -> str:
        """The commit whose stack it was made from, where that was not what was checked out; else empty."""
        return str(self.content.get("commit", ""))

    @property
    def plan_options(self) -> PlanOptions:
        return plan_options_from_json(self.content["wishes"])

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        changes: list[Mapping[str, Any]] = self.content["changes"]
        return changes

    @property
    def evidence(self) -> dict[Question, Answer]:
        """What was counted, and so shown to whoever reviewed it."""
        return evidence_from_json(self.content["evidence"])

    def to_text(self) -> str:
        """Canonical JSON: equal plans are equal files."""
        return _canonical_text({**self.content, "id": self.id, "seal": self.seal}) + "\n"


def saved_plan(plan: Plan, desired: Desired, endpoint: str, project: str, salt: str, commit: str = "") -> SavedPlan:
    """What is saved of a plan. `salt` keys the fingerprints of secrets, as in the state. `commit`: see `SavedPlan`."""
    touched = sorted({change.address for change in plan.changes})
    # A state that was never saved gets its lineage and a new salt each time it is looked at.
    is_new = plan.serial == 0
    lineage, key = ("", "") if is_new else (plan.lineage, salt)
    content = {
        "format": FORMAT,
        "kind": "plan",
        "environment": plan.environment,
        "endpoint": endpoint,
        "project": project,
        "serverVersion": plan.server_version,
        "state": {"lineage": lineage, "serial": plan.serial},
        **({"commit": commit} if commit else {}),
        "wishes": plan.plan_options.to_json(),
        "evidence": evidence_to_json(plan.evidence),
        "changes": [change_document(change, with_parts=False) for change in plan.changes],
        "leftOut": [change.key for change in plan.left_out],
        "live": {str(each): _live_print(plan.real.get(each), desired.resources.get(each), key) for each in touched},
        "wanted": {str(each): _wanted(each, desired, key) for each in touched},
    }
    return SavedPlan(content, _sealed(content, key))


def _sealed(content: Mapping[str, Any], salt: str) -> str:
    """Only who knows the state's salt can make it."""
    if not salt:
        return ""
    key = hmac.digest(salt.encode(), _PURPOSE, "sha256")
    return hmac.new(key, _canonical_text(content).encode(), "sha256").hexdigest()


def must_be_sealed(saved: SavedPlan, name: str, lineage: str, salt: str) -> None:
    """Raise RefusedError when the plan in `name` is not as it was saved. Of another state nothing can be said; that it
    is another one makes the plan stale."""
    if not salt:
        if saved.plan_options != PlanOptions():
            raise RefusedError(
                f"{name} holds options, but there is no state whose key could verify them.", _AGAIN, unchanged=True
            )
    elif saved.content["state"]["lineage"] == lineage and not hmac.compare_digest(
        saved.seal, _sealed(saved.content, salt)
    ):
        raise _edited(name)


def _edited(name: str) -> RefusedError:
    return RefusedError(f"{name} was changed after it was saved: its seal is broken.", _AGAIN, unchanged=True)


def read_plan(text: str, name: str) -> SavedPlan:
    """The plan in a file called `name`. Raises IacError when it is none, or not as it was written."""
    try:
        content = json.loads(text)
        number, kind = content["format"], content["kind"]
        given, seal = content.pop("id"), content.pop("seal", None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _no_plan(name) from None
    if kind == "plan" and number == 1:
        raise RefusedError(f"{name} was saved by an older raceday-iac and has no seal.", _AGAIN, unchanged=True)
    if kind != "plan" or number != FORMAT:
        raise IacError(
            f"{name} is a {kind} of format {number}; this version applies plans of format {FORMAT}.",
            hint=_AGAIN,
            unchanged=True,
        )
    if not isinstance(seal, str) or not seal.isascii():
        raise RefusedError(f"{name} has no seal, so whether it was changed cannot be verified.", _AGAIN, unchanged=True)
    plan = SavedPlan(content, seal)
    if plan.id != given:
        raise _edited(name)
    try:
        _must_be_whole(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _no_plan(name) from None
    return plan


def _no_plan(name: str) -> IacError:
    return IacError(f"{name} is not a saved plan.", hint=_AGAIN, unchanged=True)


def _must_be_whole(content: Mapping[str, Any]) -> None:
    """Raise something when a part is missing or of another kind. The right id alone does not promise that."""
    state, names = content["state"], ("environment", "endpoint", "project", "serverVersion")
    texts = [*(content[name] for name in names), state["lineage"], *content["leftOut"], content.get("commit", "")]
    for prints in (content["live"], content["wanted"]):
        texts += [*prints.keys(), *prints.values()]
    for change in content["changes"]:
        for name in ("address", "was", "with"):
            Address.parse(change.get(name, change["address"]))
        Action(change["action"])
        _why(change)
        texts.append(change["reason"])
        _ = (change["drift"], [(each["name"], each["before"], each["after"]) for each in change["fields"]])
    lists = (content["changes"], content["leftOut"])
    fits = all(isinstance(each, str) for each in texts) and all(isinstance(each, list) for each in lists)
    if not fits or not isinstance(state["serial"], int):
        raise TypeError("something is not of its kind")
    plan_options_from_json(content["wishes"])
    evidence_from_json(content["evidence"])


def verify(saved: SavedPlan, fresh: SavedPlan) -> None:
    """Raise StaleError unless planning again gave exactly the saved plan."""
    reasons = list(_stale_because(saved.content, fresh.content))
    if reasons:
        lines = "\n".join(f"  - {reason}" for reason in reasons)
        raise StaleError(f"The plan is stale. {NOTHING_CHANGED}\n{lines}", hint=_AGAIN)


_AGAIN = "make a new one: raceday-iac plan --out FILE"
_SHOWN = 5


def _stale_because(saved: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[str]:
    for name in ("endpoint", "project"):
        if saved[name] != fresh[name]:
            yield f"it was made for the {name} {saved[name]}, but this is {fresh[name]}"
    was, now = saved["state"], fresh["state"]
    if was["lineage"] != now["lineage"]:
        yield "it was made from another state (the lineage differs)"
    elif was["serial"] != now["serial"]:
        yield f"the state is now at serial {now['serial']}, but the plan was made at serial {was['serial']}"
    yield from _some(_differences("on the server", saved["live"], fresh["live"]))
    yield from _some(_differences("in the stack", saved["wanted"], fresh["wanted"]))
    yield from _some(_touched_by_one(saved, fresh))
    if saved["serverVersion"] != fresh["serverVersion"]:
        yield f"the server is now {fresh['serverVersion']}, and was {saved['serverVersion']}"
    has_other_changes = list(_without_codes(saved["changes"])) != list(_without_codes(fresh["changes"]))
    if has_other_changes and saved["live"] == fresh["live"] and saved["wanted"] == fresh["wanted"]:
        yield "a new plan has other changes"
    if saved["evidence"] != fresh["evidence"]:
        yield "a new plan has other counts"


def _without_codes(changes: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The sentences say the same, and older plans have nothing else. Values are the stack's, which is compared."""
    return (
        {name: value for name, value in change.items() if name not in ("reasonCode", "values")} for change in changes
    )


def _some(reasons: Iterable[str]) -> Iterator[str]:
    listed = list(reasons)
    yield from listed[:_SHOWN]
    if len(listed) > _SHOWN:
        yield f"… and {len(listed) - _SHOWN} more"


def _differences(where: str, saved: Mapping[str, str], fresh: Mapping[str, str]) -> Iterator[str]:
    for address in sorted(saved.keys() & fresh.keys()):
        if saved[address] != fresh[address]:
            yield f"{address} was changed {where}"


def _touched_by_one(saved: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[str]:
    reasons = {change["address"]: change["reason"] for change in fresh["changes"]}
    for address in sorted(saved["live"].keys() ^ fresh["live"].keys()):
        if address in reasons:
            yield f"{address} must now be changed, too: {reasons[address]}"
        else:
            yield f"{address} no longer needs a change"


def _live_print(live: Live | None, wanted: Resource | None, salt: str) -> str:
    if live is None:
        return ABSENT
    fields = dict(_plain(fingerprinted(live.fields, salt)))
    name = kind_of(live.address).secret_field
    is_declared_plain = wanted is not None and not isinstance(wanted.fields.get(name), Secret)
    if name in fields and not is_declared_plain:
        # It may be a secret that somebody put there in the open. Without a salt only that it is there is compared.
        fields[name] = Secret(fields[name]).fingerprint(salt) if salt else ""
    return _hash([fields, live.remote_id, live.status])


def _wanted(address: Address, desired: Desired, salt: str) -> str:
    """Of a migration, its whole content."""
    migration = desired.migrations.get(address)
    return _wanted_print(desired.resources.get(address), salt) if migration is None else migration.digest


def _wanted_print(resource: Resource | None, salt: str) -> str:
    if resource is None:
        return ABSENT
    fields = resource.fields
    if isinstance(fields.get(kind_of(resource.address).secret_field), Secret):
        # Without a salt a fingerprint could be guessed at; then only that there is a secret is compared.
        fields = stored_fields(fields, salt) if salt else {"secret": True}
    fields = fingerprinted(fields, salt)
    return _hash([dict(_plain(fields)), sorted(map(str, resource.depends_on))])


def _plain(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, thaw(value)) for name, value in fields.items())


def _canonical_text(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _hash(content: Any) -> str:
    return hashlib.sha256(_canonical_text(content).encode()).hexdigest()


# A plan as JSON values: what is shown to machines, and what is saved to be applied later. Secrets appear as ***.


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as `plan --json` shows it."""
    return {
        "environment": plan.environment,
        "serverVersion": plan.server_version,
        "state": {"lineage": plan.lineage, "serial": plan.serial},
        "empty": plan.is_empty,
        "counts": {str(action): plan.count(action) for action in Action if plan.count(action)},
        "changes": [change_document(change) for change in plan.changes],
        "evidence": evidence_to_json(plan.evidence),
        "leftOut": [change.key for change in plan.left_out],
        "notes": list(plan.notes),
        "unmanaged": [str(address) for address in plan.unmanaged],
        "refusals": [
            {"address": str(each.address), "message": each.message, "hint": each.hint} for each in plan.refusals
        ],
    }


def change_document(change: Change, *, with_parts: bool = True) -> dict[str, Any]:
    """A change as it is shown; without the parts of values that differ it is saved, because they follow from the
    rest."""
    return {
        "address": str(change.address),
        "action": str(change.action),
        "reason": change.reason,
        "reasonCode": str(change.why),
        "drift": change.drifted,
        **({"was": str(change.origin)} if change.origin else {}),
        **({"with": str(change.goes_with)} if change.goes_with else {}),
        **({} if change.managed else {"managed": False}),
        "fields": [field_document(field, with_parts=with_parts) for field in change.fields],
        "requires": list(change.requires),
        **({"values": dict(change.values)} if change.values else {}),
    }


def field_document(field: FieldChange, *, with_parts: bool = True) -> dict[str, Any]:
    parts = field_parts(field) if with_parts else ()
    return {
        "name": field.name,
        "before": thaw(field.before),
        "after": thaw(field.after),
        "lastApplied": thaw(field.known),
        "cause": str(field.cause),
        **({"parts": [_part_document(part) for part in parts]} if parts else {}),
    }


def _part_document(part: Part) -> dict[str, Any]:
    """`path` holds keys and positions; it is empty for a member of a set."""
    document: dict[str, Any] = {"op": str(part.op), "path": list(part.path)}
    if part.to:
        return {**document, "to": list(part.to), "value": part.before}
    values = {"before": part.before, "after": part.after}
    missing = {"added": "before", "removed": "after"}.get(str(part.op))
    return {**document, **{name: thaw(value) for name, value in values.items() if name != missing}}


# A plan made again from its file, to be looked at. It cannot be applied: what is live is known only by fingerprint.


def restored(saved: SavedPlan) -> Plan:
    """The plan as far as it was saved: changes, what was counted and what was left out, but not what is unmanaged.
    Raises IacError where a change lacks something."""
    content = saved.content
    try:
        changes = tuple(_change(each) for each in saved.changes)
        left_out = tuple(_left_out(key) for key in content["leftOut"])
    except (KeyError, TypeError, ValueError):
        raise IacError(f"The plan {saved.id[:12]} lacks a part of a change, so it cannot be shown.") from None
    state = content["state"]
    return Plan(
        environment=saved.environment,
        lineage=state["lineage"],
        serial=state["serial"],
        changes=changes,
        server_version=content["serverVersion"],
        plan_options=saved.plan_options,
        evidence=saved.evidence,
        notes=tuple(f"counted when it was made: {each}" for each in counted_words(saved.evidence)),
        left_out=left_out,
    )


def _change(document: Mapping[str, Any]) -> Change:
    was, goes_with, address = document.get("was"), document.get("with"), Address.parse(document["address"])
    return Change(
        address,
        Action(document["action"]),
        document["reason"],
        tuple(_field(each, kind_of(address)) for each in document["fields"]),
        requires=tuple(document["requires"]),
        drifted=document["drift"],
        origin=Address.parse(was) if was else None,
        goes_with=Address.parse(goes_with) if goes_with else None,
        managed=document.get("managed", True),
        values=_canonical(document.get("values", {})),
        why=_why(document),
    )


def _why(document: Mapping[str, Any]) -> Reason:
    """Plans that were saved before there were codes only have the sentence."""
    return Reason(document.get("reasonCode", Reason.NOT_SAVED))


def _field(document: Mapping[str, Any], kind: Kind) -> FieldChange:
    before, after, known = (_canonical(document[name]) for name in ("before", "after", "lastApplied"))
    name = document["name"]
    return FieldChange(name, before, after, known, Cause(document["cause"]), name in kind.unordered)


def _canonical(value: Any) -> Any:
    """The reverse of `thaw`: lists become tuples, as everywhere inside."""
    if isinstance(value, list):
        return tuple(map(_canonical, value))
    if isinstance(value, dict):
        return {key: _canonical(each) for key, each in value.items()}
    return value


def _left_out(key: str) -> Change:
    action, _, address = key.partition(":")
    return Change(Address.parse(address), Action(action), "", why=Reason.NOT_SAVED)
