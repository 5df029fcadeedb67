"""`plan`, `show`, `drift` and `graph`: what is, what would be, and how it hangs together. They change nothing."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..errors import EXIT_CHANGES, EXIT_ERROR, EXIT_OK, EXIT_REFUSED, IacError, RefusedError
from ..kinds import HAVING_CODE, KINDS, has_code, is_known, on_server
from ..model.address import Address, function_address
from ..model.declarations import nearest
from ..model.evidence import Answer, read_number
from ..model.resource import Desired
from ..model.secret import shown_document
from ..model.server import ServerFacts
from ..planning import Plan, PlanOptions
from ..planning.lifecycle import with_ignored
from ..planning.saved import SavedPlan, plan_document, read_plan, restored, saved_plan
from ..provider import Reader
from ..render.lines import Line, print_json, print_lines, tolerant, write
from ..render.plan_text import forecast_document, forecast_lines, plan_lines, saved_lines
from ..state.document import State
from ..waiting import WAITS
from .help import addresses
from .options import Options, current
from .workspace import Target, Workspace, acceptances_of, answer, first_day, make_plan, read_text, reader, write_file

if TYPE_CHECKING:
    from ..applying.migrating import Rehearsal
    from ..backup.manifest import Forecast

app = typer.Typer()


# Options that shape a plan; `apply` has them too


def read_owner(text: str) -> Address:
    """An address; the id of a function alone is enough. Raises IacError."""
    return read_address(text) if text.partition(".")[0] in KINDS else function_address(text)


def read_code_owner(text: str) -> Address:
    """The same of what has code: a function, or a site. Raises IacError."""
    owner = read_owner(text)
    if not has_code(owner):
        known = " or ".join(f"{kind}.ID" for kind in HAVING_CODE)
        raise IacError(
            f"{owner} has no code of its own.", hint=f"name a function by its id, or {known}", unchanged=True
        )
    return owner


def read_address(text: str) -> Address:
    """An address given on the command line. Raises IacError."""
    try:
        found = Address.parse(text)
    except ValueError as error:
        raise IacError(f"{error}.", unchanged=True) from None
    if not is_known(found.kind):
        near = nearest(found.kind, KINDS)
        hint = "" if near else f"kinds: {', '.join(KINDS)}"
        raise IacError(f"{text}: unknown kind {found.kind!r}{near}.", hint=hint, unchanged=True)
    return found


class AllowedLoss(NamedTuple):
    """A resource that may lose data, and how much; None is as much as the plan shows."""

    address: Address
    number: Answer | None


class ConfirmedNumber(NamedTuple):
    """A threshold (`delete function`) that may be passed with this number."""

    threshold: str
    number: int


def read_allowed(text: str, option: str = "--allow-data-loss") -> AllowedLoss:
    """`ADDRESS`, or `ADDRESS=NUMBER` with the number that was shown. Raises IacError."""
    place, equals, number = text.rpartition("=")
    address = read_address(place if equals else text)
    if not equals:
        return AllowedLoss(address, None)
    try:
        return AllowedLoss(address, read_number(number.strip()))
    except ValueError:
        raise IacError(
            f"{option} {text!r} is not of the form ADDRESS=NUMBER.",
            hint=f"write it as the plan shows it, for example {option} {address}=301",
            unchanged=True,
        ) from None


def read_confirmed(text: str) -> ConfirmedNumber:
    """`ACTION KIND=NUMBER`. Raises IacError."""
    name, equals, number = text.partition("=")
    if not equals or not number.strip().isdecimal():
        raise IacError(
            f'--confirm {text!r} is not of the form "ACTION KIND=NUMBER".',
            hint='write it as the plan shows it, for example --confirm "delete function=7"',
            unchanged=True,
        )
    return ConfirmedNumber(" ".join(name.split()), int(number))


def read_look_at(text: str | int) -> int:
    """A number of documents, or `all` of them, which is 0. Raises IacError."""
    found = str(text).replace(" ", "").replace("_", "")
    if found == "all" or text == 0:
        return 0
    if not (found.isascii() and found.isdecimal() and int(found)):
        raise IacError(f"--look-at {text!r} is neither a number of documents nor all.", unchanged=True)
    return int(found)


DataLoss = Annotated[
    list[AllowedLoss],
    typer.Option(
        "--allow-data-loss",
        metavar="ADDRESS[=NUMBER]",
        autocompletion=addresses,
        parser=read_allowed,
        help="Resource that may lose data, as much as the plan showed; the number is required when nobody is asked. "
        "Repeatable.",
    ),
]


def _resources(said: str) -> Any:
    """An option that names resources."""
    return typer.Option(metavar="ADDRESS", parser=read_address, autocompletion=addresses, help=f"{said}; repeatable.")


Targets = Annotated[list[Address], _resources("Plan only this resource, what is in it, and what it needs")]
Excluded = Annotated[list[Address], _resources("Leave out this resource, what is in it, and what needs it")]
Replaced = Annotated[list[Address], _resources("Delete this resource and create it again, even if it is unchanged")]
RefreshOnly = Annotated[
    bool, typer.Option("--refresh-only", help="Only update the state with what was changed on the server.")
]
Confirmed = Annotated[
    list[ConfirmedNumber],
    typer.Option(
        metavar='"ACTION KIND=NUMBER"',
        parser=read_confirmed,
        help="Allow a change that a threshold stops, with the number that was shown; repeatable.",
    ),
]
LookAt = Annotated[
    int,
    typer.Option(
        "--look-at",
        metavar="NUMBER|all",
        parser=read_look_at,
        show_default=False,
        help="How many documents of a collection are read for checks that no query can do; default: all.",
    ),
]
Unmanaged = Annotated[
    bool,
    typer.Option("--unmanaged", help="Also list unmanaged resources of the kinds that the stack does not use."),
]
Rehearse = Annotated[
    bool, typer.Option("--rehearse", help="Also run the plan's migrations over live data, without writing.")
]
DetailedExitCode = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending, 0 when there are none.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show one line per attribute and index.")]


# What the command line asks of a plan, as `PlanOptions`.


def plan_options_of(
    target: Sequence[Address] = (),
    exclude: Sequence[Address] = (),
    replace: Sequence[Address] = (),
    refresh_only: bool = False,
    allow_data_loss: Sequence[AllowedLoss] = (),
    confirm: Sequence[ConfirmedNumber] = (),
    look_at: int = 0,
) -> PlanOptions:
    """What the command line asks for. Raises IacError for what does not go together."""
    if refresh_only and (replace or allow_data_loss):
        raise IacError("--refresh-only cannot be combined with --replace or --allow-data-loss.", unchanged=True)
    return PlanOptions(
        dict(allow_data_loss),
        frozenset(target),
        frozenset(exclude),
        frozenset(replace),
        refresh_only,
        dict(confirm),
        look_at=look_at,
    )


def destroying(plan_options: PlanOptions) -> PlanOptions:
    """The same, for a plan after which nothing of ours is left. Raises IacError for what does not go together."""
    if plan_options.refresh_only or plan_options.replaced:
        raise IacError(
            "A plan that destroys everything cannot be combined with --refresh-only or --replace.", unchanged=True
        )
    return dataclasses.replace(plan_options, destroy=True)


# Where reports go

Markdown = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the report as Markdown, for a comment; - prints it.")
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as an HTML page in one file.")]
Svg = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the changes and what each waits for (SVG).")]
# The other forms of what a command shows: files for a pull request, a page, a picture.


#: Instead of a file: standard output.
STDOUT = Path("-")


@dataclass(frozen=True)
class Reports:
    """Where each form goes; None is nowhere."""

    markdown: Path | None = None
    html: Path | None = None
    svg: Path | None = None

    @property
    def are_wanted(self) -> bool:
        """Whether there is any."""
        return any(each is not None for each in (self.markdown, self.html, self.svg))

    @property
    def to_stdout(self) -> bool:
        """Whether one of them takes the place of the text."""
        return STDOUT in (self.markdown, self.html, self.svg)

    def check(self, options: Options) -> None:
        """Raises IacError when two things would be written to standard output."""
        wanted = [self.markdown, self.html, self.svg].count(STDOUT) + options.json
        if wanted > 1:
            raise IacError(
                "Only one report can go to standard output.", hint="name a file for the others", unchanged=True
            )

    def write(self, forms: Mapping[str, Callable[[], str]]) -> None:
        """Write what is asked for; `forms` makes each by the name of its option."""
        for name, make in forms.items():
            place: Path | None = getattr(self, name)
            if place == STDOUT:
                write(tolerant(sys.stdout), shown_document(make()))
            elif place is not None:
                write_file(place, shown_document(make()))


# Commands


@app.command("plan")
def plan(
    detailed_exitcode: DetailedExitCode = False,
    verbose: Verbose = False,
    out: Annotated[Path | None, typer.Option(help="Save the plan, to apply exactly this later.")] = None,
    target: Targets = [],  # noqa: B006 - typer copies it
    exclude: Excluded = [],  # noqa: B006
    replace: Replaced = [],  # noqa: B006
    refresh_only: RefreshOnly = False,
    allow_data_loss: DataLoss = [],  # noqa: B006
    confirm: Confirmed = [],  # noqa: B006
    look_at: LookAt = 0,
    unmanaged: Unmanaged = False,
    destroy: Annotated[bool, typer.Option("--destroy", help="Plan what destroy --all would delete.")] = False,
    rehearse: Rehearse = False,
    markdown: Markdown = None,
    html: Html = None,
    svg: Svg = None,
) -> int:
    """Show the plan, and save it where that is asked for."""
    options, reports = current(), Reports(markdown, html, svg)
    plan_options = plan_options_of(target, exclude, replace, refresh_only, allow_data_loss, confirm, look_at)
    if destroy:
        plan_options = destroying(plan_options)
    reports.check(options)
    # A saved plan holds fingerprints of the secrets that it was made with.
    workspace = Workspace.load(options, reading=True, sending=out is not None and not destroy)
    return make_and_show(
        workspace,
        plan_options,
        reports,
        out=out,
        verbose=verbose,
        detailed=detailed_exitcode,
        every_kind=unmanaged,
        rehearses=rehearse,
    )


def make_and_show(
    workspace: Workspace,
    plan_options: PlanOptions,
    reports: Reports,
    *,
    out: Path | None,
    verbose: bool,
    detailed: bool,
    every_kind: bool = False,
    rehearses: bool = False,
    origin: str = "",
    **more: object,
) -> int:
    """Make a plan and show it; rehearse its migrations and save it where that is asked for. Returns the exit code: it
    is `detailed` or not. `origin` says where its stack comes from, if that is not what is checked out; machines are
    shown `more`."""
    options = workspace.options
    with workspace.target() as server:
        state = workspace.read_state()
        if out is not None and not state.serial:
            state = _with_key(workspace, state, plan_options)
        connection = reader(server)
        found = make_plan(workspace, state, connection, plan_options, every_kind=every_kind)
        saved = None if out is None or found.refusals else snapshot_of(found, workspace, server, state)
        if out is not None and saved is not None:
            write_file(out, saved.to_text(), private=True)
        rehearsed = _rehearsed(workspace, found, connection) if rehearses else None
        kept = kept_before(found, workspace)
        _report(reports, found, f"{where(found, server)}{origin}", kept, rehearsed)
        if not reports.to_stdout:
            also = {**_where_saved(saved, out), **_rehearsal(rehearsed), **more}
            show_plan(options, found, server, kept, verbose=verbose, origin=origin, **also)
    if rehearsed is not None and not options.json and not reports.to_stdout:
        from ..render.migration_text import rehearsal_lines

        print_lines(rehearsal_lines(rehearsed), color=options.color)
    if out is not None and not options.json and not reports.to_stdout:
        print_lines(_saved_lines(saved, out), color=options.color)
    if found.refusals:
        return EXIT_REFUSED
    if any(each.problem is not None for each in rehearsed or ()):
        return EXIT_ERROR
    return EXIT_CHANGES if detailed and not found.is_empty else EXIT_OK


@app.command("show")
def show(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan saved by plan --out.")],
    markdown: Markdown = None,
    html: Html = None,
    svg: Svg = None,
) -> int:
    """Show a saved plan without any server."""
    options, reports = current(), Reports(markdown, html, svg)
    reports.check(options)
    saved = load_plan(file)
    _report(reports, restored(saved), _where_made(saved))
    if not reports.to_stdout:
        answer(options, {"id": saved.id, **saved.content}, saved_lines(saved))
    return EXIT_OK


@app.command("drift")
def drift(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also list unmanaged resources.")] = False,
    unmanaged: Unmanaged = False,
    markdown: Markdown = None,
    html: Html = None,
) -> int:
    """Compare and give the verdict as exit code."""
    from ..drift import accept, classify
    from ..render.drift_text import drift_document, drift_lines, drift_markdown, drift_page

    options, reports = current(), Reports(markdown, html)
    reports.check(options)
    workspace = Workspace.load(options, reading=True, sending=False)
    acceptances = acceptances_of(options)
    with workspace.target() as target:
        found = make_plan(workspace, workspace.read_state(), reader(target), every_kind=unmanaged)
    verdict, place = accept(classify(found), acceptances, first_day("")), where(found, target)
    reports.write(
        {
            "markdown": lambda: drift_markdown(verdict, found, place),
            "html": lambda: drift_page(verdict, found, place),
        }
    )
    if not reports.to_stdout:
        answer(options, drift_document(verdict, found), drift_lines(verdict, found, place, verbose=verbose))
    return verdict.exit_code


# `raceday-iac graph`.


_PICTURE = "svg"


@app.command("graph")
def graph(
    form: Annotated[str, typer.Option("--format", help="text, dot, mermaid or svg.")] = "text",
    everything: Annotated[bool, typer.Option("--all", help="Show attributes and indexes, too.")] = False,
) -> int:
    """Draw the stack's dependencies."""
    from ..render.graph import as_dot, as_mermaid, as_text, dependencies

    options = current()
    forms = {"text": as_text, "dot": as_dot, "mermaid": as_mermaid}
    if form not in (*forms, _PICTURE):
        known = (*forms, _PICTURE)
        raise IacError(f"--format {form!r} is not one of {', '.join(known)}{nearest(form, known)}.", unchanged=True)
    found = dependencies(Workspace.load(options, sending=False).desired, everything=everything)
    if form == _PICTURE and not options.json:
        from ..render.plan_page import stack_svg

        write(tolerant(sys.stdout), shown_document(stack_svg(found, everything=everything)))
        return EXIT_OK
    document = {"resources": {str(address): [str(each) for each in needed] for address, needed in found.items()}}
    answer(options, document, [] if form == _PICTURE else forms[form](found))
    return EXIT_OK


