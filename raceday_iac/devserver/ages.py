"""The ages of Appwrite that this server plays, and what differs between them.

A route or a parameter names the ages that have it (`SINCE_1_9`). Whatever else differs is a field of `Age`; nothing
else in this package compares versions. Facts are those of recorded traffic: of 1.8.1, of 1.9.6 (July 2026), and of main
(August 2026, unreleased, calls itself 1.9.6).
"""

from __future__ import annotations

import json
import sqlite3
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
    #: A null that has no meaning is refused as any bad value (1.8.1); since 1.9 it passes, and crashes what is called.
    checks_nulls: bool = False
    #: What a path that is none is answered with: an error page (1.9), or an error as any other.
    has_error_pages: bool = True
    #: An index over an array attribute can be made (before 1.9).
    indexes_arrays: bool = False
    #: The legacy list of databases leaves out those made through the tables API (1.9).
    hides_tables: bool = False
    #: All types can be named in the creation of a collection, and a format as a type (main); on 1.9.6 only those that
    #: were there before, and an enum needs a size.
    knows_all_types_inline: bool = False
    #: The answer to such a creation shows what came with it (main).
    answers_inline_schema: bool = False
    #: Documents can be asked for shapes that are null (main); before, it is an error that nobody foresees.
    queries_null_shapes: bool = False
    #: Documents are refused as no objects (main); before, as no texts.
    wants_json_objects: bool = False
    #: The answer to an increment says where the document lives (1.9).
    locates_counted: bool = True
    #: A document that is created in a transaction is answered with empty dates (main).
    stages_empty_dates: bool = False
    #: A document that is created in a transaction is found by its id within (1.9); before, only lists show it.
    finds_staged: bool = True
    #: Statuses of a deployment with which its function shows it as the latest. None: from its upload on (before 1.9).
    latest_from: frozenset[str] | None = frozenset({"building", "ready", "failed"})
    #: A duplicate of a deployment is activated (main); before, as its original was to be.
    activates_duplicates: bool = False
    #: An execution names what was run as its resource (main), to older clients as its function.
    runs_resources: bool = False
    #: The runtime says the length of what a function answers (as recorded with 1.9).
    tells_lengths: bool = True
    #: The search of deployments is refused as a query (main); before, it is an error that nobody foresees.
    refuses_search: bool = False
    #: Whoever has no key may ask for the download of a deployment, with a token (main).
    offers_downloads: bool = False
    #: A deployment of a template shows what of the repository was asked for (main).
    shows_references: bool = False
    #: A deployment that is to be activated takes that wish from all others, also from those that are being built, and
    #: so does one of a template (main).
    clears_all_wishes: bool = False
    #: Databases answer a status, "ready" (main).
    has_database_status: bool = False
    #: Collections answer how many bytes a row takes, and how many it may (1.9).
    has_row_bytes: bool = True
    #: `$sequence` is text (1.9), or a number to clients that announce an older format.
    sequences_are_texts: bool = True
    #: The text types are measured in bytes when a document is checked (main); before, in characters, and a text with
    #: too many bytes is an error that nobody foresees.
    measures_texts_in_bytes: bool = False
    #: Integers are refused with their bounds (1.9).
    names_integer_bounds: bool = True
    #: Messages about databases and what is in them name the thing (1.9).
    names_what_is_missing: bool = True
    #: A variable's PUT answers the time of its own change (1.9); before that of the change before.
    answers_new_time: bool = True
    #: A PUT of a function or variable that changes nothing leaves its time of change alone (1.9).
    unchanged_keeps_time: bool = True
    #: Answers of storage, teams and users have the fields that are new in 1.9.
    has_fields_of_1_9: bool = True
    #: A key with the scope for it may make another one (1.9); main refuses that.
    lets_keys_make_keys: bool = True
    #: Files lie in folders (main).
    has_folders: bool = False
    #: A team's preferences may be set to nothing at all; main refuses that.
    takes_empty_prefs: bool = True
    #: Policies have narrower bounds, a new project allows ten sessions and not all, factors and two more providers of
    #: sign-ins can be set, and a project says how far its owner has come (main).
    has_policies_of_main: bool = False

    #: Sites have scopes, for the key that their builds get, and keep the runtime and specification of builds that a PUT
    #: does not name (main); that specification is then not the largest where a creation does not name it.
    sites_have_scopes: bool = False
    site_build_specification: str = ""

    @cached_property
    def frameworks(self) -> Mapping[str, Mapping[str, Any]]:
        """The frameworks of sites that the recorded servers listed, by key."""
        return {entry["key"]: entry for entry in self._read("frameworks.json")["frameworks"]}

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

    @cached_property
    def events(self) -> Mapping[str, Any]:
        """Types of resources by name: below each, other types, and lists of details by what may happen to it."""
        events: Mapping[str, Any] = self._read("events.json")
        return events

    @cached_property
    def _named_messages(self) -> Mapping[str, str]:
        """What is said of an error where the thing has a name, by type."""
        messages: Mapping[str, str] = self._read("messages.json") if self.names_what_is_missing else {}
        return messages

    def message(self, kind: str, name: str) -> str | None:
        """What this age says of an error about the thing called `name`; None where it says what 1.8.1 does."""
        known = self._named_messages.get(kind)
        return None if known is None else known.format(name)

    def _read(self, name: str) -> Any:
        root = files("raceday_iac.devserver").joinpath("data")
        candidates = [root.joinpath(*folder, name) for folder in (*((each,) for each in self.folders), ())]
        return json.loads(next(each for each in candidates if each.is_file()).read_text(encoding="utf-8"))


