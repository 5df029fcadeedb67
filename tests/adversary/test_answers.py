"""Wrong answers to every kind of request, and what no command may make of them: tables of cases. See `harness`."""

from __future__ import annotations

import pytest

from .harness import Arena, Case, play


@pytest.mark.parametrize("answer", ["404-html", "404-half"])
def test_a_plan_believes_no_wrong_answer(arena: Arena, answer: str) -> None:
    play(arena, Case(answer, "GET /functions", "plan", named=False))
