"""Copies of shared modules that lie in a function's own folder. Packing replaces them, so an edit of one is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import PurePosixPath

from .facts import FunctionFacts
from .findings import Finding, Severity

_HEADER = re.compile(rb"# Copied from \S+, version ([0-9a-f]{16})\. Do not edit\.\r?\n")


def copies(function: FunctionFacts, shared: Mapping[str, bytes]) -> Iterator[Finding]:
    """POL012 for a copy that is not what its header says, POL013 for one of an older version."""
    for path, content in sorted(function.copies.items()):
        name = PurePosixPath(path).name
        if name not in shared or content == shared[name]:
            continue
        if _is_whole(content):
            message = f"{path} is a copy of an older version of _shared/{name}"
            yield _finding(
                "POL013", Severity.WARNING, function, message, f"delete {path}: packing adds the current one"
            )
        else:
            message = f"{path} was edited, and packing puts _shared/{name} in its place: the edit is never deployed"
            yield _finding("POL012", Severity.ERROR, function, message, f"edit _shared/{name}, and delete {path}")


def _is_whole(content: bytes) -> bool:
    """Whether a copy is as it was written: its header names the digest of the rest."""
    header = _HEADER.match(content)
    return header is not None and sha256(content[header.end() :]).hexdigest()[:16] == header[1].decode()


def _finding(code: str, severity: Severity, function: FunctionFacts, message: str, fix: str) -> Finding:
    return Finding(code, severity, function.address, message, fix, function.location)
