"""Every kind is shown to be declared, planned, applied and all else, or it is said why not."""

from __future__ import annotations

import pytest

from raceday_iac.kinds import KINDS

from .table import COLUMNS, EMPTY, reason, table


@pytest.mark.parametrize("column", COLUMNS)
def test_each_kind_has_a_test_or_a_reason(column: str) -> None:
    assert [kind for kind in KINDS if not table()[kind].get(column) and not reason(kind, column)] == []


def test_no_reason_stands_where_there_is_a_test() -> None:
    assert [cell for cell in EMPTY if table()[cell[0]].get(cell[1])] == []
