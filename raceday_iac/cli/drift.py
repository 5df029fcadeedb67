"""`raceday-iac drift`. It holds a connection that can only read."""

from __future__ import annotations

from ..drift import accept, judge
from ..render.drift_markdown import drift_markdown
from ..render.drift_page import drift_page
from ..render.drift_text import drift_document, drift_lines
from ..render.lines import print_json, print_lines
from .lint_sources import acceptances_of, first_day
from .options import Options
from .plan import where
from .reports import Reports
from .workspace import Workspace, make_plan, reader


def run(options: Options, verbose: bool, reports: Reports) -> int:
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
