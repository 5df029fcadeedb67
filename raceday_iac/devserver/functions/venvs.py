"""Virtual environments for Python functions, shared by deployments that would install the same.

Two deployments share an environment when their requirements and commands are equal, and the commands do nothing but
install those requirements; otherwise the archive's content counts as well, and the environment is the deployment's own.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import sys
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..private import narrow_all, open_private, private_file, private_folder
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
        private_file(self.root / COMPLETE)

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


@asynccontextmanager
async def alone(environment: Venv) -> AsyncIterator[None]:
    """One build at a time in an environment: several servers may share the folder of them."""
    folder = private_folder(environment.root.parent)
    with open_private(folder / f"{environment.root.name}.lock", os.O_WRONLY | os.O_APPEND, "a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                break
        yield


async def create(environment: Venv, *, with_pip: bool) -> str:
    """Make an empty environment; returns what the maker said if it failed, else an empty text."""
    environment.discard()
    private_folder(environment.root)
    pip = find_spec("pip") if with_pip else None
    if not with_pip or pip is not None:
        # In this process: starting another Python, and unpacking its pip, would take twenty times as long.
        maker = venv.EnvBuilder(symlinks=True, with_pip=False)
        await asyncio.to_thread(maker.create, environment.root)
        if pip is not None and pip.origin is not None:
            await asyncio.to_thread(_copy_pip, Path(pip.origin).parent, environment)
        narrow_all(environment.root)
        return ""
    said: list[str] = []
    code = await run_logged([sys.executable, "-m", "venv", str(environment.root)], Path("/"), None, said.append)
    return "".join(said) if code else ""


def _copy_pip(package: Path, environment: Venv) -> None:
    """Give an environment the pip that this process has, with the commands it is called by."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = environment.root / "lib" / version / "site-packages"
    for source in (package, *package.parent.glob("pip-*.dist-info")):
        shutil.copytree(source, target / source.name, symlinks=True)
    # A shell starts it, since a path with a space, or a long one, cannot stand after `#!`.
    script = f"""#!/bin/sh
exec "{environment.python}" -m pip "$@"
"""
    for name in ("pip", "pip3"):
        command = environment.binaries / name
        command.write_text(script, encoding="utf-8")
        command.chmod(0o700)
