"""Raceday's own commands, as they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from raceday_iac.cli.main import whole_program
from raceday_iac.cli.options import Options

STACK = Path(__file__).parents[3] / "stacks" / "raceday.py"


def command(name: str) -> Any:
    """One of them, with its parameters."""
    return whole_program(Options(stack=STACK)).commands[name]
