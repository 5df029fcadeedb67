"""Plans of a stack with one resource of every kind, in every form, against golden files.

After a change that is meant, `UPDATE_GOLDEN=1 pytest tests/unit/render/test_every_kind.py` writes them again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from raceday_iac.importing.adoption import adopt
from raceday_iac.kinds import KINDS, kind_of
from raceday_iac.loading.environment import load_environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Live, frozen
from raceday_iac.model.secret import Secret
from raceday_iac.packaging import pack_all, with_deployments
from raceday_iac.planning import Action, Plan, PlanOptions
from raceday_iac.planning.saved import plan_document
from raceday_iac.provider import ServerFacts
from raceday_iac.render.lines import fitting
from raceday_iac.render.plan_page import plan_page
from raceday_iac.render.plan_text import plan_lines, plan_markdown
from raceday_iac.state.document import new_state

from ..applied import plan

ROOT = Path(__file__).parents[3]
STACK = ROOT / "docs" / "examples" / "every-kind" / "stacks" / "everything.py"
GOLDEN = ROOT / "tests" / "data" / "golden"
WHERE = "project everything at https://appwrite.example/v1, Appwrite 1.9.6"
FACTS = ServerFacts("1.9.6")
SECRET = "hidden-value"


class _Secrets(dict[str, str]):
    """A value for each environment variable that is asked for."""

    def __contains__(self, _name: object) -> bool:
        return True

    def __getitem__(self, _name: str) -> str:
        return SECRET

    get = __getitem__  # type: ignore[assignment]


@cache
def desired() -> Desired:
    stack = load_stack(STACK)
    found = resolve(stack, load_environment(STACK, "local"), STACK.parents[1], _Secrets())
    return with_deployments(found, pack_all(found))


def live() -> Mapping[Address, Live]:
    """All of it as Appwrite shows it: without the values of secrets."""
    found = {}
    for at, resource in desired().resources.items():
        fields = {name: value for name, value in resource.fields.items() if not isinstance(value, Secret)}
        found[at] = Live(at, frozen(fields), f"id-{at.name}")
    return found


def creation() -> Plan:
    """Of a new project, which has its settings as Appwrite begins with them."""
    begun = {at: kind_of(at).originals(at) for at in desired().resources}
    real = {at: Live(at, fields[0], at.name) for at, fields in begun.items() if fields}
    return plan(desired(), real=real, facts=FACTS)


def destruction() -> Plan:
    real = dict(live())
    state = adopt(desired(), new_state(lambda: "lineage", lambda: "salt"), real, list(desired().resources)).state
    return plan(
        desired(), dataclasses.replace(state, serial=1), real, facts=FACTS, plan_options=PlanOptions(destroy=True)
    )


PLANS = {"create": creation, "destroy": destruction}


def as_text(of: Plan, width: int) -> str:
    return "".join(f"{line.text}\n" for line in fitting(plan_lines(of, WHERE), width))


FORMS = {
    "80.txt": lambda of: as_text(of, 80),
    "200.txt": lambda of: as_text(of, 200),
    "plan.md": lambda of: plan_markdown(of, WHERE),
    "plan.json": lambda of: json.dumps(plan_document(of), indent=2, ensure_ascii=False) + "\n",
    # How it looks is looked at in a browser, not compared.
    "plan.html": lambda of: re.sub(r"(?s)<style>.*?</style>", "", plan_page(of, WHERE)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", PLANS)
def test_a_plan_of_every_kind_reads_as_agreed(name: str, form: str) -> None:
    shown, golden = FORMS[form](PLANS[name]()), GOLDEN / f"every-kind-{name}-{form}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(shown, encoding="utf-8")
    assert SECRET not in shown
    assert shown == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_longer_than_the_terminal_but_a_command(name: str, width: int) -> None:
    lines = as_text(PLANS[name](), width).splitlines()
    assert [line for line in lines if len(line) > width and "raceday-iac" not in line] == []


@pytest.mark.shows("declare", "plan", kinds=KINDS)
def test_the_stack_has_every_kind_and_its_plans_name_it() -> None:
    """A new kind is declared in docs/examples/every-kind/: its page in the reference shows these lines."""
    assert {at.kind for at in desired().resources} == set(KINDS)
    assert {each.address.kind for each in creation().changes} == set(KINDS)
    stays = {name for name, kind in KINDS.items() if kind.is_setting}
    assert {each.address.kind for each in destruction().changes if each.action is Action.DELETE} == set(KINDS) - stays
