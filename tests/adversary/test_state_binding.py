"""A state is used for the project and the stack that it belongs to, and for nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from e2e.budget import Creations
from e2e.command import Ended
from e2e.places import keep_state
from e2e.project import ENVIRONMENT
from e2e.target import Site, Target

from .harness import Arena
from .losing import COLLECTION, DB, FUNCTION, apply, at, count, here, run, settle, write

#: Every command that looks at the project or changes it by what the state says.
COMMANDS = (
    "plan",
    "plan --out x.plan",
    "plan --refresh-only",
    "apply --auto-approve",
    "apply --auto-approve --refresh-only",
    "drift",
    "destroy fn --auto-approve",
    "import --all",
    "recover --auto-approve",
    "rollback fn --auto-approve",
    "deployments fn",
    "deployments fn --clean --auto-approve",
)


@pytest.fixture
def ours(empty: Arena) -> Arena:
    settle(empty, DB, COLLECTION, FUNCTION)
    write(empty, 2)
    return empty


@pytest.fixture
def theirs(server: Any) -> Site:
    """Another project on the same server, with its own key."""
    return Target({}, server, Creations(0)).site()


def point_at(arena: Arena, site: Site) -> None:
    """The environment's variables name another project."""
    arena.variables |= {"APPWRITE_PROJECT_ID": site.project, "APPWRITE_API_KEY": site.key}
    arena.secrets.append(site.key)


def words(arena: Arena, command: str) -> list[str]:
    named = {"fn": arena.id("fn"), "x.plan": str(arena.root / "x.plan")}
    return [named.get(word, word) for word in command.split()]


def their_function(arena: Arena, site: Site) -> str:
    """Somebody else's function that happens to have the id of one of ours."""
    path = f"/functions/{arena.id('fn')}"
    site.api().post("/functions", {"functionId": arena.id("fn"), "name": "Theirs", "runtime": "node-22"})
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_another_project_is_refused_by_every_command(ours: Arena, theirs: Site, command: str) -> None:
    path = their_function(ours, theirs)
    point_at(ours, theirs)
    ours.declare(DB + COLLECTION)
    before = ours.state_file.read_bytes()
    ended = run(ours, *words(ours, command), code=5)
    assert f"its project is {ours.site.project}, but this is {theirs.project}" in ended.err
    assert "Nothing was changed" in ended.err
    assert "raceday-iac state rebind" in ended.err
    assert theirs.api().has(path)
    assert ours.proxy.writes() == 0 or ours.state_file.read_bytes() == before
    assert ours.state_file.read_bytes() == before


def second_stack(arena: Arena) -> Path:
    file = arena.root / "stacks" / "second.py"
    file.write_text(
        "from raceday_iac.model.stack import Stack\n"
        f'stack = Stack("second")\nstack.database({arena.id("other")!r}, name="Other")\n',
        encoding="utf-8",
    )
    return file


def with_stack(arena: Arena, file: Path, *command: str, environment: str = ENVIRONMENT, code: int = 0) -> Ended:
    """A run with another stack file, or environment."""
    return here(arena, *command, "--env", environment, "--stack", str(file), code=code)


@pytest.mark.parametrize("command", ["plan", "apply --auto-approve", "drift", "import --all"])
def test_a_second_stack_over_the_same_state_is_refused(ours: Arena, command: str) -> None:
    ended = with_stack(ours, second_stack(ours), *command.split(), code=5)
    assert "its stack is e2e, but this is second" in ended.err
    assert "give each stack an environment of its own" in ended.err
    assert count(ours) == 2


def test_two_stacks_in_one_project_live_beside_each_other_with_environments_of_their_own(ours: Arena) -> None:
    environments = ours.root / "stacks" / "environments"
    shutil.copy(environments / f"{ENVIRONMENT}.yaml", environments / "second.yaml")
    file = second_stack(ours)
    with_stack(ours, file, "apply", "--auto-approve", environment="second")
    assert ours.api.has(f"/databases/{ours.id('other')}")
    with_stack(ours, file, "plan", "--detailed-exitcode", environment="second")
    run(ours, "plan", "--detailed-exitcode")
    assert count(ours) == 2


def test_another_endpoint_is_refused(ours: Arena) -> None:
    """The same project id on another server, or the same server by another name: nobody can know."""
    other = ours.proxy.endpoint.replace("127.0.0.1", "localhost")
    ours.variables["APPWRITE_ENDPOINT"] = other
    assert f"its endpoint is {ours.proxy.endpoint}, but this is {other}" in run(ours, "plan", code=5).err


