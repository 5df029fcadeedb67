"""Archives that come out the same, byte for byte, wherever and whenever they are made."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Collection, Mapping

#: Every file carries this time (1980-01-01, the earliest that all archivers know).
_EPOCH = 315_532_800
_AT_ONCE = 1_048_576


def make_archive(files: Mapping[str, bytes], executable: Collection[str] = ()) -> bytes:
    """A gzip-compressed tar of the files, by path relative to its root. Those named `executable` have mode 0755, all
    others 0644."""
    return gzip.compress(_make_tar(files, executable), compresslevel=9, mtime=0)


def digest_of_files(files: Mapping[str, bytes], executable: Collection[str] = ()) -> str:
    """What identifies the archive's content: SHA-256 of the tar before compression, which varies between zlibs."""
    return hashlib.sha256(_make_tar(files, executable)).hexdigest()


def digest_of_archive(archive: bytes) -> str:
    """The same digest from an archive; empty when it is no gzip file (made by somebody else)."""
    digest = hashlib.sha256()
    try:
        # In pieces: what it holds may be a thousand times as large.
        with gzip.open(io.BytesIO(archive)) as tar:
            while piece := tar.read(_AT_ONCE):
                digest.update(piece)
    except (OSError, EOFError, zlib.error):
        return ""
    return digest.hexdigest()


def _make_tar(files: Mapping[str, bytes], executable: Collection[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mtime = _EPOCH
            entry.mode = 0o755 if path in executable else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
