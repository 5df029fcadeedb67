"""What lies in a function's folder and is not deployed as it is: copies of shared modules, which packing replaces, and
what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ..model.desired import LeftOut, WhyLeftOut
from ..packaging.bundle import is_whole_copy
from .facts import FunctionFacts
from .findings import Finding, Severity

_KEEP = 'if it is needed at run time, keep it with include=["…"]'
_LEFT_OUT = {
    "BND001": (
        Severity.WARNING,
        f"add it to .gitignore, or move it away: a variable is the place for a secret; {_KEEP}",
    ),
    "BND002": (Severity.WARNING, "remove it, or name it in ignore="),
    "BND003": (Severity.INFO, _KEEP),
}


def copies(function: FunctionFacts, shared: Mapping[str, bytes]) -> Iterator[Finding]:
    """POL012 for a copy that is not what its header says, POL013 for one of an older version."""
    for path, content in sorted(function.copies.items()):
        name = PurePosixPath(path).name
        if name not in shared or content == shared[name]:
            continue
        if is_whole_copy(content):
            message = f"{path} is a copy of an older version of _shared/{name}"
            yield _finding(
                "POL013", Severity.WARNING, function, message, f"delete {path}: packing adds the current one"
            )
        else:
            message = f"{path} was edited, and packing puts _shared/{name} in its place: it is not deployed like this"
            yield _finding("POL012", Severity.ERROR, function, message, f"edit _shared/{name}, and delete {path}")


def left_out(function: FunctionFacts) -> Iterator[Finding]:
    """BND001 for what looks like a secret, BND002 for what cannot be packed, BND003 for all else."""
    groups: dict[str, list[LeftOut]] = {"BND001": [], "BND002": [], "BND003": []}
    for each in function.left_out:
        groups[_code_of(each)].append(each)
    for code, entries in groups.items():
        if entries:
            severity, fix = _LEFT_OUT[code]
            # Git keeps it from others already, so there is nothing to do.
            quiet = code == "BND001" and all(each.is_ignored for each in entries)
            message = f"not in its bundle: {'; '.join(_said(each) for each in entries)}"
            yield _finding(code, Severity.INFO if quiet else severity, function, message, fix)


def _code_of(entry: LeftOut) -> str:
    if entry.why is WhyLeftOut.SECRET:
        return "BND001"
    return "BND002" if entry.why in (WhyLeftOut.BROKEN, WhyLeftOut.SPECIAL) and not entry.is_ignored else "BND003"


def _said(entry: LeftOut) -> str:
    return f"{entry.path} ({', '.join(filter(None, (entry.why, entry.detail)))})"


def _finding(code: str, severity: Severity, function: FunctionFacts, message: str, fix: str) -> Finding:
    return Finding(code, severity, function.address, message, fix, function.location)
