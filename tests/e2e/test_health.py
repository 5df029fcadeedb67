"""How a project fares, as it is asked to people, programs, Prometheus and webhooks. Reads only."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.cli.health import HealthContext
from raceday_iac.cli.options import Options
from raceday_iac.cli.watching import Hooks, Looker, server_of, view_of, watch
from raceday_iac.cli.workspace import reader
from raceday_iac.errors import EXIT_DEGRADED, EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, EXIT_UNHEALTHY
from raceday_iac.health.report import Report

from .command import PATIENCE
from .conftest import OpenProject
from .here import run_here
from .places import documents_of, keep_in_appwrite
from .project import ENVIRONMENT, Project
from .ruins import clock_of
from .target import Target, needs

STACK = """
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20, schedule="*/10 * * * *",
        entrypoint="main.py", code="functions/fn", variables={"TOKEN": FromEnvironment("E2E_TOKEN")},
    )
"""
CODE = """
    import json, os
    def main(context):
        if context.req.body_text == "fail":
            context.error(json.dumps({"event": "run.summary", "outcome": "failed", "category": "retryable",
                "message": "upstream said no to " + os.environ["TOKEN"]}))
            return context.res.json({}, 500)
        context.log(json.dumps({"event": "run.summary", "outcome": "done"}))
        return context.res.json({})
"""


@pytest.fixture(scope="module")
def project(target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One function that ran well once and then failed three times."""
    needs("only the embedded server's clock can be set", not target.is_live)
    with open_project(tmp_path_factory.mktemp("health")) as project:
        project.secret("E2E_TOKEN", f"secret-{project.prefix}")
        project.code("fn", main=CODE)
        project.declare(STACK)
        project.prepare("apply", "--auto-approve")
        for body in ("", "fail", "fail", "fail"):
            run_here(project, "run", project.id("fn"), "--body", body)
        yield project


@pytest.fixture
def variables(project: Project, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {**project._own_variables(), **project.variables}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@contextmanager
def looking(project: Project) -> Iterator[Any]:
    """A function that looks, as the command does."""
    context = HealthContext.load(Options(env=ENVIRONMENT, stack=project.stack_file))
    with context.workspace.target() as target:
        collector = context.collector(target, reader(target))
        yield lambda: context.report(collector)


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that notes what it is sent. Its address holds a secret."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks/token-of-the-hook", got
        server.shutdown()


def declare_alerts(project: Project, text: str) -> None:
    (project.root / "stacks" / "health.yaml").write_text(text, encoding="utf-8")


def test_runs_that_fail_one_after_the_other_are_an_error_with_their_category(project: Project) -> None:
    reported = run_here(project, "health", "--json")
    assert reported.code == EXIT_UNHEALTHY, reported
    (function,) = reported.json["health"]["functions"]
    assert (function["runs"], function["failed"], function["success"]) == (4, 3, 0.25)
    assert function["outcomes"] == {"failed": 3, "done": 1}
    assert function["streak"]["failures"] == 3
    assert function["streak"]["category"] == "retryable"
    findings = {each["code"]: each for each in reported.json["health"]["findings"]}
    assert findings["run.failing"]["severity"] == "error"
    assert findings["run.success"]["severity"] == "warning"


def test_secrets_in_a_log_are_not_reported(project: Project) -> None:
    reported = run_here(project, "health")
    assert "upstream said no to ***" in reported.out
    assert not [each for each in project.secrets if each in reported.text]


def test_only_what_lies_in_the_window_counts(project: Project, target: Target) -> None:
    server = target.server.server
    with clock_of(server) as set_clock:
        set_clock(server.clock.now() + timedelta(hours=2))
        reported = run_here(project, "health", "--since", "90m", "--json")
    (function,) = reported.json["health"]["functions"]
    assert function["runs"] == 0
    assert function["lastRun"]["outcome"] == "failed"
    # The scheduler of this server stands still.
    assert function["schedule"]["overdue"]
    assert function["schedule"]["expected"] == len(function["schedule"]["missed"]) > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "yesterday"), "write 90s, 5m, 24h or 7d"),
        (("--serve", "0", "--watch"), "--serve can be combined only with"),
        (("--html", "/dev/null/page.html"), "/dev/null/page.html cannot be written"),
        (("--alert",), "health.yaml declares no alerts"),
    ],
)
def test_what_makes_no_sense_is_refused(project: Project, words: tuple[str, ...], said: str) -> None:
    reported = run_here(project, "health", *words)
    assert reported.code == EXIT_ERROR
    assert said in reported.err


