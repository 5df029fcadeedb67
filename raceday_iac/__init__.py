"""raceday-iac: a Terraform-style reconciler for Appwrite. What stack files need can be imported from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model.stack import KEEP, Collection, Database, FromEnvironment, Lock, Probe, Stack, Threshold

__version__ = "0.1.0"
__all__ = ["KEEP", "Collection", "Database", "FromEnvironment", "Lock", "Probe", "Stack", "Threshold"]


def __getattr__(name: str) -> Any:
    """The language of stacks, imported when it is first asked for: most commands start without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .model import stack  # noqa: PLC0415

    return getattr(stack, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
