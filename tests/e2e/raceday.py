"""The real stack of this repository in a project of the suite, and the functions that it met when it came."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from .api import Api
from .project import Project

ROOT = Path(__file__).parents[2]
LEGACY_FILE = ROOT / "tests" / "data" / "raceday" / "appwrite.json"
#: Functions that the stack declares absent, in its order.
POLLERS = ("race-data-poller", "single-race-poller", "batch-race-poller")
#: A live run creates functions sparingly.
FEW = ("database-setup", "daily-races", "enhanced-race-poller")
_FIELDS = "name runtime execute events schedule timeout enabled logging entrypoint commands scopes specification"


def declare_raceday(
    project: Project, functions: Collection[str] | None = None, *, keep_code: bool = False, more: str = ""
) -> None:
    """The repository's own stack with prefixed ids; `more` is added to it."""
    for file in ("raceday.py", "raceday_schema.py"):
        shutil.copy(ROOT / "stacks" / file, project.root / "stacks" / file)
    shutil.copy(Path(__file__).parent / "prefixing.py", project.root / "stacks" / "prefixing.py")
    copy = project.root / "functions"
    if not copy.exists():
        shutil.copytree(ROOT / "functions", copy, ignore=shutil.ignore_patterns("__pycache__"))
    chosen = None if functions is None else sorted(functions)
    call = f"stack = prefixed(raceday, P, {chosen!r}, keep_code={keep_code})\n"
    project.declare(f"from prefixing import prefixed\nfrom raceday import stack as raceday\n\n{call}{more}")


def legacy_functions(names: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The functions of the project as it was before this tool, by their creation parameters."""
    functions: list[dict[str, Any]] = json.loads(LEGACY_FILE.read_text(encoding="utf-8"))["functions"]
    wanted = None if names is None else set(names)
    return [each for each in functions if wanted is None or each["$id"] in wanted]


def create_legacy(api: Api, prefix: str, functions: Iterable[dict[str, Any]]) -> None:
    """Create them, without code."""
    for function in functions:
        body = {name: function[name] for name in _FIELDS.split() if name in function}
        api.post("/functions", {"functionId": prefix + function["$id"], **body})
