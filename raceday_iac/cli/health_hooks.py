"""Sending alerts. The address of a webhook is a secret: it is read from the environment here, and never shown.

What was told can be remembered in a file, so that runs of a timetable tell only what is new and what is over.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .. import files
from ..errors import IacError
from ..health.findings import Finding, Severity
from ..health.report import Report, since
from ..health.watched import Alert
from ..model.secret import Secret
from ..redaction import json_text, shown
from ..render.health_text import finding_document, generic_message, slack_message
from ..render.lines import printable

_MESSAGES = {"generic": generic_message, "slack": slack_message}
#: Seconds; whoever watches must not wait for a dead webhook.
_TIMEOUT = 10


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following one would turn the message into a GET without it."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


#: What each webhook was told last.
Told = Mapping[str, Sequence[Finding]]
_UNSEEN = "project.unseen"


@dataclass
class Hooks:
    """The declared alerts whose address is known. Remembers what each was told last, in `memory` if there is one."""

    targets: Sequence[tuple[Alert, Secret]]
    memory: Path | None = None
    #: Sends a message, and says what went wrong.
    post: Callable[[Secret, Mapping[str, Any]], str] = field(default_factory=lambda: _post)
    _told: dict[str, Sequence[Finding]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, alerts: Sequence[Alert], variables: Mapping[str, str] = os.environ, memory: Path | None = None
    ) -> Hooks:
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
        hooks = cls(targets, memory)
        if memory is not None:
            hooks._told.update(_remembered(memory))
        return hooks

    def tell(self, report: Report) -> None:
        """Send what is new for each. A webhook that does not take it is told of, and stops nothing."""
        for alert, url in self.targets:
            self._tell(alert, url, report)
        self._remember()

    def tell_unseen(self, place: Report, problem: str) -> None:
        """Send that nobody could look at the project, which `place` names. Whether something of before is over nobody
        can know then."""
        unseen = Finding(
            _UNSEEN, Severity.ERROR, "project", shown(problem), "see whether it answers, and what the key may do"
        )
        for alert, url in self.targets:
            lasting = [each for each in self._told.get(_name(place, alert), ()) if each.code != _UNSEEN]
            self._tell(alert, url, replace(place, findings=(unseen, *lasting)))
        self._remember()

    def _tell(self, alert: Alert, url: Secret, report: Report) -> None:
        name = _name(report, alert)
        found = since(self._told.get(name, ()), report, alert.at)
        problem = self.post(url, _MESSAGES[alert.kind](report, found)) if found.is_any else ""
        if problem:
            _warn(f"the alert to the address in {alert.url_env} was not taken: {problem}")
        else:
            self._told[name] = report.findings

    def _remember(self) -> None:
        """A file that cannot be written stops nothing: then all of it is told once more."""
        if self.memory is None:
            return
        told = {name: [finding_document(each) for each in findings] for name, findings in self._told.items()}
        try:
            files.write_named(self.memory, json_text({"format": 1, "kind": "told", "told": told}), private=True)
        except OSError as error:
            _warn(f"what was told cannot be remembered in {self.memory}: {error.strerror or error}")


def _name(report: Report, alert: Alert) -> str:
    """One memory may serve several environments."""
    return f"{report.environment} {alert.url_env} {alert.kind}"


def _remembered(memory: Path) -> Told:
    """What a file remembers. Nothing when there is none; a damaged one is warned of, and everything is told anew."""
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
        if (content["format"], content["kind"]) != (1, "told"):
            raise ValueError
        return {str(name): [_finding(each) for each in findings] for name, findings in content["told"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        _warn(f"{memory} does not hold what was told, so everything counts as new")
        return {}


def _finding(document: Mapping[str, Any]) -> Finding:
    code, subject, message = (str(document[name]) for name in ("code", "subject", "message"))
    return Finding(code, Severity(document["severity"]), subject, message)


def _warn(problem: str) -> None:
    print(printable(f"Warning: {problem}"), file=sys.stderr)  # noqa: T201


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
