"""The command itself, as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests
from unit.docs.schemas import must_fit

from .conftest import Shop


def test_it_opens_the_link_in_the_browser_that_the_machine_has(shop: Shop, tmp_path: Path) -> None:
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part; mv {opened}.part {opened}\n', encoding="utf-8")
    browser.chmod(0o755)
    command = [sys.executable, "-c", "from raceday_iac.cli.main import main; main()", "console", "--open"]
    variables = {**os.environ, "BROWSER": str(browser)}
    with subprocess.Popen(
        command, cwd=shop.folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not opened.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        link = opened.read_text(encoding="utf-8").strip()
        assert requests.get(link, timeout=60).status_code == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert link in out
    assert err == ""


def test_it_prints_a_link_with_a_token_of_its_own_and_ends_by_an_interrupt(shop: Shop) -> None:
    command = [sys.executable, "-c", "from raceday_iac.cli.main import main; main()", "console", "--json"]
    with subprocess.Popen(
        command, cwd=shop.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("\n}"):
            line = process.stdout.readline()
            assert line, process.communicate()
            text += line
        document = json.loads(text)
        link = document["console"]["address"]
        assert requests.get(link, timeout=60).status_code == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    must_fit(document, "console")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/", link)
    assert process.returncode == 130
    assert "Traceback" not in err
