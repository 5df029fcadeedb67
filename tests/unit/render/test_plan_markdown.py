"""Plans as comments on pull requests."""

from __future__ import annotations

import re

from raceday_iac.planning import Plan
from raceday_iac.render.plan_text import plan_markdown

from .reports import HOSTILE, SECRET, hostile, large, secretive
from .test_markdown import cells
from .test_plan_text import all_goes, before, changed, partial, plan_between

GOLDEN = """\
## Plan for `test`: 8 to create, 2 to update, 3 to delete

project p at http://x/v1

**Deletions and replacements**

| | resource | what changes |
|---|---|---|
| 🟥&nbsp;delete | `variable.f/K` | <sub>the stack no longer declares it</sub> |
| 🟥&nbsp;delete | `function.old` | <sub>replaced by f</sub> |
| 🟥&nbsp;delete | `attribute.d/c/b` | <sub>the stack no longer declares it</sub> |

**Other changes**

| | resource | what changes |
|---|---|---|
| 🟩&nbsp;create | `database.e` | `name`: `"E"`<br>`enabled`: `true` |
| 🟩&nbsp;create | `collection.e/c` | 1 attribute<br>`name`: `"C"`<br>`permissions`: `[]`<br>`documentSecurity`: `false`<br>`enabled`: `true`<br>`x` `boolean` |
| 🟨&nbsp;update | `attribute.d/c/a` | `size`: `10` → `20`<br><sub>the stack changed</sub> |
| 🟨&nbsp;update | `function.f` | `timeout`: `840` → `150`<br>`scopes`: `+"documents.write"` `-"users.read"`<br><sub>the stack changed</sub> |
| 🟩&nbsp;create | `variable.f/L` | `value`: `"w"`<br>`secret`: `false` |
| 🟩&nbsp;create | in `collection.d/c` | 2 attributes, 1 relationship, 1 index<br>`c` `integer`<br>`n` `integer`<br>`r` `relationship oneToOne relatedCollection: "c", twoWayKey: "back", onDelete: "restrict"`<br>`j` `index key attributes: ["n"], orders: ["ASC"]` |
"""  # noqa: E501


def shown(of: Plan) -> str:
    return plan_markdown(of, "project p at http://x/v1")


def test_a_plan_reads_like_this() -> None:
    assert shown(changed()).startswith(GOLDEN)


def test_what_goes_with_something_stands_among_what_goes_away() -> None:
    text = shown(all_goes())
    assert text.startswith("## Plan for `test`: 9 to delete\n")
    gone = text.partition("Deletions and replacements")[2].partition("Other changes")[0]
    assert (
        "| 🟥&nbsp;delete | `collection.d/c`<br>with `database.d` | 2 attributes, 1 index<br>"
        "<sub>the stack no longer declares it</sub> |"
    ) in gone
    theirs = "`collection.d/theirs`<br>with `database.d` | <sub>live, but neither declared nor managed</sub>"
    assert f"| 🟥&nbsp;delete | {theirs} |" in gone


def test_nothing_to_do_is_the_headline() -> None:
    assert shown(plan_between(before(), before())).startswith(
        "## Plan for `test`: No changes. Appwrite matches the configuration\n"
    )


def test_a_refusal_stands_first_with_what_would_allow_it() -> None:
    text = shown(changed(documents=7))
    assert text.index("[!CAUTION]") < text.index("Deletions and replacements")
    assert "7 documents would lose its values" in text
    assert "--allow-data-loss attribute.d/c/b" in text


def test_what_was_left_out_and_what_is_unmanaged_is_folded_away() -> None:
    text = shown(partial(targets=("index.d/c/j",)))
    assert "<summary>Left out: not part of this plan (11)</summary>" in text
    assert "- delete `function.old`" in text
    assert "- `function.foreign`" in text


def test_hostile_texts_stay_in_their_cells() -> None:
    text = shown(hostile())
    table = [line for line in text.splitlines() if line.startswith("| 🟥") or line.startswith("| 🟨")]
    assert [len(cells(line)) for line in table] == [3, 3, 3]
    outside_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "<script>" not in outside_code
    assert "@octocat" not in outside_code
    assert HOSTILE.replace("|", "\\|") in text


def test_no_secret_is_in_it() -> None:
    text = shown(secretive())
    assert "`value`: `***` → `***`" in text
    assert SECRET not in text


def test_the_largest_plan_fits_into_a_comment_and_says_what_it_lacks() -> None:
    of = large()
    text = shown(of)
    assert len(text.encode()) < 65_536
    rows = text.count("| 🟨")
    assert f"{600 - rows} of 600 changes not shown" in text
    assert text.count("| 🟥") == 20


def test_the_summary_counts_what_is_cut_too() -> None:
    assert shown(large()).startswith("## Plan for `test`: 600 to update, 20 to delete")
