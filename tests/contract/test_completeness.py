"""Every numbered behavioural case has its test."""

from __future__ import annotations

import re
from pathlib import Path

CASES = 106
CASE = re.compile(r"^def test_case_(\d{3})_", re.MULTILINE)


def test_every_numbered_case_has_a_test() -> None:
    texts = [file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_e2e_*.py")]
    numbers = {int(number) for text in texts for number in CASE.findall(text)}
    assert numbers == set(range(1, CASES + 1))
