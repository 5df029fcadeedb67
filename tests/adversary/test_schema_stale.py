"""Reads that a real server answers wrongly: single ones from a cache that says `processing` for ever, and null queries
on shapes, which end in 500. Nothing waits for the former, and nothing is counted by the latter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .harness import Arena
from .losing import apply, at, documents, run
from .schemas import SINGLES, declared, must_agree, stale

BEFORE = ('c.string("one", 20)', 'c.integer("number")', 'c.index("i", "one")')
TWO = ('d = db.collection("d", name="D")', 'd.string("text", 20)')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), BEFORE),
        (BEFORE, (*BEFORE, 'c.string("more", 9)', 'c.index("j", "more")')),
        (BEFORE, ()),
        (BEFORE, BEFORE[:2]),
        (BEFORE, ('c.string("one", 20)', 'c.string("number", 9)', 'c.index("i", "number")')),
        (BEFORE, ('c.string("one", 30)', 'c.integer("number", default=5)', 'c.index("i", "one")')),
        (TWO, (*TWO, 'c.relationship("link", "d", type="manyToOne", two_way=True)')),
        ((*TWO, 'c.relationship("link", "d", type="manyToOne", two_way=True)'), TWO),
    ],
    ids=["new", "more", "none", "without-index", "type", "settings", "relationship", "without-relationship"],
)
def test_no_change_waits_for_what_a_cache_says(
    empty: Arena, server: Any, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    with stale(server):
        for lines in (before, after):
            empty.declare(declared(*lines))
            empty.proxy.forget()
            apply(empty)
            assert [empty.proxy.count("GET", path) for path in SINGLES] == [0, 0]
    must_agree(empty, server)
    run(empty, "plan", "--detailed-exitcode")


def test_a_conversion_and_a_rename_do_not_either(empty: Arena, server: Any) -> None:
    empty.declare(declared(*BEFORE))
    apply(empty)
    empty.api.post(documents(empty), {"documentId": "d1", "data": {"number": 7}})
    texts = ('c.string("first", 20)', 'c.string("number", 9)', 'c.index("i", "first")')
    plan_options = (
        'stack.moved("attribute." + P + "db/c/one", "attribute." + P + "db/c/first")',
        'stack.convert("attribute." + P + "db/c/number")',
    )
    empty.declare(declared(*texts, *plan_options))
    with stale(server):
        apply(empty)
    must_agree(empty, server)
    assert empty.api.get(f"{documents(empty)}/d1")["number"] == "7"


SHAPES = {"point": [1, 2], "line": [[1, 2], [3, 4]], "polygon": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


def _required(kind: str) -> str:
    return f'c.{kind}("shape", required=True)'


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(
    ("change", "asks"),
    [(_required, "2 documents have no value"), (lambda _: "", "1 document would lose its value")],
    ids=["required", "deleted"],
)
def test_shapes_are_counted_without_null_queries(
    empty: Arena, kind: str, change: Callable[[str], str], asks: str
) -> None:
    empty.declare(declared('c.string("text", 9)', f'c.{kind}("shape")'))
    apply(empty)
    for data in ({"text": "a"}, {"text": "b"}, {"shape": SHAPES[kind]}):
        empty.api.post(documents(empty), {"documentId": "unique()", "data": data})
    empty.declare(declared('c.string("text", 9)', change(kind)))
    refused = apply(empty, code=5)
    assert asks in refused.text, refused
    assert "unknown number" not in refused.text
    assert at(empty, "attribute", "c/shape") in refused.text