V1_8 = Age(
    "1.8",
    "1.8.1",
    has_two_specifications=False,
    refuses_schedules_that_never_come=False,
    checks_nulls=True,
    has_error_pages=False,
    names_what_is_missing=False,
    indexes_arrays=True,
    has_row_bytes=False,
    sequences_are_texts=False,
    locates_counted=False,
    finds_staged=False,
    latest_from=None,
    tells_lengths=False,
    names_integer_bounds=False,
    answers_new_time=False,
    unchanged_keeps_time=False,
    has_fields_of_1_9=False,
)
V1_9 = Age("1.9", "1.9.6", ("1.9",), hides_tables=True)
MAIN = Age(
    "main",
    "1.9.6",
    ("main", "1.9"),
    keeps_specifications=True,
    most_scopes=200,
    has_database_status=True,
    measures_texts_in_bytes=True,
    knows_all_types_inline=True,
    answers_inline_schema=True,
    queries_null_shapes=True,
    wants_json_objects=True,
    stages_empty_dates=True,
    latest_from=frozenset({"ready", "failed"}),
    activates_duplicates=True,
    clears_all_wishes=True,
    shows_references=True,
    runs_resources=True,
    refuses_search=True,
    offers_downloads=True,
    has_folders=True,
    lets_keys_make_keys=False,
    takes_empty_prefs=False,
    has_policies_of_main=True,
    sites_have_scopes=True,
    site_build_specification="s-2vcpu-2gb",
)

AGES = {each.name: each for each in (V1_8, V1_9, MAIN)}


def remember(db: sqlite3.Connection, age: Age) -> None:
    """Note in a data directory which age it is of."""
    db.execute(
        "INSERT INTO texts (name, value) VALUES ('appwrite', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (age.name,),
    )


def remembered(db: sqlite3.Connection) -> Age:
    """The age of a data directory, at first that of 1.8.1."""
    row = db.execute("SELECT value FROM texts WHERE name = 'appwrite'").fetchone()
    return AGES.get(row["value"], V1_8) if row else V1_8


#: What routes and parameters say of themselves.
EVERY = frozenset(AGES)
ONLY_1_8 = frozenset({V1_8.name})
ONLY_1_9 = frozenset({V1_9.name})
ONLY_MAIN = frozenset({MAIN.name})
UNTIL_1_9 = ONLY_1_8 | ONLY_1_9
SINCE_1_9 = ONLY_1_9 | ONLY_MAIN
