"""One set of handlers, two public languages: collections, attributes and documents, or tables, columns and rows.

Handlers are written in the legacy words. A `Vocabulary` turns paths, parameter names, answer keys and error types into
those of the API that was called (Appwrite 1.8.1, Platform/Modules/Databases).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..ages import EVERY
from ..errors import ApiError
from ..params import Check, Param
from ..web import Handler, Reply, Request, Routes

if TYPE_CHECKING:
    from ..server import Server


@dataclass(frozen=True)
class Vocabulary:
    """The words of one API."""

    root: str
    namespace: str
    database_type: str
    collection: str
    attribute: str
    document: str
    security: str
    related: str
    #: (legacy prefix of an error type, prefix here)
    error_prefixes: tuple[tuple[str, str], ...] = ()

    @property
    def is_legacy(self) -> bool:
        return self.root == "/databases"

    @property
    def collections(self) -> str:
        return f"{self.collection}s"

    @property
    def attributes(self) -> str:
        return f"{self.attribute}s"

    @property
    def documents(self) -> str:
        return f"{self.document}s"

    @property
    def collection_id(self) -> str:
        return f"{self.collection}Id"

    @property
    def document_id(self) -> str:
        return f"{self.document}Id"

    def parameter(self, legacy: str) -> str:
        """This API's name of a legacy parameter."""
        return _parameter_names(self).get(legacy, legacy)

    def error(self, kind: str, message: str | None = None, *, name: str = "") -> ApiError:
        """The error that is called `kind` in the legacy API, about the thing called `name`."""
        for prefix, renamed in self.error_prefixes:
            if kind.startswith(prefix):
                return ApiError(renamed + kind.removeprefix(prefix), message, name=name)
        return ApiError(kind, message, name=name)


LEGACY = Vocabulary(
    root="/databases",
    namespace="databases",
    database_type="legacy",
    collection="collection",
    attribute="attribute",
    document="document",
    security="documentSecurity",
    related="relatedCollection",
)
TABLES = Vocabulary(
    root="/tablesdb",
    namespace="tablesDB",
    database_type="tablesdb",
    collection="table",
    attribute="column",
    document="row",
    security="rowSecurity",
    related="relatedTable",
    error_prefixes=(
        ("collection_", "table_"),
        ("attribute_", "column_"),
        ("document_", "row_"),
        ("index_", "column_index_"),
    ),
)

#: Scopes that the tables API accepts for a legacy scope, in the order in which a refusal lists them.
TABLE_SCOPES = {
    "collections.read": ("tables.read", "collections.read"),
    "collections.write": ("tables.write", "collections.write"),
    "documents.read": ("rows.read", "documents.read"),
    "documents.write": ("rows.write", "documents.write"),
}

LATER_SCOPES = {"attributes": ("columns", "attributes"), "indexes": ("indexes",)}

#: A handler of this package; `values` carry the legacy names.
Action = Callable[["Server", Request, dict[str, Any], Vocabulary], "Reply | Awaitable[Reply]"]

routes = Routes()


NO_CHECKS: Mapping[str, Check] = {}


def _parameter_names(words: Vocabulary) -> dict[str, str]:
    return {
        "collectionId": words.collection_id,
        "documentId": words.document_id,
        "relatedCollectionId": f"{words.related}Id",
        "documentSecurity": words.security,
        "attributes": words.attributes,
        "attribute": words.attribute,
        "documents": words.documents,
    }


def route(
    method: str,
    path: str,
    scope: str | tuple[tuple[str, ...], tuple[str, ...]],
    *params: Param,
    limit: tuple[int, int] | None = None,
    ages: frozenset[str] = EVERY,
    is_legacy_only: bool = False,
    of_tables: Mapping[str, Check] = NO_CHECKS,
) -> Callable[[Action], Action]:
    """Register a handler in both APIs, or in the older one only. `path` is legacy and without the root; `scope` is a
    legacy scope, or both sets; `of_tables` are the checks that the newer one has of its own, by legacy name."""

    def register(action: Action) -> Action:
        for words in (LEGACY,) if is_legacy_only else (LEGACY, TABLES):
            add = routes.add(
                method,
                words.root + _translate_path(path, words),
                _scopes(scope, words),
                *(_translate_param(param, words, of_tables) for param in params),
                limit=limit,
                ages=ages,
                later_scopes=_later_scopes(path, scope, words),
            )
            add(_bind(action, words, params))
        return action

    return register


def _scopes(scope: str | tuple[tuple[str, ...], tuple[str, ...]], words: Vocabulary) -> tuple[str, ...]:
    if isinstance(scope, tuple):
        return scope[0] if words.is_legacy else scope[1]
    return (scope,) if words.is_legacy else TABLE_SCOPES.get(scope, (scope,))


def _later_scopes(
    path: str, scope: str | tuple[tuple[str, ...], tuple[str, ...]], words: Vocabulary
) -> tuple[str, ...]:
    """Since 1.9 columns and indexes are open to scopes of their own, in the tables API."""
    part = next((part for part in LATER_SCOPES if f"/{part}" in path), "")
    if words.is_legacy or isinstance(scope, tuple) or not part:
        return ()
    right = scope.partition(".")[2]
    return (*_scopes(scope, words), *(f"{each}.{right}" for each in LATER_SCOPES[part]))


def _translate_path(path: str, words: Vocabulary) -> str:
    return "/".join(_translate_step(step, words) for step in path.split("/"))


def _translate_step(step: str, words: Vocabulary) -> str:
    if step.startswith("{"):
        return "{" + words.parameter(step[1:-1]) + "}"
    return {"collections": words.collections, "attributes": words.attributes, "documents": words.documents}.get(
        step, step
    )


def _translate_param(param: Param, words: Vocabulary, of_tables: Mapping[str, Check]) -> Param:
    check = param.check if words.is_legacy else of_tables.get(param.name, param.check)
    return replace(param, name=words.parameter(param.name), check=check)


def _bind(action: Action, words: Vocabulary, params: tuple[Param, ...]) -> Handler:
    names = [(param.name, words.parameter(param.name)) for param in params]

    def handle(server: Server, request: Request, values: dict[str, Any]) -> Reply | Awaitable[Reply]:
        return action(server, request, {legacy: values[here] for legacy, here in names if here in values}, words)

    return handle
