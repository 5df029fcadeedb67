"""`import` and `export`: existing resources into the state or into the source of a stack, and a stack for others."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..errors import EXIT_OK, AccessError, IacError, StackError
from ..importing.adoption import Adoption, adopt, chosen
from ..importing.appwrite_json import appwrite_json, read_appwrite_json, what_is_lost
from ..importing.document import TerraformState, read_document, read_tfstate
from ..importing.names import Project, Remark, select
from ..importing.source import PLAIN, Source, without_secrets, write_source
from ..kinds import KINDS, in_newest_words, kind_of, on_server
from ..kinds.fields import NEWEST_CLI, Writing
from ..loading.environment import Environment, load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.address import Address
from ..model.evidence import Answer
from ..model.resource import Desired, Live
from ..model.secret import Lenient
from ..model.server import NEWEST, ServerFacts
from ..planning import Plan, build_plan
from ..provider import Snapshot
from ..refresh import refresh
from ..render.import_text import (
    adoption_document,
    adoption_lines,
    project_document,
    project_lines,
    released_lines,
    remark_document,
    remark_lines,
    source_document,
    source_lines,
)
from ..render.lines import Line, print_lines, tolerant, write
from ..state.document import new_state
from .help import addresses
from .options import Options, begin_changes, current
from .plan import read_address
from .recording import record_import
from .workspace import Workspace, answer, must_be_free, opened, reader, write_file

app = typer.Typer()


@app.command("import")
def import_(
    addresses: Annotated[
        list[Address] | None,
        typer.Argument(metavar="[ADDRESS]...", parser=read_address, autocompletion=addresses, show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Import everything that the stack declares.")] = False,
    from_appwrite_json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Import what an appwrite.json describes, instead of what is live."),
    ] = None,
    from_tfstate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Import what is in a Terraform state of the official provider.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a stack file that declares what is live.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="With --write: replace the file.")] = False,
    resend_secrets: Annotated[
        bool, typer.Option("--resend-secrets", help="Do not trust live secrets: let the next apply send them.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name every resource.")] = False,
) -> int:
    """Import what is asked for."""
    options, wanted = current(), frozenset(addresses or ())
    if from_tfstate is not None and (wanted or everything or from_appwrite_json is not None):
        raise IacError(
            "--from-tfstate imports what the Terraform state lists. It cannot be combined with addresses or --all.",
            unchanged=True,
        )
    if write is not None:
        return _write_stack(options, write, from_appwrite_json, from_tfstate, wanted, force=force)
    if from_tfstate is not None:
        return _from_tfstate(options, from_tfstate, trust_secrets=not resend_secrets, verbose=verbose)
    if from_appwrite_json is not None:
        project = select(read_project(from_appwrite_json, options.root), wanted)
        answer(options, {"found": project_document(project)}, project_lines(project))
        return EXIT_OK
    if not wanted and not everything:
        raise IacError(
            "Name what to import: addresses, or --all for everything that the stack declares.",
            hint="to have a stack written from what is live: raceday-iac import --write stacks/NAME.py",
            unchanged=True,
        )
    workspace = Workspace.load(options)
    adoption = _adopt(workspace, chosen(workspace.desired, wanted), wanted, trust_secrets=not resend_secrets)
    answer(options, {"imported": adoption_document(adoption)}, adoption_lines(adoption, verbose=verbose))
    return EXIT_OK


def _from_tfstate(options: Options, file: Path, *, trust_secrets: bool, verbose: bool) -> int:
    """Take what the file names and the stack declares; say of the rest why it is not taken."""
    workspace = Workspace.load(options)
    found, desired = read_tfstate(file, workspace.environment.project), workspace.desired.resources
    names = [each for each in desired if each in found.named]
    adoption = _adopt(workspace, names, frozenset(), trust_secrets=trust_secrets)
    undeclared = (
        Remark(name, f"{address} is not declared in the stack")
        for address, name in found.named.items()
        if address not in desired
    )
    remarks = (*found.remarks, *undeclared)
    lines = (*adoption_lines(adoption, verbose=verbose), *remark_lines(remarks), *released_lines(adoption, found.named))
    answer(options, {"imported": adoption_document(adoption, remarks)}, lines)
    return EXIT_OK


def _adopt(
    workspace: Workspace, names: Collection[Address], wanted: frozenset[Address], *, trust_secrets: bool
) -> Adoption:
    options = workspace.options
    with workspace.target() as target, workspace.store.locked("import"):
        state = workspace.read_state()
        connection = reader(target)
        snapshot = refresh(connection, workspace.desired, state, workspace.archives(connection))
        desired = on_server(workspace.desired, snapshot.facts)
        adoption = adopt(desired, state, snapshot.resources, names, trust_secrets=trust_secrets)
        _must_be_there(adoption, wanted)
        if adoption.changes_state:
            adoption = replace(adoption, state=replace(adoption.state, serial=adoption.state.serial + 1))
            workspace.store.keep_backup()
            begin_changes()
            workspace.store.write(adoption.state)
            record_import(options, adoption)
    return adoption


def _must_be_there(adoption: Adoption, wanted: frozenset[Address]) -> None:
    """What is asked for by name must exist; what lies in it may be missing."""
    missing = sorted(str(each) for each in adoption.missing if each in wanted)
    if missing:
        raise IacError(
            f"{', '.join(missing)}: declared, but not on the server.",
            hint="apply creates it: raceday-iac plan",
            unchanged=True,
        )


def _write_stack(
    options: Options,
    file: Path,
    from_appwrite_json: Path | None,
    from_tfstate: Path | None,
    wanted: frozenset[Address],
    *,
    force: bool,
) -> int:
    must_be_free(file, force=force)
    if file.suffix != ".py":
        raise IacError(f"{file} is not a Python file (.py). Nothing was written.")
    environment = None
    if from_appwrite_json is not None:
        project = read_project(from_appwrite_json, options.root)
    else:
        environment = load_environment(options.stack, options.env)
        project = read_live(options, environment)
    if from_tfstate is None:
        project = select(project, wanted)
    elif environment is not None:
        project = _named_by(read_tfstate(from_tfstate, environment.project), project)
    source = write_source(project, file.stem, options.root)
    must_change_nothing(source, project, options.root)
    hints = differs_in(environment, source, project, options.root) if environment else ()
    write_file(file, source.text)
    document = {"written": source_document(source, file, hints)}
    answer(options, document, source_lines(source, file, hints, options.env))
    return EXIT_OK


def _named_by(found: TerraformState, project: Project) -> Project:
    """What is live of what a Terraform state names, and nothing that merely lies in that. Code is the function's."""
    named = {address: name for address, name in found.named.items() if not kind_of(address).is_code}
    live = {each for each in named if each in project.resources}
    if not live:
        raise IacError(f"No resource of the Terraform state exists in {project.source}.", unchanged=True)
    gone = (Remark(name, "not on the server") for address, name in named.items() if address not in live)
    part = select(project, live, with_inner=False)
    return replace(part, remarks=(*part.remarks, *found.remarks, *gone))


