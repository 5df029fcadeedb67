"""A plan made again from its file."""

from __future__ import annotations

import pytest

from raceday_iac.errors import IacError
from raceday_iac.planning.saved import SavedPlan, restored, saved_plan
from raceday_iac.render.plan_page import plan_svg
from raceday_iac.render.plan_text import plan_markdown

from ..declaring import resolved
from ..render.test_plan_text import after, changed, partial


def saved(of: object) -> SavedPlan:
    return saved_plan(of, resolved(after()), "http://x/v1", "p", "salt")  # type: ignore[arg-type]


def test_its_changes_are_those_that_were_saved() -> None:
    of = changed()
    again = restored(saved(of))
    assert [(each.key, each.fields, each.reason, each.requires) for each in again.changes] == [
        (each.key, each.fields, each.reason, each.requires) for each in of.changes
    ]


def test_it_is_drawn_as_the_plan_itself_is() -> None:
    of = changed()
    assert plan_svg(restored(saved(of)), "x") == plan_svg(of, "x")


def test_what_was_left_out_is_still_known() -> None:
    of = partial(targets=("index.d/c/j",))
    text = plan_markdown(restored(saved(of)), "x")
    assert "Left out: not part of this plan (11)" in text


def test_a_change_that_lacks_a_part_is_refused_in_words() -> None:
    content = dict(saved(changed()).content)
    content["changes"] = [{key: value for key, value in content["changes"][0].items() if key != "requires"}]
    with pytest.raises(IacError, match="lacks a part of a change"):
        restored(SavedPlan(content))
