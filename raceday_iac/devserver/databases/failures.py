"""How reading and writing documents, and jobs of the database workers, can fail. What HTTP answer the failure of a
document becomes depends on who called."""

from __future__ import annotations

from collections.abc import Callable

#: The second half of a job: what is done when the window between its read and its write has passed.
Finish = Callable[[], None]


class WorkFailed(Exception):
    """A job that ends badly; the text becomes the `error` of the attribute or index."""


class Duplicate(Exception):
    """An id or the value of a unique index is taken."""


class Conflict(Exception):
    """The document changed after the moment that the writer knows of."""


class Restricted(Exception):
    """Related documents forbid a deletion."""


class NotThere(Exception):
    """A document or attribute that a write needs does not exist."""


class NotANumber(Exception):
    """Only numbers can be counted up and down."""


class OutOfBounds(Exception):
    """A counter would pass its bound."""


class BadRelation(Exception):
    """A value that cannot be a relationship, in the server's words."""
