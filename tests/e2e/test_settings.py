"""The whole life of settings, which every project has, of each kind in turn (`settings.py`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from raceday_iac.kinds.setting import SINCE
from raceday_iac.model.server import release

from .here import run_here
from .project import Project, actions
from .settings import SETTINGS, Setting
from .target import Target, needs
from .test_resources import apply, closed, fields_of, here, planned

EVERY = pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.address)
#: One of each kind: what holds of it holds of the others.
EACH = pytest.mark.parametrize(
    "setting", {each.kind: each for each in reversed(SETTINGS)}.values(), ids=lambda each: each.address
)
SECRET = pytest.mark.parametrize(
    "setting", {each.kind: each for each in SETTINGS if each.secrets}.values(), ids=lambda each: each.address
)
LINTED = pytest.mark.parametrize("setting", [each for each in SETTINGS if each.code], ids=lambda each: each.address)


@pytest.fixture(scope="session")
def target(newer_target: Target) -> Target:
    """Keys may change settings since 1.9.5. They are those of the whole project, so that it must be one of our own."""
    needs("settings are those of a whole project", newer_target.has_own_project)
    return newer_target


@pytest.fixture(autouse=True)
def _as_before(request: pytest.FixtureRequest, target: Target) -> Iterator[None]:
    """In a project that is used again, a setting is set back."""
    setting = request.node.callspec.params.get("setting") if hasattr(request.node, "callspec") else None
    if not target.is_live or setting is None:
        yield
        return
    project = request.getfixturevalue("project")
    needs(f"Appwrite has it since {SINCE}", project.api.version >= release(SINCE))
    needs("a real Appwrite asks others about it, or never gets rid of it", not setting.is_delicate)
    yield
    project.declare(f'stack.absent("{setting.address}", reason="as it was")\n')
    apply(project)


@pytest.fixture(autouse=True)
def _secrets(request: pytest.FixtureRequest, project: Project) -> None:
    setting = request.node.callspec.params.get("setting") if hasattr(request.node, "callspec") else None
    for name, value in (setting.secrets if setting else {}).items():
        project.secret(name, value)


def live(project: Project, setting: Setting) -> Mapping[str, Any]:
    """All that is reported where it is read, without what changes with every write."""
    text = re.sub(r'"\$(created|updated)At": "[^"]*"', '"": ""', json.dumps(project.api.get(setting.read_at)))
    found: Mapping[str, Any] = json.loads(text)
    return found


def by_hand(project: Project, setting: Setting) -> None:
    getattr(project.api, setting.update)(setting.route, setting.by_hand)


@pytest.mark.shows("plan", "apply")
@pytest.mark.live
@EVERY
def test_one_is_set_changed_and_left_as_it_is(project: Project, setting: Setting) -> None:
    project.declare(setting.before + setting.call())
    assert planned(project)[setting.address] == setting.first_action
    apply(project)
    project.must_be_clean()
    made = live(project, setting)
    project.declare(setting.before + setting.changed_call())
    plan = here(project, "plan", "--json").json
    assert actions(plan) == {setting.address: "update"}
    assert {cause for _, _, cause in fields_of(plan).values()} == {"config"}
    assert len(fields_of(plan)) == len(setting.changed or setting.other)
    apply(project)
    project.must_be_clean()
    changed = live(project, setting)
    assert changed != made or setting.secrets
    project.declare(setting.before)
    (change,) = here(project, "plan", "--json").json["changes"]
    assert (change["address"], change["action"]) == (setting.address, setting.last_action)
    stays = setting.last_action == "forget"
    assert ("the stack no longer declares it; it stays as it is (" in change["reason"]) == stays
    apply(project)
    assert setting.address not in project.state()
    assert (live(project, setting) == changed) == stays


@pytest.mark.shows("drift")
@pytest.mark.live
@EACH
def test_what_somebody_changed_is_drift_and_is_taken_back(project: Project, setting: Setting) -> None:
    project.declare(setting.before + setting.call())
    apply(project)
    made = live(project, setting)
    by_hand(project, setting)
    assert live(project, setting) != made
    assert setting.address in here(project, "drift", code=3).out
    plan = here(project, "plan", "--json").json
    assert {name: cause for name, (_, _, cause) in fields_of(plan).items()} == {setting.field: "drift"}
    apply(project)
    project.must_be_clean()
    assert live(project, setting) == made


@EACH
def test_one_is_left_to_others_forgotten_and_set_back(project: Project, setting: Setting) -> None:
    project.declare(setting.before + setting.call())
    apply(project)
    project.declare(setting.before + setting.call() + f'stack.ignore("{setting.address}", "{setting.field}")\n')
    by_hand(project, setting)
    assert here(project, "drift").code == 0
    theirs = live(project, setting)
    project.declare(setting.before + f'stack.forget("{setting.address}", reason="theirs now")\n')
    apply(project)
    assert (setting.address in project.state(), live(project, setting)) == (False, theirs)


@EACH
def test_one_that_is_declared_absent_is_set_back(project: Project, setting: Setting) -> None:
    if not setting.has_original:
        project.declare(f'stack.absent("{setting.address}", reason="as it was")\n')
        assert "declare the value that it should have" in here(project, "plan", code=1).text
        return
    begun = live(project, setting)
    project.declare(setting.before + setting.call())
    apply(project)
    assert live(project, setting) != begun
    project.declare(f'stack.absent("{setting.address}", reason="as it was")\n')
    assert planned(project)[setting.address] == ("update" if setting.last_action == "forget" else "delete")
    apply(project)
    project.must_be_clean()
    assert setting.left is None or live(project, setting) == {**begun, **setting.left}
    project.declare("")
    apply(project)
    assert here(project, "plan", "--json", "--unmanaged").json["unmanaged"] == []


@pytest.mark.shows("import")
@EACH
def test_a_plan_without_changes_asks_once_and_a_lost_state_is_imported(project: Project, setting: Setting) -> None:
    project.declare(setting.before + setting.call())
    apply(project)
    project.proxy.forget()
    project.must_be_clean()
    assert project.proxy.count("GET", setting.read_at) == 1
    assert project.proxy.count("GET", f"{setting.read_at}/*") == 0
    project.lose_state()
    here(project, "import", "--all")
    project.must_be_clean()
    assert setting.address in project.state()


@pytest.mark.shows("import")
@EACH
def test_the_written_stack_of_a_live_one_changes_nothing(project: Project, setting: Setting) -> None:
    project.declare(setting.before + setting.call())
    apply(project)
    before = live(project, setting)
    written = project.root / "stacks" / "e2e.py"
    here(project, "import", "--write", str(written))
    text = written.read_text(encoding="utf-8")
    assert f"stack.{setting.method or setting.kind}(" in text
    for name in re.findall(r'FromEnvironment\("(\w+)"\)', text):
        project.secret(name, next(iter(setting.secrets.values()), "a-secret-nobody-sees"))
    project.stack_file.write_text(text, encoding="utf-8")
    here(project, "import", "--all")
    project.must_be_clean()
    assert live(project, setting) == before


@EACH
def test_only_what_somebody_changed_is_unmanaged(project: Project, setting: Setting, target: Target) -> None:
    needs("a project that nobody has used", not target.is_live)
    project.declare("")
    assert here(project, "plan", "--json", "--unmanaged").json["unmanaged"] == []
    project.declare(setting.before + setting.call())
    apply(project)
    project.declare(setting.before + f'stack.forget("{setting.address}", reason="theirs")\n')
    apply(project)
    project.declare(setting.before)
    project.proxy.forget()
    assert here(project, "plan", "--json").json["unmanaged"] == ([setting.address] if setting.is_read_anyway else [])
    assert here(project, "plan", "--json", "--unmanaged").json["unmanaged"] == [setting.address]


def test_all_settings_together_cost_a_request_for_each_answer_and_come_back(project: Project) -> None:
    for each in SETTINGS:
        for name, value in each.secrets.items():
            project.secret(name, value)
    project.declare("".join(each.call() for each in SETTINGS))
    apply(project)
    project.proxy.forget()
    project.must_be_clean()
    answers = sorted({each.read_at for each in SETTINGS})
    assert [each for each in answers if project.proxy.count("GET", each) != 1] == []
    assert project.proxy.count("GET", "/project*") == len(answers)
    written = project.root / "stacks" / "e2e.py"
    here(project, "import", "--write", str(written))
    text = written.read_text(encoding="utf-8")
    for name in re.findall(r'FromEnvironment\("(\w+)"\)', text):
        project.secret(name, "a-secret-nobody-sees")
    project.stack_file.write_text(text, encoding="utf-8")
    project.must_be_clean()


@EACH
def test_a_key_that_may_not_see_it_is_reported_once_and_only_where_it_is_declared(
    project: Project, setting: Setting, faults: Any
) -> None:
    faults.add(closed(setting.read_at, 401, "general_unauthorized_scope"))
    project.declare(setting.call())
    assert here(project, "plan", code=5).out.count("cannot be managed: The API key is not allowed to do this") == 1
    project.declare("")
    assert "cannot be managed" not in here(project, "plan", "--unmanaged").text


@EACH
def test_a_server_that_does_not_have_it_is_reported_once(project: Project, setting: Setting, faults: Any) -> None:
    faults.add(closed(setting.read_at, 404, "general_route_not_found"))
    project.declare(setting.call())
    refused = here(project, "plan", code=5)
    assert refused.out.count("cannot be managed on Appwrite") == 1
    assert actions(json.loads(here(project, "plan", "--json", code=5).out)) == {}


@SECRET
def test_a_rotated_secret_shows_and_one_that_was_changed_there_cannot(project: Project, setting: Setting) -> None:
    (name,) = setting.secrets
    project.declare(setting.call())
    apply(project)
    project.secret(name, "another-secret-nobody-sees")
    (shown,) = fields_of(here(project, "plan", "--json").json).values()
    assert shown == ("***", "***", "config")
    apply(project)
    project.must_be_clean()
    word = "password" if setting.kind == "smtp" else "clientSecret"
    project.api.patch(setting.route, {word: "by-hand"})
    project.must_be_clean()


@pytest.mark.shows("lint")
@LINTED
def test_lint_finds_dangerous_settings(project: Project, setting: Setting) -> None:
    project.declare(setting.call())
    assert setting.code not in here(project, "lint").out
    project.declare(setting.call(**setting.dangerous))
    assert setting.code in run_here(project, "lint").out
