"""Entries of the files of Appwrite's command line: what of one a stack can say, and what is told of the rest.

Such files were written by many versions of that command line and by hand. One bad value never costs more than itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..kinds.base import is_finite, misfit
from ..kinds.fields import Declaring, Entry, Reading, WireField, canonical_default, identity, wire_fields
from ..model.address import Address
from ..model.declarations import Declared, checked
from ..model.limits import shown
from ..model.resource import Live, frozen


def fitting(declaring: Declaring, raw: Entry, address: Address, reading: Reading) -> dict[str, Any] | None:
    """The values of an entry that are of the right type, with Appwrite's own where it says nothing. What is left out is
    told; None where something is needed that it does not have. Raises nothing for whatever an entry may hold."""
    fields = {each.answer: each for each in wire_fields(declaring.model_of(raw))}
    assumed = declaring.file_defaults(raw, address)
    found = dict(assumed)
    for name, field in fields.items():
        value = _made_to_fit(raw.get(name), field)
        if value is None:
            continue
        problem = _problem(value, field)
        if problem and isinstance(value, list) and isinstance(field.json, list):
            reading.remark(address, f"{name}: {', '.join(map(shown, _misfits(value, field)))} is left out{problem}")
            value, problem = [each for each in value if not _problem([each], field)], ""
        if problem:
            reading.remark(address, f"{name} is left out{problem}{_instead(assumed, name)}")
        else:
            found[name] = value
    known = {*fields, *assumed, *declaring.file_silent}
    unknown = [named(name, raw[name]) for name in raw if name not in known and raw[name]]
    if unknown:
        reading.remark(address, f"not taken, because it has no such setting: {', '.join(unknown)}")
    missing = [name for name, field in fields.items() if field.info.is_required() and found.get(name) in (None, "", [])]
    if missing:
        words = {ours: theirs for theirs, ours in declaring.file_words.items()}
        needed = " and no ".join(f"{name} ({words[name]})" if name in words else name for name in missing)
        reading.remark(address, f"left out{with_all_in_it(declaring, raw)}: it has no {needed}")
        return None
    return found


def _made_to_fit(value: Any, field: WireField) -> Any:
    """One text for a list of texts, and texts for numbers and switches: hands write them, and versions of Appwrite's
    command line that meet numbers beyond what JavaScript can count."""
    if isinstance(value, str):
        if field.json == [str]:
            return [value]
        if not misfit(0, field.json) and (number := _number(value)) is not None:
            return number
        if field.json is bool and value.lower() in ("true", "false"):
            return value.lower() == "true"
    if isinstance(value, float) and value.is_integer() and not misfit(0, field.json) and misfit(value, field.json):
        return int(value)
    if field.json is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _number(text: str) -> int | float | None:
    if re.fullmatch(r"[+-]?\d{1,40}", text.strip()):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if is_finite(number) else None


def _problem(value: Any, field: WireField) -> str:
    """What does not fit, to stand behind its name; nothing where all does."""
    try:
        found = misfit(value, field.json)
    except OverflowError:
        found = " is a larger number than fits"
    return ": it" + re.sub(r"^(?:\[\d+\])+", "", found) if found else ""


def _misfits(values: Sequence[Any], field: WireField) -> Iterator[Any]:
    return (each for each in values if _problem([each], field))


def _instead(assumed: Entry, name: str) -> str:
    return f"; {shown(assumed[name])} is taken" if name in assumed else ""


def with_all_in_it(declaring: Declaring, raw: Entry) -> str:
    """The names of what lies in an entry."""
    inside = [str(name) for words in declaring.file_holds for name in names_in(raw.get(words))]
    return f", with {', '.join(inside)}" if inside else ""


def named(name: str, held: Any) -> str:
    """A word of a file, with the names of what it holds."""
    inside = ", ".join(names_in(held))
    return f"{name} ({inside})" if inside else name


def names_in(given: Any) -> Iterator[str]:
    """Names of what a list or a mapping of a file holds."""
    if isinstance(given, Mapping):
        yield from map(str, given)
        return
    for number, each in enumerate(given if isinstance(given, list) else ()):
        said = (
            [each[name] for name in ("$id", "key", "id", "name") if each.get(name)] if isinstance(each, Mapping) else []
        )
        yield str(said[0]) if said else f"number {number}"


def sifted(declaring: Declaring, live: Live, reading: Reading) -> Live:
    """Without the values that Appwrite would refuse. What is needed stays, and then the whole is refused later."""
    model = declaring.model_of(live.fields)
    fields = {each.attribute: each for each in wire_fields(model)}
    names = {word: fields[word].name if word in fields else word for word in model.model_fields}
    names = {word: name for word, name in names.items() if name in live.fields}
    assumed = {**declaring.file_defaults(live.fields, live.address)}
    spare = {word: assumed[each.answer] for word, each in fields.items() if each.answer in assumed}
    written = {word: declaring.as_written(word, live.fields[name], live, reading) for word, name in names.items()}
    arguments = {**written, identity(model): live.address.name}
    for word, value, message in _refused(declaring, model, arguments, spare):
        told = f"; {shown(spare[word])} is taken" if word not in arguments and word in spare else ""
        reading.remark(live.address, f"{names[word]}: {value} is left out: {message}{told}")
    kept = dict(live.fields)
    for word, name in names.items():
        if word not in arguments:
            kept[name] = spare.get(word, canonical_default(fields[word]) if word in fields else ())
        elif arguments[word] != written[word]:
            kept[name] = arguments[word]
    return replace(live, fields=frozen(kept))


def _refused(
    declaring: Declaring, model: type[Declared], arguments: dict[str, Any], spare: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Take what is refused out of the arguments, and tell it: name, value, why. `spare` are values for some of them."""
    while found := next(_causes(declaring, model, arguments, spare), None):
        word, message = found
        value = arguments.pop(word)
        items = (
            [each for each in value if not _is_bad(model, arguments, word, each)] if isinstance(value, tuple) else []
        )
        if items and len(items) < len(value):
            arguments[word] = tuple(items)
            yield word, ", ".join(shown(each) for each in value if each not in items), message
        else:
            yield word, shown(list(value) if isinstance(value, tuple) else value), message


def _causes(
    declaring: Declaring, model: type[Declared], given: Mapping[str, Any], spare: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Arguments that can give way for a mistake. Where fields do not go together, that is the first weak one that mends
    it."""
    whole, kept = {**spare, **given}, {*declaring.file_kept, identity(model)}
    needed = {word for word, info in model.model_fields.items() if info.is_required()} - {*spare}
    for mistake in checked(model, whole)[1]:
        words = mistake.field.partition(".")[0].split(", ") if mistake.field else []
        yield from ((word, mistake.message) for word in words if word in given and word not in kept | needed)
        for each in declaring.file_weak if not words else ():
            rest = {name: value for name, value in whole.items() if name != each}
            if each in given and mistake not in checked(model, rest)[1]:
                yield each, mistake.message
                break


def _is_bad(model: type[Declared], arguments: Mapping[str, Any], word: str, item: Any) -> bool:
    _, mistakes = checked(model, {**arguments, word: (item,)})
    return any(each.field.partition(".")[0] == word for each in mistakes)
