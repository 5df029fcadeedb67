"""The plan: a frozen value that says what will be done, in which order, why, and what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..diff import Cause, Difference, FieldChange
from ..model.address import Address
from ..model.evidence import Answer, Question
from ..model.resource import Live
from .wishes import Wishes


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


@dataclass(frozen=True)
class Change:
    """One step. `requires` names the changes (by `key`) that must be done before; `needs` are those among them
    without which it makes no sense, the others only come first."""

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

    @property
    def key(self) -> str:
        return f"{self.action}:{self.address}"

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
    wishes: Wishes = field(default_factory=Wishes)
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

    @property
    def configured(self) -> tuple[Change, ...]:
        """Changes that bring something the stack says and the server never had."""
        return tuple(change for change in self.changes if not change.drifted or _also_configured(change))

    def count(self, action: Action, kind: str = "") -> int:
        """How many changes of an action, of one kind when it is named."""
        return sum(1 for change in self.changes if change.action is action and kind in ("", change.address.kind))


def _also_configured(change: Change) -> bool:
    return any(each.cause in (Cause.CONFIG, Cause.CONFLICT) for each in change.fields)
