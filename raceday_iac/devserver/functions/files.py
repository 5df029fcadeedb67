"""Where archives, build results and scratch files of deployments lie below the data directory."""

from __future__ import annotations

import json
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..server import Server

FOLDER = "functions"


class ArchiveError(Exception):
    """A source archive that cannot be unpacked."""


@dataclass(frozen=True)
class DeploymentFiles:
    """The folder of one deployment. Code is unpacked to `code`, below the directory it runs in, as in the container."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "source.tar.gz"

    @property
    def output(self) -> Path:
        return self.root / "output.tar.gz"

    @property
    def working_directory(self) -> Path:
        return self.root / "src"

    @property
    def code(self) -> Path:
        return self.working_directory / "function"

    @property
    def process_log(self) -> Path:
        return self.root / "process.log"


def files_of(server: Server, project: str, deployment: str) -> DeploymentFiles:
    return DeploymentFiles(server.data_dir / FOLDER / project / deployment.lower())


def write_chunk(path: Path, start: int, content: bytes) -> None:
    """Put a piece of an upload in its place; pieces may come in any order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.seek(start)
        file.write(content)


def add_range(received: str, start: int, end: int) -> str:
    """The stored list of received byte ranges with one more; both ends are included."""
    ranges = {(first, last) for first, last in json.loads(received)} | {(start, end)}
    return json.dumps(sorted(ranges))


def is_complete(received: str, size: int) -> bool:
    """Whether the ranges cover all bytes."""
    covered = 0
    for first, last in json.loads(received):
        if first > covered:
            return False
        covered = max(covered, last + 1)
    return covered >= size


def unpack(files: DeploymentFiles) -> None:
    """Unpack the source into an empty code folder. Raises `ArchiveError`."""
    shutil.rmtree(files.working_directory, ignore_errors=True)
    files.code.mkdir(parents=True)
    try:
        with tarfile.open(files.source, "r:gz") as archive:
            archive.extractall(files.code, filter="data")
    except tarfile.ReadError as problem:
        raise ArchiveError(f"not a gzip file ({problem})") from None
    except (tarfile.TarError, EOFError, OSError, zlib.error) as problem:
        raise ArchiveError(str(problem)) from None


def pack(files: DeploymentFiles) -> int:
    """Pack the built code folder; returns the size of the archive."""
    with tarfile.open(files.output, "w:gz", compresslevel=1) as archive:
        archive.add(files.code, arcname=".")
    return files.output.stat().st_size


def delete(files: DeploymentFiles) -> None:
    shutil.rmtree(files.root, ignore_errors=True)
