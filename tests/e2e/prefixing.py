"""Copied beside a generated stack file: gives the ids of a stack a prefix, so that it can live in a shared project."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from raceday_iac.model.stack import KEEP, Absence, Declaration, Stack


def prefixed(stack: Stack, prefix: str, functions: Collection[str] | None = None, *, keep_code: bool = False) -> Stack:
    """The stack with other ids. `functions` leaves only those; `keep_code` leaves the live code alone."""
    database, collection = stack.lock_store
    given = {name: getattr(stack, name) for name in ("timezone", "quiet_hours", "extensions")}
    result = Stack(stack.name, (prefix + database, collection), stack.expected_variables, **given)
    for declaration in stack.declarations:
        if declaration.kind == "function":
            if functions is None or declaration.arguments["id"] in functions:
                result.declarations.append(_function(declaration, prefix, keep_code=keep_code))
        else:
            result.declarations.append(_in_database(declaration, prefix))
    for absence in stack.absences:
        kind, _, name = absence.address.partition(".")
        result.absences.append(Absence(f"{kind}.{prefix}{name}", absence.reason, absence.location))
    return result


def _function(declaration: Declaration, prefix: str, *, keep_code: bool) -> Declaration:
    arguments: dict[str, Any] = dict(declaration.arguments)
    arguments["id"] = prefix + arguments["id"]
    if arguments["schema"]:
        arguments["schema"] = prefix + arguments["schema"]
    if keep_code:
        arguments |= {"code": KEEP, "schema": ""}
    return replace(declaration, arguments=arguments)


def _in_database(declaration: Declaration, prefix: str) -> Declaration:
    if declaration.kind == "database":
        arguments = {**declaration.arguments, "id": prefix + declaration.arguments["id"]}
        return replace(declaration, arguments=arguments)
    return replace(declaration, owner=(prefix + declaration.owner[0], *declaration.owner[1:]))
