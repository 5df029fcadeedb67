"""Random schema changes against a server that loses those which overlap, and now and then answers wrongly: the two
copies of the schema agree in the end, or an error has reported what is wrong and its advice leads there."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from e2e.command import Ended

from .harness import Arena
from .losing import DB, run
from .schemas import copy_of, listed, must_agree

#: Each seed is one history; PROPERTY_PAIRS tries more of them.
SEEDS = range(max(8, int(os.environ.get("PROPERTY_PAIRS", "0")) // 20))
NAMES = ("a", "b")
STEPS = 3
_ADVICE = re.compile(r"--(replace|allow-data-loss|confirm) (?:\"([^\"]+)\"|([a-z]+\.[^\s;,]+))")


@pytest.mark.parametrize("seed", SEEDS)
def test_random_changes_end_in_agreement_or_in_a_reported_error(losing: Arena, losing_server: Any, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(STEPS):
        losing.declare(stack(chance))
        chance.choice(TROUBLE)(losing, losing_server, chance)
        ended = losing.run("apply", "--auto-approve")
        losing.proxy.forget()
        assert ended.code in (0, 1, 5), ended
        follow(losing, ended if ended.code else losing.run("health"))
        must_agree(losing, losing_server)
        run(losing, "plan", "--detailed-exitcode")


def follow(arena: Arena, reported: Ended) -> None:
    """Do what an error, a refusal or a finding advises, until nothing is left to be done."""
    given: set[str] = set()
    for _ in range(5):
        if reported.code == 0:
            return
        options = {f"--{option} {value or text}" for option, value, text in _ADVICE.findall(reported.text)}
        assert options - given or "again" in reported.text, f"it advises nothing new\n{reported}"
        given |= options
        reported = arena.run(
            "apply", "--auto-approve", *(word for each in sorted(given) for word in each.split(" ", 1))
        )
    raise AssertionError(f"the advice does not end\n{reported}")


def stack(chance: random.Random) -> str:
    """Two collections with some attributes each, indexes over them, and relationships between them."""
    lines = [DB.rstrip()]
    for name in NAMES:
        lines.append(f'{name} = db.collection("{name}", name="X", document_security={chance.random() < 0.5})')
        keys = [key for key in ("one", "two", "three", "four", "five") if chance.random() < 0.7]
        lines += [f"{name}.{_column(chance, key)}" for key in keys]
        lines += [f'{name}.index("by_{key}", "{key}")' for key in keys if chance.random() < 0.3]
        if chance.random() < 0.6:
            # Not with itself: of such a relationship the server loses the key by itself (1.8.1).
            related = NAMES[name == NAMES[0]]
            two_way = f', two_way=True, two_way_key="of_{name}"' if chance.random() < 0.5 else ""
            on_delete = chance.choice(("restrict", "cascade", "setNull"))
            lines.append(
                f'{name}.relationship("link", "{related}", type="manyToOne", on_delete="{on_delete}"{two_way})'
            )
    return "\n    ".join(lines) + "\n"


def _column(chance: random.Random, key: str) -> str:
    extra = chance.choice(("", ", required=True", ", default={}"))
    kind, size, default = chance.choice((("string", ", 20", '"d"'), ("string", ", 30", '"e"'), ("integer", "", "5")))
    return f'{kind}("{key}"{size}{extra.format(default)})'


def _nothing(arena: Arena, server: Any, chance: random.Random) -> None:
    """The server only loses what overlaps."""


def _lost(arena: Arena, server: Any, chance: random.Random) -> None:
    """Somebody's changes overlapped before: documents no longer know an attribute."""
    if arena.id("db") not in arena.api.ids("/databases", "databases"):
        return
    for name, each in listed(arena).items():
        keys = [one["key"] for one in each["attributes"] if one["type"] != "relationship"]
        if keys and chance.random() < 0.5:
            copy_of(arena, server, name).lose(chance.choice(keys))


def _refused(arena: Arena, server: Any, chance: random.Random) -> None:
    """Some writes are answered by an error, without being done."""
    path, method = f"{arena.path(chance.choice(NAMES))}/*", chance.choice(("POST", "PATCH", "DELETE"))
    arena.proxy.answer(chance.choice((500, 503)), method, path, times=chance.choice((1, 3)))


def _cut(arena: Arena, server: Any, chance: random.Random) -> None:
    """The answers to some writes are lost, though they are done."""
    path, method = f"{arena.path(chance.choice(NAMES))}/*", chance.choice(("POST", "PATCH", "DELETE"))
    arena.proxy.lose("after", method, path, times=chance.choice((1, 3)))


TROUBLE: tuple[Callable[[Arena, Any, random.Random], None], ...] = (_nothing, _lost, _lost, _refused, _cut)
