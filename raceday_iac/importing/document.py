"""Files of other tools as documents: those of Appwrite's command line, in any encoding and with the files that they
include, and states of Terraform or OpenTofu.

Of a state only the names of resources are taken: those of the official Appwrite provider, by our addresses. What a
resource is like is read from the server, and values of secrets, which such a state holds in the open, are not looked
at.
"""

from __future__ import annotations

import codecs
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from ..errors import IacError
from ..kinds import KINDS
from ..kinds.base import Kind
from ..model.address import Address
from ..model.limits import shown
from .names import Remark

#: Windows PowerShell writes UTF-16 when output is sent to a file.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Texts, and what Python reads and JSON does not have.
_NO_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)')
_LONG_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|(-?\d{4301,})')

#: The form of the state that Terraform 0.12 and newer and OpenTofu write.
FORMAT = 4
_PULL = "write the state to a file: terraform state pull > terraform.tfstate (or tofu state pull)"
_DATA = "it is data, which is not managed"
#: Types of the provider that hold data, or pass it on.
_DATA_TYPES = frozenset(
    f"appwrite_{each}"
    for each in (
        "auth_user",
        "documentsdb_document",
        "messaging_subscriber",
        "storage_file",
        "tablesdb_row",
        "user",
        "vectorsdb_document",
    )
)


@dataclass(frozen=True)
class Document:
    """What a file holds, its included files put in their places, and what must be reported of it."""

    content: Mapping[str, Any]
    remarks: tuple[Remark, ...] = ()


def read_document(path: Path) -> Document:
    """The content of a configuration file. Raises IacError, with the line where there is one, for what is no JSON
    object, and for includes that Appwrite's own command line refuses."""
    remarks: list[Remark] = []
    content = _read(path, remarks)
    if not isinstance(content, Mapping):
        raise _broken(path, "does not hold a JSON object")
    includes = content.get("includes")
    if includes is None:
        return Document(content, tuple(remarks))
    if not isinstance(includes, Mapping):
        raise _broken(path, "its includes are not an object with a file for each list")
    whole = {name: value for name, value in content.items() if name != "includes"}
    for name, file in includes.items():
        if content.get(name) is not None:
            raise _broken(path, f"{name} is in it, and in its includes too")
        whole[name] = list(_included(path, name, file, remarks))
    return Document(whole, tuple(remarks))


def _included(path: Path, name: str, file: Any, remarks: list[Remark]) -> Iterator[Any]:
    """The entries of an included file. Code lies beside the file that names it (command line 25.1.0)."""
    place = _place(path, name, file)
    if not place.exists():
        # Appwrite's own command line takes it for an empty list.
        remarks.append(Remark(name, f"nothing is read: the included file {place} does not exist"))
        return
    entries = _read(place, remarks)
    if not isinstance(entries, list):
        raise _broken(place, "is included, but does not contain a list")
    folder = posixpath.dirname(posixpath.normpath(file.strip().replace("\\", "/")))
    for each in entries:
        where = each.get("path") if isinstance(each, Mapping) else None
        if isinstance(where, str) and where and not posixpath.isabs(where):
            yield {**each, "path": posixpath.normpath(posixpath.join(folder, where))}
        else:
            yield each


def _place(path: Path, name: str, file: Any) -> Path:
    """Where an included file lies: below the file that includes it."""
    words = re.split(r"[\\/]+", file.strip()) if isinstance(file, str) else []
    if not isinstance(file, str) or not file.strip() or "\0" in file:
        raise _broken(path, f"the include of {name} is not a path")
    place = (path.parent / "/".join(words)).resolve()
    is_below = ".." not in words and place.is_relative_to(path.parent.resolve())
    if not is_below or re.match(r"[a-z][a-z0-9+.-]*:", file.strip(), re.IGNORECASE):
        raise _broken(path, f"includes {shown(file)} for {name}, which is not in the same folder")
    return place


