"""What stands in for `typing` before the lock makes the same tuples."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any
from typing import NamedTuple as Real

import pytest
from _shared.typed import NamedTuple as StandIn


class Stood(StandIn):
    """A point."""

    x: int
    y: int = 2
    way: Callable[[int], int] = lambda number: number + 1

    def sum(self) -> int:
        return self.way(self.x + self.y)


class Meant(Real):
    """A point."""

    x: int
    y: int = 2
    way: Callable[[int], int] = lambda number: number + 1

    def sum(self) -> int:
        return self.way(self.x + self.y)


@pytest.mark.parametrize("look", [
    lambda kind: kind._fields,
    lambda kind: tuple(kind(1))[:2],
    lambda kind: kind(1, y=3).sum(),
    lambda kind: kind(1)._replace(x=5).x,
    lambda kind: type(kind(1)._replace(x=5)) is kind,
    lambda kind: kind(1) == kind(1) != kind(2),
    lambda kind: len({kind(1), kind(1), kind(2)}),
    lambda kind: kind(1)[:2] == (1, 2),
    lambda kind: (kind.__doc__, kind.__module__, isinstance(kind(1), tuple)),
    lambda kind: kind(1)._asdict()["y"],
    lambda kind: (copy(kind(1)) == kind(1), type(copy(kind(1))) is kind),
    lambda kind: kind.__match_args__,
    lambda kind: repr(kind(1, 2, 3)).partition("(")[2],
])  # fmt: skip
def test_it_is_as_the_real_one(look: Callable[[Any], Any]) -> None:
    assert look(Stood) == look(Meant)


@pytest.mark.parametrize(
    "wrong", [lambda kind: kind(), lambda kind: kind(1, z=3), lambda kind: setattr(kind(1), "x", 2)]
)
def test_what_the_real_one_refuses_is_refused(wrong: Callable[[Any], Any]) -> None:
    for kind in (Stood, Meant):
        with pytest.raises((TypeError, AttributeError)):
            wrong(kind)


def test_nothing_can_be_added() -> None:
    with pytest.raises(AttributeError):
        Stood(1).z = 3  # type: ignore[attr-defined]
