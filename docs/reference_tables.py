"""Tables of the reference: what a pydantic model lets people write, in words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import time, timedelta
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from raceday_iac.model import declarations
from raceday_iac.model.secret import FromEnvironment, Secret
from raceday_iac.state.backends import BACKENDS, BackendSettings, backend_of

NOTE = "*Made from the code of this version.*\n"
AN_ID = "an [id](#ids)"
#: What is taken where a stack file says nothing, and another place says it.
ASSUMED = {"two_way_key": "this collection's id", "keep_deployments": "the stack's"}
_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "yes or no",
    Any: "as the type",
    Secret: "secret",
    FromEnvironment: "secret",
    timedelta: "length of time",
    time: "time of day",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    cells = [[each.replace("|", "\\|").replace("\n", " ") for each in row] for row in (head, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]]) + "\n"


def model_table(model: type[BaseModel], leaving_out: Iterable[str] = ()) -> str:
    """The fields of a model."""
    rows = [field_row(name, field) for name, field in model.model_fields.items() if name not in leaving_out]
    return table(("field", "value", "default"), rows)


def described(title: str, model: type[BaseModel], leaving_out: Iterable[str] = ()) -> str:
    """A section: what the model says of itself, and its fields."""
    # A field is called otherwise in Python where its name is a word of the language.
    said = re.sub(r"`(\w+)_`", r"`\1`", inspect.getdoc(model) or "")
    return f"## {title}\n\n{said}\n\n{model_table(model, leaving_out)}"


def field_row(name: str, field: FieldInfo) -> tuple[str, str, str]:
    """Name, what may be written, and what is taken when nothing is."""
    rules = [rule for each in field.metadata for rule in _rules(each)]
    kind = [] if AN_ID in rules else [_type(field.annotation)]
    default = ASSUMED.get(name) or ("**required**" if field.is_required() else _default(field.default))
    return f"`{field.alias or name}`", "; ".join((*kind, *rules)), default


def _default(value: Any) -> str:
    if value is PydanticUndefined or value is None or value in ((), "") or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit, name = next((unit, name) for unit, name in ((3600, "h"), (60, "m"), (1, "s")) if seconds % unit == 0)
        return f"`{seconds // unit}{name}`"
    return f"`{value:%H:%M}`" if isinstance(value, time) else f"`{value}`"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(each) for each in arguments if each is not NoneType))
    if origin in (tuple, Sequence):
        return f"list of {_type(arguments[0])}" if arguments[0] in (str, int) else f"list: {_type(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if arguments[1] is Any:
            return "values"
        inner = get_origin(arguments[1])
        is_mapping = isinstance(inner, type) and issubclass(inner, Mapping)
        return "for each address: fields and values" if is_mapping else f"for each name: {_type(arguments[1])}"
    if annotation is BackendSettings:
        return " or ".join(_link(backend_of(each).title) for each in BACKENDS)
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    if is_model or (is_dataclass(annotation) and annotation not in _WORDS):
        return _link(title_of(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{each}`" for each in annotation)
    return _WORDS[annotation]


def _link(title: str) -> str:
    return f"[{title}](#{title.lower().replace(' ', '-')})"


def title_of(model: type) -> str:
    """The heading under which a model is described."""
    return TITLES.get(model.__name__) or model.__name__.removesuffix("Declaration")


#: Headings that are not the name of the model.
TITLES = {
    "FunctionWatch": "A function",
    "Freshness": "A rule on data",
    "Alert": "An alert",
}


def _rules(rule: Any) -> Iterator[str]:
    """What a constraint of pydantic demands, in words."""
    said = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "min_length": "not empty", "pattern": "`{}`"}
    said["max_length"] = "at most {} long"
    for name, text in said.items():
        value = getattr(rule, name, None)
        if value is not None:
            yield text.format(f"{value:,}".replace(",", " ") if isinstance(value, int) else value)
    if getattr(rule, "func", None) in (declarations.resource_id, declarations.attribute_key):
        yield AN_ID
