"""Functions: their configuration. Code is the deployment's affair, variables have a kind of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..model.address import Address, function_address
from ..model.evidence import Ask, Question
from ..model.resource import Fields, Live, frozen
from .base import Call, Kind, Offers, Shape, thaw
from .variable import SHAPE as VARIABLE

#: Fields that are compared and sent, always all of them: an update resets what it omits (Appwrite 1.8.1).
FIELDS = (
    "name",
    "runtime",
    "specification",
    "execute",
    "events",
    "schedule",
    "timeout",
    "enabled",
    "logging",
    "entrypoint",
    "commands",
    "scopes",
)
_LISTS = ("execute", "events", "scopes")
#: The link to a repository is not ours, yet an update that omits it cuts it.
_CARRIED = (
    "installationId",
    "providerRepositoryId",
    "providerBranch",
    "providerRootDirectory",
    "providerSilentMode",
)

_JAVASCRIPT = (".js", ".mjs", ".cjs", ".ts")
#: What every entrypoint of a language ends with.
_ENDINGS = {
    "node": _JAVASCRIPT,
    "bun": _JAVASCRIPT,
    "deno": _JAVASCRIPT,
    "python": (".py",),
    "python-ml": (".py",),
    "php": (".php",),
    "ruby": (".rb",),
    "dart": (".dart",),
}

#: `specification` is not in all of them.
SHAPE = Shape(
    {
        "$id": str,
        **dict.fromkeys(("name", "runtime", "schedule", "entrypoint", "commands", "deploymentId"), str),
        "execute": [str],
        "events": [str],
        "scopes": [str],
        "timeout": int,
        **dict.fromkeys(("enabled", "logging"), bool),
        "vars": [VARIABLE],
    },
    dict.fromkeys((*_CARRIED, "specification", "latestDeploymentId", "latestDeploymentStatus"), (str, bool)),
)


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A function as the server describes it."""
    fields = {name: raw[name] for name in FIELDS if name in raw}
    for name in _LISTS:
        fields[name] = tuple(sorted(set(fields.get(name) or ())))
    carried = {name: raw[name] for name in _CARRIED if raw.get(name)}
    updated_at = str(raw.get("$updatedAt") or "")
    return Live(
        function_address(str(raw["$id"])), frozen(fields), str(raw["$id"]), frozen(carried), updated_at=updated_at
    )


def size_of(specification: str) -> tuple[float, float] | None:
    """Processors and GB of memory that a specification names: `s-1vcpu-512mb` has one and half of one. None for another
    form of name. Their product is what Appwrite counts as GB-hours in an hour (its table for Cloud has 0.25 for
    `s-0.5vcpu-512mb` and 16 for `s-4vcpu-4gb`)."""
    found = re.fullmatch(r"s-(\d+(?:\.\d+)?)vcpu-(\d+)(mb|gb)", specification)
    return (float(found[1]), float(found[2]) / (1024 if found[3] == "mb" else 1)) if found else None


def can_run(runtime: str, entrypoint: str) -> bool:
    """Whether a runtime can run this entrypoint, as far as the two names tell: Python runs no `main.js`. Appwrite runs
    a deployment with the runtime that the function has by now (1.8.1, Executions/Create.php)."""
    own = _ENDINGS.get(runtime.rpartition("-")[0], ())
    others = {ending for endings in _ENDINGS.values() for ending in endings}
    return not own or entrypoint.endswith(own) or not entrypoint.endswith(tuple(others))


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        return Call("post", "/functions", {"functionId": address.path, **thaw(fields)}, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        return Call("put", f"/functions/{address.path}", {**thaw(live.carried), **thaw(fields)}, SHAPE)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002 - same shape for every kind
        return Call("delete", f"/functions/{address.path}")

    def read(self, address: Address) -> Call:
        return Call("get", f"/functions/{address.path}", answer=SHAPE)


def loses(live: Live) -> Iterator[Question]:
    """Code that is nowhere else, variables that nobody declares, and the records of its runs."""
    yield Question(live.address, Ask.CODE)
    yield Question(live.address, Ask.UNMANAGED)
    yield Question(live.address, Ask.EXECUTIONS)


def unsupported(fields: Fields, offers: Offers) -> Iterator[tuple[str, str]]:
    """An update to a runtime that the server does not offer is accepted silently, and then every build fails."""
    if offers.runtimes and fields["runtime"] not in offers.runtimes:
        offered = ", ".join(sorted(offers.runtimes))
        message = f"this server does not offer the runtime {fields['runtime']!r} (it offers {offered})"
        yield message, "enable it in _APP_FUNCTIONS_RUNTIMES of the server"
    if offers.specifications and fields["specification"] not in offers.specifications:
        offered = ", ".join(sorted(offers.specifications))
        message = f"this server does not offer the specification {fields['specification']!r} (it offers {offered})"
        yield message, "choose an offered one"


KIND = Kind(
    name="function",
    stage=50,
    tone="deploy",
    has_runs=True,
    requests=_Requests(),
    parse=parse,
    unordered=frozenset(_LISTS),
    in_place=frozenset(FIELDS),
    is_replaceable=False,
    armed_last="schedule",
    unsupported=unsupported,
    loses=loses,
)