def _read(path: Path, remarks: list[Remark]) -> Any:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise IacError(f"{path} cannot be read: {error.strerror or error}.", unchanged=True) from None
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _broken(path, f"is not text in {encoding.removesuffix('-sig').upper()}", line) from None
    try:
        return json.loads(
            text,
            parse_constant=partial(_refuse, path, text),
            object_pairs_hook=partial(_object, lambda name: remarks.append(Remark(str(path), _twice(name)))),
        )
    except json.JSONDecodeError as error:
        message = error.msg[0].lower() + error.msg[1:] if text.strip() else "the file is empty"
        raise _broken(path, f"is not valid JSON: {message} (column {error.colno})", error.lineno) from None
    except RecursionError:
        raise _broken(path, "is nested too deeply") from None
    except ValueError:
        # Python reads no number of more digits.
        raise _broken(path, "is not usable: a number has more than 4,300 digits", _line(_LONG_NUMBER, text)) from None


def _refuse(path: Path, text: str, constant: str) -> NoReturn:
    raise _broken(path, f"is not valid JSON: {constant} is not a value", _line(_NO_JSON, text))


def _line(what: re.Pattern[str], text: str) -> int:
    found = next((each for each in what.finditer(text) if each[1]), None)
    return text.count("\n", 0, found.start()) + 1 if found else 0


def _object(report: Callable[[str], None], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of a name that it holds twice, the last counts, as in JavaScript."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            report(name)
        found[name] = value
    return found


def _twice(name: str) -> str:
    return f"an object holds {shown(name)} twice; the last one counts"


def _broken(path: Path, what: str, line: int = 0) -> IacError:
    return IacError(f"{path}{f':{line}' if line else ''}: {what}.", unchanged=True)


@dataclass(frozen=True)
class TerraformState:
    """What a state `named`, with the addresses of Terraform, and what of it has no counterpart here."""

    named: Mapping[Address, str]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class _Instance:
    address: str
    type: str
    attributes: Mapping[str, Any]


def read_tfstate(file: Path, project: str) -> TerraformState:
    """The resources of a project that a state file names. Raises IacError for what is no such file."""
    named: dict[Address, str] = {}
    remarks: list[Remark] = []
    for each in _instances(file, read_document(file).content):
        found = _counterpart(each, project)
        if isinstance(found, Address):
            named[found] = each.address
        else:
            remarks.append(Remark(each.address, found))
    return TerraformState(named, tuple(remarks))


def _counterpart(instance: _Instance, project: str) -> Address | str:
    """Its address here, or why there is none."""
    if not instance.type.startswith("appwrite_"):
        return "not a resource of Appwrite"
    if instance.type in _DATA_TYPES:
        return _DATA
    kind = _kind_of(instance)
    if kind is None:
        return "raceday-iac has no such kind; it stays as it is"
    elsewhere = instance.attributes.get("project_id")
    if elsewhere and elsewhere != project:
        return f"it belongs to the project {elsewhere}, but this environment is {project}"
    parts = [instance.attributes.get(each) for each in kind.terraform_path]
    if not all(isinstance(each, str) and each for each in parts):
        return f"the state does not say its {' and '.join(kind.terraform_path)}"
    return Address(kind.name, "/".join(map(str, parts)))


def _kind_of(instance: _Instance) -> Kind | None:
    for kind in KINDS.values():
        if instance.type in kind.terraform_types and kind.is_one({"type": "", **instance.attributes}):
            return kind
    return None


def _instances(file: Path, content: Mapping[str, Any]) -> Iterator[_Instance]:
    """All that Terraform manages. What it only reads (`data`), and objects that it is about to delete, are not."""
    if "encrypted_data" in content:
        raise IacError(f"{file} is encrypted.", hint=_PULL, unchanged=True)
    if content.get("version") != FORMAT or not isinstance(content.get("resources"), list):
        raise IacError(f"{file} is not a Terraform state of format {FORMAT}.", hint=_PULL, unchanged=True)
    try:
        for resource in content["resources"]:
            if resource["mode"] != "managed":
                continue
            module = f"{resource['module']}." if resource.get("module") else ""
            place = f"{module}{resource['type']}.{resource['name']}"
            for each in resource["instances"]:
                if "deposed" not in each:
                    yield _Instance(f"{place}{_index(each)}", resource["type"], dict(each["attributes"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise IacError(f"{file} is not a whole Terraform state: a resource in it is broken.", unchanged=True) from None


def _index(instance: Mapping[str, Any]) -> str:
    key = instance.get("index_key")
    if key is None:
        return ""
    return f'["{key}"]' if isinstance(key, str) else f"[{key}]"
