"""Wanted, known, real → differences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .kinds import Kind, kind_of
from .kinds.base import thaw
from .kinds.deployment import REPLACED, UNFINISHED
from .model.address import Address
from .model.resource import Desired, Fields, Live, Resource
from .model.secret import Secret
from .state.document import Entry, State

# Three-way comparison: what the stack wants, what was last applied, what is really there. Pure.


_UNSEEN = object()


def compare(desired: Desired, state: State, real: Mapping[Address, Live]) -> list[Difference]:
    """How every declared resource stands, in declaration order."""
    return [
        compare_resource(resource, state.entries.get(address), real.get(address), state.salt)
        for address, resource in desired.resources.items()
    ]


def compare_resource(wanted: Resource, known: Entry | None, real: Live | None, salt: str) -> Difference:
    """How one declared resource stands. Something that is being deleted counts as gone."""
    if real is None or real.status == "deleting":
        return Difference(wanted.address, Presence.MISSING if known is None else Presence.LOST, owned=known is not None)
    kind = kind_of(wanted.address)
    known_fields = _last_applied(wanted, known, real)
    if kind.secret_field:
        changes = compare_variable(wanted.fields, real.fields, known_fields, salt)
        in_place = not any(change.name == "secret" and change.before for change in changes)
    else:
        changes = compare_fields(kind, wanted.fields, real.fields, known_fields, salt)
        in_place = all(kind.is_in_place(x.name) and not kind.cannot_become(x.name, x.after) for x in changes)
    return Difference(
        wanted.address,
        Presence.PRESENT,
        tuple(changes),
        in_place=in_place and real.status not in ("failed", "stuck"),
        owned=known is not None,
        status=real.status,
        error=real.error,
    )


def _last_applied(wanted: Resource, known: Entry | None, real: Live) -> Fields | None:
    """What we last made of it. Of a deployment that can be known without the state."""
    if real.status == UNFINISHED:
        return real.fields
    if known is None:
        return wanted.fields if real.status == REPLACED else None
    return known.fields


def compare_fields(kind: Kind, wanted: Fields, real: Fields, known: Fields | None, salt: str = "") -> list[FieldChange]:
    """Fields whose real value is not the wanted one, with the reason. Fields we do not declare are left alone."""
    changes = []
    for name, value in wanted.items():
        if isinstance(value, Secret):
            cause = _secret_cause(value, real.get(name), (known or {}).get(name), salt)
            changes += [] if cause is None else [FieldChange(name, HIDDEN, HIDDEN, HIDDEN, cause)]
            continue
        unordered = name in kind.unordered
        actual = real.get(name)
        if same(value, actual, unordered=unordered):
            continue
        before = _UNSEEN if known is None else known.get(name, _UNSEEN)
        cause = _cause(value, actual, before, unordered=unordered)
        changes.append(FieldChange(name, actual, value, None if before is _UNSEEN else before, cause, unordered))
    return changes


def _secret_cause(wanted: Secret, real: Any, known: Any, salt: str) -> Cause | None:
    """Why a secret differs; None where it does not. Of `known` there is a fingerprint; what is real may be unknown."""
    if real == wanted or wanted.missing:
        # Of one that is missing, nobody here can say what it should be.
        return None
    applied = known.get("fingerprint") if isinstance(known, Mapping) else None
    if not applied:
        return Cause.UNKNOWN
    is_applied = applied == wanted.fingerprint(salt)
    if not isinstance(real, Secret):
        return None if is_applied else Cause.CONFIG
    if is_applied:
        return Cause.DRIFT
    return Cause.CONFIG if applied == real.fingerprint(salt) else Cause.CONFLICT


def _cause(wanted: Any, real: Any, known: Any, *, unordered: bool) -> Cause:
    if known is _UNSEEN:
        return Cause.UNKNOWN
    if same(known, real, unordered=unordered):
        return Cause.CONFIG
    return Cause.DRIFT if same(known, wanted, unordered=unordered) else Cause.CONFLICT


# The values that describe a difference between wanted, last applied and real.


class Cause(StrEnum):
    """Why a field differs. `config`: the stack changed. `drift`: the server changed. `conflict`: both did.
    `unknown`: state has never seen this resource, so nobody can know."""

    CONFIG = "config"
    DRIFT = "drift"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FieldChange:
    """One field: `before` is real, `after` wanted, `known` was last applied. Secrets appear as ***. `is_set`: its order
    means nothing to Appwrite."""

    name: str
    before: Any
    after: Any
    known: Any
    cause: Cause
    is_set: bool = False


class Presence(StrEnum):
    """How a declared resource stands."""

    MISSING = "missing"  # neither live nor owned
    LOST = "lost"  # owned, but no longer live
    PRESENT = "present"


@dataclass(frozen=True)
class Difference:
    """How one declared resource differs. `in_place` shows whether an update can mend it."""

    address: Address
    presence: Presence
    fields: tuple[FieldChange, ...] = ()
    in_place: bool = True
    owned: bool = True
    status: str = "available"
    error: str = ""

    @property
    def is_clean(self) -> bool:
        """Present, as wanted and usable."""
        return self.presence is Presence.PRESENT and not self.fields and self.status not in ("failed", "stuck")

    @property
    def has_drifted(self) -> bool:
        """Whether somebody else changed or removed it since it was last applied."""
        drifted = any(change.cause in (Cause.DRIFT, Cause.CONFLICT) for change in self.fields)
        return self.presence is Presence.LOST or drifted


# Are two field values the same, and if not, what differs inside them.


#: Keys and positions that lead to a place inside a value.
Path = tuple[str | int, ...]
#: So many pairs of nested members of two sets are compared to find out which became which (a second's work).
_PAIRS = 400
#: What is nested deeper than anybody reads is not looked into: the work grows with the square of the depth.
_DEPTH = 50


class Op(StrEnum):
    """What became of a part of a value."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True)
