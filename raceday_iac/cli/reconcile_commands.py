"""The commands that compare stack, state and server, or bring them together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options

AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]
DataLoss = Annotated[
    list[str],
    typer.Option(
        "--allow-data-loss",
        metavar="ADDRESS[=NUMBER]",
        help="Resource that may lose data, as much as the plan showed; where nobody is asked, the number is needed. "
        "Repeatable.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="One line per attribute and index.")]
Targets = Annotated[
    list[str], typer.Option(metavar="ADDRESS", help="Only this, what lies in it and what it needs; repeatable.")
]
Excluded = Annotated[
    list[str], typer.Option(metavar="ADDRESS", help="Not this, what lies in it and what needs it; repeatable.")
]
Replaced = Annotated[list[str], typer.Option(metavar="ADDRESS", help="Make this anew, however it is; repeatable.")]
RefreshOnly = Annotated[
    bool, typer.Option("--refresh-only", help="Only take over into the state what was changed on the server.")
]
Confirmed = Annotated[
    list[str],
    typer.Option(metavar='"ACTION KIND=NUMBER"', help="Let a threshold pass, with the number it shows; repeatable."),
]
Markdown = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write it as Markdown that fits into a comment; - prints it.")
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write it as one page that needs nothing else.")]
Svg = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw what changes and what waits for what.")]
Parallelism = Annotated[int, typer.Option(min=1, max=64, help="Requests under way at once.")]
FunctionName = Annotated[str, typer.Argument(metavar="FUNCTION", help="Function id.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("plan")(plan)
    app.command("apply")(apply)
    app.command("show")(show)
    app.command("destroy")(destroy)
    app.command("drift")(drift)
    app.command("import")(import_command)
    app.command("export")(export)
    app.command("graph")(graph)


def plan(
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending, 0 when there are none.")
    ] = False,
    verbose: Verbose = False,
    out: Annotated[Path | None, typer.Option(help="Save the plan, to apply exactly this later.")] = None,
    target: Targets = [],  # noqa: B006 - typer copies it
    exclude: Excluded = [],  # noqa: B006
    replace: Replaced = [],  # noqa: B006
    refresh_only: RefreshOnly = False,
    allow_data_loss: DataLoss = [],  # noqa: B006
    confirm: Confirmed = [],  # noqa: B006
    markdown: Markdown = None,
    html: Html = None,
    svg: Svg = None,
) -> None:
    """Show what apply would do. Changes nothing."""
    from .plan import Asked, Reports
    from .plan import run_plan as run

    asked = Asked(allow_data_loss, target, exclude, replace, confirm, refresh_only)
    reports = Reports(markdown, html, svg)
    raise typer.Exit(run(options.current, asked, detailed_exitcode, verbose, out, reports))


def apply(
    file: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="A plan saved by plan --out.")] = None,
    auto_approve: AutoApprove = False,
    parallelism: Parallelism = 8,
    verbose: Verbose = False,
    target: Targets = [],  # noqa: B006
    exclude: Excluded = [],  # noqa: B006
    replace: Replaced = [],  # noqa: B006
    refresh_only: RefreshOnly = False,
    allow_data_loss: DataLoss = [],  # noqa: B006
    confirm: Confirmed = [],  # noqa: B006
) -> None:
    """Make Appwrite what the stack says."""
    from .apply import run_apply as run
    from .plan import Asked

    asked = Asked(allow_data_loss, target, exclude, replace, confirm, refresh_only)
    raise typer.Exit(run(options.current, asked, auto_approve, parallelism, verbose, file))


def show(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan saved by plan --out.")],
    markdown: Markdown = None,
    html: Html = None,
    svg: Svg = None,
) -> None:
    """Show a saved plan. Needs no server."""
    from .plan import Reports, run_show

    raise typer.Exit(run_show(options.current, file, Reports(markdown, html, svg)))


def destroy(
    function: FunctionName,
    auto_approve: AutoApprove = False,
    allow_data_loss: DataLoss = [],  # noqa: B006
) -> None:
    """Delete one managed function with its variables, deployments and executions."""
    from .apply import run_destroy as run
    from .plan import Asked

    raise typer.Exit(run(options.current, function, Asked(allow_data_loss), auto_approve))


def drift(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also name what is unmanaged.")] = False,
    markdown: Markdown = None,
    html: Html = None,
) -> None:
    """Tell what was changed behind the stack's back. Exit 0 clean, 2 changes pending, 3 drift, 4 both."""
    from .plan import Reports
    from .plan import run_drift as run

    raise typer.Exit(run(options.current, verbose, Reports(markdown, html)))


def import_command(
    addresses: Annotated[list[str] | None, typer.Argument(metavar="[ADDRESS]...", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that the stack declares.")] = False,
    from_appwrite_json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take what an appwrite.json describes, instead of the server.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the stack file that declares what is there.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="With --write: replace the file.")] = False,
    resend_secrets: Annotated[
        bool, typer.Option("--resend-secrets", help="Do not trust live secrets: let the next apply send them.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name everything.")] = False,
) -> None:
    """Take what is live into the state, or write the stack that declares it. Changes nothing on the server."""
    from .import_command import Asked
    from .import_command import run_import as run

    asked = Asked(addresses or (), everything, from_appwrite_json, write, force, resend_secrets, verbose)
    raise typer.Exit(run(options.current, asked))


def export(
    appwrite_json: Annotated[
        bool, typer.Option("--appwrite-json", help="The form that Appwrite's own command line reads.")
    ] = False,
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output when missing.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write the stack in another form. Needs no server."""
    from .import_command import run_export as run

    raise typer.Exit(run(options.current, appwrite_json, file, force))


def graph(
    form: Annotated[str, typer.Option("--format", help="text, dot, mermaid or svg.")] = "text",
    everything: Annotated[bool, typer.Option("--all", help="Attributes and indexes too.")] = False,
) -> None:
    """Show what depends on what. Needs no server."""
    from .plan import run_graph as run

    raise typer.Exit(run(options.current, form, everything))
