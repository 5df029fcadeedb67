"""`health` and `recover` as the command line knows them. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options

Since = Annotated[str, typer.Option(metavar="SPAN", help="How far back: 90m, 24h, 7d. Default: health.yaml.")]
Interval = Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Between two looks of --watch or --serve.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("health")(health)
    app.command("recover")(recover)


def health(
    since: Since = "",
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    serve: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=0, max=65535, help="Serve /metrics, /health.json and the page on 127.0.0.1."),
    ] = None,
    interval: Interval = 30,
    alert: Annotated[bool, typer.Option("--alert", help="Tell the webhooks of health.yaml what is new.")] = False,
    told: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Remember what --alert told, and tell only what is new since, or over."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write it as a page.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write it as Markdown.")] = None,
) -> None:
    """How the functions, their schedules, locks and data fare. Reads only. Exit 7 on a warning, 8 on an error."""
    from .health import Asked, run

    raise typer.Exit(run(options.current, Asked(since, watch, serve, interval, alert, told, html, markdown)))


def recover(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done. Exit 2 if anything.")
    ] = False,
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")] = False,
) -> None:
    """End what is proven to be stuck, each by a safe step; everything else is only told."""
    from .recover import run

    raise typer.Exit(run(options.current, dry_run, auto_approve))