class Part:
    """One difference inside a value: where, what is there, and what comes. `path` counts as the value is now (as it
    will be, for what is added); it is empty for a member of a set. `to` is where something moves."""

    op: Op
    path: Path
    before: Any = None
    after: Any = None
    to: Path = ()


def same(wanted: Any, real: Any, *, unordered: bool) -> bool:
    """Whether two values mean the same to Appwrite. Order is ignored where it means a set."""
    if wanted == real and isinstance(wanted, bool) == isinstance(real, bool):
        return True
    if not isinstance(wanted, tuple | Mapping) or not isinstance(real, tuple | Mapping):
        return False
    if not unordered or not _is_container(wanted, real):
        return bool(thaw(wanted) == thaw(real))
    if _is_flat(wanted) and _is_flat(real):
        return set(wanted) == set(real)
    return not _deep_diff(wanted, real, unordered=True)


def parts(before: Any, after: Any, *, unordered: bool) -> tuple[Part, ...]:
    """What differs inside two lists, sets, settings, or texts that hold JSON; nothing where both are no such thing,
    where one is another kind of thing, or where only the layout of the JSON differs."""
    if isinstance(before, str) and isinstance(after, str):
        before, after, unordered = _json_in(before), _json_in(after), False
    if not _is_container(before, after):
        return ()
    if unordered and ((_is_flat(before) and _is_flat(after)) or len(before) * len(after) > _PAIRS):
        return tuple(_members(before, after))
    if _is_deep(before) or _is_deep(after):
        return ()
    found = _deep_diff(before, after, unordered=unordered)
    return tuple(_moved(sorted(_parts_of(found), key=_place)))


def _is_container(one: Any, other: Any) -> bool:
    """Whether both are lists, or both are settings."""
    return any(isinstance(one, kind) and isinstance(other, kind) for kind in (tuple | list, Mapping))


def _is_flat(value: Any) -> bool:
    """Whether it is a list of plain values."""
    return not isinstance(value, Mapping) and not any(isinstance(each, tuple | list | Mapping) for each in value)


