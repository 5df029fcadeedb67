"""docs/simulation.md and the part of docs/server.md about the simulated NZ TAB name what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from raceday_iac.raceday.nztab.model import NztabSettings
from raceday_iac.raceday.nztab.player import KINDS
from raceday_iac.raceday.simulation.checks import CHECKS

from ..commands import command

DOCS = Path(__file__).parents[4] / "docs"
SIMULATION = (DOCS / "simulation.md").read_text(encoding="utf-8")
SERVER = (DOCS / "server.md").read_text(encoding="utf-8").partition("## The simulated NZ TAB")[2]


def first_cells(text: str, heading: str) -> list[str]:
    """The first column of the table whose first heading is this."""
    table = text.partition(f"\n| {heading} |")[2].split("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


def test_every_invariant_is_explained_in_its_order() -> None:
    assert first_cells(SIMULATION, "invariant") == list(CHECKS)


def test_every_option_is_explained() -> None:
    options = {name for parameter in command("simulate").params for name in parameter.opts if name.startswith("--")}

    explained = {name for cell in first_cells(SIMULATION, "option") for name in re.findall(r"--[a-z-]+", cell)}
    assert explained == (options - {"--help"}) | {"--json"}


def test_every_kind_of_fault_is_explained() -> None:
    explained = [kind for cell in first_cells(SERVER, "kind") for kind in re.findall(r"`(\w+)`", cell)]

    assert sorted(explained) == sorted(KINDS)


def test_every_setting_of_the_played_api_is_explained() -> None:
    explained = {name for cell in first_cells(SERVER, "field") for name in re.findall(r"`(\w+)`", cell)}

    assert explained == {*NztabSettings.__dataclass_fields__, "requestsPerSecond", "faults"}
