"""What a function learns about one execution: credentials, execution id, trigger and body.

The key is the dynamic one of the request header; it carries the function's declared scopes and expires by itself.
There is deliberately no way to pass a static key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from .connection import Credentials
from .typed import Any, NamedTuple


class NotConfigured(Exception):
    """The runtime did not provide what an execution needs."""


class Invocation(NamedTuple):
    """One execution as the runtime describes it."""

    credentials: Credentials
    function: str
    execution: str
    trigger: str
    body: Mapping[str, Any]


def read(context: Any, environ: Mapping[str, str] = os.environ) -> Invocation:
    """Read headers, environment and JSON body. Raises `NotConfigured` naming everything that is missing."""
    headers = context.req.headers
    found = {
        "APPWRITE_FUNCTION_API_ENDPOINT": environ.get("APPWRITE_FUNCTION_API_ENDPOINT", ""),
        "APPWRITE_FUNCTION_PROJECT_ID": environ.get("APPWRITE_FUNCTION_PROJECT_ID", ""),
        "the header x-appwrite-key": headers.get("x-appwrite-key", ""),
    }
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise NotConfigured(f"not provided by the runtime: {', '.join(missing)}")
    return Invocation(
        Credentials(*found.values()),
        function=environ.get("APPWRITE_FUNCTION_ID", ""),
        execution=headers.get("x-appwrite-execution-id", ""),
        trigger=headers.get("x-appwrite-trigger", ""),
        body=_body(context.req),
    )


def _body(request: Any) -> Mapping[str, Any]:
    """The JSON object of the body, whatever content type it was sent with; {} for anything else."""
    raw = request.body
    if isinstance(raw, (str, bytes)):
        try:
            raw = json.loads(raw) if raw else {}
        except ValueError:
            return {}
    return raw if isinstance(raw, Mapping) else {}
