"""`raceday-iac run FUNCTION`."""

from __future__ import annotations

from ..errors import EXIT_ERROR, EXIT_OK, Interrupted, ProviderError, ServerFaultError, UnreachableError
from ..loading.environment import load_environment
from ..provider.protocol import Execution
from ..render.executions import execution_document, execution_lines
from ..render.lines import Line, print_json, print_lines
from .options import Options
from .target import opened
from .workspace import provider


def run(options: Options, function: str, body: str, asynchronous: bool) -> int:
    """Execute a function. Exit 1 when it failed or answered 400 or above."""
    environment = load_environment(options.stack, options.env)
    with opened(environment, options) as target:
        try:
            execution = provider(target).execute(function, body, wait=not asynchronous)
        except ProviderError as error:
            raise _explained(error, function) from None
        except Interrupted:
            raise Interrupted("Interrupted. Nothing waits for its end any more.", hint=_unknown(function)) from None
    if options.json:
        print_json({"execution": execution_document(execution)})
    elif asynchronous:
        text = f"Started {execution.id}. Look later: raceday-iac logs {function} --execution {execution.id}"
        print_lines([Line(text)], color=options.color)
    else:
        print_lines(execution_lines(execution, with_body=True), color=options.color)
    return EXIT_OK if _went_well(execution) else EXIT_ERROR


def _went_well(execution: Execution) -> bool:
    return execution.status != "failed" and execution.response_status < 400


def _explained(error: ProviderError, function: str) -> ProviderError:
    hints = {
        "function_not_found": "see the functions with: raceday-iac state list",
        "deployment_not_found": "it has no active deployment; deploy its code first",
        "build_not_ready": "its deployment is not built yet",
        "function_synchronous_timeout": "Appwrite waits 30 s at most; it may still run. Start it with --async",
    }
    error.message = f"function.{function} was not executed to its end: {error.message}"
    error.hint = hints.get(error.kind, error.hint)
    is_lost = isinstance(error, UnreachableError) and not error.unsent
    if is_lost or (isinstance(error, ServerFaultError) and not error.kind):
        # Nobody who knows has said so.
        error.hint = _unknown(function)
    return error


def _unknown(function: str) -> str:
    return f"whether it was started is not known: raceday-iac logs {function}"
