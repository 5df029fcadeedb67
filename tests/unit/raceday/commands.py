"""Raceday's own commands, as they are called."""

from __future__ import annotations

from typing import Any

from typer.main import get_command

from raceday_iac.raceday.cli.commands import app


def command(name: str) -> Any:
    """One of them, with its parameters."""
    return get_command(app).commands[name]  # type: ignore[attr-defined]
