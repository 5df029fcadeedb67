"""The plan: a frozen value that says what will be done, in which order, why, and what stands in its way.

Only a part of a plan is what was targeted and what that needs, or all but what was excluded and what needs that. What
is *needed* is less than what comes first: new code waits for the whole schema, but does not need all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from ..diff import Difference, FieldChange
from ..errors import IacError
from ..kinds import KINDS, holds_others
from ..model.address import Address, owners
from ..model.declarations import nearest
from ..model.evidence import Answer, Question, read_number
from ..model.resource import DEFAULTS, Desired, Fields, Live, frozen
from ..state.document import State

# What is asked of a plan beyond the stack: which part of it, what to replace, and which guards to let pass.


#: Kinds that can be replaced, with what lies in them. A function is more than that: its code, its executions.
REPLACEABLE = tuple(name for name, kind in KINDS.items() if kind.is_replaceable)


@dataclass(frozen=True)
class PlanOptions:
    """Addresses also stand for what lies in them: `function.x` for its variables and its code.

    `allowed` may lose data, as much as the number that goes with it (None: no number was given, so what the plan
    shows). With `numbers_needed`, where nobody is asked, a permission without a number is none. `confirmed` repeats
    numbers that a threshold refused, by `action kind` (`delete function`). `look_at` is the number of documents of a
    collection that are looked at for what no query can ask; 0 is all of them.
    """

    allowed: Mapping[Address, Answer | None] = field(default_factory=dict)
    targets: frozenset[Address] = frozenset()
    excluded: frozenset[Address] = frozenset()
    replaced: frozenset[Address] = frozenset()
    refresh_only: bool = False
    confirmed: Mapping[str, int] = field(default_factory=dict)
    numbers_needed: bool = False
    look_at: int = 0
    #: Whether everything that is ours is to go.
    destroy: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether the plan is not about the whole stack."""
        return bool(self.targets or self.excluded)

    def let_go(self, address: Address) -> bool:
        """Whether something may be deleted: it is a target (or there are none), and nothing excluded is in it."""
        wanted = not self.targets or lies_in(address, self.targets)
        return wanted and not self.keep(address)

    def keep(self, address: Address) -> bool:
        """Whether something must not go: it is excluded, lies in something excluded, or something excluded in it."""
        return lies_in(address, self.excluded) or any(lies_in(each, [address]) for each in self.excluded)

    def to_json(self) -> dict[str, object]:
        """Only what was asked for, so that a plain plan says nothing."""
        found: dict[str, object] = {
            name: sorted(map(str, getattr(self, name)))
            for name in ("targets", "excluded", "replaced")
            if getattr(self, name)
        }
        if self.allowed:
            found["allowed"] = {
                str(address): None if number is None else number.number
                for address, number in sorted(self.allowed.items())
            }
        if self.refresh_only:
            found["refreshOnly"] = True
        if self.confirmed:
            found["confirmed"] = dict(sorted(self.confirmed.items()))
        if self.look_at:
            found["lookAt"] = self.look_at
        if self.destroy:
            found["destroy"] = True
        return found


def plan_options_from_json(content: Mapping[str, object]) -> PlanOptions:
    """The inverse of `to_json`. Raises ValueError, TypeError or KeyError for anything else."""

    def addresses(name: str) -> frozenset[Address]:
        found = content.get(name, [])
        if not isinstance(found, Iterable):
            raise TypeError(f"{name} is no list")
        return frozenset(Address.parse(str(each)) for each in found)

    allowed, confirmed = content.get("allowed", {}), content.get("confirmed", {})
    if not isinstance(allowed, Mapping) or not isinstance(confirmed, Mapping):
        raise TypeError("allowed and confirmed are objects")
    return PlanOptions(
        {Address.parse(each): None if number is None else read_number(str(number)) for each, number in allowed.items()},
        addresses("targets"),
        addresses("excluded"),
        addresses("replaced"),
        bool(content.get("refreshOnly", False)),
        {str(name): int(number) for name, number in confirmed.items()},
        look_at=int(str(content.get("lookAt", 0))),
        destroy=bool(content.get("destroy", False)),
    )


