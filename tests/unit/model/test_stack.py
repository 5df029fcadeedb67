"""Where declarations were written: the place that every problem names."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from _pytest.monkeypatch import MonkeyPatch

from raceday_iac.model.resource import Location
from raceday_iac.model.stack import Lock, Stack

from ..declaring import collection, function


def here() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_a_declaration_knows_file_and_line() -> None:
    stack = Stack("x")
    line = here() + 1
    stack.database("d", name="D")
    assert stack.declarations[0].location.line == line
    assert stack.declarations[0].location.file.endswith("test_stack.py")


def test_a_declaration_over_several_lines_is_at_its_first() -> None:
    stack = Stack("x")
    line = here() + 1
    stack.database(
        "d",
        name="D",
    )
    assert stack.declarations[0].location.line == line


@pytest.mark.parametrize(
    "method", ["integer", "float", "boolean", "datetime", "email", "url", "ip", "point", "line", "polygon"]
)
def test_every_attribute_method_names_the_line_of_the_user(method: str) -> None:
    stack = Stack("x")
    owner = collection(stack)
    line = here() + 1
    getattr(owner, method)("a")
    assert stack.declarations[-1].location.line == line


def test_strings_enums_relationships_and_indexes_do_too() -> None:
    stack = Stack("x")
    owner = collection(stack)
    first = here() + 1
    owner.string("a", 5)
    owner.enum("b", ["x"])
    owner.relationship("c", "c", type="oneToOne")
    owner.index("i", "a")
    assert [each.location.line for each in stack.declarations[-4:]] == [first, first + 1, first + 2, first + 3]


def test_a_tombstone_knows_its_line() -> None:
    stack = Stack("x")
    line = here() + 1
    stack.absent("function.f", reason="gone")
    assert stack.absences[0].location.line == line


def test_a_place_below_the_working_folder_is_shown_relative_to_it(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    stack = Stack("x")
    stack.database("d", name="D")
    assert stack.declarations[0].location.file == "test_stack.py"


def test_a_place_elsewhere_is_shown_in_full(monkeypatch: MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    stack = Stack("x")
    stack.database("d", name="D")
    assert stack.declarations[0].location.file == __file__


def test_two_way_key_defaults_to_the_own_collection() -> None:
    stack = Stack("x")
    collection(stack, "races").relationship("meeting", "meetings", type="manyToOne")
    assert stack.declarations[-1].arguments["two_way_key"] == "races"


def test_members_know_their_database_and_collection() -> None:
    stack = Stack("x")
    collection(stack, "races").string("a", 5)
    assert stack.declarations[-1].owner == ("d", "races")


def test_nothing_is_checked_while_declaring() -> None:
    stack = Stack("x")
    function(stack, runtime="cobol", timeout=-1, lock=Lock("", 0, 0, 0))
    assert len(stack.declarations) == 1


def test_two_stacks_do_not_share_declarations() -> None:
    Stack("x").database("d", name="D")
    assert Stack("y").declarations == []


def test_location_defaults_to_nowhere() -> None:
    assert str(Location()) == ""
