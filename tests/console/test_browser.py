"""The console in a real browser: every page opened, narrow and wide, light and dark; and what can be done there, done.

Runs where playwright and Chromium are: `make test-browser`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from .conftest import NOON, TOKEN, Browser, Consoles, Raceday, Shop, write_day

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-browser")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")
#: Where `make test-browser` lays axe-core, which is no part of this project.
AXE = Path(__file__).parents[2] / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
#: The smallest picture that there is.
DOT = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")
PAGES = (
    "/",
    "/plan",
    "/health",
    "/schedule",
    "/functions",
    "/functions/echo",
    "/data",
    "/data/shop/products",
    "/data/shop/products/cup",
    "/data/-/bucket/pictures",
    "/data/-/bucket/loose/photo",
    "/state",
    "/state/resource?address=team.staff",
    "/state/runs/1",
    "/server",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def watched(chromium: Any, console: Browser) -> Iterator[Any]:
    """A page of the browser, which must say nothing on its console, and load nothing from elsewhere."""
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if not request.url.startswith(console.origin) else None)
    page.set_default_timeout(60_000)
    yield page
    context.close()
    assert said == []


#: What would run, turn lines around, or push a page wide.
HOSTILE = "<img src=x onerror=alert(1)><script>alert(1)</script> \u202e\u2066 " + "x" * 30


@pytest.fixture(scope="module")
def filled(applied: Browser, shop: Shop) -> Browser:
    """With a document and a file, both with names that mean harm."""
    headers = {"x-appwrite-project": "shop", "x-appwrite-key": shop.server.key}
    data = {"name": HOSTILE, "category": "tea", "priceCents": 1}
    sent: tuple[tuple[str, dict[str, Any]], ...] = (
        ("databases/shop/collections/products/documents", {"json": {"documentId": "cup", "data": data}}),
        ("storage/buckets", {"json": {"bucketId": "loose", "name": HOSTILE[:120]}}),
        (
            "storage/buckets/loose/files",
            {"data": {"fileId": "photo"}, "files": {"file": (f"{HOSTILE[:60]}.gif", DOT)}},
        ),
    )
    for path, body in sent:
        answer = requests.post(f"{shop.server.endpoint}/{path}", headers=headers, timeout=60, **body)
        answer.raise_for_status()
    return applied


@pytest.fixture
def tab(chromium: Any, filled: Browser) -> Iterator[Any]:
    with watched(chromium, filled) as page:
        yield page


def open_page(tab: Any, console: Browser, path: str) -> None:
    """A page, when what it looks at has been seen."""
    console.settled(path.partition("?")[0] if path in ("/", "/plan", "/health", "/schedule") else "/health")
    tab.goto(f"{console.origin}/{TOKEN}{path}")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_complaint_and_fits_a_narrow_screen(tab: Any, applied: Browser, path: str) -> None:
    open_page(tab, applied, path)
    fits(tab)


def fits(tab: Any) -> None:
    """The page is as wide as the screen, light and dark."""
    assert tab.locator("h1").count() == 1
    for scheme, width in (("dark", 1200), ("light", 400)):
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_findings_of_axe(tab: Any, applied: Browser, path: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not there: make test-browser, with npm")
    open_page(tab, applied, path)
    assert axe_findings(tab) == []


def axe_findings(tab: Any) -> list[Any]:
    """Of axe-core, light and narrow, dark and wide."""
    found: list[Any] = []
    for scheme, width in (("light", 400), ("dark", 1200)):
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": 800})
        # By the debugger: the page itself allows no script but its own.
        tab.evaluate(AXE.read_text(encoding="utf-8"))
        found += [
            (each["id"], each["nodes"][0]["html"], each["nodes"][0]["failureSummary"])
            for each in tab.evaluate("axe.run().then(result => result.violations)")
        ]
    return found


def test_a_plan_is_applied_after_the_sentence_was_typed(tab: Any, applied: Browser, shop: Shop) -> None:
    with shop.edited('name="Staff"', 'name="Crew"'):
        applied.planned()
        tab.goto(f"{applied.origin}/{TOKEN}/plan")
        button = tab.get_by_role("button", name="Apply")
        assert button.is_disabled()
        tab.get_by_label("To apply this plan").fill("apply 1")
        button.click()
        tab.get_by_text(re.compile("Applied: 1 change in")).wait_for()


def test_migrations_are_rehearsed_and_what_they_would_change_appears(tab: Any, applied: Browser, shop: Shop) -> None:
    file = shop.folder / "migrations" / "m.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text("def run(data):\n    data.update('shop/products', {'cup': {'stock': 7}})\n")
    migration = 'stack.migration("m", "migrations/m.py", needs=["collection.shop/products"])\n'
    with shop.edited('stack.team("staff"', f'{migration}stack.team("staff"'):
        applied.planned()
        open_page(tab, applied, "/plan")
        tab.get_by_role("button", name="Rehearse migrations").click()
        tab.get_by_text("1 updated. Nothing was written.").wait_for()
        tab.get_by_text("The first changes").click()
        tab.get_by_text("cup in collection.shop/products").wait_for()
        fits(tab)
        assert AXE.exists() is False or axe_findings(tab) == []
    applied.planned()


def test_a_function_is_run_and_its_answer_appears(tab: Any, applied: Browser) -> None:
    tab.goto(f"{applied.origin}/{TOKEN}/functions/echo")
    tab.get_by_label("Body, usually JSON").fill("<b>hello</b>")
    tab.get_by_role("button", name="Run").click()
    tab.get_by_role("heading", name="Answer").wait_for()
    assert tab.locator("pre.framed").inner_text() == "<b>hello</b>"


def test_a_document_is_created_and_deleted(tab: Any, applied: Browser) -> None:
    tab.goto(f"{applied.origin}/{TOKEN}/data/shop/products")
    tab.get_by_text("Create a document").click()
    tab.get_by_label("Id; leave it empty").fill("made")
    tab.get_by_label("Values as JSON").fill('{"name": "Pot", "category": "tea", "priceCents": 5}')
    tab.get_by_role("button", name="Create").click()
    tab.get_by_text("Created made.").wait_for()
    button = tab.get_by_role("button", name="Delete")
    assert button.is_disabled()
    tab.get_by_label("To delete this document").fill("delete made")
    button.click()
    tab.get_by_text("Deleted made.").wait_for()


def test_a_picture_is_shown_and_a_file_is_saved(tab: Any, applied: Browser) -> None:
    tab.goto(f"{applied.origin}/{TOKEN}/data/-/bucket/loose/photo")
    assert tab.get_by_alt_text("The picture in this file").evaluate("each => each.naturalWidth") == 1
    with tab.expect_download() as saved:
        tab.get_by_role("link", name="Download").click()
    assert Path(saved.value.path()).read_bytes() == DOT
    assert saved.value.suggested_filename.endswith(".gif")


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


@pytest.fixture(scope="module")
def played(raceday: Raceday, console_of: Consoles) -> Browser:
    """A console with a recorded day."""
    write_day(raceday)
    return console_of(raceday)


RACING = ("/races", "/races/days", f"/races/days/made?at={NOON}")


@pytest.mark.parametrize("path", RACING)
def test_a_page_of_races_opens_without_complaint_and_fits_a_narrow_screen(
    chromium: Any, played: Browser, path: str
) -> None:
    with watched(chromium, played) as tab:
        played.settled(path)
        tab.goto(f"{played.origin}/{TOKEN}{path}")
        fits(tab)
        assert AXE.exists() is False or axe_findings(tab) == []


def test_a_slider_moves_through_the_day(chromium: Any, played: Browser) -> None:
    with watched(chromium, played) as tab:
        played.settled("/races/days/made")
        tab.goto(f"{played.origin}/{TOKEN}/races/days/made?at={NOON}")
        tab.get_by_role("heading", name="12:00:00 in New Zealand").wait_for()
        before = tab.locator("#cursor").evaluate("each => each.getBoundingClientRect().left")
        tab.get_by_label("Instant").focus()
        tab.keyboard.press("ArrowRight")
        tab.get_by_role("heading", name="12:01:00 in New Zealand").wait_for()
        tab.keyboard.press("End")
        tab.get_by_role("heading", name="01:00:00 in New Zealand").wait_for()
        after = tab.locator("#cursor").evaluate("each => each.getBoundingClientRect().left")
        assert after > before
        tab.keyboard.press("Home")
        tab.get_by_role("heading", name="00:00:00 in New Zealand").wait_for()
        tab.get_by_role("button", name="Play").click()
        tab.get_by_role("heading", name=re.compile("00:0[2-9]:00 in New Zealand")).wait_for()
        tab.get_by_role("button", name="Stop").click()


def test_a_stranger_is_asked_to_use_the_link(chromium: Any, applied: Browser) -> None:
    tab = chromium.new_page()
    assert tab.goto(f"{applied.origin}/plan").status == 403
    assert "Open the link" in tab.content()
    tab.close()


if os.environ.get("RACEDAY_BROWSER_REQUIRED") and not CHROMIUM:
    raise RuntimeError("make test-browser needs Chromium, for example Debian's package chromium")
