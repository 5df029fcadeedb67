"""Each route of Appwrite's API is managed, read, operated, data, or left out with a reason."""

from __future__ import annotations

from fnmatch import fnmatchcase

from .pages import load

page = load("reference_routes")


def test_every_route_that_a_key_may_call_is_classified() -> None:
    assert [str(each) for each in page.routes() if page.rule_of(each) is None] == []


def test_every_rule_has_a_route_that_needs_it() -> None:
    needed = {id(rule) for each in page.routes() if (rule := page.rule_of(each)) is not None}
    assert [each.pattern for each in page.RULES if id(each) not in needed] == []


def test_every_rule_says_what_or_why() -> None:
    assert [each.pattern for each in page.RULES if not each.why] == []


def test_no_pattern_takes_the_routes_of_another_service() -> None:
    assert [each.pattern for each in page.RULES if fnmatchcase("GET /another/{id}", each.pattern)] == []


def test_the_page_has_every_path_of_every_description() -> None:
    said = page.routes_page()
    assert [each.path for each in page.routes() if f"`{each.path}`" not in said] == []
