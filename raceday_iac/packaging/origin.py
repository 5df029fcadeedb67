"""What a source archive tells of itself: its digest, and whether this tool made it, and for which function.

An archive that holds our manifest was packed by us. That is how a deployment is known to be ours when no state is left
to say so; without it a deployment is somebody else's and is never deleted.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass

from .archive import digest_of_archive
from .bundle import MANIFEST

#: A manifest has four short fields. Whatever is larger is somebody else's file of the same name.
_LARGEST_MANIFEST = 100_000


@dataclass(frozen=True)
class Origin:
    """`digest` is empty for what is no gzip file; `function` is empty for what we did not make."""

    digest: str = ""
    function: str = ""


def origin_of_archive(archive: bytes) -> Origin:
    """What an archive tells of itself. Never fails: an archive may be anything."""
    digest = digest_of_archive(archive) if archive else ""
    return Origin(digest, _function_of(archive) if digest else "")


def _function_of(archive: bytes) -> str:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            entry = tar.getmember(MANIFEST)
            file = tar.extractfile(entry) if entry.isfile() and entry.size <= _LARGEST_MANIFEST else None
            content = json.loads(file.read()) if file is not None else {}
    except (tarfile.TarError, KeyError, ValueError, OSError, EOFError):
        return ""
    function = content.get("function") if isinstance(content, dict) else None
    return function if isinstance(function, str) else ""
