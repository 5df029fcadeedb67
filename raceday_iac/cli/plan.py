"""`raceday-iac plan` and `raceday-iac show`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..drift import accept, judge
from ..errors import EXIT_CHANGES, EXIT_OK, EXIT_REFUSED, IacError, RefusedError
from ..kinds.dependencies import as_dot, as_mermaid, as_text, dependencies
from ..model.address import Address
from ..model.evidence import Answer, read_number
from ..planning import Plan, PlanOptions
from ..planning.saved import SavedPlan, plan_document, read_plan, restored, saved_plan
from ..redaction import shown_document
from ..render.drift_text import drift_document, drift_lines, drift_markdown, drift_page
from ..render.lines import Line, print_json, print_lines, tolerant, write
from ..render.plan_page import stack_svg
from ..render.plan_text import plan_lines, saved_lines
from ..state.document import State
from .lint import acceptances_of, first_day
from .options import Options
from .workspace import Target, Workspace, make_plan, read_text, reader, write_file


def run_plan(
    options: Options,
    asked: Asked,
    detailed_exitcode: bool,
    verbose: bool,
    out: Path | None,
    reports: Reports,
) -> int:
    """Show the plan, and save it where that was asked for."""
    plan_options = plan_options_of(asked)
    reports.check(options)
    workspace = Workspace.load(options, reading=True)
    with workspace.target() as target:
        state = workspace.read_state()
        if out is not None and not state.serial:
            state = _with_key(workspace, state, plan_options)
        plan = make_plan(workspace, state, reader(target), plan_options)
        saved = None if out is None or plan.refusals else snapshot_of(plan, workspace, target, state)
        if out is not None and saved is not None:
            write_file(out, saved.to_text(), private=True)
        _report(reports, plan, where(plan, target))
        if not reports.to_stdout:
            show(options, plan, target, verbose=verbose, **_where_saved(saved, out))
    if out is not None and not options.json and not reports.to_stdout:
        print_lines(_saved_lines(saved, out), color=options.color)
    if plan.refusals:
        return EXIT_REFUSED
    return EXIT_CHANGES if detailed_exitcode and not plan.is_empty else EXIT_OK


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
            "There is no state yet that could seal the options of this plan, so whoever applies it could not tell "
            "whether they were added later. Nothing was saved.",
            hint="save a plan without options, or begin the state: raceday-iac import --all",
        )
    return state


def _report(reports: Reports, plan: Plan, place: str) -> None:
    if not reports.are_wanted:
        return
    # Not needed by most runs, and each start pays for what is imported.
    from ..render.plan_markdown import plan_markdown
    from ..render.plan_page import plan_page, plan_svg

    reports.write(
        {
            "markdown": lambda: plan_markdown(plan, place),
            "html": lambda: plan_page(plan, place),
            "svg": lambda: plan_svg(plan, place),
        }
    )


def run_show(options: Options, file: Path, reports: Reports) -> int:
    """Show a saved plan. Needs no server."""
    reports.check(options)
    saved = load_plan(file)
    _report(reports, restored(saved), _where_made(saved))
    if reports.to_stdout:
        return EXIT_OK
    if options.json:
        print_json({"id": saved.id, **saved.content})
    else:
        print_lines(saved_lines(saved), color=options.color)
    return EXIT_OK


def show(options: Options, plan: Plan, target: Target, *, verbose: bool, **more: object) -> None:
    """Print a plan in the form asked for. Machines are told `more`."""
    if options.json:
        print_json({**plan_document(plan), **more})
        return
    print_lines(plan_lines(plan, where(plan, target), verbose=verbose), color=options.color)
    if not plan.is_empty and not plan.refusals:
        print_lines([Line()], color=options.color)


def where(plan: Plan, target: Target) -> str:
    version = f", Appwrite {plan.server_version}" if plan.server_version else ""
    return f"project {target.project} at {target.endpoint}{version}"


def _where_made(saved: SavedPlan) -> str:
    content = saved.content
    version = f", Appwrite {content['serverVersion']}" if content["serverVersion"] else ""
    return f"project {content['project']} at {content['endpoint']}{version}; saved plan {saved.id[:12]}"


def snapshot_of(plan: Plan, workspace: Workspace, target: Target, state: State) -> SavedPlan:
    """The plan as it is saved, or as it is compared with a saved one."""
    return saved_plan(plan, workspace.desired, workspace.environment.endpoint, target.project, state.salt)


def load_plan(file: Path) -> SavedPlan:
    """Read a plan file. Raises IacError when it is none."""
    return read_plan(read_text(file, f"The plan {file}"), str(file))


def _where_saved(saved: SavedPlan | None, out: Path | None) -> dict[str, object]:
    return {} if saved is None else {"saved": {"file": str(out), "id": saved.id}}


def _saved_lines(saved: SavedPlan | None, out: Path) -> Iterator[Line]:
    if saved is None:
        yield Line(f"Not saved as {out}: a plan that is refused cannot be applied.", "red")
    else:
        yield Line(f"Saved as {out} (plan {saved.id[:12]}). To run exactly this: raceday-iac apply {out}")


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
            raise IacError("Only one form can go to standard output. Nothing was changed.", hint="name files")

    def write(self, forms: Mapping[str, Callable[[], str]]) -> None:
        """Write what is asked for; `forms` makes each by the name of its option."""
        for name, make in forms.items():
            place: Path | None = getattr(self, name)
            if place == STDOUT:
                write(tolerant(sys.stdout), shown_document(make()))
            elif place is not None:
                write_file(place, shown_document(make()))


@dataclass(frozen=True)
class Asked:
    """The options of `plan` and `apply` as they were typed."""

    allow_data_loss: Sequence[str] = ()
    target: Sequence[str] = ()
    exclude: Sequence[str] = ()
    replace: Sequence[str] = ()
    confirm: Sequence[str] = ()
    refresh_only: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing was asked for."""
        return not any(vars(self).values())


