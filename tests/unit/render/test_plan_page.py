"""Plans as pages and pictures: well-formed, complete, without a script, without a secret."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from raceday_iac.planning import Plan
from raceday_iac.render.plan_page import plan_page, plan_svg

from ..applied import plan_between
from .reports import SECRET, everything, hostile, large, secretive
from .test_plan_text import all_goes, before, changed

SVG = "{http://www.w3.org/2000/svg}"


class Reader(HTMLParser):
    """Collects the text that is seen, and the elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "rect", "path", "circle"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "path", "circle"):
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.seen.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.seen)


def page(of: Plan) -> Reader:
    return Reader(plan_page(of, "project p at http://x/v1"))


def picture(of: Plan) -> ElementTree.Element:
    return ElementTree.fromstring(plan_svg(of, "project p at http://x/v1"))


def texts(of: Plan) -> list[str]:
    return [each.text or "" for each in picture(of).iter(f"{SVG}text")]


def test_every_change_is_on_the_page_with_both_values() -> None:
    text = page(changed()).text
    for word in ("size", "10", "20", "timeout", "840", "150", '+"documents.write"', '"users.read"', "replaced by f"):
        assert word in text
    for name in ("relationship", "index j", "attribute b", "function.foreign"):
        assert name.partition(" ")[2] or name in text


@pytest.mark.parametrize("of", [changed(), hostile(), everything()], ids=["changed", "hostile", "everything"])
def test_nothing_is_loaded_or_run(of: Plan) -> None:
    for tag, attributes in page(of).elements:
        assert tag not in ("script", "link", "img", "iframe", "object", "image", "use")
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href")]
    assert "url(" not in plan_page(of, "x")
    assert "@import" not in plan_page(of, "x")


def test_hostile_texts_are_shown_as_they_are() -> None:
    assert "<script>alert(1)</script>" in page(hostile()).text


def test_no_secret_is_on_the_page_or_in_the_picture() -> None:
    assert SECRET not in plan_page(secretive(), "x")
    assert SECRET not in plan_svg(secretive(), "x")


def test_a_refusal_stands_before_the_changes() -> None:
    text = page(changed(documents=7)).text
    assert text.index("Refused (1)") < text.index("Changes")
    assert "--allow-data-loss attribute.d/c/b" in text


def test_what_goes_with_something_says_with_what_on_the_page_and_in_the_picture() -> None:
    text = plan_page(all_goes(), "here")
    assert "deleted with database.d" in text
    assert "live, but neither declared nor managed" in text
    assert "forget" not in text
    picture = plan_svg(all_goes(), "here")
    assert "delete attribute.d/theirs/x (with database.d)" in picture


def test_nothing_to_do_needs_no_picture() -> None:
    reader = page(plan_between(before(), before()))
    assert "No changes. Appwrite matches the configuration." in reader.text
    assert "svg" not in [tag for tag, _ in reader.elements]


def test_both_colour_schemes_are_there() -> None:
    assert "prefers-color-scheme:dark" in plan_page(changed(), "x")


# The picture.


def test_the_picture_has_a_card_for_each_thing_with_its_changes() -> None:
    found = texts(changed())
    for title in ("e", "e/c", "d/c", "f", "old"):
        assert title in found
    assert "timeout: 840 → 150" in found
    assert "attribute b" in found


def test_colours_show_the_actions() -> None:
    badges = {
        each.get("class") for each in picture(changed()).iter(f"{SVG}text") if "badge" in (each.get("class") or "")
    }
    assert badges == {"badge create", "badge update", "badge destroy"}


def test_arrows_lead_from_what_comes_first() -> None:
    """The database, then its collection: one arrow between the two cards, to the right."""
    found = picture(everything())
    arrows = [each.get("d") or "" for each in found.iter(f"{SVG}path") if each.get("class") == "arrow"]
    assert arrows
    for way in arrows:
        numbers = [int(each) for each in re.findall(r"-?\d+", way)]
        assert numbers[0] < numbers[-2]


def test_many_changes_of_one_thing_are_counted_but_what_is_destroyed_is_named() -> None:
    found = texts(large(3))
    gone = {each for each in found if each.startswith("attribute gone")}
    assert gone == {f"attribute gone{number}" for number in range(20)}


def test_what_is_destroyed_is_drawn_before_anything_else_is() -> None:
    assert "d/c" in texts(large(600))


def test_a_picture_of_very_many_says_how_many_it_lacks() -> None:
    assert any("441 more not drawn" in each for each in texts(large(600)))
