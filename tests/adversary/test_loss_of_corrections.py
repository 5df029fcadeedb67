"""What somebody corrects while values are shortened or converted is his, not what was read before."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import Arena, make_quick
from .losing import COLLECTION, DB, apply, at, documents, run, settle

LONG = "far too long"


@pytest.fixture
def c(empty: Arena) -> Arena:
    """Four documents of which all but one have a text that is too long, and are numbers but for one."""
    settle(empty, DB, COLLECTION)
    for number in range(3):
        put(empty, f"d{number}", LONG)
    put(empty, "short", "ok")
    return empty


def put(arena: Arena, identity: str, text: str) -> None:
    arena.api.post(documents(arena), {"documentId": identity, "data": {"text": text, "number": 7}})


def correct(arena: Arena, identity: str, **data: Any) -> None:
    arena.api.patch(f"{documents(arena)}/{identity}", {"data": data})


def values(arena: Arena, name: str = "text") -> dict[str, Any]:
    return {each["$id"]: each[name] for each in arena.api.all(documents(arena), "documents")}


def shorten(arena: Arena) -> None:
    arena.declare(DB + COLLECTION.replace('c.string("text", 20)', 'c.string("text", 3)'))


@pytest.mark.parametrize(("corrected", "becomes"), [("yes", "yes"), ("longer still", "lon"), (None, None)])
def test_a_correction_while_values_are_cut_is_kept(c: Arena, corrected: str | None, becomes: str | None) -> None:
    shorten(c)
    c.proxy.call(lambda: correct(c, "d1", text=corrected), "PATCH", f"{documents(c)}/d1")
    apply(c, "--allow-data-loss", f"{at(c, 'attribute', 'c/text')}=3")
    assert values(c) == {"d0": "far", "d1": becomes, "d2": "far", "short": "ok"}
    run(c, "plan", "--detailed-exitcode")


def test_a_correction_of_something_else_in_the_document_is_kept_too(c: Arena) -> None:
    shorten(c)
    c.proxy.call(lambda: correct(c, "d1", number=8), "PATCH", f"{documents(c)}/d1")
    apply(c, "--allow-data-loss", f"{at(c, 'attribute', 'c/text')}=3")
    assert values(c, "number") == {"d0": 7, "d1": 8, "d2": 7, "short": 7}
    assert values(c)["d1"] == "far"


def test_a_document_that_is_deleted_while_values_are_cut_does_not_come_back(c: Arena) -> None:
    shorten(c)
    c.proxy.call(lambda: c.api.delete(f"{documents(c)}/d1"), "PATCH", f"{documents(c)}/d1")
    apply(c, "--allow-data-loss", f"{at(c, 'attribute', 'c/text')}=3")
    assert values(c) == {"d0": "far", "d2": "far", "short": "ok"}


def test_values_that_become_long_while_others_are_cut_are_not_cut_beyond_what_was_agreed_to(
    c: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    # While all of them are written, the answer to the first cut is waited for.
    make_quick(monkeypatch, read=60.0)
    shorten(c)

    def lengthen() -> None:
        for number in range(150):
            put(c, f"more{number:03}", LONG)

    c.proxy.call(lengthen, "PATCH", f"{documents(c)}/d0")
    ended = apply(c, "--allow-data-loss", f"{at(c, 'attribute', 'c/text')}=3", code=1)
    kept = [text for identity, text in values(c).items() if identity.startswith("more")]
    assert kept == [LONG] * 150
    assert "attribute_invalid_resize" in ended.out


def test_a_lost_answer_to_a_cut_is_no_conflict_with_somebody_else(c: Arena) -> None:
    shorten(c)
    c.proxy.lose("after", "PATCH", f"{documents(c)}/d1")
    apply(c, "--allow-data-loss", f"{at(c, 'attribute', 'c/text')}=3")
    assert values(c)["d1"] == "far"


def test_a_correction_behind_the_last_look_is_converted_too(c: Arena) -> None:
    """While it was verified that all values are copied, one that had been verified already was changed."""
    for number in range(3):
        correct(c, f"d{number}", text=str(number))
    correct(c, "short", text="5")
    c.declare(DB + COLLECTION.replace('c.string("text", 20)', CONVERTED))
    # Counted when planned, and again; copied; verified.
    c.proxy.call(lambda: correct(c, "d0", text="42"), "GET", documents(c), skip=3, when="after")
    apply(c)
    assert values(c)["d0"] == 42


CONVERTED = 'c.integer("text")\n    stack.convert("attribute." + P + "db/c/text")'


@pytest.mark.parametrize("corrected", ["42", "no number"])
def test_a_correction_while_values_are_converted_is_what_is_converted(c: Arena, corrected: str) -> None:
    for number in range(3):
        correct(c, f"d{number}", text=str(number))
    correct(c, "short", text="5")
    c.declare(DB + COLLECTION.replace('c.string("text", 20)', CONVERTED))
    c.proxy.call(lambda: correct(c, "d1", text=corrected), "PATCH", f"{documents(c)}/d1")
    if corrected == "42":
        apply(c)
        assert values(c) == {"d0": 0, "d1": 42, "d2": 2, "short": 5}
        run(c, "plan", "--detailed-exitcode")
    else:
        ended = apply(c, code=5)
        assert "1 values of" in ended.out
        assert "cannot be converted to integer, but only 0 may be lost" in ended.out
        assert values(c)["d1"] == corrected
