"""Keys of the project's API. The secret is made by the server; it is written only where `apply --secrets-out` says."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field

from ..model import validators
from ..model.declarations import Declared, Id, Name
from ..model.limits import SCOPES
from ..model.names import Scope
from ..model.resource import Fields
from ..model.server import ServerFacts
from .base import Danger
from .code import known_scopes, unknown_scopes
from .fields import IDENTITY, Wire
from .plain import SET, plain_kind
from .schema_rules import canonical_instant

ROUTE = "/project/keys"


def _instant(value: str) -> str:
    if value and not validators.is_instant(value):
        raise ValueError(f"{value!r} is not a date and time: write one such as 2027-01-31T00:00:00+00:00")
    return value


def _canonical(value: str) -> str:
    return canonical_instant(value) if value else ""


class KeyDeclaration(Declared):
    """A key of the API, with what it may do (`scopes`), until when: `expire` is an instant in ISO 8601, and nothing
    means for ever."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    scopes: Annotated[Sequence[Scope], AfterValidator(known_scopes), replace(SET, doubts=unknown_scopes)] = Field(
        max_length=200
    )
    expire: Annotated[str, AfterValidator(_instant), Wire(canonical=_canonical, send=lambda value: value or None)] = ""


def _for_ever(fields: Fields) -> Iterator[tuple[str, str]]:
    """Keys get into logs, mails and the hands of people who leave. One that ends does no harm for ever.

    Fix: `expire="2027-01-31T00:00:00+00:00"`, and a new key before that day.
    """
    if not fields["expire"]:
        yield "it never expires", 'set expire="…", a date and time in ISO 8601'


def _everything(fields: Fields) -> Iterator[tuple[str, str]]:
    """Whoever gets it may do everything that a key may do at all.

    Fix: name the scopes that its owner needs.
    """
    if set(SCOPES) <= set(fields["scopes"]):
        yield "it has every scope", "name only the scopes that its owner needs"


def _may_end_the_project(fields: Fields) -> Iterator[tuple[str, str]]:
    """`DELETE /project` needs that scope, and nothing else (1.9.6).

    Fix: leave the scope out; `project.read` is enough to look.
    """
    if "project.write" in fields["scopes"]:
        yield "with project.write it may delete the whole project", "leave it out; project.read is enough to look"


def _may_widen(fields: Fields) -> Iterator[tuple[str, str]]:
    """It may give other keys, and itself, any scope, and so do everything (1.9.6).

    Fix: leave the scope out.
    """
    if "keys.write" in fields["scopes"]:
        yield "with keys.write it may give more scopes to itself and to every other key", "leave it out"


def _doubts(_fields: Fields, _server: ServerFacts) -> Iterator[str]:
    yield "newer servers let no key create another one; there, create it in the console with this id, and apply again"


KIND = replace(
    plain_kind(
        "key",
        KeyDeclaration,
        ROUTE,
        stage=49,
        since="1.9.5",
        left_out={
            "secret": "shown once, and written where --secrets-out says",
            "accessedAt": "when it was used, which is data",
            "sdks": "what used it, which is data",
        },
        dangers=(
            Danger("KEY001", "warning", "a key that never expires", _for_ever),
            Danger("KEY002", "error", "a key with every scope", _everything),
            Danger("KEY003", "warning", "a key that may delete the project", _may_end_the_project),
            Danger("KEY004", "warning", "a key that may give scopes to other keys", _may_widen),
        ),
        is_server_wide=True,
        made_secret="secret",
        terraform_types=("appwrite_project_key",),
    ),
    # The description of the main branch has no route that makes one: there, a person has to.
    routes=(f"PUT {ROUTE}/{{keyId}}",),
    doubts=_doubts,
)
