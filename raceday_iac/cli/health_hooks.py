"""Sending alerts. The address of a webhook is a secret: it is read from the environment here, and never shown."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..errors import IacError
from ..health.changes import changes
from ..health.report import Report
from ..health.watched import Alert
from ..model.secret import Secret
from ..render.health_alert import generic_message, slack_message
from ..render.lines import printable

_MESSAGES = {"generic": generic_message, "slack": slack_message}
#: Seconds; whoever watches must not wait for a dead webhook.
_TIMEOUT = 10


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following one would turn the message into a GET without it."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


@dataclass
class Hooks:
    """The declared alerts whose address is known. Remembers what each was told last."""

    targets: Sequence[tuple[Alert, Secret]]
    _told: dict[int, Report] = field(default_factory=dict)

    @classmethod
    def of(cls, alerts: Sequence[Alert], variables: Mapping[str, str] = os.environ) -> Hooks:
        """Raises IacError when there is nobody to tell, or an address cannot be one."""
        known = [(each, variables.get(each.url_env, "").strip()) for each in alerts]
        targets = [(each, Secret(url)) for each, url in known if url]
        if not targets:
            names = ", ".join(each.url_env for each in alerts)
            raise IacError(
                "There is nobody to alert. "
                + (f"None of these variables is set: {names}." if names else "health.yaml declares no alerts."),
                hint="export the address of the webhook, or run without --alert",
            )
        for each, url in targets:
            if not _is_address(url.reveal()):
                raise IacError(f"The environment variable {each.url_env} does not hold an http(s) address.")
        return cls(targets)

    def tell(self, report: Report) -> None:
        """Send what is new for each. A webhook that does not take it is told of, and stops nothing."""
        for problem in self._problems(report):
            print(printable(f"Warning: {problem}"), file=sys.stderr)  # noqa: T201

    def _problems(self, report: Report) -> Iterator[str]:
        for number, (alert, url) in enumerate(self.targets):
            found = changes(self._told.get(number), report, alert.at)
            if not found.is_any:
                continue
            problem = _post(url, _MESSAGES[alert.kind](report, found))
            if problem:
                yield f"the alert to the address in {alert.url_env} was not taken: {problem}"
            else:
                self._told[number] = report


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and url.isprintable()


def _post(url: Secret, message: Mapping[str, Any]) -> str:
    """What went wrong, without the address; nothing when it was taken."""
    request = urllib.request.Request(
        url.reveal(),
        json.dumps(message).encode(),
        {"content-type": "application/json", "user-agent": "raceday-iac"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except urllib.error.URLError as error:
        # The reason of a connection that failed is an OSError, whose text names no address.
        reason = error.reason
        return reason.strerror or type(reason).__name__ if isinstance(reason, OSError) else "it cannot be reached"
    except (OSError, ValueError) as error:
        return type(error).__name__