def test_where_schedules_are_off_the_data_of_the_day_is_not_asked_for(project: Project) -> None:
    file = project.root / "stacks" / "environments" / f"{ENVIRONMENT}.yaml"
    before = file.read_text(encoding="utf-8")
    declare_alerts(project, f"daily: [{project.id('fn')}]\n")
    file.write_text(f"{before}schedules: false\n", encoding="utf-8")
    reported = run_here(project, "health")
    file.write_text(before, encoding="utf-8")
    declare_alerts(project, "")
    assert "schedules are off in this environment" in reported.out


def test_a_state_that_cannot_be_reached_keeps_nothing_from_being_looked_at(project: Project) -> None:
    file = project.root / "stacks" / "environments" / f"{ENVIRONMENT}.yaml"
    before = file.read_text(encoding="utf-8")
    keep_in_appwrite(project)
    there = run_here(project, "health", "--json")
    project.proxy.answer(403, "GET", documents_of(project) + "/*", times=9)
    reported = run_here(project, "health")
    project.proxy.forget()
    file.write_text(before, encoding="utf-8")
    assert there.json["health"]["skipped"] == []
    assert "Not checked: the lock of the state: Appwrite answered 403" in reported.out


def test_mistakes_in_the_file_are_reported_together_with_their_lines(project: Project) -> None:
    declare_alerts(project, "window: soon\nfunctions:\n  nobody: {streak: 2}\nalerts:\n- {kind: fax, url_env: X}\n")
    reported = run_here(project, "health")
    declare_alerts(project, "")
    assert reported.code == EXIT_ERROR
    assert "health.yaml:1: window" in reported.err
    assert "health.yaml:5: alerts.1.kind" in reported.err


def test_the_page_is_written(project: Project, tmp_path: Path) -> None:
    run_here(project, "health", "--html", str(tmp_path / "pages" / "health.html"))
    assert project.id("fn") in (tmp_path / "pages" / "health.html").read_text(encoding="utf-8")


def test_alerts_go_to_the_address_in_the_variable_which_is_never_reported(
    project: Project, variables: pytest.MonkeyPatch
) -> None:
    declare_alerts(project, "alerts:\n- {kind: slack, url_env: E2E_HOOK, at: error}\n- {url_env: E2E_OTHER_HOOK}\n")
    with webhook() as (address, got):
        variables.setenv("E2E_HOOK", address)
        reported = run_here(project, "health", "--alert")
        assert reported.code == EXIT_UNHEALTHY
    (message,) = got
    assert "run.failing" in message["text"]
    assert "secret-" not in json.dumps(message)
    assert "token-of-the-hook" not in reported.text
    with webhook(status=404) as (address, _):
        variables.setenv("E2E_HOOK", address)
        refused = run_here(project, "health", "--alert")
    assert refused.code == EXIT_UNHEALTHY
    assert "the webhook in E2E_HOOK did not accept the alert: it answered 404" in refused.err
    assert "token-of-the-hook" not in refused.text
    variables.setenv("E2E_HOOK", "ftp://token-of-the-hook")
    wrong = run_here(project, "health", "--alert")
    assert (wrong.code, "token-of-the-hook" in wrong.text) == (EXIT_ERROR, False)
    variables.delenv("E2E_HOOK")
    assert "None of these variables is set: E2E_HOOK, E2E_OTHER_HOOK" in run_here(project, "health", "--alert").err
    declare_alerts(project, "")