def lies_in(address: Address, places: Iterable[Address]) -> bool:
    """Whether an address is one of the places, or in one."""
    return any(place == address or place in owners(address) for place in places)


def check_plan_options(plan_options: PlanOptions, desired: Desired, state: State) -> None:
    """Raise IacError for addresses that name nothing, for replacements that cannot be, and for limits there are not."""
    everything = {*desired.resources, *desired.tombstones, *state.entries, *desired.migrations}
    places = everything.union(*map(owners, everything))
    for option, addresses in (("--target", plan_options.targets), ("--exclude", plan_options.excluded)):
        for address in sorted(addresses - places):
            raise _nothing_there(option, address, "declared or managed", places)
    for address in sorted(plan_options.replaced):
        if address.kind in KINDS and not KINDS[address.kind].is_replaceable:
            raise IacError(
                f"--replace {address}: a {address.kind} cannot be replaced by itself.",
                hint=f"replaceable are {', '.join(REPLACEABLE)}",
                unchanged=True,
            )
        if address not in desired.resources:
            raise _nothing_there("--replace", address, "declared", desired.resources)
    for name in sorted(plan_options.confirmed):
        action, _, kind = name.partition(" ")
        if action not in DEFAULTS or kind not in KINDS:
            raise IacError(
                f'--confirm "{name}=…": there is no such limit.',
                hint=f"write {' or '.join(DEFAULTS)}, then one of {', '.join(KINDS)}, as the plan shows it",
                unchanged=True,
            )


def _nothing_there(option: str, address: Address, how: str, known: Iterable[Address]) -> IacError:
    near = nearest(str(address), map(str, known))
    return IacError(
        f"{option} {address}: no resource with this address is {how}{near}.",
        hint="raceday-iac state list shows what is managed",
        unchanged=True,
    )