def read_live(options: Options, environment: Environment) -> Project:
    with opened(environment, options) as target:
        snapshot = reader(target).everything()
        where = f"project {target.project} at {target.endpoint}"
        # What a server does not have needs no word; what a key may not see does.
        closed = {name: error for name, error in snapshot.unread.items() if isinstance(error, AccessError)}
        remarks = [Remark(KINDS[name].plural, f"not read: {error.message}") for name, error in closed.items()]
        return Project(snapshot.resources, tuple(remarks), where)


def read_project(path: Path, root: Path = Path()) -> Project:
    document = read_document(path)

    def code_at(folder: str, entrypoint: str) -> str:
        """Only what lies below the root: nothing else is managed unasked."""
        place = (path.parent / folder).resolve()
        with suppress(OSError, ValueError):
            has_code = (place / entrypoint).is_file() if entrypoint else place.is_dir() and place != root.resolve()
            if place.is_relative_to(root.resolve()) and has_code:
                return place.relative_to(root.resolve()).as_posix()
        return ""

    project = read_appwrite_json(document.content, str(path), code_at)
    return replace(project, remarks=(*document.remarks, *project.remarks))


# The proof that a written stack changes nothing: loaded as any stack file, its plan is empty


def must_change_nothing(source: Source, project: Project, root: Path = Path()) -> None:
    """Raises IacError when the plan of the source, adopted, is not empty. That is a defect of this tool."""
    changes = _plan(_loaded(source, PLAIN, root), project.resources).changes
    if changes:
        raise IacError(
            f"The stack file would not describe exactly what is live ({changes[0].key}: {changes[0].reason}). "
            "Nothing was written.",
            hint="this is a defect of raceday-iac, please report it; import the rest by naming addresses",
        )


