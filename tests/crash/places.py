"""The places where a run can be killed: before and after every request, and around every write below a folder.

Each calls `reached` with a name. What is on the disk and on the server at that instant is what a kill would leave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any
from urllib.parse import urlsplit

import obstore
import pytest
import requests

from raceday_iac import files

from .memory_server import MemoryServer

Reached = Callable[[str], None]
_WRITES = re.compile(r"[wax+]")
#: A file that is not complete has a number in its name, which is another one each time.
_DRAFT = re.compile(r"\.new-[0-9a-f]+$")


def connect(patch: pytest.MonkeyPatch, server: Callable[[], MemoryServer], reached: Reached) -> None:
    """Every request to Appwrite goes to the server of that instant."""

    def request(session: requests.Session, method: str, url: str, **content: Any) -> requests.Response:
        content["headers"] = {**session.headers, **content.get("headers", {})}
        name = request_name(method, url, content)
        reached(f"before {name}")
        answer = server().answer(name, content)
        reached(f"after {name}")
        return answer

    patch.setattr(requests.Session, "request", request)


def request_name(method: str, url: str, content: Mapping[str, Any]) -> str:
    """Method and path; of a database that is made also which."""
    name = f"{method.upper()} {urlsplit(url).path}"
    if name != "POST /v1/databases":
        return name
    body = content.get("json") or json.loads(content["data"])
    return f"{name} {body['databaseId']}"


def watch_objects(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    """Every request to an S3-compatible store, where its library is called."""
    for method in ("get", "put", "delete", "list"):
        patch.setattr(obstore, method, _watched(method.upper(), getattr(obstore, method), reached))


def _watched(method: str, ask: Callable[..., Any], reached: Reached) -> Callable[..., Any]:
    def watched(store: object, path: str, *rest: Any, **more: Any) -> Any:
        name = f"{method} {path}"
        reached(f"before {name}")
        answer = ask(store, path, *rest, **more)
        if method == "LIST":
            # It is only asked for when it is read.
            found = answer.collect()
            answer = SimpleNamespace(collect=lambda: found)
        reached(f"after {name}")
        return answer

    return watched


def watch_files(patch: pytest.MonkeyPatch, folder: Path, reached: Reached) -> None:
    """Every file below a folder that is opened for writing (empty or as it was), half written, written, put in the
    place of another, or deleted. The lock is none of these: it ends with its process."""
    opening, replacing, unlinking = files.open_file, Path.replace, Path.unlink

    def watched_open(path: Path, flags: int, mode: str) -> Any:
        file = opening(path, flags, mode)
        is_ours = _WRITES.search(mode) and path.is_relative_to(folder) and path.suffix != ".lock"
        return _File(file, _DRAFT.sub(".new", path.name), reached) if is_ours else file

    def watched_replace(path: Path, target: Path) -> Any:
        is_ours = path.is_relative_to(folder)
        if is_ours:
            reached(f"before replacing {target.name}")
        result = replacing(path, target)
        if is_ours:
            reached(f"after replacing {target.name}")
        return result

    def watched_unlink(path: Path, *more: Any, **options: Any) -> None:
        unlinking(path, *more, **options)
        if path.is_relative_to(folder):
            reached(f"after deleting {_DRAFT.sub('.new', path.name)}")

    patch.setattr(files, "open_file", watched_open)
    patch.setattr(Path, "replace", watched_replace)
    patch.setattr(Path, "unlink", watched_unlink)


class _File:
    """An open file. A kill loses what is in its buffer, and may come when a part is on the disk."""

    def __init__(self, file: IO[Any], name: str, reached: Reached) -> None:
        self._file, self._name, self._reached = file, name, reached
        self._what = name
        reached(f"opened {name}")

    def write(self, content: Any) -> int:
        self._what = f"{self._name}{_about(content)}"
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._reached(f"half of {self._what}")
        return half + int(self._file.write(content[half:]))

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._reached(f"wrote {self._what}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _about(content: Any) -> str:
    """What a line of the journal says."""
    if not isinstance(content, str) or '"change"' not in content:
        return ""
    line = json.loads(content)
    return f" {line['what']} {line['change']}"
