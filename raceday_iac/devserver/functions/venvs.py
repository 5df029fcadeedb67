"""Virtual environments for Python functions, shared by deployments that would install the same.

Two deployments share an environment when their requirements and commands are equal, and the commands do nothing but
install those requirements; otherwise the archive's content counts as well, and the environment is the deployment's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from .files import DeploymentFiles
from .process import run_logged

COMPLETE = ".complete"
#: Commands whose whole effect is decided by requirements.txt.
ONLY_INSTALLS = re.compile(r"(?:python3? -m )?pip3? install(?: --?[\w=-]+)* -r requirements\.txt(?: --?[\w=-]+)*")


@dataclass(frozen=True)
class Venv:
    root: Path

    @property
    def binaries(self) -> Path:
        return self.root / "bin"

    @property
    def python(self) -> Path:
        return self.binaries / "python"

    @property
    def is_complete(self) -> bool:
        return (self.root / COMPLETE).exists()

    def seal(self) -> None:
        """Say that commands ran to their end in it, so that others may use it."""
        (self.root / COMPLETE).touch()

    def discard(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def venv_for(folder: Path, files: DeploymentFiles, commands: str) -> Venv:
    """The environment for unpacked code; it may not exist yet."""
    digest = hashlib.sha256(f"{sys.executable} {sys.version}\n{commands.strip()}\n".encode())
    if commands.strip():
        requirements = files.code / "requirements.txt"
        digest.update(requirements.read_bytes() if requirements.exists() else b"")
        if not ONLY_INSTALLS.fullmatch(commands.strip()):
            digest.update(files.source.read_bytes())
    return Venv(folder / digest.hexdigest()[:24])


async def create(environment: Venv, *, with_pip: bool) -> str:
    """Make an empty environment; returns what the maker said if it failed, else an empty text."""
    environment.discard()
    if not with_pip:
        # In this process: starting another Python would take ten times as long.
        maker = venv.EnvBuilder(symlinks=True, with_pip=False)
        await asyncio.to_thread(maker.create, environment.root)
        return ""
    said: list[str] = []
    code = await run_logged([sys.executable, "-m", "venv", str(environment.root)], Path("/"), None, said.append)
    return "".join(said) if code else ""
