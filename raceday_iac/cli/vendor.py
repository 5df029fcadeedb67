"""`raceday-iac vendor FUNCTION --out FOLDER`."""

from __future__ import annotations

from pathlib import Path

from ..errors import EXIT_OK, IacError
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
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if options.json:
        print_json({"function": function, "digest": bundle.digest, "files": sorted(bundle.files)})
    else:
        text = f"{len(bundle.files)} files of function.{function} written to {out} (digest {bundle.digest[:12]})"
        print_lines([Line(text)], color=options.color)
    return EXIT_OK