class Action(StrEnum):
    """What is done to a resource; a migration is run (`migrate`) or taken back (`undo`). Only the state is changed by
    `adopt`, `refresh` and `forget`; what is forgotten stays live, or is gone already."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    MOVE = "move"
    CONVERT = "convert"
    DELETE = "delete"
    DEPLOY = "deploy"
    ACTIVATE = "activate"
    SCHEDULE = "schedule"
    MIGRATE = "migrate"
    UNDO = "undo"
    ADOPT = "adopt"
    REFRESH = "refresh"
    FORGET = "forget"


class Reason(StrEnum):
    """Why a change is made, for programs; `Change.reason` says it to people, with the particulars. A value never
    changes its meaning: new reasons get new values."""

    #: It is declared, and was never there.
    DECLARED = "declared"
    #: It was there, and somebody deleted it on the server.
    LOST = "deleted-on-server"
    #: What the stack says of it changed; somebody changed it on the server; both.
    STACK_CHANGED = "stack-changed"
    SERVER_CHANGED = "server-changed"
    BOTH_CHANGED = "both-changed"
    #: It is there without being in the state: not as the stack declares it, or exactly so.
    DIFFERS = "not-as-declared"
    EXISTS = "exists-as-declared"
    #: Appwrite says that it is failed or stuck.
    UNUSABLE = "unusable"
    #: Something that it lies in, or depends on, is replaced.
    OWNER_REPLACED = "owner-replaced"
    DEPENDENCY_REPLACED = "dependency-replaced"
    #: An earlier run did not come to its end.
    INTERRUPTED = "interrupted"
    #: Its schedule is armed after its code is active.
    AFTER_CODE = "after-code"
    #: A migration that has not run in this environment; what the stack wants stricter when one has run; a migration
    #: that somebody takes back.
    NOT_RUN = "not-run"
    AFTER_MIGRATION = "after-migration"
    UNDO_ASKED = "undo-requested"
    #: The stack gives it another name.
    RENAMED = "renamed"
    #: The stack says that it must not exist, that nothing manages it any more, or does not name it any more.
    ABSENT = "declared-absent"
    FORGOTTEN = "forgotten"
    UNDECLARED = "no-longer-declared"
    #: Nothing manages this code any more; it stays.
    CODE_LEFT = "code-no-longer-managed"
    #: Nothing manages this setting any more; it stays as it is.
    SETTING_LEFT = "setting-no-longer-managed"
    #: It is gone from the server.
    GONE = "gone-from-server"
    #: Nobody declares it, and it is none of ours; it goes with something.
    NOT_OURS = "not-ours"
    #: Somebody asked for it: `--replace`, `rollback`, `destroy`.
    REPLACE_ASKED = "replace-requested"
    ROLLBACK_ASKED = "rollback-requested"
    DESTROY_ASKED = "destroy-requested"
    #: A saved plan does not say it: it names what was left out of it by its key alone.
    NOT_SAVED = "not-saved"


def key_of(action: Action, address: Address) -> str:
    """The key that names a change in a plan."""
    return f"{action}:{address}"


@dataclass(frozen=True)
class Change:
    """One step. `reason` says why to people, `why` to programs. `requires` names the changes (by `key`) that must be
    done before; `needs` are those among them without which it makes no sense, the others only come first."""

    address: Address
    action: Action
    reason: str
    fields: tuple[FieldChange, ...] = ()
    requires: tuple[str, ...] = ()
    drifted: bool = False
    needs: tuple[str, ...] = ()
    #: The address before a move.
    origin: Address | None = None
    #: What it is deleted with: Appwrite takes along what lies in something, so it needs no request of its own.
    goes_with: Address | None = None
    #: Whether it is declared or ours. Of what is neither, only what goes with something else is in a plan.
    managed: bool = True
    #: Of a creation, its fields, secrets as stars. They are shown; what is sent is taken from the stack.
    values: Mapping[str, Any] = field(default_factory=dict, compare=False)
    why: Reason = field(kw_only=True)

    @cached_property
    def key(self) -> str:
        return key_of(self.action, self.address)

    @property
    def touches_server(self) -> bool:
        return self.goes_with is None and self.action not in (Action.ADOPT, Action.REFRESH, Action.FORGET)

    @property
    def deletes(self) -> bool:
        """Whether it deletes by a request of its own."""
        return self.action is Action.DELETE and self.goes_with is None

    @property
    def destroys(self) -> bool:
        """Whether something live goes away in the course of it, by a request of its own."""
        return self.deletes or self.action is Action.REPLACE


def created_fields(change: Change, wanted: Fields) -> Fields:
    """What is set by a creation or replacement. A creation that names fields sets those otherwise than is wanted: a
    later change does the rest."""
    if change.action is not Action.CREATE or not change.fields:
        return wanted
    return frozen({**wanted, **{each.name: each.after for each in change.fields}})


@dataclass(frozen=True)
class Refusal:
    """A guard's no: which resource, why with the numbers, and what would allow it."""

    address: Address
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything `apply` will do. `real` is what the plan was made from."""

    environment: str
    lineage: str
    serial: int
    changes: tuple[Change, ...] = ()
    differences: tuple[Difference, ...] = ()
    unmanaged: tuple[Address, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    real: Mapping[Address, Live] = field(default_factory=dict, repr=False)
    #: What was counted of what its changes would cost, and so shown.
    evidence: Mapping[Question, Answer] = field(default_factory=dict)
    server_version: str = ""
    plan_options: PlanOptions = field(default_factory=PlanOptions)
    #: Changes that were not asked for (`--target`, `--exclude`).
    left_out: tuple[Change, ...] = ()
    #: What a reader should know that is no change: renames that could be meant, and the like.
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.changes

    @property
    def drifted(self) -> tuple[Change, ...]:
        """Changes that undo what somebody else did."""
        return tuple(change for change in self.changes if change.drifted)

    def count(self, action: Action, kind: str = "") -> int:
        """How many changes of an action, of one kind when it is named."""
        return sum(1 for change in self.changes if change.action is action and kind in ("", change.address.kind))


#: Before the key of a replacement: the instant when the old one is gone and its successor not yet there.
REMOVAL = "removal:"
#: What must be done before something of the same place can be removed.
GOES_FIRST = (Action.DELETE, Action.MOVE)


@dataclass(frozen=True)
class Selection:
    """The changes that stay and those that do not, both in order."""

    kept: tuple[Change, ...]
    left_out: tuple[Change, ...] = ()


def select(changes: Sequence[Change], plan_options: PlanOptions) -> Selection:
    """Apply targets and exclusions. A change that is kept only because another needs it says so in its reason."""
    if not plan_options.is_partial:
        return Selection(tuple(changes))
    by_key = {change.key: change for change in changes}
    needs = {change.key: _needs(change, changes) for change in changes}
    dropped = _dependents((change.key for change in changes if _is_excluded(change, plan_options)), needs)
    wanted = [
        change.key
        for change in changes
        if change.key not in dropped and (not plan_options.targets or _is_targeted(change, plan_options))
    ]
    needed_by = _needed(wanted, by_key, needs)
    kept = [
        replace(_explained(change, needed_by[change.key]), requires=tuple(_bridged(change, needed_by, by_key)))
        for change in changes
        if change.key in needed_by
    ]
    return Selection(tuple(kept), tuple(change for change in changes if change.key not in needed_by))


def _is_targeted(change: Change, plan_options: PlanOptions) -> bool:
    """What is deleted with something is wanted as soon as that is, wherever it lies."""
    places = (change.address, change.goes_with or change.address)
    return any(lies_in(each, plan_options.targets) for each in places)


def _is_excluded(change: Change, plan_options: PlanOptions) -> bool:
    """What is excluded must also not go with something that it lies in."""
    goes = change.action in (Action.DELETE, Action.FORGET)
    return plan_options.keep(change.address) if goes else lies_in(change.address, plan_options.excluded)


def _needs(change: Change, changes: Iterable[Change]) -> tuple[str, ...]:
    """What a change makes no sense without. A collection that is replaced is so with all that lies in it."""
    if change.action is not Action.REPLACE or not holds_others(change.address):
        return change.needs
    inside = [each.key for each in changes if each.action is Action.CREATE and change.address in owners(each.address)]
    return (*change.needs, *inside)


def _needed(wanted: Iterable[str], by_key: Mapping[str, Change], needs: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Everything wanted and all that it needs, each with the key of what needs it (empty: it was wanted itself)."""
    found = dict.fromkeys(wanted, "")
    todo = list(found)
    while todo:
        key = todo.pop()
        for need in map(change_key, needs[key]):
            if need in by_key and need not in found:
                found[need] = key
                todo.append(need)
    return found


