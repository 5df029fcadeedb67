"""A wheel built from this checkout, and a machine that has nothing of raceday-iac but that."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "MANIFEST.in", "raceday_iac")


def sources(folder: Path) -> Path:
    """What is built from, without what builds leave behind, so that nothing is written into the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *_SOURCES],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def build(folder: Path, out: Path, kind: str) -> Path:
    """Build `wheel` or `sdist` as any installer asks for it, with the setuptools that is there. Uses no network."""
    code = f"from setuptools.build_meta import build_{kind} as build; import sys; build(sys.argv[1])"
    out.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [sys.executable, "-c", code, str(out)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return next(each for each in out.iterdir() if each.is_file())


@dataclass(frozen=True)
class Machine:
    """An environment with the wheel alone. Other packages are those of the tests, seen from there."""

    folder: Path
    home: Path

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "raceday-iac"

    def run(self, *words: str, at: Path, code: int = 0, **variables: str) -> str:
        """What the program says; fails when it ends with another code."""
        env = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(self.home), **variables}
        ended = subprocess.run(
            [str(self.program), *words], cwd=at, env=env, capture_output=True, text=True, timeout=300, check=False
        )
        assert ended.returncode == code, f"{' '.join(words)}: exit {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return ended.stdout


def install(wheel: Path, folder: Path) -> Machine:
    """An empty environment with the wheel in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    machine, home = Machine(folder / "env", folder / "home"), folder / "home"
    home.mkdir()
    python = machine.folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True, env={**os.environ, "HOME": str(home)})
    place = next((machine.folder / "lib").glob("python*")) / "site-packages"
    # Path files of that folder are not read, so the checkout, which is installed there, is not seen.
    (place / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return machine
