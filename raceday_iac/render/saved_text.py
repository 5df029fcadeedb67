"""A saved plan as text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..counting import counted
from ..model.evidence import counted_words
from ..planning.saved import SavedPlan
from .lines import Line


def saved_lines(saved: SavedPlan) -> Iterator[Line]:
    """What a plan file holds: what it was made from, and each change with its fields."""
    content = saved.content
    yield Line(f"Saved plan {saved.id[:12]} for environment {saved.environment}", "bold")
    version = f", Appwrite {content['serverVersion']}" if content["serverVersion"] else ""
    yield Line(f"project {content['project']} at {content['endpoint']}{version}", "dim")
    state = content["state"]
    made_from = f"state {state['lineage']}, serial {state['serial']}" if state["lineage"] else "no state yet"
    yield Line(f"made from {made_from}", "dim")
    for name, value in sorted(content["wishes"].items()):
        yield Line(f"{name}: {json.dumps(value, ensure_ascii=False)}", "dim")
    yield Line()
    for change in saved.changes:
        drift = " (drift)" if change["drift"] else ""
        company = f" (with {change['with']})" if "with" in change else ""
        yield Line(f"  {change['action']} {change['address']}{company}: {change['reason']}{drift}")
        for field in change["fields"]:
            before, after = (json.dumps(field[side], ensure_ascii=False) for side in ("before", "after"))
            yield Line(f"        {field['name']}: {before} → {after}")
    if not saved.changes:
        yield Line("  nothing to do", "green")
    counted_before = counted_words(saved.evidence)
    if counted_before:
        yield Line()
        yield Line("Counted when it was made; apply counts again, and stops what would lose more:", "dim")
        yield from (Line(f"    {each}", "dim") for each in counted_before)
    if content["leftOut"]:
        yield Line()
        yield Line(f"Left out ({len(content['leftOut'])}):", "dim")
        yield from (Line(f"    {key.replace(':', ' ', 1)}", "dim") for key in content["leftOut"])
    yield Line()
    yield Line(
        f"Plan: {counted(len(saved.changes), 'change')}, on {counted(len(content['live']), 'resource')}.", "bold"
    )
