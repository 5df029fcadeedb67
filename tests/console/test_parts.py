"""A part of the console that an extension of a stack brings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from raceday_iac.cli.console import LookedAt, web_of
from raceday_iac.cli.options import Options
from raceday_iac.console.work import Tasks
from raceday_iac.errors import IacError

from .conftest import TOKEN, Consoles, Shop

EXTENSION = """
from raceday_iac.extensions import Extension
extension = Extension(console="extra_pages:{part}")
"""
PAGES = """
from pathlib import Path
from raceday_iac.console.app import Deed, Look, Page, Part
from raceday_iac.console.pages import look_at, rows, seen_of

def stock(console, request):
    look_at(console, "stock")
    seen = seen_of(console, "stock")
    tasks = rows(console, ["stock"])
    template = Path(__file__).parent / "stock.html"
    return console.show(template, request, title="Stock", seen=seen, names=["stock"], tasks=tasks, back="/stock")

def count(console, request, form):
    return console.to("/stock", f"Counted {form['what']}.")

PART = Part(
    pages=(Page("/stock", stock, "Stock"),),
    deeds=(Deed("/stock", count),),
    looks={"stock": Look("Counting", lambda project: project.environment, lambda found: {"found": f"<b>{found}"})},
)
"""
TEMPLATE = """{% extends "base.html" %}
{% block body %}<h1>{{ title }}</h1>{{ bits.seen(frame, seen, names, back) }}{{ bits.live(frame, names, tasks) }}
{% if seen.values %}<p>{{ seen.values.found }}</p>{% endif %}
{{ bits.form(frame, "/stock") }}<input name=what><button>Count</button></form>{% endblock %}
"""


@pytest.fixture
def extended(shop: Shop) -> Iterator[Path]:
    """The stack with an extension beside it. Returns that file."""
    folder, before = shop.stack.parent, set(sys.modules)
    (folder / "extra_pages.py").write_text(PAGES, encoding="utf-8")
    (folder / "stock.html").write_text(TEMPLATE, encoding="utf-8")
    (folder / "extra.py").write_text(EXTENSION.format(part="PART"), encoding="utf-8")
    with shop.edited('stack = Stack("shop"', 'stack = Stack("shop", extensions=["extra"]'):
        yield folder / "extra.py"
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_its_page_is_in_the_navigation_and_looks_and_does_as_the_others(
    extended: Path, shop: Shop, console_of: Consoles
) -> None:
    console = console_of(shop)
    assert f'href="/{TOKEN}/stock">Stock</a>' in console.page("/functions")
    text = console.settled("/stock")
    assert "&lt;b&gt;local" in text
    assert "aria-current=page>Stock" in text
    before = console.tasks.latest("stock")
    console.send("/look", {}, "/stock")
    assert console.tasks.latest("stock") is not before
    assert "Counted &lt;i&gt;cups." in console.send("/stock", {"what": "<i>cups"}, "/stock").text


def test_what_it_does_is_not_there_for_a_real_server(extended: Path, far_of: Consoles, shop: Shop) -> None:
    console = far_of(shop, "prod")
    assert "<h1>Stock</h1>" in console.settled("/stock")
    assert console.post(f"/{TOKEN}/stock", {"what": "cups"}).status_code == 404


def test_a_part_that_is_not_there_is_said(extended: Path, shop: Shop) -> None:
    extended.write_text(EXTENSION.format(part="NOTHING"), encoding="utf-8")
    sys.modules.pop("extra", None)
    with pytest.raises(IacError, match="extra_pages has no NOTHING"):
        web_of(LookedAt(Options(env="local", stack=shop.stack)), Tasks(), TOKEN, 1)
