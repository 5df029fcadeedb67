"""What only Raceday's functions know: when their code ends by itself."""

from __future__ import annotations

from collections.abc import Mapping

from ..linting.usage import Module, names_in

#: The shared module that knows the quiet hours, and its functions that ask for them.
_CLOCK = "vendor.nz_time"
_QUIET = frozenset({"is_quiet", "seconds_until_quiet"})


def ends_in_quiet_hours(code: Mapping[str, Module]) -> bool:
    """Whether code asks for the quiet hours. Modules by the names that others import them by."""
    return any(names_in(module) & _QUIET for name, module in code.items() if name != _CLOCK)
