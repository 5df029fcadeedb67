"""Resources of every plain kind made, changed and deleted, and settings: a kill at every write, and then a new run.

What a kill leaves is what is on the disk and on the server. A run that dies here sends and writes nothing more that
counts: its folder is put back to what it was at that instant.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.samples import SAMPLES
from e2e.settings import SETTINGS

from raceday_iac.applying import deploy, scheduler
from raceday_iac.cli.main import execute
from raceday_iac.devserver.ages import V1_9
from raceday_iac.devserver.functions.builds import Builder
from raceday_iac.provider.appwrite import reading

from .memory_server import MemoryServer, no_build
from .places import connect
from .raceday import KEY, Live
from .scene import AtOnce

HEAD = 'from raceday_iac.model.stack import FromEnvironment, Stack\n\nP = "one-"\nstack = Stack("resources")\n'
STACKS = {
    "nothing": "",
    "made": "".join(each.stack() for each in SAMPLES),
    "changed": "".join(each.stack(**each.changed) for each in SAMPLES),
}
#: One of each kind.
SOME_SETTINGS = {each.kind: each for each in reversed(SETTINGS)}.values()
SETTING_STACKS = {
    "nothing": "",
    "made": "".join(each.call() for each in SOME_SETTINGS),
    "changed": "".join(each.changed_call() for each in SOME_SETTINGS),
}
ENVIRONMENT = "endpoint: {endpoint}\nproject: {project}\napi_key_env: {key}\n"


class Died(BaseException):
    """Nothing catches it."""


class World:
    """A machine with the project and its server, of which copies can be kept."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.before = folder / "project", folder / "before"
        self.server, self.kept = (MemoryServer(folder / "server", appwrite=V1_9) for _ in "ab")
        self.left: int | None = None
        self.is_dead = False
        #: What somebody else does, once, when so many requests about documents more have come or been answered.
        self.meddling: tuple[int, Callable[[], object]] | None = None
        connect(patch, lambda: self.server, self._reached)
        (self.folder / "stacks" / "environments").mkdir(parents=True)
        text = ENVIRONMENT.format(endpoint=self.server.endpoint, project="raceday", key=KEY)
        (self.folder / "stacks" / "environments" / "e.yaml").write_text(text)
        patch.setenv(KEY, self.server.key)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def _reached(self, place: str) -> None:
        if self.is_dead:
            raise Died
        if self.meddling is not None and re.search("/(documents|transactions)", place):
            number, change = self.meddling
            self.meddling = (number - 1, change) if number else None
            if not number:
                change()
        if self.left is None or " GET " in place:
            return
        self.left -= 1
        if self.left < 0:
            self.is_dead = True
            _copy(self.state, self.before / "dead")
            raise Died

    def run(self, *words: str) -> int:
        return execute([*words, "--env", "e", "--stack", str(self.folder / "stacks" / "resources.py")])

    def dies(self, number: int, *words: str) -> bool:
        """A command (apply, where nothing is said) that is killed at its write of that number, counted before and after
        each. Whether it came to it."""
        self.left = number
        try:
            code = self.run(*(words or ("apply", "--auto-approve")))
        except Died:
            code = None
        finally:
            died, self.left, self.is_dead = self.is_dead, None, False
        if died:
            _copy(self.before / "dead", self.state)
        else:
            assert code == 0
        return died

    def keep(self) -> None:
        self.kept.become(self.server)
        _copy(self.state, self.before / "kept")

    def restore(self) -> None:
        self.server.become(self.kept)
        _copy(self.before / "kept", self.state)

    def kills(self, before: str, after: str, capsys: pytest.CaptureFixture[str]) -> Iterator[int]:
        """One stack becomes another, killed at each write in turn; a new run has finished it when the number comes."""
        stack = self.folder / "stacks" / "resources.py"
        stack.write_text(HEAD + before)
        assert self.run("apply", "--auto-approve") == 0
        self.keep()
        stack.write_text(HEAD + after)
        number = 0
        while self.dies(number):
            assert self.run("apply", "--auto-approve") == 0, (
                f"after a kill at write {number}\n{capsys.readouterr().err}"
            )
            assert self.run("plan", "--detailed-exitcode") == 0, f"after a kill at write {number}"
            yield number
            number += 1
            self.restore()

    def there(self) -> Iterator[str]:
        live = Live(self.server.endpoint, self.server.key)
        for sample in SAMPLES:
            yield from (f"{sample.kind}.{each[sample.identity]}" for each in live.all(sample.route, sample.key))


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, target)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for module in (scheduler, reading):
        monkeypatch.setattr(module, "ThreadPoolExecutor", AtOnce)
    for each in (*SAMPLES, *SETTINGS):
        for name, value in each.secrets.items():
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(Builder, "_steps", no_build)
    monkeypatch.setattr(deploy, "_FIRST_PAUSE", 0.0)
    # Each new state has a salt of its own, and what is slow for an attacker is slow here.
    monkeypatch.setattr(hashlib, "scrypt", _quick_digest)
    made = World(tmp_path, monkeypatch)
    yield made
    made.server.stop()
    made.kept.stop()


