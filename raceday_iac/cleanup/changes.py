"""What a clean-up does and what it leaves to people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """In the order in which they are done: nothing goes before everything else is written."""

    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """One file. `before` and `after` are texts where the action has them; a deletion carries none."""

    action: Action
    path: str
    reason: str
    before: str = ""
    after: str = ""
    #: Where a created file comes from; that one is deleted.
    origin: str = ""


@dataclass(frozen=True)
class Finding:
    """Something that a person has to look at, with the line as it is after the clean-up (0: the whole file)."""

    path: str
    line: int
    message: str
    #: It breaks otherwise.
    must: bool = False
    #: Only a text in which something is still named.
    mention: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


@dataclass(frozen=True)
class Count:
    """How many there are of something, and how many go and come."""

    before: int = 0
    removed: int = 0
    added: int = 0

    @property
    def kept(self) -> int:
        return self.before - self.removed


@dataclass(frozen=True)
class Cleanup:
    """The plan: changes in the order in which they are safe, and findings."""

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    functions: Count
    scripts: Count
    #: Folders that go with everything in them.
    folders: tuple[str, ...] = ()

    def of(self, action: Action) -> tuple[Change, ...]:
        return tuple(each for each in self.changes if each.action is action)

    @property
    def by_hand(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.must)

    @property
    def notes(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if not each.must and not each.mention)

    @property
    def mentions(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.mention)
