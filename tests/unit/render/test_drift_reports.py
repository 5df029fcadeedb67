"""Drift verdicts as Markdown and as a page."""

from __future__ import annotations

from raceday_iac.drift import Verdict, classify
from raceday_iac.planning import Plan
from raceday_iac.render.drift_text import drift_markdown, drift_page

from ..applied import plan_between
from ..declaring import stack_with_function
from .reports import SECRET, accepted, drifted, hostile, large, secretive
from .test_plan_page import Reader

GOLDEN = """\
## Drift check of `test`: 1 in conflict, 1 changed on the server, 1 not applied yet

here

**💥 Changed on the server and in the stack: 1**

| resource | on the server → in the stack |
|---|---|
| `function.f` | `entrypoint`: `"c.py"` → `"a.py"` (last applied `"b.py"`) |

**⚠️ Somebody changed the server: 1**

| resource | on the server → in the stack |
|---|---|
| `function.f` | `timeout`: `2` → `1` |

**⏳ In the stack, but not applied yet: 1**

| resource | on the server → in the stack |
|---|---|
| `function.f` | `commands`: `""` → `"new"`<br><sub>both the stack and the server changed</sub> |

To revert it: `raceday-iac apply`. To keep it: change the stack.

<details><summary>Unmanaged: live, but neither declared nor managed (1)</summary>

- `function.theirs`

</details>
"""


def shown(of: Plan, verdict: Verdict | None = None) -> str:
    return drift_markdown(verdict or classify(of), of, "here")


def page(of: Plan, verdict: Verdict | None = None) -> str:
    return Reader(drift_page(verdict or classify(of), of, "here")).text


def test_a_verdict_reads_like_this() -> None:
    assert shown(drifted()) == GOLDEN


def test_a_clean_project_is_said_to_be_clean() -> None:
    clean = plan_between(stack_with_function(), stack_with_function())
    assert "✅ No drift: nobody changed what the stack manages." in shown(clean)
    assert "No drift: nobody changed what the stack manages." in page(clean)


def test_what_is_accepted_has_its_reason_and_last_day_in_both() -> None:
    of = drifted()
    verdict = accepted(of, "2026-02-01")
    assert "| `function.f` | `timeout`: `2` → `1` | 2026-02-01 | agreed |" in shown(of, verdict)
    assert "Accepted until 2026-02-01: agreed" in page(of, verdict)


def test_an_ended_acceptance_is_said_to_be_over_in_both() -> None:
    of = drifted()
    verdict = accepted(of, "2026-01-01")
    for text in (shown(of, verdict), page(of, verdict)):
        assert "was accepted until 2026-01-01 (agreed); that is over" in text


def test_the_page_says_every_verdict() -> None:
    text = page(drifted())
    for word in ("conflict", "changed", "not applied", "unmanaged", "function.theirs", "last applied"):
        assert word in text


def test_no_secret_is_in_either() -> None:
    of = secretive()
    assert SECRET not in shown(of)
    assert SECRET not in drift_page(classify(of), of, "here")


def test_hostile_texts_do_nothing() -> None:
    of = hostile()
    tags = [tag for tag, _ in Reader(drift_page(classify(of), of, "here")).elements]
    assert "script" not in tags


def test_a_very_large_verdict_fits_into_an_issue() -> None:
    text = shown(large())
    assert len(text.encode()) < 65_536
    assert "not applied not shown" in text
