"""Functions: their deployments with build logs, their executions with logs; on the embedded server also to run them and
to go back to a deployment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from ..counting import format_duration
from ..errors import NotFoundError
from ..health.data import LockHealth
from ..health.report import Report
from ..kinds import kind_of
from ..model.address import function_address
from ..provider.protocol import Execution
from ..refresh.deployments import Role, age
from ..render.executions import readable
from ..waiting import ThreadPoolExecutor
from .app import Console, Deed, Form, Page
from .pages import look_at, rows

#: Executions that are shown, and requests at the same time.
_NEWEST, _AT_ONCE = 20, 4


def functions(console: Console, request: Request) -> str:
    """All of them, with what runs them and how they ran last."""
    # Who holds which lock is part of health.
    look_at(console, "health")
    reader = console.project.reader()
    found = [each for each in reader.snapshot((), offers=()).resources.values() if kind_of(each.address).has_runs]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        last = list(pool.map(lambda each: next(iter(reader.executions(each.address.path, 1)), None), found))
    listed = [
        {"id": each.address.path, "fields": each.fields, "last": run, "lock": _lock(console, each.address.path)}
        for each, run in zip(found, last, strict=True)
    ]
    return console.show(
        "functions.html",
        request,
        title="Functions",
        functions=listed,
        is_bad=_is_bad,
        names=["health"],
        tasks=rows(console, ["health"]),
    )


def function(console: Console, request: Request) -> str:
    """One of them."""
    look_at(console, "health")
    name = request.path_params["function"]
    reader = console.project.reader()
    live = reader.current(function_address(name))
    if live is None:
        raise NotFoundError(f"There is no function {name} in this project.")
    deployments = console.project.deployments(name)
    task = console.tasks.latest(f"run {name}")
    return console.show(
        "function.html",
        request,
        title=name,
        fields=live.fields,
        deployments=[
            {
                "found": each.deployment,
                "role": str(each.role),
                "why": each.why,
                "age": _age(each.deployment, deployments.now),
            }
            for each in deployments.classified
        ],
        previous=str(Role.PREVIOUS),
        executions=reader.executions(name, _NEWEST),
        lock=_lock(console, name),
        is_bad=_is_bad,
        names=[f"run {name}"],
        tasks=rows(console, [f"run {name}"]),
        answer=task.result if task is not None else None,
        readable=readable,
        error=task.error if task is not None else None,
    )


def build_log(console: Console, request: Request) -> str:
    """The build log of a deployment."""
    name, deployment = request.path_params["function"], request.path_params["deployment"]
    found = console.project.reader().deployment(function_address(name), deployment)
    return console.show("build.html", request, title=f"Build of {found.id}", function=name, deployment=found)


def run(console: Console, request: Request, form: Form) -> str:
    """Execute it in the background; its page shows the answer."""
    name, local, body = request.path_params["function"], console.local, form.get("body", "")
    assert local is not None
    console.tasks.start(f"run {name}", f"Running {name}", lambda _task: local.run(name, body))
    return console.to(f"/functions/{name}")


def activate(console: Console, request: Request, form: Form) -> str:
    """Go back to a deployment."""
    name, deployment = request.path_params["function"], form.get("deployment", "")
    local = console.local
    assert local is not None
    console.tasks.complete(
        f"activate {name}", f"Activating an older deployment of {name}", lambda _task: local.activate(name, deployment)
    )
    console.tasks.forget("plan")
    return console.to(f"/functions/{name}", f"Deployment {deployment} is active. The stack was not changed.")


def _age(deployment: Any, now: Any) -> str:
    return "?" if now is None else f"{format_duration(age(deployment, now))} ago"


def _is_bad(execution: Execution) -> bool:
    return execution.status == "failed" or execution.response_status >= 400


def _lock(console: Console, name: str) -> LockHealth | None:
    """As it was when health was looked at last."""
    seen = console.tasks.seen("health")
    report: Report | None = seen.result[0] if seen else None
    locks: Iterable[LockHealth] = report.locks if report else ()
    return next((each for each in locks if each.function == name), None)


PAGES = (
    Page("/functions", functions, "Functions"),
    Page("/functions/{function}", function),
    Page("/functions/{function}/builds/{deployment}", build_log),
)
DEEDS = (Deed("/functions/{function}/run", run), Deed("/functions/{function}/activate", activate))
