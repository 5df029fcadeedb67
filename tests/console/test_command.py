"""The command itself, as a process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import requests

from .conftest import Shop

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "console.schema.json"


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
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/", link)
    assert process.returncode == 130
    assert "Traceback" not in err
