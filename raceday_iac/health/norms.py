"""How long a run of a function should take, from its own code: `SLOW_AFTER` in the `norm.py` beside its entry module.

The functions themselves log `run.slow` by that number; reading it here keeps it in one place.
"""

from __future__ import annotations

import ast
from pathlib import Path

from ..model.desired import CodeSource

FILE, NAME = "norm.py", "SLOW_AFTER"


def slow_after_of(source: CodeSource) -> float | None:
    """Seconds; None for a function that does not say."""
    file: Path = (source.folder / source.entrypoint).parent / FILE
    try:
        return slow_after_in(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def slow_after_in(text: str) -> float | None:
    """The number, read without running the code."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            continue
        names = {each.id for each in node.targets if isinstance(each, ast.Name)}
        if NAME in names and isinstance(node.value.value, int | float):
            return float(node.value.value)
    return None