# What they have in common


def show_plan(
    options: Options,
    plan: Plan,
    target: Target,
    kept: Forecast | None,
    *,
    verbose: bool,
    origin: str = "",
    **more: object,
) -> None:
    """Print a plan in the form asked for, and what will be `kept` before. Machines are shown `more`."""
    if options.json:
        print_json({**plan_document(plan), "backup": None if kept is None else forecast_document(kept), **more})
        return
    print_lines(plan_lines(plan, f"{where(plan, target)}{origin}", verbose=verbose), color=options.color)
    if not plan.is_empty and not plan.refusals:
        print_lines([*(forecast_lines(kept) if kept is not None else ()), Line()], color=options.color)


def kept_before(plan: Plan, workspace: Workspace) -> Forecast | None:
    """What is written to a backup before a plan is carried out; None where that is nothing, or the plan is refused."""
    if plan.is_empty or plan.refusals:
        return None
    # What keeps backups is slow to import, and most plans need none.
    from ..backup.manifest import forecast_of

    found = forecast_of(plan, wanted_by(plan, workspace), "")
    return None if found is None else replace(found, where=workspace.backups.where)


def wanted_by(plan: Plan, workspace: Workspace) -> Desired:
    """What a plan was made for: without what its server does not have, and what is ignored."""
    return with_ignored(on_server(workspace.desired, ServerFacts(plan.server_version)), plan.real)