def differs_in(environment: Environment, source: Source, project: Project, root: Path) -> list[str]:
    """What the environment's own settings make different from what was found."""
    try:
        changes = _plan(_loaded(source, environment, root), project.resources).changes
    except StackError as error:
        return [f"environment {environment.name}: {problem}" for problem in error.problems]
    return [f"the settings of environment {environment.name} change {each.key}" for each in changes]


def _loaded(source: Source, environment: Environment, root: Path) -> Desired:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "imported.py"
        file.write_text(source.text, encoding="utf-8")
        return resolve(load_stack(file), environment, root, Lenient())


def _plan(desired: Desired, real: Mapping[Address, Live]) -> Plan:
    """The plan after adopting everything. Nothing is lost by a plan that must be empty, so nothing is counted."""
    real = without_secrets(real)
    server, real = ServerFacts(NEWEST), in_newest_words(real)
    state = adopt(on_server(desired, server), new_state(), real, chosen(desired, ())).state
    return build_plan("import", desired, state, Snapshot(real, server), lambda _question: Answer(None))


#: The first version of Appwrite's command line with a file of this form.
_OLDEST_CLI = 4


def read_cli_version(text: str | int) -> int:
    """The major version of Appwrite's command line, given as `25` or `25.1.0`. Raises IacError for what is no version,
    and for one that is not known."""
    number = re.fullmatch(r"v?(\d{1,4})(?:\.\w[\w.-]*)?", str(text).strip())
    if number is None:
        raise IacError(
            f"--for-cli {str(text)[:40]!r} is not a version.",
            hint=f"appwrite --version shows it; its first number is enough: --for-cli {NEWEST_CLI}",
            unchanged=True,
        )
    version = int(number[1])
    if version > NEWEST_CLI:
        raise IacError(
            f"--for-cli {text}: this version of raceday-iac knows the files of Appwrite's command line up to "
            f"{NEWEST_CLI}.",
            hint=f"leave the option out: a newer command line probably reads what is written for {NEWEST_CLI}",
            unchanged=True,
        )
    if version < _OLDEST_CLI:
        raise IacError(
            f"--for-cli {text}: files of this form are read by Appwrite's command line from {_OLDEST_CLI} on.",
            hint=f"name a version from {_OLDEST_CLI} to {NEWEST_CLI}",
            unchanged=True,
        )
    return version


@app.command("export")
def export(
    as_appwrite_json: Annotated[
        bool, typer.Option("--appwrite-json", help="Write the format that Appwrite's own command line reads.")
    ] = False,
    file: Annotated[Path | None, typer.Argument(help="The file to write; default: standard output.")] = None,
    for_cli: Annotated[
        int,
        typer.Option(
            metavar="VERSION",
            parser=read_cli_version,
            help="The version of Appwrite's command line, such as 12, 15 or 25.",
        ),
    ] = NEWEST_CLI,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> int:
    """Write the stack, as it is in this environment, for Appwrite's own command line."""
    options = current()
    if not as_appwrite_json:
        raise IacError("Say which format to write: --appwrite-json is the only one.")
    if file is not None:
        must_be_free(file, force=force)
    environment = load_environment(options.stack, options.env)
    # No value of a secret is written, so none has to be known.
    desired = resolve(load_stack(options.stack), environment, options.root, Lenient())
    folder = file.parent if file is not None else options.root
    to = Writing(folder, for_cli)
    text = json.dumps(appwrite_json(desired, environment.project, to), indent=4, ensure_ascii=False) + "\n"
    remarks = list(what_is_lost(desired, to))
    if file is None:
        write(tolerant(sys.stdout), text)
        print_lines(remark_lines(remarks), color=options.color, stream=sys.stderr)
        return EXIT_OK
    write_file(file, text)
    document = {"exported": {"file": str(file), "remarks": [remark_document(each) for each in remarks]}}
    answer(options, document, [Line(f"Wrote {file}.", "bold green"), *remark_lines(remarks)])
    return EXIT_OK
