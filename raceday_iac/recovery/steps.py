"""What may be done, and what is left alone. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ..kinds.turns import Turn


class Remedy(StrEnum):
    """The kinds of steps there are. Nothing else is ever done."""

    DELETE_DEPLOYMENT = "delete-deployment"
    DELETE_MEMBER = "delete-from-schema"
    DELETE_EXECUTION = "delete-execution"
    FREE_LOCK = "free-lock"
    RUN = "run"


@dataclass(frozen=True)
class Step:
    """One thing to do to `subject` (an address). `why` is the proof that it is safe; `then` what follows from it.

    `identity` is the server's id of what the step is about: a deployment, an execution, a document. `chain` names what
    a step belongs to: after one that failed, the others of its chain are not begun. `turn` is what a step that writes a
    schema takes (see `kinds.turns`).
    """

    remedy: Remedy
    subject: str
    identity: str
    what: str
    why: str
    then: str = ""
    chain: str = ""
    turn: Turn = field(default_factory=Turn)

    @property
    def key(self) -> str:
        return ":".join(part for part in (str(self.remedy), self.subject, self.identity) if part)

    @property
    def function(self) -> str:
        """The function that the step is about, where it is about one."""
        return self.subject.partition(".")[2]


@dataclass(frozen=True)
class Left:
    """Trouble that is not touched, and the reason."""

    subject: str
    what: str
    why: str


@dataclass(frozen=True)
class Recovery:
    """Everything to do, in this order, and everything that is left alone."""

    steps: tuple[Step, ...] = ()
    left: tuple[Left, ...] = ()


@dataclass(frozen=True)
class Done:
    """A step and what came of it: `problem` is empty when it went well; `was_needed` is False when the trouble had
    gone by itself before it was touched."""

    step: Step
    problem: str = ""
    was_needed: bool = True
    note: str = ""


def cleaned(recovery: Recovery, clean: Callable[[str], str]) -> Recovery:
    """The same, with what it says of logs cleaned."""
    steps = tuple(replace(each, why=clean(each.why)) for each in recovery.steps)
    return Recovery(steps, tuple(replace(each, what=clean(each.what), why=clean(each.why)) for each in recovery.left))
