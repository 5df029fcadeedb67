"""How reading and writing documents can fail. What HTTP answer a failure becomes depends on who called."""

from __future__ import annotations


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
