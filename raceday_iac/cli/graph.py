"""`raceday-iac graph`."""

from __future__ import annotations

import sys

from ..errors import EXIT_OK, IacError
from ..graph.dependencies import as_dot, as_mermaid, as_text, dependencies
from ..redaction import shown_document
from ..render.lines import Line, print_json, print_lines, tolerant, write
from ..render.stack_graph import stack_svg
from .options import Options
from .workspace import Workspace

_PICTURE = "svg"


def run(options: Options, form: str, everything: bool) -> int:
    """Draw the stack's dependencies."""
    forms = {"text": as_text, "dot": as_dot, "mermaid": as_mermaid}
    if form not in (*forms, _PICTURE):
        raise IacError(f"--format {form!r} is not one of {', '.join((*forms, _PICTURE))}.")
    graph = dependencies(Workspace.load(options).desired, everything=everything)
    if options.json:
        print_json({"resources": {str(address): [str(each) for each in needed] for address, needed in graph.items()}})
    elif form == _PICTURE:
        write(tolerant(sys.stdout), shown_document(stack_svg(graph, everything=everything)))
    else:
        print_lines((Line(text) for text in forms[form](graph)), color=options.color)
    return EXIT_OK
