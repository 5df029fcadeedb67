"""What is Raceday's alone: the played NZ TAB, the simulated race day, the clean-up of the legacy project, the rules
of a day of racing, and its pages of the console. Reached only by stacks that name `raceday_iac.raceday` among their
extensions."""

from __future__ import annotations

from ..extensions import Extension

extension = Extension(
    commands={
        "simulate": (
            "raceday_iac.raceday.cli.simulate",
            "Run a whole race day in virtual time, with real functions and locks. Exit 1 if an invariant is broken.",
        ),
        "cleanup": (
            "raceday_iac.raceday.cli.cleanup",
            "Remove redundant files from a legacy server/ tree. Shows the differences; --write makes the changes.",
        ),
    },
    quiet_code="raceday_iac.raceday.rules:ends_in_quiet_hours",
    health="raceday_iac.raceday.rules:load_rules",
    console="raceday_iac.raceday.console:PART",
    server="raceday_iac.raceday.nztab.player:NztabPlugin",
)
