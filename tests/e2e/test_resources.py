"""The whole life of resources that lie nowhere, of each kind in turn (`samples.py`)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.kinds import KINDS
from raceday_iac.model.server import release

from .conftest import OpenProject
from .here import run_here
from .project import Project, actions
from .samples import SAMPLES, Sample, entry
from .target import Target, needs

live = pytest.mark.live
EACH = pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.kind)
WITH_DATA = pytest.mark.parametrize("sample", [each for each in SAMPLES if each.fill], ids=lambda each: each.kind)
IN_FILES = pytest.mark.parametrize("sample", [each for each in SAMPLES if each.listed], ids=lambda each: each.kind)
#: What another project may have taken away, on Appwrite 1.9.6.
SERVER_WIDE = pytest.mark.parametrize(
    "sample", [each for each in SAMPLES if KINDS[each.kind].is_server_wide], ids=lambda each: each.kind
)
LINTED = pytest.mark.parametrize("sample", [each for each in SAMPLES if each.code], ids=lambda each: each.kind)


@pytest.fixture(scope="session")
def target(newer_target: Target) -> Target:
    """Some kinds are younger than 1.8."""
    return newer_target


@pytest.fixture(autouse=True)
def _secrets(request: pytest.FixtureRequest, project: Project) -> None:
    sample = request.node.callspec.params.get("sample") if hasattr(request.node, "callspec") else None
    if sample:
        needs(f"Appwrite has it since {sample.since}", project.api.version >= release(sample.since))
        project.api.announce(sample.since)
        needs("A key may make keys", sample.kind != "key" or project.api.makes_keys)
    for name, value in (sample.secrets if sample else {}).items():
        project.secret(name, value)


def here(project: Project, *words: str, code: int = 0) -> Any:
    """A run in this process, which must end with `code`."""
    ended = run_here(project, *words)
    assert ended.code == code, f"expected exit {code}\n{ended}"
    assert not [each for each in project.secrets if each in ended.text]
    return ended


def apply(project: Project, *words: str, code: int = 0) -> Any:
    return here(project, "apply", "--auto-approve", *words, code=code)


def planned(project: Project) -> dict[str, str]:
    return actions(here(project, "plan", "--json").json)


def fields_of(plan: Any) -> dict[str, tuple[Any, Any, str]]:
    """Of the only change: before, after and cause of each field."""
    (change,) = plan["changes"]
    return {each["name"]: (each["before"], each["after"], each["cause"]) for each in change["fields"]}


@pytest.mark.shows("plan", "apply")
@live
@EACH
def test_one_is_made_changed_and_deleted(project: Project, sample: Sample) -> None:
    project.declare(sample.stack())
    assert planned(project)[sample.address(project)] == "create"
    apply(project)
    project.must_be_clean()
    made = project.api.get(sample.at(project))
    project.declare(sample.stack(**sample.changed))
    plan = here(project, "plan", "--json").json
    assert actions(plan) == {sample.address(project): sample.change}
    assert {cause for _, _, cause in fields_of(plan).values()} == {"config"}
    assert len(fields_of(plan)) == len(sample.changed)
    apply(project)
    project.must_be_clean()
    assert project.api.get(sample.at(project)) != made
    project.declare(sample.before)
    assert planned(project) == {sample.address(project): "delete"}
    apply(project)
    assert not project.api.has(sample.at(project))


@pytest.mark.shows("drift")
@live
@EACH
def test_what_somebody_changed_is_drift_and_is_taken_back(project: Project, sample: Sample) -> None:
    project.declare(sample.stack())
    apply(project)
    sample.set_by_hand(project, **sample.by_hand)
    found = here(project, "drift", code=3)
    assert sample.address(project) in found.out
    plan = here(project, "plan", "--json").json
    assert {cause for _, _, cause in fields_of(plan).values()} == {"drift"}
    apply(project)
    project.must_be_clean()
    project.api.delete(sample.at(project))
    assert planned(project) == {sample.address(project): "create"}
    apply(project)
    project.must_be_clean()


@EACH
def test_what_both_sides_changed_is_a_conflict_that_says_what_was_applied(project: Project, sample: Sample) -> None:
    project.declare(sample.stack())
    apply(project)
    theirs, ours = sample.texts
    sample.set_by_hand(project, **{sample.word: theirs})
    project.declare(sample.stack(**{sample.word: ours}))
    assert fields_of(here(project, "plan", "--json").json)[sample.word] == (theirs, ours, "conflict")
    assert "last applied" in here(project, "plan").out


@EACH
def test_one_is_protected_forgotten_left_to_others_and_buried(project: Project, sample: Sample) -> None:
    address = sample.address(project)
    project.declare(sample.stack() + f'stack.protect("{address}", reason="the only one")\n')
    apply(project)
    project.declare(sample.before + f'stack.protect("{address}", reason="the only one")\n')
    assert "is protected (the only one)" in apply(project, code=5).out
    project.declare(sample.stack() + f'stack.ignore("{address}", "{sample.word}")\n')
    sample.set_by_hand(project, **{sample.word: sample.texts[0]})
    assert here(project, "drift").code == 0
    project.declare(sample.before + f'stack.forget("{address}", reason="theirs now")\n')
    apply(project)
    assert (address in project.state(), project.api.has(sample.at(project))) == (False, True)
    project.declare(sample.before + f'stack.absent("{address}", reason="removed")\n')
    assert planned(project) == {address: "delete"}
    apply(project)
    assert not project.api.has(sample.at(project))
    project.must_be_clean()


@WITH_DATA
def test_one_that_holds_data_is_not_deleted_unasked(project: Project, sample: Sample) -> None:
    assert sample.fill is not None
    project.declare(sample.stack())
    apply(project)
    sample.fill(project.api, sample.at(project))
    project.must_be_clean()
    project.declare(f'stack.absent("{sample.address(project)}", reason="removed")\n')
    refused = apply(project, code=5)
    assert f"delete of {sample.address(project)} is refused: {sample.lost}" in refused.out
    assert project.api.has(sample.at(project))
    number = sample.lost.split()[0]
    apply(project, "--allow-data-loss", f"{sample.address(project)}={number}")
    assert not project.api.has(sample.at(project))


@pytest.mark.shows("import")
@EACH
def test_a_plan_without_changes_asks_for_the_list_once_and_a_lost_state_is_imported(
    project: Project, sample: Sample
) -> None:
    project.declare(sample.stack())
    apply(project)
    project.proxy.forget()
    project.must_be_clean()
    assert project.proxy.count("GET", sample.route) == 1
    assert project.proxy.count("GET", f"{sample.at(project)}*") == 0
    project.lose_state()
    here(project, "import", "--all")
    project.must_be_clean()
    assert sample.address(project) in project.state()


@pytest.mark.shows("import")
@EACH
def test_the_written_stack_of_a_live_one_changes_nothing(project: Project, sample: Sample, target: Target) -> None:
    needs("a whole project is imported", not target.is_live)
    project.declare(sample.stack(**sample.changed))
    apply(project)
    before = project.api.get(sample.at(project))
    here(project, "import", "--write", str(project.root / "stacks" / "e2e.py"))
    text = (project.root / "stacks" / "e2e.py").read_text(encoding="utf-8")
    assert f"stack.{sample.method or sample.kind}(" in text
    reported = [value for name, value in sample.secrets.items() if name != sample.untold]
    for name, value in zip(re.findall(r'FromEnvironment\("(\w+)"\)', text), reported, strict=True):
        project.secret(name, value)
    project.stack_file.write_text(text, encoding="utf-8")
    project.must_be_clean()
    assert project.api.get(sample.at(project)) == before


@pytest.mark.shows("export")
@IN_FILES
def test_it_goes_through_a_file_of_appwrites_command_line(project: Project, sample: Sample) -> None:
    project.declare(sample.stack())
    apply(project)
    file = project.root / "appwrite.json"
    content = {
        "projectId": "p",
        "projectName": "P",
        sample.listed: [entry(sample, project.api.get(sample.at(project)))],
    }
    file.write_text(json.dumps(content), encoding="utf-8")
    written = project.root / "stacks" / "e2e.py"
    here(project, "import", "--from-appwrite-json", str(file), "--write", str(written))
    project.stack_file.write_text(written.read_text(encoding="utf-8"), encoding="utf-8")
    project.must_be_clean()
    here(project, "export", "--appwrite-json", str(project.root / "out.json"))
    exported = json.loads((project.root / "out.json").read_text(encoding="utf-8"))
    declaring = KINDS[sample.kind].declaring
    assert declaring is not None
    said = [{name: each[name] for name in each if name not in declaring.file_unsaid} for each in content[sample.listed]]
    assert exported[sample.listed] == said


@EACH
def test_one_that_nobody_declares_is_named_where_that_is_asked_for(
    project: Project, sample: Sample, target: Target
) -> None:
    needs("another project may hold more", not target.is_live)
    project.declare(sample.stack())
    apply(project)
    project.declare(sample.before + f'stack.forget("{sample.address(project)}", reason="theirs")\n')
    apply(project)
    project.declare(sample.before)
    project.proxy.forget()
    assert here(project, "plan", "--json").json["unmanaged"] == []
    assert project.proxy.count("GET", sample.route) == 0
    assert here(project, "plan", "--json", "--unmanaged").json["unmanaged"] == [sample.address(project)]
    assert sample.address(project) in here(project, "drift", "--unmanaged", "--verbose").out
    project.declare(sample.stack(other="other"))
    assert here(project, "plan", "--json").json["unmanaged"] == [sample.address(project)]


@SERVER_WIDE
def test_an_id_that_another_project_has_is_named_and_nothing_is_adopted(
    project: Project, sample: Sample, target: Target, open_project: OpenProject, tmp_path: Path
) -> None:
    needs("another project has to be made", not target.is_live)
    with open_project(tmp_path / "other") as other:
        other.prefix, other.variables, other.secrets = project.prefix, project.variables, project.secrets
        other.declare(sample.stack())
        apply(other)
        other.api.announce(sample.since)
        theirs = other.api.get(sample.at(other))
        project.declare(sample.stack(**sample.changed))
        failed = apply(project, code=1)
        assert "unique over all projects of a server" in failed.text
        assert not project.state_file.exists() or sample.address(project) not in project.state()
        assert other.api.get(sample.at(other)) == theirs


def closed(route: str, status: int, kind: str) -> Any:
    """Whoever asks for the list is refused."""
    from raceday_iac.devserver.faults import RequestFault

    return RequestFault(path=f"*{route}*", status=status, type=kind, message="not here", times=1000)


@EACH
def test_a_key_that_may_not_see_it_is_reported_once_and_only_where_it_is_declared(
    project: Project, sample: Sample, faults: Any
) -> None:
    faults.add(closed(sample.route, 401, "general_unauthorized_scope"))
    project.declare(sample.stack() + sample.call(other="y"))
    refused = here(project, "plan", code=5)
    assert refused.out.count("cannot be managed: The API key is not allowed to do this") == 1
    project.declare("")
    assert "cannot be managed" not in here(project, "plan", "--unmanaged").text


@EACH
def test_a_server_that_does_not_have_it_is_reported_once(project: Project, sample: Sample, faults: Any) -> None:
    faults.add(closed(sample.route, 404, "general_route_not_found"))
    project.declare(sample.stack() + sample.call(other="y"))
    refused = here(project, "plan", code=5)
    assert refused.out.count("cannot be managed on Appwrite") == 1
    planned_beside = actions(json.loads(here(project, "plan", "--json", code=5).out))
    assert [each for each in planned_beside if each.startswith(f"{sample.kind}.")] == []


@pytest.mark.shows("lint")
@LINTED
def test_lint_finds_dangerous_settings(project: Project, sample: Sample) -> None:
    project.declare(sample.stack())
    assert sample.code not in here(project, "lint").out
    project.declare(sample.stack(**sample.dangerous))
    assert f"{sample.code}" in run_here(project, "lint").out
