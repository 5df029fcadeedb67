"""Where reports go: `show` of a saved plan, which needs no server."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.planning.saved import saved_plan

from ..declaring import resolved
from ..render.test_plan_text import after, changed


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    file = tmp_path / "release.plan"
    saved = saved_plan(changed(), resolved(after()), "http://x/v1", "p", "salt")
    file.write_text(saved.to_text(), encoding="utf-8")
    return file


def run(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = execute(list(words))
    return code, out.getvalue(), err.getvalue()


def test_all_forms_can_be_written_at_once(plan_file: Path, tmp_path: Path) -> None:
    names = {"--markdown": "a.md", "--html": "a.html", "--svg": "a.svg"}
    words = [word for option, name in names.items() for word in (option, str(tmp_path / "new" / name))]
    code, out, _ = run("show", str(plan_file), *words)
    assert code == 0
    assert "Saved plan" in out
    beginnings = {"a.md": "## Plan for `test`", "a.html": "<!doctype html>", "a.svg": "<svg "}
    for name, beginning in beginnings.items():
        assert (tmp_path / "new" / name).read_text(encoding="utf-8").startswith(beginning)


def test_a_hyphen_prints_it_and_nothing_else(plan_file: Path) -> None:
    code, out, _ = run("show", str(plan_file), "--markdown", "-")
    assert code == 0
    assert out.startswith("## Plan for `test`: 8 to create")
    assert "Saved plan" not in out


@pytest.mark.parametrize("more", [("--json",), ("--html", "-")])
def test_two_forms_on_standard_output_are_refused(plan_file: Path, more: tuple[str, ...]) -> None:
    code, out, err = run("show", str(plan_file), "--markdown", "-", *more)
    assert code == 1
    assert "Only one report can go to standard output" in out + err


def test_a_place_that_cannot_be_written_is_an_error_in_words(plan_file: Path) -> None:
    code, _, err = run("show", str(plan_file), "--html", str(plan_file / "x.html"))
    assert code == 1
    assert "cannot be written" in err


def test_an_export_needs_no_secret_whatever_form_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGNATURE", raising=False)
    (tmp_path / "stacks" / "environments").mkdir(parents=True)
    (tmp_path / "stacks" / "environments" / "local.yaml").write_text("endpoint: embedded\nproject: p\n")
    (tmp_path / "stacks" / "x.py").write_text(
        "from raceday_iac import FromEnvironment, Stack\n"
        "stack = Stack('x')\n"
        "stack.team('staff', name='Staff')\n"
        "stack.webhook('w', name='W', url='https://a.example.org', events=['users.*.create'],\n"
        "    secret=FromEnvironment('SIGNATURE'))\n"
    )
    code, out, err = run("export", "--appwrite-json")
    assert (code, '"Staff"' in out) == (0, True), err
