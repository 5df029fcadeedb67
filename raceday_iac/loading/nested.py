"""Settings of a function that have settings of their own: its lock and its probe.

An environment may override such a setting as a whole, or name only some of what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..model.stack import Lock, Probe


def nested_settings(name: str, kind: type[Lock] | type[Probe], written: Any, given: Any) -> dict[str, Any]:
    """What is `written` in the stack, with what is `given` in its stead. Raises ValueError with a sentence."""
    if isinstance(given, Mapping):
        settings = {**(vars(written) if isinstance(written, kind) else {}), **given}
    elif isinstance(given, kind):
        settings = dict(vars(given))
    else:
        raise ValueError(f"{name}: must be a {kind.__name__}(...)")
    if kind is Probe:
        settings["body"] = _text(settings.get("body", ""))
    return settings


def _text(body: Any) -> str:
    """A probe's body as it is sent: a text as it is, anything else as JSON."""
    if isinstance(body, str):
        return body
    try:
        return json.dumps(body, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"probe: its body cannot be sent as JSON: {error}") from None
