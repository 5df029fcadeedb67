"""What editors complete is what is checked."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from raceday_iac.model import limits, names


def completed(name: str) -> set[str]:
    """The texts of a type that only type checkers see."""
    tree = ast.parse(Path(names.__file__).read_text(encoding="utf-8"))
    (found,) = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name
    )
    assert found is not None
    return {node.value for node in ast.walk(found) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize(
    ("name", "known"),
    [("Runtime", limits.RUNTIMES), ("Scope", limits.SCOPES), ("Specification", limits.SPECIFICATIONS)],
)
def test_the_types_name_what_the_limits_name(name: str, known: frozenset[str]) -> None:
    assert completed(name) == set(known)