def where(plan: Plan, target: Target) -> str:
    """The server that a plan is for."""
    version = f", Appwrite {plan.server_version}" if plan.server_version else ""
    return f"project {target.project} at {target.endpoint}{version}"


def _where_made(saved: SavedPlan) -> str:
    content = saved.content
    version = f", Appwrite {content['serverVersion']}" if content["serverVersion"] else ""
    made = f"; commit {saved.commit[:12]}" if saved.commit else ""
    return f"project {content['project']} at {content['endpoint']}{version}{made}; saved plan {saved.id[:12]}"


def snapshot_of(plan: Plan, workspace: Workspace, target: Target, state: State) -> SavedPlan:
    """The plan as it is saved, or as it is compared with a saved one."""
    endpoint = workspace.environment.endpoint
    return saved_plan(plan, workspace.desired, endpoint, target.project, state.salt, workspace.commit)


def load_plan(file: Path) -> SavedPlan:
    """Read a plan file. Raises IacError when it is none."""
    return read_plan(read_text(file, f"The plan {file}"), str(file))


def _rehearsed(workspace: Workspace, plan: Plan, connection: Reader) -> list[Rehearsal]:
    """What the migrations of a plan would do."""
    from ..applying.migrating import rehearse

    with WAITS.on("rehearsing") as waited:

        def note(address: Address, text: str) -> None:
            waited.progress = f"{address}: {text}"

        return rehearse(plan, workspace.desired, connection, note)