def _is_deep(value: Any, levels: int = _DEPTH) -> bool:
    """Whether it is nested deeper than so many levels."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return levels < 0 or any(_is_deep(each, levels - 1) for each in inner)


def _json_in(text: str) -> Any:
    """The list or the settings that a text holds; None where it holds something else."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _members(before: Any, after: Any) -> Iterator[Part]:
    """For two sets written as lists: what comes and what goes, in the order written."""
    yield from (Part(Op.ADDED, (), None, item) for item in _once(after) if item not in before)
    yield from (Part(Op.REMOVED, (), item) for item in _once(before) if item not in after)


def _once(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for each in items:
        if each not in found:
            found.append(each)
    return found


def _deep_diff(before: Any, after: Any, *, unordered: bool) -> Any:
    # Imported here: it takes a quarter of a second, and most plans have nothing for it to do.
    from deepdiff import DeepDiff  # noqa: PLC0415

    return DeepDiff(thaw(before), thaw(after), ignore_order=unordered, report_repetition=False, view="tree")


def _parts_of(found: Mapping[str, Any]) -> Iterator[Part]:
    for what, levels in found.items():
        for level in levels:
            path: Path = tuple(level.path(output_format="list"))
            if what.endswith("_added"):
                yield Part(Op.ADDED, path, None, level.t2)
            elif what.endswith("_removed"):
                yield Part(Op.REMOVED, path, level.t1)
            else:
                yield Part(Op.CHANGED, path, level.t1, level.t2)


def _place(part: Part) -> tuple[Any, ...]:
    """Sorts positions as numbers, keys as texts."""
    return tuple((isinstance(step, str), step) for step in part.path), part.op


def _moved(found: list[Part]) -> list[Part]:
    """What goes from one place of a list and comes at another one of it has moved."""
    reported = list(found)
    for gone in found:
        if gone.op is not Op.REMOVED or not isinstance(gone.path[-1], int):
            continue
        came = next((each for each in reported if _is_return(each, gone)), None)
        if came is not None:
            reported.remove(came)
            reported[reported.index(gone)] = Part(Op.MOVED, gone.path, gone.before, gone.before, came.path)
    return reported


def _is_return(part: Part, gone: Part) -> bool:
    return part.op is Op.ADDED and part.path[:-1] == gone.path[:-1] and bool(part.after == gone.before)


# Differences of variables. A secret's value never comes back, so its fingerprint in state stands for it.


HIDDEN = "***"


def stored_fields(fields: Fields, salt: str) -> dict[str, Any]:
    """What state keeps of an applied variable: the value, or a secret's fingerprint."""
    value = fields["value"]
    if isinstance(value, Secret):
        return {"secret": True, "fingerprint": value.fingerprint(salt)}
    return {"secret": False, "value": value}


def compare_variable(wanted: Fields, real: Fields, known: Mapping[str, Any] | None, salt: str) -> list[FieldChange]:
    """Field changes; a plain value behind a secret, or a new secret value, shows as ***."""
    value = wanted["value"]
    changes = []
    if bool(real["secret"]) != isinstance(value, Secret):
        before_known = None if known is None else known.get("secret")
        cause = _variable_cause(isinstance(value, Secret), real["secret"], before_known)
        changes.append(FieldChange("secret", real["secret"], isinstance(value, Secret), before_known, cause))
    if isinstance(value, Secret) and value.missing:
        # Nobody here can say what it should be.
        return changes
    if isinstance(value, Secret):
        fingerprint = None if known is None else known.get("fingerprint")
        if fingerprint is None:
            changes.append(FieldChange("value", HIDDEN, HIDDEN, HIDDEN, Cause.UNKNOWN))
            return changes
        applied = fingerprint == value.fingerprint(salt)
        if not real["secret"] or not applied:
            # The value we applied is still the wanted one: then somebody else has put another in its place.
            cause = Cause.DRIFT if applied else Cause.CONFIG
            changes.append(FieldChange("value", HIDDEN, HIDDEN, HIDDEN, cause))
    elif not real["secret"] and real["value"] != value:
        before_known = None if known is None else known.get("value")
        changes.append(
            FieldChange(
                "value", real["value"], value, before_known, _variable_cause(value, real["value"], before_known)
            )
        )
    elif real["secret"]:
        changes.append(FieldChange("value", HIDDEN, value, None, Cause.UNKNOWN))
    return changes


def _variable_cause(wanted: Any, real: Any, known: Any) -> Cause:
    if known is None:
        return Cause.UNKNOWN
    if known == real:
        return Cause.CONFIG
    return Cause.DRIFT if known == wanted else Cause.CONFLICT


# A field's difference in words: what people read in plans, and what acceptances are compared with.


@dataclass(frozen=True)
class PartWords:
    """A part of a value in words. `place` is where (`jobs[1].cron`), nothing for a member of a set; `before` or `after`
    is None where there is nothing; `note` stands for both of them where something only moves."""

    place: str
    before: str | None = None
    after: str | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """`jobs[1].cron: 1 → 2`, `+scope`, `-old: 3`."""
        if self.note:
            return f"{self.place}: {self.note}"
        if self.before is not None and self.after is not None:
            return f"{self.place}: {self.before} → {self.after}"
        sign, value = ("+", self.after) if self.before is None else ("-", self.before)
        return f"{sign}{self.place}: {value}" if self.place else f"{sign}{value}"


@dataclass(frozen=True)
class FieldWords:
    """A field in words: the parts of it that differ, or both values where it is to be read as a whole."""

    name: str
    before: str = ""
    after: str = ""
    parts: tuple[PartWords, ...] = ()
    #: What was last applied, where somebody else has changed it since and the stack too.
    known: str = ""

    @property
    def ending(self) -> str:
        return f"   (last applied {self.known})" if self.known else ""

    @property
    def text(self) -> str:
        """All of it in one line."""
        # Places need a comma between them; members of a set are read without.
        between = ", " if any(each.place for each in self.parts) else " "
        values = between.join(each.text for each in self.parts) or f"{self.before} → {self.after}"
        return f"{self.name}: {values}{self.ending}"


def field_words(field: FieldChange) -> FieldWords:
    """The words for a field."""
    known = value_text(field.known) if field.cause is Cause.CONFLICT else ""
    found = tuple(map(_part_words, field_parts(field)))
    if found:
        return FieldWords(field.name, parts=found, known=known)
    said = _digest_text if field.name == "digest" else value_text
    return FieldWords(field.name, said(field.before), said(field.after), known=known)


def field_parts(field: FieldChange) -> tuple[Part, ...]:
    """What differs inside a field's value."""
    return parts(field.before, field.after, unordered=field.is_set)


def field_text(field: FieldChange) -> str:
    """`timeout: 840 → 150`; of lists, sets and settings what comes, goes and changes in them."""
    return field_words(field).text


def _digest_text(value: Any) -> str:
    """As much of a digest as people compare."""
    return value_text(value[:12] if isinstance(value, str) else value)


def value_text(value: Any) -> str:
    """A value as JSON, on one line; a secret as stars. A text with quotes stands in single ones: `'read("any")'`."""
    return HIDDEN if value == HIDDEN else _literal(thaw(value))


def _literal(value: Any) -> str:
    if isinstance(value, str) and '"' in value and not {"'", "\\"} & set(value) and value.isprintable():
        return f"'{value}'"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(name)}: {_literal(each)}' for name, each in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _part_words(part: Part) -> PartWords:
    place = _place_text(part.path)
    if part.op is Op.MOVED:
        return PartWords(place, note=f"{value_text(part.before)} moves to {_place_text(part.to)}")
    before = None if part.op is Op.ADDED else value_text(part.before)
    return PartWords(place, before, None if part.op is Op.REMOVED else value_text(part.after))


def _place_text(path: Path) -> str:
    return "".join(map(_step_text, path)).removeprefix(".")


def _step_text(step: str | int) -> str:
    if isinstance(step, str) and re.fullmatch(r"[\w$-]+", step):
        return f".{step}"
    return f"[{json.dumps(step, ensure_ascii=False)}]"
