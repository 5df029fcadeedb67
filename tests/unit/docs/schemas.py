"""The schemas of what commands write with `--json`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


def must_fit(document: Any, name: str) -> None:
    """Raises jsonschema.ValidationError for a document that is not as its schema says."""
    _validator(name).validate(document)


@cache
def _validator(name: str) -> Draft202012Validator:
    """Made once: to check the schema itself takes longer than to check a document."""
    found = schema(name)
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)
