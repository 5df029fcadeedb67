"""`raceday-iac graph`."""

from __future__ import annotations

from ..errors import EXIT_OK, IacError
from ..graph.dependencies import as_dot, as_mermaid, as_text, dependencies
from ..render.lines import Line, print_json, print_lines
from .options import Options
from .workspace import Workspace


def run(options: Options, form: str, everything: bool) -> int:
    """Draw the stack's dependencies."""
    forms = {"text": as_text, "dot": as_dot, "mermaid": as_mermaid}
    if form not in forms:
        raise IacError(f"--format {form!r} is not one of {', '.join(forms)}.")
    graph = dependencies(Workspace.load(options).desired, everything=everything)
    if options.json:
        print_json({"resources": {str(address): [str(each) for each in needed] for address, needed in graph.items()}})
    else:
        print_lines((Line(text) for text in forms[form](graph)), color=options.color)
    return EXIT_OK