def plan_options_of(asked: Asked) -> PlanOptions:
    """Read the options. Raises IacError for what cannot be read."""
    if asked.refresh_only and (asked.replace or asked.allow_data_loss):
        raise IacError(
            "--refresh-only changes nothing on the server, so nothing can be replaced or lost by it. "
            "Nothing was changed."
        )
    return PlanOptions(
        dict(_allowed(text) for text in asked.allow_data_loss),
        addresses(asked.target),
        addresses(asked.exclude),
        addresses(asked.replace),
        asked.refresh_only,
        dict(_confirmed(text) for text in asked.confirm),
    )


def addresses(texts: Iterable[str]) -> frozenset[Address]:
    """Addresses given on the command line."""
    try:
        return frozenset(Address.parse(text) for text in texts)
    except ValueError as error:
        raise IacError(f"{error}. Nothing was changed.") from None


def _allowed(text: str) -> tuple[Address, Answer | None]:
    """`ADDRESS`, or `ADDRESS=NUMBER` with the number that was shown."""
    place, equals, number = text.rpartition("=")
    (address,) = addresses([place if equals else text])
    if not equals:
        return address, None
    try:
        return address, read_number(number.strip())
    except ValueError:
        raise IacError(
            f"--allow-data-loss {text!r} is not an address and a number. Nothing was changed.",
            hint=f"write it as the plan shows it, for example --allow-data-loss {address}=301",
        ) from None


def _confirmed(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not equals or not number.strip().isdecimal():
        raise IacError(
            f"--confirm {text!r} is not an action, a kind and a number. Nothing was changed.",
            hint='write it as the plan shows it, for example --confirm "delete function=7"',
        )
    return " ".join(name.split()), int(number)


def run_drift(options: Options, verbose: bool, reports: Reports) -> int:
    """Compare and give the verdict as exit code."""
    reports.check(options)
    workspace = Workspace.load(options, reading=True)
    acceptances = acceptances_of(options)
    with workspace.target() as target:
        plan = make_plan(workspace, workspace.read_state(), reader(target))
        verdict = accept(judge(plan), acceptances, first_day(""))
        place = where(plan, target)
        reports.write(
            {
                "markdown": lambda: drift_markdown(verdict, plan, place),
                "html": lambda: drift_page(verdict, plan, place),
            }
        )
        if options.json:
            print_json(drift_document(verdict, plan))
        elif not reports.to_stdout:
            print_lines(drift_lines(verdict, plan, place, verbose=verbose), color=options.color)
    return verdict.exit_code


_PICTURE = "svg"


def run_graph(options: Options, form: str, everything: bool) -> int:
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
