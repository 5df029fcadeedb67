"""Field-by-field comparison of a recorded answer with ours.

Values that the server makes up differ from run to run: ids, instants, sequences. Such a value is *bound* where it
is first seen; wherever the recording shows it again, ours must be the bound one. Everything else must be equal,
type included (1 is not 1.0, and not true).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

GENERATED_ID = re.compile(r"[0-9a-f]{20}")
#: Indexes answer their internal id: database sequence, collection sequence, key.
INDEX_ID = re.compile(r"\d+_\d+_(.+)")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
#: As the database keeps it; some answers show it so.
RAW_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
#: Ids are not looked for in longer texts.
LONGEST_WITH_IDS = 10_000
PAGE = "<!DOCTYPE html>"
#: A very long text that was shortened by the recorder.
LONG = re.compile(r"\((\d+) letters (.)\)")
#: Fields that hold the time at which the server did something, and the fields that name what it was done to.
INSTANTS = {
    "$createdAt": ("$id", "key"),
    "$updatedAt": ("$id", "key"),
    "expiresAt": ("$id",),
    "deploymentCreatedAt": ("deploymentId", "$id"),
    "latestDeploymentCreatedAt": ("latestDeploymentId", "$id"),
    "consoleAccessedAt": ("$id",),
    "at": ("actorType",),
    **dict.fromkeys(("registration", "passwordUpdate", "invited", "joined"), ("$id",)),
}

ABSENT = "(absent)"

Check = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Difference:
    """One field that is not as recorded; `path` is dotted, starting with status, headers or body."""

    step: int
    label: str
    path: str
    recorded: Any
    ours: Any

    def __str__(self) -> str:
        return (
            f"step {self.step} '{self.label}' {self.path}: recorded {_short(self.recorded)}, ours {_short(self.ours)}"
        )


@dataclass(frozen=True)
class Exemption:
    """Fields that may differ from the recording, and why.

    Step and path are glob patterns. `check`, called with the recorded value and ours, is what must hold instead.
    `always` says that the difference shows in every run, so that an exemption nobody needs any more is reported.
    """

    scenario: str
    step: str
    path: str
    reason: str
    check: Check
    always: bool = True
    ages: tuple[str, ...] = ("1.8",)

    def covers(self, age: str, scenario: str, difference: Difference) -> bool:
        return (
            age in self.ages
            and fnmatchcase(scenario, self.scenario)
            and fnmatchcase(difference.label, self.step)
            and fnmatchcase(difference.path, self.path)
            and self.check(difference.recorded, difference.ours)
        )


@dataclass
class Comparison:
    """Compares the answers of one scenario, remembering which of our values stands for which recorded one."""

    project: tuple[str, str]
    #: Texts that the client sent: instants among them are not the server's to choose.
    sent: frozenset[str] = frozenset()
    bound: dict[str, str] = field(default_factory=dict)
    #: Two recorded instants of one thing must be two of ours: for steps before which something is waited for.
    moves_on: bool = False

    def ours_for(self, text: str) -> str:
        """A recorded text as it must read in our run."""
        if found := LONG.fullmatch(text):
            return found[2] * int(found[1])
        if len(text) > LONGEST_WITH_IDS:
            return text
        replaced = GENERATED_ID.sub(lambda found: self.bound.get(found[0], found[0]), text)
        return replaced.replace(*self.project)

    def differences(self, path: str, recorded: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
        """Dotted path, recorded value and our value of every field that is not as recorded."""
        name = path.rpartition(".")[2]
        if isinstance(recorded, dict) and isinstance(ours, dict):
            yield from self._in_object(path, recorded, ours)
        elif isinstance(recorded, list) and isinstance(ours, list):
            yield from self._in_list(path, recorded, ours)
        elif not self._same(name, recorded, ours):
            yield path, recorded, ours

    def headers(self, recorded: Mapping[str, str], ours: Mapping[str, str], *, exact: bool) -> Iterator[Any]:
        """Differing headers. `exact` asks for the same remaining quota, too."""
        seen = {name.lower(): value for name, value in ours.items() if not left_out(name)}
        for name in sorted({each for each in recorded if not left_out(each)} | set(seen)):
            expected, value = recorded.get(name, ABSENT), seen.get(name, ABSENT)
            if name == "x-ratelimit-reset" or (name == "x-ratelimit-remaining" and not exact):
                same = expected.isdigit() == value.isdigit()
            else:
                same = self.ours_for(expected) == value
            if not same:
                yield f"headers.{name}", expected, value

    def _in_object(self, path: str, recorded: dict[str, Any], ours: dict[str, Any]) -> Iterator[Any]:
        for name in sorted(set(recorded) | set(ours)):
            one, other = recorded.get(name, ABSENT), ours.get(name, ABSENT)
            if name not in recorded or name not in ours:
                yield f"{path}.{name}", one, other
            elif self._is_made_up_instant(name, one):
                if not self._same_instant(_owner(name, recorded), one, other):
                    yield f"{path}.{name}", one, other
            else:
                yield from self.differences(f"{path}.{name}", one, other)

    def _in_list(self, path: str, recorded: list[Any], ours: list[Any]) -> Iterator[Any]:
        if len(recorded) != len(ours):
            yield f"{path}.length", len(recorded), len(ours)
        for number, (one, other) in enumerate(zip(recorded, ours, strict=False)):
            yield from self.differences(f"{path}.{number}", one, other)

    def _same(self, name: str, recorded: Any, ours: Any) -> bool:
        if isinstance(ours, bytes):
            ours = ours.decode("utf-8", "replace")
        if type(recorded) is not type(ours):
            return False
        if name == "$sequence":
            return (int(ours or 0) > 0) == (int(recorded or 0) > 0)
        if name == "buildDuration":
            return bool(ours >= 0)
        if not isinstance(recorded, str):
            return bool(recorded == ours)
        if recorded.startswith(PAGE):
            return bool(ours.startswith(PAGE))
        if GENERATED_ID.fullmatch(recorded):
            return bool(GENERATED_ID.fullmatch(ours)) and self._binds(recorded, ours)
        if name == "$id" and (inner := INDEX_ID.fullmatch(recorded)):
            found = INDEX_ID.fullmatch(ours)
            return found is not None and found[1] == inner[1] and self._binds(recorded, ours)
        return self.ours_for(recorded) == ours

    def _is_made_up_instant(self, name: str, recorded: Any) -> bool:
        return name in INSTANTS and isinstance(recorded, str) and recorded not in self.sent and recorded != ""

    def _same_instant(self, owner: str, recorded: str, ours: Any) -> bool:
        """Instants are bound for each owner: two things may be done in the same millisecond by chance."""
        form = RAW_INSTANT if RAW_INSTANT.fullmatch(recorded) else INSTANT
        if not isinstance(ours, str) or not form.fullmatch(ours):
            return False
        key = f"{owner} at {recorded}"
        if self.moves_on and key not in self.bound:
            before = {instant for bound, instant in self.bound.items() if bound.startswith(f"{owner} at ")}
            return ours not in before and self._binds(key, ours)
        return self._binds(key, ours)

    def _binds(self, recorded: str, ours: str) -> bool:
        return self.bound.setdefault(recorded, ours) == ours


def _owner(name: str, shown: Mapping[str, Any]) -> str:
    """What an instant belongs to; the same for a deployment and for the function that shows its instant."""
    return next((str(shown[field]) for field in INSTANTS[name] if shown.get(field)), "")


def left_out(name: str) -> bool:
    """Headers that the recordings leave out."""
    name = name.lower()
    return name.startswith("access-control-") or name in {
        "date", "server", "connection", "content-length", "x-content-type-options", "x-debug-speed", "x-debug-fallback",
        "x-peak", "transfer-encoding",
    }  # fmt: skip


def _short(value: Any) -> str:
    text = value if value is ABSENT else json.dumps(value, default=repr)
    return text if len(text) <= 200 else text[:200] + "…"
