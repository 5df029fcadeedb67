"""The shop of the examples on an embedded server of its own, and consoles of it that are asked without a browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests

import raceday_iac.examples
from raceday_iac.cli.console import LookedAt, listening, served, web_of
from raceday_iac.cli.options import Options
from raceday_iac.console.work import Tasks
from raceday_iac.devserver.daemon import Status, start, stop

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>alert(1)</script>"
DATABASE = "/databases/raceday-db"
TOKEN = "the-token-of-this-console"
#: A function that logs and answers whatever it is sent.
ECHO = """
def main(context):
    context.log(context.req.body_text)
    context.error(context.req.body_text)
    return context.res.text(context.req.body_text)
"""
DECLARED = """
stack.function(
    "echo",
    name="Echo",
    runtime="python-3.12",
    specification="s-0.5vcpu-512mb",
    timeout=15,
    entrypoint="main.py",
    code="functions/echo",
)
"""


@dataclass(frozen=True)
class Shop:
    """A project folder whose embedded server runs."""

    folder: Path
    server: Status

    def options(self, env: str = "local") -> Options:
        return Options(env=env, stack=self.stack)

    @property
    def stack(self) -> Path:
        return self.folder / "stacks" / "shop.py"

    @contextmanager
    def edited(self, old: str, new: str) -> Iterator[None]:
        """The stack file says something else for as long as the block lasts."""
        before = self.stack.read_text(encoding="utf-8")
        assert old in before
        self.stack.write_text(before.replace(old, new), encoding="utf-8")
        try:
            yield
        finally:
            self.stack.write_text(before, encoding="utf-8")


@dataclass(frozen=True)
class Browser:
    """Asks a console as a browser would that has its link."""

    port: int
    tasks: Tasks

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> requests.Response:
        """Whatever is answered for a path."""
        return requests.get(f"{self.origin}{path}", headers=headers, timeout=60)

    def post(self, path: str, form: Mapping[str, Any], **headers: str) -> requests.Response:
        """Whatever is answered to a form."""
        headers = {"origin": self.origin, **headers}
        return requests.post(f"{self.origin}{path}", data=form, headers=headers, timeout=60)

    def page(self, path: str) -> str:
        """A page, which must be there."""
        answer = self.get(f"/{TOKEN}{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def settled(self, path: str) -> str:
        """The page when all that it began to look at has been seen."""
        self.page(path)
        while running := self.tasks.running():
            assert running[0].ended.wait(60)
        return self.page(path)

    def planned(self) -> str:
        """The page of a plan that is computed now, and not of one that is under way already."""
        self.settled("/plan")
        self.send("/look", {"what": "plan"}, "/plan")
        return self.settled("/plan")

    def send(self, path: str, form: Mapping[str, Any], page: str, **headers: str) -> requests.Response:
        """Send a form that stands in a page, with these values in its fields."""
        text = self.page(page)
        found = re.search(rf'<form method=post[^>]*action="/{TOKEN}{re.escape(path)}".*?</form>', text, re.DOTALL)
        assert found, f"no form for {path} in\n{text}"
        hidden = dict(re.findall(r'<input type=hidden name=(\w+) value="([^"]*)"', found[0]))
        values = {**{name: unescape(value) for name, value in hidden.items()}, **form}
        return self.post(f"/{TOKEN}{path}", values, **headers)


Consoles = Callable[..., Browser]


@pytest.fixture(scope="module")
def console_of() -> Iterator[Consoles]:
    """Makes a console of an environment, which is served until the module's end."""
    with ExitStack() as ends:

        def make(shop: Shop, env: str = "local") -> Browser:
            project, tasks = LookedAt(shop.options(env)), Tasks()
            listener = ends.enter_context(listening(0))
            port = listener.getsockname()[1]
            ends.enter_context(served(web_of(project, tasks, TOKEN, port), listener))
            return Browser(port, tasks)

        yield make


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(Path(raceday_iac.examples.__file__).parent / "shop", folder, dirs_exist_ok=True)
    (folder / "functions" / "echo").mkdir()
    (folder / "functions" / "echo" / "main.py").write_text(ECHO, encoding="utf-8")
    with (folder / "stacks" / "shop.py").open("a", encoding="utf-8") as stack:
        stack.write(DECLARED)
    place = folder / "state" / "local" / "server"
    yield Shop(folder, start(place, project="shop"))
    stop(place)


# Raceday's own project


class Raceday(Shop):
    """Raceday's own stack, of which the server has just the races and their meetings."""

    @property
    def stack(self) -> Path:
        return self.folder / "stacks" / "raceday.py"