def _dependents(dropped: Iterable[str], needs: Mapping[str, Iterable[str]]) -> set[str]:
    """What was dropped, and whatever needs it."""
    needing: dict[str, list[str]] = {}
    for key, needed in needs.items():
        for need in map(change_key, needed):
            needing.setdefault(need, []).append(key)
    found: set[str] = set()
    todo = list(dropped)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo += needing.get(key, ())
    return found


def _explained(change: Change, needed_by: str) -> Change:
    if not needed_by:
        return change
    return replace(change, reason=f"{change.reason} (needed by {needed_by.partition(':')[2]})")


def _bridged(change: Change, kept: Collection[str], by_key: Mapping[str, Change]) -> Iterator[str]:
    """What must be done before. What comes before something left out still does: relationships of one collection
    follow each other also where one in the middle is left out."""
    seen = {change.key}
    todo = list(reversed(change.requires))
    while todo:
        key = todo.pop()
        if key in seen:
            continue
        seen.add(key)
        if change_key(key) in kept:
            yield key
        elif change_key(key) in by_key:
            todo += reversed(list(_before(key, by_key)))


def _before(key: str, by_key: Mapping[str, Change]) -> Iterator[str]:
    """What an instant of a change comes after. A removal only waits for others of its kind; the rest is what its
    successor waits for, which may be waiting for the removal itself."""
    for each in by_key[change_key(key)].requires:
        goes = each.startswith(REMOVAL) or (each in by_key and by_key[each].action in GOES_FIRST)
        if goes or not key.startswith(REMOVAL):
            yield each


def change_key(key: str) -> str:
    """The change of an instant in it: `removal:replace:…` is a part of `replace:…`."""
    return key.removeprefix(REMOVAL)
