"""What is installed is whole, wherever it is used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import raceday_iac

from .wheel import ROOT, Machine, build, sources

STACK = """
from raceday_iac import Stack

stack = Stack("small")
stack.function(
    "greet",
    name="Greet",
    runtime="node-22",
    specification="s-0.5vcpu-512mb",
    timeout=15,
    entrypoint="main.js",
    code="functions/greet",
)
"""


def test_a_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "raceday_iac"], cwd=ROOT, capture_output=True, check=True)
    wanted = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    held = set(zipfile.ZipFile(wheel).namelist())
    assert wanted - held == set()
    assert {name for name in held if not name.startswith(("raceday_iac/", "raceday_iac-"))} == set()


def test_a_source_archive_holds_what_a_wheel_is_built_from(tmp_path: Path) -> None:
    archive = build(sources(tmp_path / "sources"), tmp_path / "out", "sdist")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    held = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "raceday_iac/py.typed"}
    assert held <= names
    assert "raceday_iac/devserver/functions/runtime/worker.js" in names
    assert not {name.partition("/")[0] for name in names} & {"tests", "functions", "stacks", "benchmarks"}


def test_the_version_stands_in_one_place_and_the_changes_begin_with_it(machine: Machine, tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert machine.run("version", at=tmp_path) == f"{raceday_iac.__version__}\n"
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:3] == "## "]
    assert headings[0] == f"## {raceday_iac.__version__}"


def test_the_shop_from_an_empty_folder_reads_as_its_page_shows(machine: Machine, tmp_path: Path) -> None:
    """Made, changed by hand, healed and destroyed, by the program of the wheel and nothing of the checkout."""
    env = {**os.environ, "PATH": f"{machine.program.parent}:{os.environ['PATH']}", "HOME": str(machine.home)}
    env = {name: value for name, value in env.items() if not name.startswith(("RACEDAY", "PYTHON"))}
    words = [sys.executable, str(ROOT / "docs" / "walk.py"), str(ROOT / "docs" / "shop.md")]
    ended = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    assert "docs/shop.md: 16 commands" in ended.stdout


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, as Node functions do")
def test_a_function_in_node_runs_outside_of_the_checkout(machine: Machine, tmp_path: Path) -> None:
    for name, text in {
        "stacks/small.py": STACK,
        "stacks/environments/local.yaml": "endpoint: embedded\nproject: small\n",
        "functions/greet/main.js": "module.exports = ({ res }) => res.json({ hello: 'world' });\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert "Appwrite matches the configuration" in machine.run("apply", "--auto-approve", at=tmp_path)
    execution = json.loads(machine.run("run", "greet", "--json", at=tmp_path))["execution"]
    assert (execution["status"], json.loads(execution["responseBody"])) == ("completed", {"hello": "world"})
