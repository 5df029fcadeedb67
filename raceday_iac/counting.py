"""Numbers of things, in words for people."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 change`, `2 changes`, `3 indexes`."""
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun that this tool uses."""
    return f"{noun}es" if noun.endswith("x") else f"{noun}s"


def spaced(number: int) -> str:
    """`1 204 332`: its digits in threes."""
    return f"{number:,}".replace(",", " ")
