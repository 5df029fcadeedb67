"""`raceday-iac import`: into the state, or, with `--write`, into the source of a stack."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import EXIT_OK, IacError
from ..importing.adoption import Adoption, adopt, chosen
from ..importing.appwrite_json import read_appwrite_json
from ..importing.appwrite_json_text import appwrite_json, what_is_lost
from ..importing.project import Project, select
from ..importing.source import Source, write_source
from ..loading.environment import Environment, load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.address import Address
from ..model.stack import FromEnvironment, Stack
from ..refresh import refresh
from ..render.import_text import (
    adoption_document,
    adoption_lines,
    project_document,
    project_lines,
    remark_document,
    remark_lines,
    source_document,
    source_lines,
)
from ..render.lines import Line, print_json, print_lines, tolerant, write
from .apply import record_import
from .import_proof import differs_in, must_change_nothing
from .options import Options, begin_changes
from .plan import addresses
from .workspace import Workspace, must_be_free, opened, reader, write_file


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    addresses: Sequence[str] = ()
    everything: bool = False
    from_appwrite_json: Path | None = None
    write: Path | None = None
    force: bool = False
    resend_secrets: bool = False
    verbose: bool = False


def run_import(options: Options, asked: Asked) -> int:
    """Import what was asked for."""
    wanted = addresses(asked.addresses)
    if asked.write is not None:
        return _write(options, asked, asked.write, wanted)
    if asked.from_appwrite_json is not None:
        return _show(options, select(_file(asked.from_appwrite_json), wanted))
    if not wanted and not asked.everything:
        raise IacError(
            "Say what to import: addresses, or --all for everything that the stack declares. Nothing was changed.",
            hint="to have a stack written from what is live: raceday-iac import --write stacks/NAME.py",
        )
    return _adopt(options, asked, wanted)


def _adopt(options: Options, asked: Asked, wanted: frozenset[Address]) -> int:
    workspace = Workspace.load(options)
    names = chosen(workspace.desired, wanted)
    with workspace.target() as target, workspace.store.locked("import"):
        state = workspace.read_state()
        connection = reader(target)
        real = refresh(connection, workspace.desired, state, workspace.archives(connection)).resources
        adoption = adopt(workspace.desired, state, real, names, trust_secrets=not asked.resend_secrets)
        _must_be_there(adoption, wanted)
        if adoption.changes_state:
            adoption = replace(adoption, state=replace(adoption.state, serial=state.serial + 1))
            workspace.store.keep_backup()
            begin_changes()
            workspace.store.write(adoption.state)
            record_import(options, adoption)
    if options.json:
        print_json({"imported": adoption_document(adoption)})
    else:
        print_lines(adoption_lines(adoption, verbose=asked.verbose), color=options.color)
    return EXIT_OK


def _must_be_there(adoption: Adoption, wanted: frozenset[Address]) -> None:
    """What is asked for by name must exist; what lies in it may be missing."""
    missing = sorted(str(each) for each in adoption.missing if each in wanted)
    if missing:
        raise IacError(
            f"{', '.join(missing)}: declared, but not on the server. Nothing was changed.",
            hint="apply creates it: raceday-iac plan",
        )


def _show(options: Options, project: Project) -> int:
    if options.json:
        print_json({"found": project_document(project)})
    else:
        print_lines(project_lines(project), color=options.color)
    return EXIT_OK


def _write(options: Options, asked: Asked, file: Path, wanted: frozenset[Address]) -> int:
    must_be_free(file, force=asked.force)
    if file.suffix != ".py":
        raise IacError(f"{file} is not a Python file (.py). Nothing was written.")
    environment = None
    if asked.from_appwrite_json is not None:
        project = _file(asked.from_appwrite_json)
    else:
        environment = load_environment(options.stack, options.env)
        project = _live(options, environment)
    project = select(project, wanted)
    source = write_source(project, file.stem)
    must_change_nothing(source, project)
    hints = differs_in(environment, source, project) if environment else ()
    write_file(file, source.text)
    return _tell_written(options, source, file, hints)


def _tell_written(options: Options, source: Source, file: Path, hints: Sequence[str]) -> int:
    if options.json:
        print_json({"written": source_document(source, file, hints)})
    else:
        print_lines(source_lines(source, file, hints, options.env), color=options.color)
    return EXIT_OK


def _live(options: Options, environment: Environment) -> Project:
    with opened(environment, options) as target:
        snapshot = reader(target).everything()
        return Project(snapshot.resources, source=f"project {target.project} at {target.endpoint}")


def _file(path: Path) -> Project:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise IacError(f"{path} cannot be read: {error.strerror or error}. Nothing was changed.") from None
    except ValueError as error:
        raise IacError(f"{path} is not valid JSON: {error}. Nothing was changed.") from None
    return read_appwrite_json(content, str(path))


def run_export(options: Options, as_appwrite_json: bool, file: Path | None, force: bool) -> int:
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
