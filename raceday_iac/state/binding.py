"""What a state belongs to: one project on one server, managed by one stack.

A state that is applied to another project deletes what happens to have the same id there; a second stack over the same
state plans to delete everything of the first. So each state says what it belongs to, and is used for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from ..errors import RefusedError, StateError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Binding:
    """Endpoint, project id, and the name of the stack. The endpoint is an address, or `embedded` for the server that
    comes with the tool: its port is another one each time. What is empty is not known yet, as in older states."""

    endpoint: str = ""
    project: str = ""
    stack: str = ""

    def __str__(self) -> str:
        return f"stack {self.stack or '?'}, project {self.project or '?'} at {self.endpoint or '?'}"

    def filled(self, here: Binding) -> Binding:
        """With what is not known yet taken from where it is used now."""
        return Binding(**{each.name: getattr(self, each.name) or getattr(here, each.name) for each in fields(self)})

    def differences(self, here: Binding) -> Iterator[tuple[str, str, str]]:
        """Name, what it belongs to, and what is here instead. What either does not know is no difference."""
        for each in fields(self):
            own, other = getattr(self, each.name), getattr(here, each.name)
            if own and other and own != other:
                yield each.name, own, other

    def must_fit(self, here: Binding, where: str) -> None:
        """Raise RefusedError when a state kept `where` belongs to something else than what is `here`."""
        found = list(self.differences(here))
        if found:
            lines = "\n".join(f"  - its {name} is {own}, this is {other}" for name, own, other in found)
            raise RefusedError(
                f"The state in {where} belongs to something else. Nothing was changed.\n{lines}",
                hint=_way_out({name for name, _, _ in found}),
            )

    def to_json(self) -> dict[str, str]:
        """Only what is known."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name))}


def _way_out(different: set[str]) -> str:
    other = "give each stack" if different == {"stack"} else "give each project"
    return (
        f"{other} an environment of its own (a file in stacks/environments, with a state of its own); "
        "if this one has moved: raceday-iac state rebind"
    )


#: Of a state that does not say it.
NOWHERE = Binding()


def binding_of(endpoint: str, project: str, stack: str = "") -> Binding:
    """The binding of an environment's endpoint and project, and a stack."""
    return Binding(_identity(endpoint), project, stack)


def binding_from_json(content: Any) -> Binding:
    """The reverse of `to_json`. Raises StateError for anything else: what cannot be read must not count as unknown."""
    names = {each.name for each in fields(Binding)}
    if not isinstance(content, Mapping) or not all(isinstance(each, str) for each in content.values()):
        raise StateError("it is damaged: what it belongs to is no object of texts")
    return Binding(**{str(name): text for name, text in content.items() if name in names})


def _identity(endpoint: str) -> str:
    """The same address, however it is written. A user and a password in it are left out."""
    try:
        parts = urlsplit(endpoint.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return endpoint
    if not host:
        return endpoint.strip()
    scheme = parts.scheme.lower()
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{f':{port}' if port not in (None, _PORTS.get(scheme)) else ''}{parts.path.rstrip('/')}"
