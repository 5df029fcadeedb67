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
_NO_FILE = "files of Appwrite's command line do not have it"
_SAFE = "lint has no rule about it: nothing that can be said of it is dangerous by itself"
#: Cells without a test, and why. One that has a test must not stand here.
EMPTY: Mapping[tuple[str, str], str] = {
    **{(kind, "lint"): _SAFE for kind in ()},
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
    columns = [column for mark in marks if mark.name == "shows" for column in mark.args]
    columns += ["live"] if columns and any(mark.name == "live" for mark in marks) else []
    named = [kind for mark in marks if mark.name == "shows" for kind in mark.kwargs.get("kinds", ())]
    varied = [_kind_of(value) for mark in marks if mark.name == "parametrize" for value in mark.args[1]]
    for kind in dict.fromkeys([*named, *(each for each in varied if each)]):
        yield from ((kind, column) for column in columns)


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
    return EMPTY.get((kind, column), "")


def main(words: list[str]) -> int:
    width = max(map(len, KINDS)) + 2
    out = [f"{'':{width}}" + "".join(f"{each:>10}" for each in COLUMNS)]
    reasons: dict[str, list[str]] = defaultdict(list)
    for kind, cells in table().items():
        if words and kind not in words:
            continue
        out.append(f"{kind:{width}}" + "".join(f"{len(cells.get(each, ())) or '–':>10}" for each in COLUMNS))
        for column in COLUMNS:
            if words:
                out += [f"  {column:10}{each}" for each in cells.get(column, ())]
            if not cells.get(column):
                reasons[reason(kind, column) or "MISSING"].append(f"{kind} {column}")
    out += [f"\n–  {why}:\n   {', '.join(those)}" for why, those in reasons.items()]
    sys.stdout.write("\n".join(out) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
