"""A function that does what it is asked, deployed on a server in virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raceday_iac.raceday.simulation.day import prepare
from raceday_iac.raceday.simulation.executor import VirtualExecutor
from raceday_iac.raceday.simulation.ledger import Execution, Ledger
from raceday_iac.raceday.simulation.virtual_time import VirtualTime

from .functions_server import Client

SHARED = Path(__file__).parents[2] / "functions" / "_shared"
DATABASE, LOCKS = "d", "locks"
LOCK_PATH = f"/databases/{DATABASE}/collections/{LOCKS}/documents"

CODE = '''
import json
import os
import sys

from .vendor.connection import Credentials

LOCKS = "/databases/d/collections/locks/documents"


def handle(context, world):
    wanted = json.loads(context.req.body_text or '{"do": "nothing"}')
    return globals()[wanted["do"]](context, world, wanted)


def connected(context, world):
    endpoint = os.environ["APPWRITE_FUNCTION_API_ENDPOINT"]
    key = context.req.headers["x-appwrite-key"]
    return world.connect(Credentials(endpoint, os.environ["APPWRITE_FUNCTION_PROJECT_ID"], key))


def nothing(context, world, wanted):
    return context.res.json({"now": world.now()})


def sleep(context, world, wanted):
    world.sleep(wanted["seconds"])
    return context.res.json({"now": world.now()})


def say(context, world, wanted):
    context.log(json.dumps(wanted["event"]))
    return context.res.text("said")


def chance(context, world, wanted):
    context.log(json.dumps({"event": "drawn", "draws": [world.draw(), world.draw()]}))
    world.sleep(1)
    return context.res.text("drawn")


def crash(context, world, wanted):
    if wanted["how"] == "exit":
        sys.exit("enough")
    raise ValueError("enough")


def forget(context, world, wanted):
    """Returns no answer."""


def hold(context, world, wanted):
    """Takes the lock, beats in a thread of its own, and would give it back."""
    sender, beating = connected(context, world), connected(context, world)
    created = sender.send("POST", LOCKS, {"documentId": "f-lock", "data": {"owner": "f"}})
    assert created.status == 201, created.body
    stopping = world.event()

    def beat():
        beats = 0
        while not stopping.wait(10):
            beats += 1
            beating.send("PATCH", LOCKS + "/f-lock", {"data": {"beats": beats}})

    heart = world.start(beat, "heart")
    try:
        world.sleep(wanted["seconds"])
    finally:
        stopping.set()
        heart.join()
        sender.send("DELETE", LOCKS + "/f-lock")
    return context.res.text("released")


def start(context, world, wanted):
    """Starts another execution, and goes on for a while."""
    body = {"async": True, "body": json.dumps(wanted["body"])}
    answer = connected(context, world).send("POST", "/functions/f/executions", body)
    assert answer.status == 202, answer.body
    world.sleep(wanted["seconds"])
    return context.res.json({"started": answer.json()["$id"]})
'''


def bundle(code: str = CODE, function: str = "f") -> dict[str, str]:
    """What is deployed: the code, the shared code beside it, and the numbers of a lock."""
    lock = {"function": function, "lockId": f"{function}-lock", "expirySeconds": 120}
    vendored = {f"src/vendor/{each.name}": each.read_text(encoding="utf-8") for each in SHARED.glob("*.py")}
    return {"src/main.py": code, "src/lock.json": json.dumps(lock), **vendored}


def deploy(client: Client, function: str = "f", code: str = CODE, **fields: Any) -> str:
    scopes = ["documents.read", "documents.write", "execution.write"]
    client.create(function, **({"scopes": scopes, "timeout": 900} | fields))
    return client.deploy(bundle(code, function), function=function)


def make_lock_store(client: Client) -> None:
    client.ok("POST", "/databases", {"databaseId": DATABASE, "name": "D"})
    client.ok("POST", f"/databases/{DATABASE}/collections", {"collectionId": LOCKS, "name": "Locks"})
    attributes = f"/databases/{DATABASE}/collections/{LOCKS}/attributes"
    client.ok("POST", f"{attributes}/string", {"key": "owner", "size": 40, "required": False})
    client.ok("POST", f"{attributes}/integer", {"key": "beats", "required": False})
    for key in ("owner", "beats"):
        client.until(f"{attributes}/{key}", status="available")


class Virtual:
    """A server in virtual time. The thread of the test is awake, so time stands still until it sleeps."""

    def __init__(self, client: Client, time: VirtualTime, folder: Path) -> None:
        self.client, self.time, self.folder = client, time, folder
        self.ledger = Ledger()
        self.executor = VirtualExecutor(time, self.ledger, folder, seed=1)
        self.began = time.seconds()
        client.running.call(lambda server: prepare(server, self.executor, time))

    def passed(self) -> float:
        return self.time.seconds() - self.began

    def start(self, function: str = "f", **wanted: Any) -> str:
        """One execution in the background; its id."""
        body = {"async": True, "body": json.dumps(wanted)}
        return str(self.client.ok("POST", f"/functions/{function}/executions", body)["$id"])

    def run(self, function: str = "f", **wanted: Any) -> Any:
        """One execution to its end, as the server reports it."""
        return self.client.run(function, body=json.dumps(wanted))

    def reported(self, execution: str, function: str = "f") -> Any:
        return self.client.ok("GET", f"/functions/{function}/executions/{execution}")

    def seen(self, execution: str) -> Execution:
        return self.ledger.executions[execution]


@contextmanager
def environment_of(client: Client, monkeypatch: Any) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("APPWRITE_FUNCTION_API_ENDPOINT", client.running.endpoint)
        patch.setenv("APPWRITE_FUNCTION_PROJECT_ID", client.running.project)
        yield
