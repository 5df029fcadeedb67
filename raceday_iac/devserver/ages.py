"""The ages of Appwrite that this server plays, and what differs between them.

A route or a parameter names the ages that have it (`SINCE_1_9`). Whatever else differs is a field of `Age`; nothing
else in this package compares versions. Facts are those of recorded traffic: of 1.8.1, of 1.9.6 (July 2026), and of main
(August 2026, unreleased, calls itself 1.9.6).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Age:
    """One state of Appwrite. `name` is what `--appwrite` takes, `version` what the server calls itself."""

    name: str
    version: str
    #: Folders of data that differ from 1.8.1's, the first that has a file wins.
    folders: tuple[str, ...] = ()
    #: Build and run time have a specification and an image retention of their own (1.9).
    has_two_specifications: bool = True
    #: A function's PUT leaves a specification that it does not name as it is; else it becomes the largest (main).
    keeps_specifications: bool = False
    #: A schedule that never comes is refused (1.9); before it is valid.
    refuses_schedules_that_never_come: bool = True
    #: The longest list of scopes of a function.
    most_scopes: int = 100
    #: What a path that is none is answered with: an error page (1.9), or an error as any other.
    has_error_pages: bool = True
    #: A variable's PUT answers the time of its own change (1.9); before that of the change before.
    answers_new_time: bool = True
    #: A PUT of a function or variable that changes nothing leaves its time of change alone (1.9).
    unchanged_keeps_time: bool = True

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that keys and functions may be given, in Appwrite's order."""
        return tuple(each if isinstance(each, str) else each["$id"] for each in self.described_scopes)

    @cached_property
    def described_scopes(self) -> tuple[Any, ...]:
        """The scopes as the console shows them (1.9)."""
        return tuple(self._read("scopes.json")["scopes"])

    @cached_property
    def runtimes(self) -> Mapping[str, Mapping[str, Any]]:
        """All runtimes that this age knows, by id."""
        return {entry["$id"]: entry for entry in self._read("runtimes.json")["runtimes"]}

    def _read(self, name: str) -> Any:
        root = files("raceday_iac.devserver").joinpath("data")
        candidates = [root.joinpath(*folder, name) for folder in (*((each,) for each in self.folders), ())]
        return json.loads(next(each for each in candidates if each.is_file()).read_text(encoding="utf-8"))


V1_8 = Age(
    "1.8",
    "1.8.1",
    has_two_specifications=False,
    refuses_schedules_that_never_come=False,
    has_error_pages=False,
    answers_new_time=False,
    unchanged_keeps_time=False,
)
V1_9 = Age("1.9", "1.9.6", ("1.9",))
MAIN = Age("main", "1.9.6", ("main", "1.9"), keeps_specifications=True, most_scopes=200)

AGES = {each.name: each for each in (V1_8, V1_9, MAIN)}

#: What routes and parameters say of themselves.
EVERY = frozenset(AGES)
ONLY_1_8 = frozenset({V1_8.name})
ONLY_1_9 = frozenset({V1_9.name})
ONLY_MAIN = frozenset({MAIN.name})
UNTIL_1_9 = ONLY_1_8 | ONLY_1_9
SINCE_1_9 = ONLY_1_9 | ONLY_MAIN
