"""The plan: a frozen value that says what will be done, in which order, why, and what stands in its way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..diff import Difference, FieldChange
from ..errors import IacError
from ..kinds import KINDS
from ..model.address import Address, owners
from ..model.evidence import Answer, Question, read_number
from ..model.lifecycle import DEFAULTS
from ..model.resource import Desired, Live
from ..state.document import State

# What is asked of a plan beyond the stack: which part of it, what to replace, and which guards to let pass.


#: Kinds that can be made anew, with what lies in them. A function is more than that: its code, its executions.
REPLACEABLE = tuple(name for name, kind in KINDS.items() if kind.is_replaceable)


@dataclass(frozen=True)
class PlanOptions:
    """Addresses also stand for what lies in them: `function.x` for its variables and its code.

    `allowed` may lose data, as much as the number that goes with it (None: no number was given, so what the plan
    shows). With `numbers_needed`, where nobody is asked, a permission without a number is none. `confirmed` repeats
    numbers that a threshold refused, by `action kind` (`delete function`).
    """

    allowed: Mapping[Address, Answer | None] = field(default_factory=dict)
    targets: frozenset[Address] = frozenset()
    excluded: frozenset[Address] = frozenset()
    replaced: frozenset[Address] = frozenset()
    refresh_only: bool = False
    confirmed: Mapping[str, int] = field(default_factory=dict)
    numbers_needed: bool = False

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
    )


def lies_in(address: Address, places: Iterable[Address]) -> bool:
    """Whether an address is one of the places, or in one."""
    return any(place == address or place in owners(address) for place in places)


def check_plan_options(plan_options: PlanOptions, desired: Desired, state: State) -> None:
    """Raise IacError for addresses that name nothing, for replacements that cannot be, and for limits there are not."""
    everything = {*desired.resources, *desired.tombstones, *state.entries}
    places = everything.union(*map(owners, everything))
    for option, addresses in (("--target", plan_options.targets), ("--exclude", plan_options.excluded)):
        for address in sorted(addresses - places):
            raise _nothing_there(option, address, "declared or managed")
    for address in sorted(plan_options.replaced):
        if address.kind in KINDS and not KINDS[address.kind].is_replaceable:
            raise IacError(
                f"--replace {address}: a {address.kind} cannot be replaced by itself.",
                hint=f"replaceable are {', '.join(REPLACEABLE)}",
                unchanged=True,
            )
        if address not in desired.resources:
            raise _nothing_there("--replace", address, "declared")
    for name in sorted(plan_options.confirmed):
        action, _, kind = name.partition(" ")
        if action not in DEFAULTS or kind not in KINDS:
            raise IacError(
                f'--confirm "{name}=…": there is no such limit.',
                hint=f"write {' or '.join(DEFAULTS)}, then one of {', '.join(KINDS)}, as the plan shows it",
                unchanged=True,
            )


def _nothing_there(option: str, address: Address, how: str) -> IacError:
    return IacError(
        f"{option} {address}: nothing of that address is {how}.",
        hint="raceday-iac state list shows what is managed",
        unchanged=True,
    )


class Action(StrEnum):
    """What is done to a resource. `adopt`, `refresh` and `forget` change only the state; what is forgotten stays live,
    or is gone already."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    MOVE = "move"
    CONVERT = "convert"
    DELETE = "delete"
    DEPLOY = "deploy"
    ACTIVATE = "activate"
    SCHEDULE = "schedule"
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
    #: Something that it lies in, or depends on, is made anew.
    OWNER_REPLACED = "owner-replaced"
    DEPENDENCY_REPLACED = "dependency-replaced"
    #: An earlier run did not come to its end.
    INTERRUPTED = "interrupted"
    #: Its schedule is armed after its code is active.
    AFTER_CODE = "after-code"
    #: The stack gives it another name.
    RENAMED = "renamed"
    #: The stack says that it must not exist, that nothing manages it any more, or does not name it any more.
    ABSENT = "declared-absent"
    FORGOTTEN = "forgotten"
    UNDECLARED = "no-longer-declared"
    #: Nothing manages this code any more; it stays.
    CODE_LEFT = "code-no-longer-managed"
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
    """What names a change in a plan."""
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
    why: Reason = field(kw_only=True)

    @property
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