@pytest.mark.usefixtures("variables")
def test_a_watch_without_a_terminal_says_a_line_for_each_look_and_what_is_new(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    reported: list[Report] = []
    options = Options(env=ENVIRONMENT, stack=project.stack_file)
    with looking(project) as look:
        watch(look, view_of(options), 1, reported.append, times=3, sleep=lambda _: None)
    lines = capsys.readouterr().out.splitlines()
    assert len(reported) == 3
    assert sum("Unhealthy" in line for line in lines) == 3
    assert sum("+ run.failing" in line for line in lines) == 1


@pytest.mark.usefixtures("variables")
def test_a_server_that_does_not_answer_does_not_end_a_watch(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(env=ENVIRONMENT, stack=project.stack_file, json=True)
    with looking(project) as look:
        project.proxy.answer(503, "GET", "/functions", times=5)
        watch(look, view_of(options), 1, times=2, sleep=lambda _: None)
        project.proxy.forget()
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert "503" in first["error"]["message"]
    assert second["health"]["status"] == "unhealthy"


@pytest.mark.usefixtures("variables")
def test_metrics_page_and_json_are_served_on_this_machine_only_and_change_nothing(project: Project) -> None:
    project.proxy.forget()
    with looking(project) as look, server_of(Looker(look, 60), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address[:2]
        assert host == "127.0.0.1"
        base = f"http://127.0.0.1:{port}"
        metrics = requests.get(f"{base}/metrics", timeout=60)
        assert f'raceday_iac_function_failure_streak{{function="{project.id("fn")}"}} 3' in metrics.text
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert requests.get(f"{base}/health.json", timeout=60).json()["health"]["status"] == "unhealthy"
        assert "<h1>Health of" in requests.get(base, timeout=60).text
        statuses = [
            requests.get(f"{base}/other", timeout=60).status_code,
            requests.post(f"{base}/metrics", timeout=60).status_code,
            requests.get(f"{base}/metrics", headers={"host": f"evil.example:{port}"}, timeout=60).status_code,
        ]
        server.shutdown()
    assert statuses == [404, 501, 421]
    exchanges = project.proxy.exchanges()
    assert {each.method for each in exchanges} == {"GET"}
    # Three readers within the interval: one look.
    assert sum(each.path.endswith("/executions") for each in exchanges) == 2


def test_without_failures_a_project_is_healthy(project: Project) -> None:
    for _ in range(2):
        run_here(project, "run", project.id("fn"))
    reported = run_here(project, "health")
    # The failures of before still count in the share of runs that went well.
    assert reported.code == EXIT_DEGRADED, reported
    declare_alerts(project, f"functions:\n  {project.id('fn')}: {{success: 10%}}\n")
    assert run_here(project, "health").code == EXIT_OK
    declare_alerts(project, "")


def test_hooks_are_called_once_and_then_when_it_is_over(project: Project, variables: pytest.MonkeyPatch) -> None:
    from raceday_iac.health.watched import Alert

    with webhook() as (address, got), looking(project) as look:
        hooks = Hooks.of([Alert(url_env="E2E_HOOK", at="warning")], {"E2E_HOOK": address})
        report = look()
        for each in (report, report, _cured(report), _cured(report)):
            hooks.notify(each)
    assert [(len(each["new"]), len(each["over"])) for each in got] == [(1, 0), (0, 1)]


def _cured(report: Report) -> Report:
    from dataclasses import replace

    return replace(report, findings=())


@pytest.mark.parametrize(
    ("words", "first"), [(("--watch", "--json"), '"health"'), (("--serve", "0"), "Serving http://")]
)
def test_ctrl_c_is_the_way_to_end_it(project: Project, words: tuple[str, ...], first: str) -> None:
    run = project.start("health", *words)
    deadline = time.monotonic() + PATIENCE
    while not run.has_said(first) and time.monotonic() < deadline:
        time.sleep(0.05)
    run.signal(signal.SIGINT)
    ended = run.end()
    assert (ended.code, ended.err) == (EXIT_INTERRUPTED, "")
    assert "Interrupted" not in ended.out