def ask_raceday(shop: Shop, method: str, path: str, **body: object) -> requests.Response:
    headers = {"x-appwrite-project": "raceday", "x-appwrite-key": shop.server.key}
    return requests.request(method, f"{shop.server.endpoint}{path}", json=body or None, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def raceday(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raceday]:
    folder = tmp_path_factory.mktemp("raceday")
    for name in ("stacks", "functions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    place = folder / "state" / "local" / "server"
    found = Raceday(folder, start(place, project="raceday"))
    ask_raceday(found, "POST", "/databases", databaseId="raceday-db", name="Raceday").raise_for_status()
    for name in ("meetings", "races"):
        ask_raceday(found, "POST", f"{DATABASE}/collections", collectionId=name, name=name).raise_for_status()
    attributes: list[tuple[str, str, dict[str, Any]]] = [
        ("meetings", "string", {"key": "meetingName", "size": 100, "required": False}),
        ("races", "string", {"key": "name", "size": 255, "required": False}),
        ("races", "string", {"key": "status", "size": 50, "required": False}),
        ("races", "integer", {"key": "raceNumber", "required": False}),
        *(
            ("races", "datetime", {"key": key, "required": False})
            for key in ("startTime", "last_poll_time", "finalizedAt", "abandonedAt")
        ),
        ("races", "relationship", {"key": "meeting", "relatedCollectionId": "meetings", "type": "manyToOne"}),
    ]
    for collection, kind, body in attributes:
        ask_raceday(found, "POST", f"{DATABASE}/collections/{collection}/attributes/{kind}", **body).raise_for_status()
    yield found
    stop(place)


#: Noon of a day in New Zealand, in seconds since 1970.
NOON = 1752710400


def written_day() -> dict[str, Any]:
    """Two races, one of them polled and under way at noon, and two runs."""
    race = {"number": 1, "meeting": f"Ellerslie {HOSTILE}", "upstream": [], "polls": []}
    return {
        "formatVersion": 1,
        "day": "2025-07-17",
        "seed": 3,
        "races": 2,
        "options": {"locks": True},
        "begin": NOON - 43200,
        "end": NOON + 46800,
        "invariants": [{"name": "no run fails", "checked": 2, "violations": 1, "examples": ["x"]}],
        "card": [
            {
                **race,
                "id": "a",
                "name": "early",
                "start": NOON - 60,
                "stored": [[NOON - 20000, "Open"], [NOON - 30, "Closed"]],
                "polls": [NOON - 70, NOON - 5],
            },
            {
                **race,
                "id": "b",
                "name": "later",
                "start": NOON + 18000,
                "stored": [[NOON - 20000, "Open"]],
                "polls": [NOON - 600],
            },
        ],
        "runs": [
            ["enhanced-race-poller", NOON - 40, NOON + 40, [["a", NOON - 35, NOON + 30]], 7, 2, "completed"],
            ["enhanced-race-poller", NOON - 20, NOON - 19, [], 1, 0, "refused"],
        ],
        "legacyRuns": [
            ["enhanced-race-poller", NOON - 40, NOON + 40, [["a", NOON - 35, NOON + 30]], 7, 2, "completed"],
            ["race-data-poller", NOON - 20, NOON + 19, [["a", NOON - 10, NOON + 10]], 9, 3, "completed"],
        ],
    }


def write_day(raceday: Raceday) -> None:
    """Lay that day to the recordings, under the name `made`."""
    days = raceday.folder / "state" / "local" / "days"
    days.mkdir(parents=True, exist_ok=True)
    (days / "made.json").write_text(json.dumps(written_day()), encoding="utf-8")


@pytest.fixture(scope="module")
def console(shop: Shop, console_of: Consoles) -> Browser:
    return console_of(shop)


@pytest.fixture(scope="module")
def applied(console: Browser) -> Browser:
    """The console, from which the shop was applied."""
    sentence = re.search(r"data-wanted=\"([^\"]+)\"", console.settled("/plan"))
    assert sentence
    console.send("/apply", {"sentence": sentence[1]}, "/plan")
    task = console.tasks.latest("apply")
    assert task is not None
    assert task.ended.wait(120)
    assert task.error is None
    return console


@pytest.fixture
def far_of(shop: Shop, console_of: Consoles, monkeypatch: pytest.MonkeyPatch) -> Consoles:
    """Makes consoles of an environment like one elsewhere: an address and a key."""
    monkeypatch.setenv("SHOP_ENDPOINT", shop.server.endpoint)
    monkeypatch.setenv("SHOP_PROJECT_ID", "shop")
    monkeypatch.setenv("SHOP_API_KEY", shop.server.key)
    return console_of


@pytest.fixture
def far(shop: Shop, far_of: Consoles) -> Browser:
    """A console of such an environment."""
    return far_of(shop, "prod")
