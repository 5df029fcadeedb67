"""The workers that `make test` runs in: what they report is what one process would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
FILES = {
    "test_good.py": "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_of(n): pass\n",
    "test_all_sorts.py": """
import warnings, pytest
@pytest.fixture
def broken(): raise OSError("the fixture")
def test_says(): print("it said so"); assert 1 == 2
def test_warns(): warnings.warn("take care")
def test_skips(): pytest.skip("a reason")
def test_errs(broken): pass
@pytest.mark.xfail
def test_known(): assert 0
""",
    "test_folders.py": """
def test_the_folder_is_the_workers_own(tmp_path_factory):
    import os
    assert tmp_path_factory.getbasetemp().name == os.environ["TESTS_WORKER"]
""",
}
DEAD = "import os\ndef test_before(): pass\ndef test_dies(): os.kill(os.getpid(), 9)\ndef test_after(): pass\n"


def test_nothing_is_wrong_where_all_pass(tmp_path: Path) -> None:
    ended = _run(tmp_path, {"test_good.py": FILES["test_good.py"], "test_other.py": "def test_it(): pass"}, 2)
    assert (ended.returncode, _counts(ended)) == (0, {"passed": 21})


def test_all_is_reported_and_a_worker_that_dies_is_a_failure(tmp_path: Path) -> None:
    ended = _run(tmp_path, {**FILES, "test_dead.py": DEAD}, 3)
    assert ended.returncode == 1
    assert _counts(ended) == {
        "passed": 20 + 1 + 1 + 1,
        "failed": 2,
        "skipped": 1,
        "xfailed": 1,
        "error": 1,
        "warning": 1,
    }
    assert "it said so" in ended.stdout
    assert "OSError: the fixture" in ended.stdout
    assert "FAILED test_dead.py::test_dies - its worker died (-9)" in ended.stdout


def test_the_first_failure_can_be_the_last(tmp_path: Path) -> None:
    many = "import pytest\n@pytest.mark.parametrize('n', range(500))\ndef test_of(n): assert n\n"
    ended = _run(tmp_path, {"test_a.py": many, "test_b.py": many.replace("assert n", "pass")}, 2, "-x")
    assert ended.returncode == 1
    assert "stopping after 1 failures" in ended.stdout
    assert _counts(ended)["failed"] == 1
    assert _counts(ended).get("passed", 0) < 500


def test_a_test_that_takes_an_interrupt_for_its_own_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import workers\nworkers._PATIENCE = 0.5\n")
    swallowing = "    try: time.sleep(100)\n    except KeyboardInterrupt: pass\n"
    files = {
        "test_a.py": "import time\ndef test_fails(): time.sleep(0.5); assert 0\ndef test_after(): pass\n",
        "test_b.py": f"import time\ndef test_goes_on():\n{swallowing * 4}",
    }
    ended = _run(tmp_path, files, 2, "-x")
    assert ended.returncode == 1
    assert _counts(ended) == {"failed": 1}


def _run(folder: Path, files: dict[str, str], workers: int, *more: str) -> subprocess.CompletedProcess[str]:
    for each in folder.glob("test_*.py"):
        each.unlink()
    for name, text in files.items():
        (folder / name).write_text(text)
    plugins = ["-p", "workers", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    command = [sys.executable, "-m", "pytest", *plugins, "-c", os.devnull, "--rootdir", str(folder), str(folder)]
    variables = {**os.environ, "PYTHONPATH": str(TESTS), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [*command, "--workers", str(workers), *more],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def _counts(ended: subprocess.CompletedProcess[str]) -> dict[str, int]:
    last = ended.stdout.strip().splitlines()[-1]
    return {
        what.rstrip("s") if what in ("warnings", "errors") else what: int(n)
        for n, what in re.findall(r"(\d+) ([a-z]+)(?=,| in)", last)
    }
