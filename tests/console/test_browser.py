"""The console in a real browser: every page opened, narrow and wide, light and dark; and what can be done there, done.

Runs where playwright and Chromium are: `make test-browser`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import TOKEN, Browser, Shop

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-browser")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")
#: Where `make test-browser` lays axe-core, which is no part of this project.
AXE = Path(__file__).parents[2] / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = (
    "/",
    "/plan",
    "/health",
    "/schedule",
    "/functions",
    "/functions/echo",
    "/data",
    "/data/shop/products",
    "/data/-/bucket/pictures",
    "/state",
    "/state/resource?address=team.staff",
    "/server",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any, applied: Browser) -> Iterator[Any]:
    """A page of the browser, which must say nothing on its console."""
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if not request.url.startswith(applied.origin) else None)
    page.set_default_timeout(60_000)
    yield page
    context.close()
    assert said == []


def open_page(tab: Any, console: Browser, path: str) -> None:
    """A page, when what it looks at has been seen."""
    console.settled(path.partition("?")[0] if path in ("/", "/plan", "/health", "/schedule") else "/health")
    tab.goto(f"{console.origin}/{TOKEN}{path}")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_complaint_and_fits_a_narrow_screen(tab: Any, applied: Browser, path: str) -> None:
    open_page(tab, applied, path)
    assert tab.locator("h1").count() == 1
    for scheme, width in (("dark", 1200), ("light", 400)):
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_serious_findings_of_axe(tab: Any, applied: Browser, path: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not there: make test-browser, with npm")
    open_page(tab, applied, path)
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        # By the debugger: the page itself allows no script but its own.
        tab.evaluate(AXE.read_text(encoding="utf-8"))
        found = tab.evaluate("axe.run().then(result => result.violations)")
        serious = [
            (each["id"], each["nodes"][0]["html"], each["nodes"][0]["failureSummary"])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []


def test_a_plan_is_applied_after_the_sentence_was_typed(tab: Any, applied: Browser, shop: Shop) -> None:
    with shop.edited('name="Staff"', 'name="Crew"'):
        applied.planned()
        tab.goto(f"{applied.origin}/{TOKEN}/plan")
        button = tab.get_by_role("button", name="Apply")
        assert button.is_disabled()
        tab.get_by_label("To apply this plan").fill("apply 1")
        button.click()
        tab.get_by_text(re.compile("Applied: 1 change in")).wait_for()


def test_a_function_is_run_and_its_answer_appears(tab: Any, applied: Browser) -> None:
    tab.goto(f"{applied.origin}/{TOKEN}/functions/echo")
    tab.get_by_label("Body, usually JSON").fill("<b>hello</b>")
    tab.get_by_role("button", name="Run").click()
    tab.get_by_role("heading", name="Answer").wait_for()
    assert tab.locator("pre.framed").inner_text() == "<b>hello</b>"


def test_a_fault_is_switched_and_requests_appear_by_themselves(tab: Any, applied: Browser, shop: Shop) -> None:
    tab.goto(f"{applied.origin}/{TOKEN}/server")
    tab.get_by_label("What goes wrong").select_option("cut")
    tab.get_by_label("Path").fill("/v1/teams/nobody")
    tab.get_by_role("button", name="Switch on").click()
    tab.get_by_text("the next 10 of * /v1/teams/nobody: cut after the work").wait_for()
    tab.get_by_role("button", name="Switch all off").click()
    tab.get_by_text("None is switched on.").wait_for()
    applied.page("/functions")
    tab.get_by_text("GET /v1/functions/echo/executions").first.wait_for()


def test_the_keyboard_alone_leads_to_every_page(tab: Any, applied: Browser) -> None:
    tab.goto(f"{applied.origin}/{TOKEN}/data")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the page"
    names = []
    for _ in range(8):
        tab.keyboard.press("Tab")
        names.append(tab.evaluate("document.activeElement.textContent"))
    assert names == ["Overview", "Plan", "Health", "Schedule", "Functions", "Data", "State", "Server"]
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="Embedded server").wait_for()


def test_a_stranger_is_told_to_use_the_link(chromium: Any, applied: Browser) -> None:
    tab = chromium.new_page()
    assert tab.goto(f"{applied.origin}/plan").status == 403
    assert "Open the link" in tab.content()
    tab.close()


if os.environ.get("RACEDAY_BROWSER_REQUIRED") and not CHROMIUM:
    raise RuntimeError("make test-browser needs Chromium, for example Debian's package chromium")
