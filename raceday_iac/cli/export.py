"""`raceday-iac export --appwrite-json [FILE]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..errors import EXIT_OK, IacError
from ..importing.appwrite_json_text import appwrite_json, what_is_lost
from ..loading.environment import load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.stack import FromEnvironment, Stack
from ..render.import_text import remark_document, remark_lines
from ..render.lines import Line, print_json, print_lines, tolerant, write
from .options import Options
from .writing import must_be_free, write_file


def run(options: Options, as_appwrite_json: bool, file: Path | None, force: bool) -> int:
    """Write the stack, as it is in this environment, for Appwrite's own command line."""
    if not as_appwrite_json:
        raise IacError("Say which form: --appwrite-json is the only one.")
    if file is not None:
        must_be_free(file, force=force)
    environment = load_environment(options.stack, options.env)
    stack = load_stack(options.stack)
    # No value of a secret is written, so none has to be known.
    desired = resolve(stack, environment, options.root, dict.fromkeys(_secrets(stack), "unknown"))
    folder = file.parent if file is not None else options.root
    text = json.dumps(appwrite_json(desired, environment.project, folder), indent=4, ensure_ascii=False) + "\n"
    remarks = list(what_is_lost(desired))
    if file is None:
        write(tolerant(sys.stdout), text)
        print_lines(remark_lines(remarks), color=options.color, stream=sys.stderr)
        return EXIT_OK
    write_file(file, text)
    if options.json:
        print_json({"exported": {"file": str(file), "remarks": [remark_document(each) for each in remarks]}})
    else:
        print_lines([Line(f"Wrote {file}.", "bold green"), *remark_lines(remarks)], color=options.color)
    return EXIT_OK


def _secrets(stack: Stack) -> list[str]:
    """Names of the environment variables that secrets come from."""
    return [
        value.name
        for each in stack.declarations
        for value in each.arguments.get("variables", {}).values()
        if isinstance(value, FromEnvironment)
    ]
