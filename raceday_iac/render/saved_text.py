"""A saved plan as text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..planning.saved import SavedPlan
from .lines import Line


def saved_lines(saved: SavedPlan) -> Iterator[Line]:
    """What a plan file holds: what it was made from, and each change with its fields."""
    content = saved.content
    yield Line(f"Saved plan {saved.id[:12]} for environment {saved.environment}", "bold")
    yield Line(f"project {content['project']} at {content['endpoint']}, Appwrite {content['serverVersion']}", "dim")
    lineage = content["state"]["lineage"] or "that was never saved before"
    yield Line(f"state {lineage}, serial {content['state']['serial']}", "dim")
    for name, value in content["wishes"].items():
        yield Line(f"{name}: {json.dumps(value, ensure_ascii=False)}", "dim")
    yield Line()
    for change in saved.changes:
        drift = " (drift)" if change["drift"] else ""
        yield Line(f"  {change['action']} {change['address']}: {change['reason']}{drift}")
        for field in change["fields"]:
            before, after = (json.dumps(field[side], ensure_ascii=False) for side in ("before", "after"))
            yield Line(f"        {field['name']}: {before} → {after}")
    if not saved.changes:
        yield Line("  nothing to do", "green")
    if content["leftOut"]:
        yield Line()
        yield Line(f"Left out: {', '.join(content['leftOut'])}", "dim")
    yield Line()
    yield Line(f"{len(saved.changes)} changes, on {len(content['live'])} resources.", "bold")
