"""Functions for tests: create them, deploy code to them, run them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .archives import archive
from .client import Answer, Api
from .waiting import poll, status_is

RUNTIME = "python-3.12"
HELLO = "def main(context):\n    context.log('hello from main')\n    return context.res.text('hello')\n"


def create_function(api: Api, **fields: Any) -> str:
    """A function ready for Python code; returns its id."""
    body = {"functionId": "unique()", "name": "Test", "runtime": RUNTIME, "entrypoint": "main.py"} | fields
    answer = api.post("/functions", body)
    assert answer.status == 201, answer.body
    return str(answer["$id"])


def upload(
    api: Api,
    function: str,
    code: str | bytes | Mapping[str, str | bytes] = HELLO,
    *,
    activate: bool = True,
    headers: Mapping[str, str] | None = None,
    filename: str = "code.tar.gz",
    **form: str,
) -> Answer:
    """Send code: an archive as bytes, several files, or the text of main.py."""
    files = {"main.py": code} if isinstance(code, str) else code
    content = files if isinstance(files, bytes) else archive(files)
    fields = {"activate": "true" if activate else "false"} | form
    path = f"/functions/{function}/deployments"
    return api.post(path, form=fields, file=(filename, content), headers=headers)


def built(api: Api, function: str, deployment: str, *wanted: str) -> Answer:
    """The deployment, once its build is `ready` (or in one of the wanted states)."""
    path = f"/functions/{function}/deployments/{deployment}"
    return poll(lambda: api.get(path), status_is(*(wanted or ("ready",))))


def deploy(api: Api, function: str, code: str | Mapping[str, str | bytes] = HELLO, **options: Any) -> str:
    """Upload, wait until it is ready; returns the deployment's id."""
    sent = upload(api, function, code, **options)
    assert sent.status == 202, sent.body
    built(api, function, sent["$id"])
    return str(sent["$id"])


def deployed_function(api: Api, code: str | Mapping[str, str | bytes] = HELLO, **fields: Any) -> str:
    """A function whose active deployment is this code."""
    function = create_function(api, **fields)
    deploy(api, function, code)
    return function


def execute(api: Api, function: str, **fields: Any) -> Answer:
    return api.post(f"/functions/{function}/executions", fields)


def run(api: Api, function: str, **fields: Any) -> Answer:
    """A synchronous execution that was accepted."""
    answer = execute(api, function, **fields)
    assert answer.status == 201, answer.body
    return answer


def run_in_background(api: Api, function: str, *wanted: str, **fields: Any) -> Answer:
    """An asynchronous execution, once it is `completed` (or in one of the wanted states)."""
    sent = execute(api, function, **fields, **{"async": True})
    assert sent.status == 202, sent.body
    path = f"/functions/{function}/executions/{sent['$id']}"
    return poll(lambda: api.get(path), status_is(*(wanted or ("completed",))))
