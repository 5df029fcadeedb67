"""The page about health says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from raceday_iac.health.observations import CODES
from raceday_iac.health.watched import Grace, HealthConfig
from raceday_iac.raceday.rules import HEALTH_CODES


def test_every_code_is_explained(project: Path) -> None:
    page = (project / "docs" / "health.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.+) \|$", page, re.MULTILINE)) == CODES | HEALTH_CODES


def test_the_example_is_a_file_that_can_be_used(project: Path) -> None:
    page = (project / "docs" / "health.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    watched = HealthConfig.model_validate(yaml.safe_load(example))
    # Where it names them all, it has the defaults.
    assert watched.grace == Grace()
    assert len(watched.freshness) == 3