def _quick_digest(text: bytes, *, salt: bytes, dklen: int, **_: int) -> bytes:
    return hashlib.sha256(salt + text).digest()[:dklen]


SCHEMA = """
base = stack.database("d", name="D")
collection = base.collection("c", name="C")
collection.string("title", 20, required=True)
collection.relationship("to", "o", type="manyToOne")
others = base.collection("o", name="O")
others.string("title", 20)
others.document("one", {"title": "One"})
"""
DOCUMENTS = {
    "nothing": "",
    "made": f'{SCHEMA}collection.document("main", {{"title": "One", "to": "one"}})\n',
    "changed": f'{SCHEMA}collection.document("main", {{"title": "Two", "to": "two"}})\n'
    'others.document("two", {"title": "Two"})\n',
}


@pytest.mark.shows("crash", kinds=["database", "collection", "attribute", "relationship", "document"])
@pytest.mark.parametrize(("before", "after", "writes"), [("nothing", "made", 6), ("made", "changed", 2)])
def test_a_run_after_a_kill_finishes_documents_and_what_they_lead_to(
    world: World, before: str, after: str, writes: int
) -> None:
    stack = world.folder / "stacks" / "resources.py"
    stack.write_text(HEAD + DOCUMENTS[before])
    assert world.run("apply", "--auto-approve") == 0
    world.keep()
    stack.write_text(HEAD + DOCUMENTS[after])
    number = 0
    while world.dies(number):
        assert world.run("apply", "--auto-approve") == 0, f"after a kill at write {number}"
        assert world.run("plan", "--detailed-exitcode") == 0, f"after a kill at write {number}"
        number += 1
        world.restore()
    assert number == 2 * writes


SITES = {
    "nothing": "",
    "made": 'stack.site("s", name="S", framework="other", build_runtime="static-1", code="sites/one", '
    'variables={"A": "1"})\n',
    "changed": 'stack.site("s", name="S", framework="other", build_runtime="static-1", code="sites/two")\n',
}


@pytest.mark.shows("crash", kinds=["site", "site_variable", "site_deployment"])
@pytest.mark.parametrize(("before", "after", "writes"), [("nothing", "made", 4), ("made", "changed", 3)])
def test_a_run_after_a_kill_finishes_a_site_with_its_code(
    world: World, capsys: pytest.CaptureFixture[str], before: str, after: str, writes: int
) -> None:
    for name in ("one", "two"):
        page = world.folder / "sites" / name / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(name)
    live, kills = Live(world.server.endpoint, world.server.key), 0
    for _ in world.kills(SITES[before], SITES[after], capsys):
        deployments = live.all("/sites/s/deployments", "deployments")
        assert len(deployments) == (1 if after == "made" else 2), "an upload was sent twice"
        assert live.ask("GET", "/sites/s")["deploymentId"] == deployments[-1]["$id"]
        kills += 1
    assert kills == 2 * writes


@pytest.mark.shows("crash", kinds=[each.kind for each in SAMPLES])
@pytest.mark.parametrize(("before", "after"), [("nothing", "made"), ("made", "changed"), ("changed", "nothing")])
def test_a_run_after_a_kill_finishes_what_is_left(
    world: World, capsys: pytest.CaptureFixture[str], before: str, after: str
) -> None:
    kills = 0
    for _ in world.kills(STACKS[before], STACKS[after], capsys):
        expected = [] if after == "nothing" else [f"{each.kind}.one-{each.name}" for each in SAMPLES]
        assert sorted(world.there()) == sorted(expected)
        kills += 1
    writes = sum(each.writes if after == "changed" else 1 + each.writes_before for each in SAMPLES)
    assert kills == 2 * writes


@pytest.mark.shows("crash", kinds=[each.kind for each in SOME_SETTINGS])
@pytest.mark.parametrize(("before", "after"), [("nothing", "made"), ("made", "changed")])
def test_a_run_after_a_kill_finishes_settings(
    world: World, capsys: pytest.CaptureFixture[str], before: str, after: str
) -> None:
    live = Live(world.server.endpoint, world.server.key)
    found = {
        str([live.ask("GET", route) for route in sorted({each.read_at for each in SOME_SETTINGS})])
        for _ in world.kills(SETTING_STACKS[before], SETTING_STACKS[after], capsys)
    }
    assert len({re.sub(r"'[$](created|updated)At': '[^']*'", "", each) for each in found}) == 1
