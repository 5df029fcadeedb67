"""Raceday before the first apply (a project grown by hand, with documents), and what must be so after the last one."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import requests

from raceday_iac.devserver.server import PROJECT

from .keepers import ENVIRONMENT, is_own
from .memory_server import MemoryServer

ROOT = Path(__file__).parents[2]
LEGACY = ROOT / "tests" / "data" / "raceday" / "appwrite.json"
KEY = "APPWRITE_API_KEY"
_TARGET = "endpoint: {endpoint}\nproject: {project}\napi_key_env: {key}\n"
_FIELDS = "name runtime execute events schedule timeout enabled logging entrypoint commands scopes specification"
_DATABASE = "/databases/raceday-db"
_MEETINGS = f"{_DATABASE}/collections/meetings"
#: Of the collection that is there, what the stack declares too. One of them is smaller than declared.
_SIZES = {"meetingId": 50, "meetingName": 200, "country": 10, "raceType": 50, "status": 50}
MEETINGS = {
    f"m{number}": {
        "meetingId": f"m{number}",
        "meetingName": f"Meeting {number}",
        "country": "NZ",
        "raceType": "Thoroughbred",
        "status": "open",
        "date": f"2026-01-0{number}T00:00:00.000+00:00",
        "note": f"by hand {number}",
    }
    for number in range(1, 4)
}
NOTES = {"n1": {"text": "nobody declares this"}}
#: What nobody declares, and what must be left alone.
BYSTANDERS = ("function bystander", "collection notes", "attribute notes/text", "attribute meetings/note")


def lay_out(folder: Path, endpoint: str, state: str) -> None:
    """The stack in a folder of its own, with the one environment. `state` is the setting of where it is kept."""
    (folder / "stacks" / "environments").mkdir(parents=True)
    for file in (ROOT / "stacks").glob("*.py"):
        shutil.copy(file, folder / "stacks")
    shutil.copytree(ROOT / "functions", folder / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    text = _TARGET.format(endpoint=endpoint, project=PROJECT, key=KEY) + state
    (folder / "stacks" / "environments" / f"{ENVIRONMENT}.yaml").write_text(text, encoding="utf-8")


class Live:
    """Looks at a project, and meddles with it, past the tool."""

    def __init__(self, endpoint: str, key: str) -> None:
        self._endpoint = endpoint
        self._session = requests.Session()
        self._session.headers.update({"X-Appwrite-Project": PROJECT, "X-Appwrite-Key": key})

    @classmethod
    def of(cls, server: MemoryServer) -> Live:
        """It is the server of that instant that will be looked at."""
        return cls(server.endpoint, server.key)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
        answer = self._session.request(method, self._endpoint + path, json=body, timeout=60, **more)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def all(self, path: str, plural: str) -> list[dict[str, Any]]:
        """A list of at most 500."""
        answer = self.ask("GET", path, params={"queries[]": json.dumps({"method": "limit", "values": [500]})})
        assert answer["total"] == len(answer[plural])
        found: list[dict[str, Any]] = answer[plural]
        return found


def furnish(live: Live) -> None:
    """The nine functions of old, a database that was begun, and documents."""
    for function in json.loads(LEGACY.read_text(encoding="utf-8"))["functions"]:
        chosen = {name: function[name] for name in _FIELDS.split() if name in function}
        live.ask("POST", "/functions", {"functionId": function["$id"], **chosen})
    live.ask("POST", "/functions", {"functionId": "bystander", "name": "Bystander", "runtime": "node-22"})
    live.ask("POST", "/databases", {"databaseId": "raceday-db", "name": "RaceDay Database"})
    for name in ("Meetings", "Notes"):
        live.ask("POST", f"{_DATABASE}/collections", {"collectionId": name.lower(), "name": name})
    for key, size in _SIZES.items():
        live.ask("POST", f"{_MEETINGS}/attributes/string", {"key": key, "size": size, "required": True})
    live.ask("POST", f"{_MEETINGS}/attributes/datetime", {"key": "date", "required": True})
    for path, key in ((_MEETINGS, "note"), (f"{_DATABASE}/collections/notes", "text")):
        live.ask("POST", f"{path}/attributes/string", {"key": key, "size": 50, "required": False})
    for collection, documents in (("meetings", MEETINGS), ("notes", NOTES)):
        while not _is_available(live.ask("GET", f"{_DATABASE}/collections/{collection}")):
            time.sleep(0.01)
        for name, data in documents.items():
            path = f"{_DATABASE}/collections/{collection}/documents"
            live.ask("POST", path, {"documentId": name, "data": data})


def _is_available(collection: dict[str, Any]) -> bool:
    return all(each["status"] == "available" for each in collection["attributes"])


def inventory(live: Live) -> Counter[str]:
    """Everything that an apply can leave behind, with how often it is there. What is not available says so."""
    found: Counter[str] = Counter()
    for function in live.all("/functions", "functions"):
        name = function["$id"]
        found[f"function {name}"] += 1
        found.update(f"variable {name}/{each['key']}" for each in function["vars"])
        for each in live.all(f"/functions/{name}/deployments", "deployments"):
            is_active = each["$id"] == function["deploymentId"] and each["status"] == "ready"
            found[f"deployment {name}" if is_active else f"abandoned deployment {name}"] += 1
    found.update(f"database {each['$id']}" for each in live.all("/databases", "databases") if not is_own(each["$id"]))
    for collection in live.all(f"{_DATABASE}/collections", "collections"):
        found.update(_members(collection))
    return found


def _members(collection: dict[str, Any]) -> list[str]:
    name = collection["$id"]
    found = [f"collection {name}"]
    for each in [*collection["attributes"], *collection["indexes"]]:
        # Only indexes have a list of attributes.
        kind = "index" if "attributes" in each else "relationship" if each["type"] == "relationship" else "attribute"
        kind = "far side" if each.get("side") == "child" else kind
        found.append(f"{kind} {name}/{each['key']}" + ("" if each["status"] == "available" else f" {each['status']}"))
    return found


def must_be_whole(live: Live, state: str, when: str) -> None:
    """Nothing is there twice or without being owned, nothing is owned without being there, no document is lost."""
    owned = json.loads(state)["resources"]
    names = [address.replace(".raceday-db/", " ").replace(".", " ", 1) for address in owned]
    found = {name: count for name, count in inventory(live).items() if not name.startswith("far side")}
    assert found == dict.fromkeys([*names, *BYSTANDERS], 1), when
    for collection, documents in (("meetings", MEETINGS), ("notes", NOTES)):
        kept = live.all(f"{_DATABASE}/collections/{collection}/documents", "documents")
        values = {each["$id"]: {key: each[key] for key in documents[each["$id"]]} for each in kept}
        assert values == documents, when
