"""`PYTHONPATH=tests python -m e2e.table [KIND]`: which tests show what of which kind of resource.

Nothing is kept by hand: a test says what it shows by a mark, `@pytest.mark.shows("drift")`, and of which kinds by its
parameters, or by `kinds=(…)`. What is `live` shows that as well. The embedded server's side is shown by recordings of
real servers in which a route of the kind is written. With the name of a kind, its tests are named.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from contract.recordings import FOLDERS, recordings

from raceday_iac.kinds import KINDS

COLUMNS = ("declare", "plan", "apply", "drift", "import", "export", "lint", "embedded", "crash", "live")
#: What lies in a collection, with that and its database.
SCHEMA = ("database", "collection", "attribute", "relationship", "index")
#: Where tests with such marks are.
MODULES = (
    *(f"unit.{each}" for each in ("render.test_every_kind", "linting.test_rules", "importing.test_appwrite_json")),
    *(f"unit.importing.{each}" for each in ("test_configs",)),
    *(
        f"e2e.test_{each}"
        for each in (
            *("resources", "settings", "whole_project", "documents", "rules", "schema", "attributes", "variables"),
            *("deployments", "sites", "legacy_project", "import", "providers"),
        )
    ),
    *(f"crash.{each}" for each in ("test_resources", "test_raceday")),
)
_SAFE = "nothing that can be said of it is dangerous by itself, so that lint has no rule about it"
_CALLED = "a real Appwrite first calls the server of mails, which would have to be there"
#: Cells without a test, and why. What has a test must not stand here; see also `reason`.
EMPTY: Mapping[tuple[str, str], str] = {
    **dict.fromkeys(((each, "live") for each in ("smtp", "email_template")), _CALLED),
    ("oauth", "live"): "a real Appwrite asks some providers whether the credentials are right",
    **dict.fromkeys(
        ((each, "lint") for each in ("deployment", "site_deployment")), "rules look at it with what has it"
    ),
}
Table = Mapping[str, Mapping[str, list[str]]]


@cache
def table() -> Table:
    """The names of tests and recordings by kind and column."""
    found: dict[str, dict[str, list[str]]] = {kind: defaultdict(list) for kind in KINDS}
    for name in MODULES:
        module = importlib.import_module(name)
        ours = _marks(module)
        for test, function in vars(module).items():
            if test.startswith("test_"):
                for kind, column in _shown([*ours, *_marks(function)]):
                    found[kind][column].append(f"{name}::{test}")
    for kind, recording in _recorded():
        found[kind]["embedded"].append(recording)
    return found


def _marks(of: Any) -> list[Any]:
    marks = getattr(of, "pytestmark", [])
    return list(marks) if isinstance(marks, list) else [marks]


def _shown(marks: list[Any]) -> Iterator[tuple[str, str]]:
    """Kinds and columns of one test. Without `kinds`, those of its parameters; a module's parameters are not asked."""
    is_live = any(mark.name == "live" for mark in marks)
    values = [value for mark in marks if mark.name == "parametrize" for value in mark.args[1]]
    varied = {found: not getattr(value, "is_delicate", False) for value in values if (found := _kind_of(value))}
    for mark in (each for each in marks if each.name == "shows"):
        for kind in mark.kwargs.get("kinds", varied):
            yield from ((kind, column) for column in mark.args)
            if is_live and varied.get(kind, True):
                yield kind, "live"


def _kind_of(value: Any) -> str:
    found = getattr(value, "kind", "")
    return found if found in KINDS else ""


def _recorded() -> Iterator[tuple[str, str]]:
    """Kinds with the recordings that write them, by the routes that stand in their files."""
    written = [
        (kind, method.lower(), re.compile("/v1" + re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))))
        for kind, of in KINDS.items()
        for method, _, path in (route.partition(" ") for route in of.routes)
    ]
    for age in FOLDERS:
        for recording in recordings(age):
            steps = {(each.method.lower(), each.path) for each in recording.steps}
            for kind in dict.fromkeys(
                kind
                for kind, method, pattern in written
                if any(method == way and pattern.fullmatch(path) for way, path in steps)
            ):
                yield kind, f"{age}/{recording.scenario}"


def reason(kind: str, column: str) -> str:
    """Why a cell has no test; empty where it should have one."""
    of, declaring = KINDS[kind], KINDS[kind].declaring
    if column == "export" and of.secret_field:
        return "no value of a variable is written into a file"
    in_files = declaring is not None and (declaring.file_lists or declaring.file_settings_at)
    if column == "export" and not in_files:
        return "files of Appwrite's command line do not have it"
    if column == "lint" and not of.dangers and (kind, column) not in EMPTY:
        return _SAFE
    return EMPTY.get((kind, column), "")


def main(words: list[str]) -> int:
    width = max(map(len, KINDS)) + 2
    out = [f"{'':{width}}" + "".join(f"{each:>10}" for each in COLUMNS)]
    reasons: dict[str, list[str]] = defaultdict(list)
    for kind, cells in table().items():
        if words and kind not in words:
            continue
        out.append(f"{kind:{width}}" + "".join(f"{len(cells.get(each, ())) or '-':>10}" for each in COLUMNS))
        for column in COLUMNS:
            if words:
                out += [f"  {column:10}{each}" for each in cells.get(column, ())]
            if not cells.get(column):
                reasons[reason(kind, column) or "MISSING"].append(f"{kind} {column}")
    out += [f"\n-  {why}:\n   {', '.join(those)}" for why, those in reasons.items()]
    sys.stdout.write("\n".join(out) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
