"""`raceday-iac vendor FUNCTION --out FOLDER`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import EXIT_OK, IacError
from ..files import write_new
from ..model.desired import LeftOut
from ..render.lines import Line, print_json, print_lines
from .options import Options
from .workspace import Workspace


def run(options: Options, function: str, out: Path) -> int:
    """Write a bundle's files to a folder, to read or run them as they will be deployed."""
    bundles = Workspace.load(options).bundles
    if function not in bundles:
        raise IacError(
            f"The code of function.{function} is not managed by the stack.",
            hint=f"functions with managed code: {', '.join(sorted(bundles)) or 'none'}",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise IacError(f"{out} is not empty; nothing was written.", hint="name a new folder")
    bundle = bundles[function]
    for name, content in bundle.files.items():
        try:
            write_new(out / name, content, 0o755 if name in bundle.executable else 0o644)
        except OSError as error:
            raise IacError(f"{out / name} cannot be written: {error.strerror or error}.") from None
    left_out = [{"path": each.path, "why": str(each.why), "detail": each.detail} for each in bundle.left_out]
    if options.json:
        print_json({"function": function, "digest": bundle.digest, "files": sorted(bundle.files), "leftOut": left_out})
    else:
        text = f"{len(bundle.files)} files of function.{function} written to {out} (digest {bundle.digest[:12]})"
        print_lines([Line(text), *_left_out_lines(bundle.left_out)], color=options.color)
    return EXIT_OK


def _left_out_lines(left_out: Sequence[LeftOut]) -> Iterator[Line]:
    if left_out:
        yield Line("Not in its bundle:")
    for each in left_out:
        yield Line(f"  {each.path}: {each.why}{f' {each.detail}' if each.detail else ''}", "dim")
