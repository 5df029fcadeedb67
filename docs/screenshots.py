"""Take the pictures of the console that the documentation shows, with Chromium and playwright (`make test-browser`
installs it): `python docs/screenshots.py LINK`, where LINK is that of a console of Raceday's project which runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
#: Picture, page, light or dark, height in pixels.
SHOTS = (
    ("overview", "/", "light", 800),
    ("plan", "/plan", "dark", 800),
    ("server", "/server", "light", 800),
    ("races", "/races/days/card?at=1752723000", "light", 1500),
)


def main(link: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path, scheme, height in SHOTS:
            tab = browser.new_page(viewport={"width": 1200, "height": height}, color_scheme=scheme)
            tab.goto(link.rstrip("/") + path)
            # What is looked at in the background has been seen; then the page loads itself again.
            tab.locator("[data-running]").first.wait_for(state="detached", timeout=120_000)
            tab.wait_for_load_state()
            tab.screenshot(path=IMAGES / f"console-{name}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
