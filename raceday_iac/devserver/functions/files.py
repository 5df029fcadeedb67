"""Where archives, build results and scratch files of deployments lie below the data directory."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..storage import open_private, private_folder

if TYPE_CHECKING:
    from ..server import Server

FOLDER = "functions"
#: Bytes that an archive of code may hold when it is unpacked. Appwrite has no such limit but its disk.
UNPACKED_LIMIT = 500_000_000
_TOO_MUCH = f"it holds more than {UNPACKED_LIMIT:,} bytes"


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
    private_folder(path.parent)
    with open_private(path, os.O_RDWR, "r+b") as file:
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
    private_folder(files.code)
    try:
        with gzip.open(files.source) as content:
            bounded: Any = _Bounded(content)
            with tarfile.open(fileobj=bounded, mode="r:") as archive:
                archive.extractall(files.code, filter=_private)
        for folder, _, _ in os.walk(files.code):
            # Folders that the archive has no entry of were made on the way.
            os.chmod(folder, 0o700)
    except tarfile.ReadError as problem:
        raise ArchiveError(f"not a gzip file ({problem})") from None
    except (tarfile.TarError, EOFError, OSError, zlib.error) as problem:
        raise ArchiveError(str(problem)) from None


class _Bounded:
    """An archive's content, of which nothing is read beyond the limit: a megabyte can hold a gigabyte."""

    def __init__(self, content: gzip.GzipFile) -> None:
        self._content = content

    def read(self, size: int = -1) -> bytes:
        left = UNPACKED_LIMIT - self._content.tell()
        found = self._content.read(left + 1 if size < 0 else min(size, left + 1))
        if len(found) > left:
            raise ArchiveError(_TOO_MUCH)
        return found

    def seek(self, position: int) -> int:
        if position > UNPACKED_LIMIT:
            raise ArchiveError(_TOO_MUCH)
        return self._content.seek(position)

    def tell(self) -> int:
        return self._content.tell()


def _private(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """What may be unpacked, for its owner alone."""
    found = tarfile.data_filter(member, folder)
    return found if found.mode is None else found.replace(mode=found.mode & 0o700, deep=False)


def pack(files: DeploymentFiles, folder: Path) -> int:
    """Pack what was built; returns the size of the archive."""
    with (
        open_private(files.output, os.O_WRONLY | os.O_TRUNC, "wb") as output,
        tarfile.open(fileobj=output, mode="w:gz", compresslevel=1) as archive,
    ):
        archive.add(folder, arcname=".")
    return files.output.stat().st_size


def delete(files: DeploymentFiles) -> None:
    shutil.rmtree(files.root, ignore_errors=True)