def _rehearsal(rehearsed: Sequence[Rehearsal] | None) -> dict[str, object]:
    if rehearsed is None:
        return {}
    from ..render.migration_text import rehearsal_document

    return {"rehearsal": rehearsal_document(rehearsed)}


def _where_saved(saved: SavedPlan | None, out: Path | None) -> dict[str, object]:
    return {} if saved is None else {"saved": {"file": str(out), "id": saved.id}}


def _saved_lines(saved: SavedPlan | None, out: Path) -> Iterator[Line]:
    if saved is None:
        yield Line(f"Not saved as {out}: a plan that is refused cannot be applied.", "red")
    else:
        yield Line(f"Saved as {out} (plan {saved.id[:12]}). To run exactly this: raceday-iac apply {out}")


def _with_key(workspace: Workspace, state: State, plan_options: PlanOptions) -> State:
    """A state that can seal a plan. Where it is kept by this machine, an empty one is begun; elsewhere, a command that
    only looks cannot write it. Raises RefusedError for options that nothing could prove."""
    if not workspace.environment.state.is_shared:
        with workspace.store.locked("plan --out"):
            found = workspace.read_state()
            if not found.serial:
                found = replace(found, serial=1)
                workspace.store.write(found)
            return found
    if plan_options != PlanOptions():
        raise RefusedError(
            "There is no state yet that could seal the options of this plan, so whoever applies it could not say "
            "whether they were added later. Nothing was saved.",
            hint="save a plan without options, or begin the state: raceday-iac import --all",
        )
    return state


def _report(
    reports: Reports,
    plan: Plan,
    place: str,
    kept: Forecast | None = None,
    rehearsed: Sequence[Rehearsal] | None = None,
) -> None:
    if not reports.are_wanted:
        return
    # Most runs need no report, and each start pays for what is imported.
    from ..render.plan_page import plan_page, plan_svg
    from ..render.plan_text import plan_markdown

    reports.write(
        {
            "markdown": lambda: plan_markdown(plan, place, kept=kept, rehearsed=rehearsed),
            "html": lambda: plan_page(plan, place, kept, rehearsed),
            "svg": lambda: plan_svg(plan, place),
        }
    )
