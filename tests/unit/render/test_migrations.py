"""A migration in every form of a plan, and what came of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from raceday_iac.applying.migrating import Example, Rehearsal
from raceday_iac.backup.manifest import Forecast
from raceday_iac.errors import MigrationError
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Desired, Migration
from raceday_iac.planning import Plan
from raceday_iac.planning.migrations import Standing, standings
from raceday_iac.planning.saved import plan_document, restored, saved_plan
from raceday_iac.render.migration_text import list_lines, migration_document, show_lines
from raceday_iac.render.plan_page import plan_page, plan_svg
from raceday_iac.render.plan_text import plan_lines, plan_markdown, saved_lines
from raceday_iac.state.document import MigrationRecord, Stage, State

from ..applied import live_as, plan, state_of
from ..declaring import address
from ..planning.test_migrations import migration, texts, with_migrations

M = address("migration.m")


def found() -> tuple[Plan, Desired]:
    """An attribute is made, filled, and becomes required."""
    before = texts("a")
    filling = migration(before=["attribute.d/c/b"], needs=["collection.d/c"])
    after = with_migrations(texts("a", "b", required=("b",)), filling)
    return plan(after, state_of(before), live_as(before)), after


def test_as_text_it_is_a_step_of_its_own() -> None:
    text = "\n".join(each.text for each in plan_lines(found()[0], "there"))
    assert "  » migrate migration.m: migrations/m.py has not run in this environment" in text
    assert text.index("+ create") < text.index("» migrate") < text.index("~ update")
    assert "Plan: 1 to create, 1 to update, 1 to migrate." in text
    assert "    migration  1 migrate" in text


def test_as_markdown_page_and_picture_it_is_there() -> None:
    of, _ = found()
    assert "| 🟪&nbsp;migrate | `migration.m` |" in plan_markdown(of, "there")
    assert "migrations/m.py has not run in this environment" in plan_page(of, "there")
    assert "migration" in plan_svg(of, "there")


HOSTILE = "<b>|`x`"
REHEARSED = Rehearsal(
    M,
    {"read": 3, "updated": 1, "created": 1},
    [
        Example(address("collection.d/c"), "d1", "update", {"b": None, "c": "x"}, {"b": HOSTILE, "c": "y"}),
        Example(address("collection.d/c"), HOSTILE, "create", {}, {"b": "new"}),
        Example(address("collection.d/c"), "d3", "delete"),
    ],
    MigrationError(f"It failed at {HOSTILE}.", hint="correct it"),
)
FORECAST = Forecast("state/e/backups", {address("attribute.d/c/a"): (Answer(1200), "document")}, 2, (M,))


def test_markdown_shows_what_a_rehearsal_found_and_what_is_kept() -> None:
    text = plan_markdown(found()[0], "there", kept=FORECAST, rehearsed=[REHEARSED])
    assert "Before the first change, this is written to a backup in state/e/backups:\n\n" in text
    assert "- attribute.d/c/a: 1 200 documents\n- the settings of 2 resources, without secrets\n" in text
    assert "Values that migration.m overwrites are written to a backup in state/e/backups, page by page." in text
    assert "**Rehearsed `migration.m`:** 3 read, 1 updated, 1 created. Nothing was written." in text
    assert "> [!CAUTION]\n> It failed at &lt;b&gt;" in text
    rows = text.partition("<details><summary>The first changes</summary>")[2].partition("</details>")[0].splitlines()
    assert rows[4:] == [
        '| update | `d1` in `collection.d/c` | `b`: `null` → ``"<b>\\|`x`"``<br>`c`: `"x"` → `"y"` |',
        '| create | `` <b>\\|`x` `` in `collection.d/c` | `b`: `"new"` |',
        "| delete | `d3` in `collection.d/c` |  |",
        "",
    ]


def test_markdown_leaves_examples_of_a_rehearsal_out_that_do_not_fit() -> None:
    many = replace(REHEARSED, examples=[replace(REHEARSED.examples[0], id=f"d{each}") for each in range(500)])
    text = plan_markdown(found()[0], "there", rehearsed=[many], limit=10_000)
    assert len(text.encode()) <= 10_000
    assert re.search(r"\d+ of 500 rehearsed changes, ", text)


def test_a_page_shows_what_a_rehearsal_found_and_what_is_kept() -> None:
    text = plan_page(found()[0], "there", FORECAST, [REHEARSED])
    assert "<li>attribute.d/c/a: 1 200 documents</li>" in text
    assert "Values that migration.m overwrites are written to a backup" in text
    assert "<code>migration.m</code>: 3 read, 1 updated, 1 created. Nothing was written." in text
    assert "It failed at &lt;b&gt;" in text
    assert "&lt;b&gt;|`x` in collection.d/c" in text
    assert (
        '<span class="old">&#34;x&#34;</span><span class="arrow">→</span><span class="new">&#34;y&#34;</span>' in text
    )
    assert HOSTILE not in text
    assert "Rehearsed" not in plan_page(found()[0], "there")


def test_a_saved_plan_shows_it_again() -> None:
    of, desired = found()
    saved = saved_plan(of, desired, "http://e/v1", "p", "salt")
    assert [each.key for each in restored(saved).changes] == [each.key for each in of.changes]
    assert "migrate migration.m: migrations/m.py has not run" in "\n".join(each.text for each in saved_lines(saved))
    (document,) = [each for each in plan_document(of)["changes"] if each["action"] == "migrate"]
    assert (document["address"], document["reasonCode"]) == ("migration.m", "not-run")
    assert document["requires"] == ["create:attribute.d/c/b"]


RECORD = MigrationRecord("1" * 64, Stage.DONE, "2026-11-30T12:00:00+00:00", "ann@laptop", counts={"read": 1200})


@pytest.mark.parametrize(
    ("declared", "known", "standing", "said"),
    [
        (migration(), None, Standing.PENDING, "has not run"),
        (migration(), RECORD, Standing.DONE, "has run, 2026-11-30T12:00:00+00:00 by ann@laptop"),
        (migration(), replace(RECORD, was_run=False), Standing.MARKED, "marked as run"),
        (migration(digest="2" * 64), RECORD, Standing.CHANGED, "has run, and its file was changed since"),
        (migration(), replace(RECORD, stage=Stage.BEGUN), Standing.BEGUN, "was started but not finished"),
        (migration(), replace(RECORD, stage=Stage.UNDOING), Standing.UNDOING, "is being undone"),
        (None, RECORD, Standing.UNDECLARED, "has run, and is no longer in the stack"),
    ],
)
def test_how_it_stands_is_said(
    declared: Migration | None, known: MigrationRecord | None, standing: Standing, said: str
) -> None:
    desired = with_migrations(texts("a"), *([declared] if declared is not None else []))
    all_of_them = standings(desired, State("l").with_migration(M, known))
    assert all_of_them[M][2] is standing
    (line,) = list_lines(all_of_them, "prod")
    assert line.text.startswith(f"m  {said}")
    assert next(show_lines(M, *all_of_them[M])).text.startswith("migration.m: ")
    assert migration_document(M, *all_of_them[M])["standing"] == str(standing)


def test_everything_about_one_is_shown() -> None:
    record = replace(RECORD, stage=Stage.BEGUN, run="https://ci/7", passes={"1 d/c": "1200", "2 d/e": "end"})
    declared = migration(needs=["collection.d/c"], before=["attribute.d/c/a"])
    lines = [each.text for each in show_lines(M, declared, record, Standing.BEGUN)]
    assert lines == [
        "migration.m: was started but not finished",
        "  file: migrations/m.py (111111111111), which cannot be undone",
        "  needs: collection.d/c",
        "  before: attribute.d/c/a",
        "  when: 2026-11-30T12:00:00+00:00 by ann@laptop, https://ci/7",
        f"  content: {'1' * 64}",
        "  documents: 1 200 read",
        "  pass 1 over d/c: up to 1200",
        "  pass 2 over d/e: at its end",
    ]


def test_where_there_are_none_that_is_said() -> None:
    (line,) = list_lines({}, "prod")
    assert line.text == "There are no migrations in the stack, and none has run in the environment prod."