def test_a_move_that_is_meant_is_said_once_and_written_down(ours: Arena, theirs: Site) -> None:
    point_at(ours, theirs)
    asked = run(ours, "state", "rebind", code=5)
    assert f"its project is {ours.site.project}, and becomes {theirs.project}" in asked.err
    assert "run the command again with --yes" in asked.err
    ended = run(ours, "state", "rebind", "--yes", "--json")
    assert ended.json["after"]["project"] == theirs.project
    run(ours, "plan")
    apply(ours)
    assert theirs.api().has(f"/functions/{ours.id('fn')}")
    log = (ours.state_folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    records = [each.get("record", each) for each in map(json.loads, log)]
    (record,) = [each for each in records if each.get("event") == "rebind"]
    assert (record["before"]["project"], record["after"]["project"]) == (ours.site.project, theirs.project)
    assert count(ours) == 2, "what was there before is still there"


def test_rebinding_what_has_not_moved_does_nothing(ours: Arena) -> None:
    before = ours.state_file.read_bytes()
    assert "Nothing to do: the state belongs to stack e2e" in run(ours, "state", "rebind").out
    assert ours.state_file.read_bytes() == before


def older(arena: Arena) -> None:
    """The state as a program wrote it that knew nothing of this."""
    content = json.loads(arena.state_file.read_text(encoding="utf-8"))
    del content["bound"]
    content["format"] = 2
    arena.state_file.write_text(json.dumps(content), encoding="utf-8")


def bound(arena: Arena) -> Any:
    return json.loads(arena.state_file.read_text(encoding="utf-8")).get("bound")


def test_an_older_state_belongs_to_where_it_is_first_saved(ours: Arena, theirs: Site) -> None:
    older(ours)
    run(ours, "plan")
    assert bound(ours) is None, "looking writes nothing"
    ours.declare(DB + COLLECTION + FUNCTION.replace('name="Fn"', 'name="New"'))
    apply(ours)
    endpoint, project = ours.proxy.endpoint, ours.site.project
    assert bound(ours) == {"endpoint": endpoint, "project": project, "stack": "e2e"}
    point_at(ours, theirs)
    run(ours, "plan", code=5)


def test_the_key_and_a_password_in_the_address_are_not_in_it(ours: Arena) -> None:
    assert ours.site.key not in ours.state_file.read_text(encoding="utf-8")


def test_a_state_of_another_project_is_not_pushed_into_an_environment(ours: Arena, theirs: Site) -> None:
    file = ours.root / "pulled.json"
    file.write_text(run(ours, "state", "pull").out, encoding="utf-8")
    run(ours, "state", "push", str(file))
    point_at(ours, theirs)
    ended = run(ours, "state", "push", str(file), code=5)
    assert f"its project is {ours.site.project}, but this is {theirs.project}" in ended.err
    run(ours, "state", "push", str(file), "--force")
    run(ours, "plan", code=5)


def test_an_earlier_state_of_before_it_belonged_to_anything_belongs_to_what_the_current_one_does(ours: Arena) -> None:
    older(ours)
    serial = json.loads(ours.state_file.read_text(encoding="utf-8"))["serial"]
    ours.declare(DB + COLLECTION + FUNCTION.replace('name="Fn"', 'name="New"'))
    apply(ours)
    now = bound(ours)
    run(ours, "state", "restore", str(serial))
    assert bound(ours) == now


def test_state_that_is_kept_in_another_project_knows_what_it_belongs_to(
    empty: Arena, theirs: Site, server: Any
) -> None:
    """The case in which the very same state meets another project without a file being copied."""
    store = Target({}, server, Creations(0)).site()
    empty.secret("STATE_KEY", store.key)
    place = f"endpoint: {store.endpoint}\nproject: {store.project}\napi_key_env: STATE_KEY"
    keep_state(empty, f"backend: appwrite\n{place}")
    settle(empty, DB, FUNCTION)
    path = their_function(empty, theirs)
    point_at(empty, theirs)
    empty.declare(DB)
    assert f"this is {theirs.project}" in run(empty, "apply", "--auto-approve", code=5).err
    assert theirs.api().has(path)
    run(empty, "state", "rebind", "--yes")
    assert at(empty, "database") in run(empty, "plan").out


def test_the_embedded_server_has_another_port_each_time_and_is_still_the_same(empty: Arena) -> None:
    environment = empty.root / "stacks" / "environments" / f"{ENVIRONMENT}.yaml"
    environment.write_text("endpoint: embedded\nproject: one\n", encoding="utf-8")
    empty.declare(DB)
    apply(empty)
    assert bound(empty) == {"endpoint": "embedded", "project": "one", "stack": "e2e"}
    run(empty, "plan", "--detailed-exitcode")
    environment.write_text("endpoint: embedded\nproject: two\n", encoding="utf-8")
    assert "its project is one, but this is two" in run(empty, "plan", code=5).err
