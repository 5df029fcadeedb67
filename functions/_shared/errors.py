"""How a run ends early, and what becomes of an error: tried again, given up, or only this item left out."""

from __future__ import annotations

from typing import Any


def shown(value: Any, length: int = 50) -> str:
    """Something out of an answer, for a log: a text or number cut to a length, of everything else only what it is.

    Lists and objects may be nested so deeply that writing them out is an error itself.
    """
    is_plain = value is None or isinstance(value, (str, int, float))
    return str(value)[:length] if is_plain else f"a {type(value).__name__}"


class Stop(Exception):
    """The run ends here, gracefully. What is written stays; the next run goes on. The text says why."""

    def __init__(self, reason: str, **details: Any) -> None:
        """`details` go into the answer of the run."""
        super().__init__(reason)
        self.details = details


class BadRequest(Exception):
    """The execution was called with something it cannot do."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Fatal(Exception):
    """The run cannot go on, and trying again changes nothing."""


class Skip(Exception):
    """This one item cannot be used; the others can."""


class Retryable(Exception):
    """It may work later, after all the attempts of this run have failed."""
