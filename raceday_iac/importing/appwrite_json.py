"""Reading an `appwrite.json` (or `appwrite.config.json`) of any age: what its functions and databases would be live.

Such files were written by many versions of Appwrite's own command line and by hand. What is missing gets the value
that Appwrite gives it, what is unknown is reported and left out, and nothing is refused for a single odd entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import IacError
from ..kinds import function
from ..model.address import Address, function_address, variable_address
from ..model.limits import FUNCTION_TIMEOUT, SPECIFICATIONS
from ..model.resource import Live, frozen
from .appwrite_json_entries import entries
from .appwrite_json_schema import schema_of
from .project import Project, Remark
from .secrets import looks_secret

#: Appwrite's values for what a creation leaves out (1.8.1).
_DEFAULTS: Mapping[str, Any] = {
    "runtime": "",
    "execute": [],
    "events": [],
    "schedule": "",
    "timeout": 15,
    "enabled": True,
    "logging": True,
    "entrypoint": "",
    "commands": "",
    "scopes": [],
}
#: Files older than specifications do not name one. Appwrite's own default slug, not the largest that a server takes.
DEFAULT_SPECIFICATION = SPECIFICATIONS[1]
_TOP = ("projectId", "projectName", "functions", "databases", "collections", "tablesDB", "tables")
#: Of no consequence for what is live: where code lies, and what a server adds to its answers.
_SILENT = ("$id", "path", "$createdAt", "$updatedAt", "vars", "variables")


def read_appwrite_json(document: Any, source: str) -> Project:
    """The project that a file describes. Raises IacError when it is no such file at all."""
    if not isinstance(document, Mapping) or not any(name in document for name in _TOP):
        raise IacError(f"{source} is not an appwrite.json: it has none of {', '.join(_TOP)}. Nothing was changed.")
    reading = _Reading()
    for raw in entries(document, "functions", reading.remarks):
        reading.function(raw)
    schema, remarks = schema_of(document)
    # Where a project is belongs to an environment, as `projectId` does.
    others = [name for name in document if name not in (*_TOP, "endpoint") and document[name]]
    if others:
        reading.remark(source, f"not imported, because this tool does not manage it: {', '.join(sorted(others))}")
    return Project(
        {**schema, **reading.resources},
        (*reading.remarks, *remarks),
        source,
        str(document.get("projectName") or ""),
        reading.notes,
    )


def texts(value: Any) -> list[str]:
    """A list of texts; one text alone counts as a list, and nothing as an empty one."""
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


@dataclass
class _Reading:
    resources: dict[Address, Live] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    notes: dict[Address, str] = field(default_factory=dict)

    def remark(self, subject: object, message: str) -> None:
        self.remarks.append(Remark(str(subject), message))

    def function(self, raw: Mapping[str, Any]) -> None:
        address = function_address(raw["$id"])
        unknown = sorted(set(raw) - {*function.FIELDS, *_SILENT, "ignore"})
        if unknown:
            self.remark(address, f"unknown settings are ignored: {', '.join(unknown)}")
        filled = {**_DEFAULTS, **{name: value for name, value in raw.items() if value is not None}}
        filled.setdefault("name", raw["$id"])
        for name in ("execute", "events", "scopes"):
            filled[name] = texts(filled[name])
        if not filled.get("specification"):
            filled["specification"] = DEFAULT_SPECIFICATION
            self.remark(
                address, f"names no specification; {DEFAULT_SPECIFICATION} is taken, which may not be the live one"
            )
        self._timeout(address, filled)
        live = function.parse((), filled)
        if raw.get("ignore"):
            # What is packed is no setting of a live function, but one of the declaration that is written.
            live = replace(live, fields=frozen({**live.fields, "ignore": tuple(texts(raw["ignore"]))}))
        self.resources[live.address] = live
        self._variables(address, raw)

    def _timeout(self, address: Address, filled: dict[str, Any]) -> None:
        """A timeout above the limit is reported, and cut to it: Appwrite would refuse the function."""
        timeout = filled["timeout"]
        if isinstance(timeout, int) and timeout > FUNCTION_TIMEOUT:
            filled["timeout"] = FUNCTION_TIMEOUT
            said = f"timeout {timeout} s is above Appwrite's limit; {FUNCTION_TIMEOUT} s is taken"
            self.remark(address, said)
            self.notes[address] = f"The imported file says {timeout} s; Appwrite allows {FUNCTION_TIMEOUT}."

    def _variables(self, owner: Address, raw: Mapping[str, Any]) -> None:
        """Old versions kept variables in the file: as a mapping, or as a list of key and value."""
        for key, value, secret in _variables(raw.get("variables") or raw.get("vars") or {}):
            address = variable_address(owner.path, key)
            hidden = secret or looks_secret(key, value)
            if hidden:
                self.remark(address, "it is, or looks like, a secret: its value is not taken from the file")
            fields = {"secret": True} if hidden else {"secret": False, "value": value}
            self.resources[address] = Live(address, frozen(fields))


def _variables(given: Any) -> Iterator[tuple[str, str, bool]]:
    """Key, value, and whether it is said to be secret."""
    if isinstance(given, Mapping):
        yield from ((str(key), _text(value), False) for key, value in given.items())
        return
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping) and each.get("key"):
            yield str(each["key"]), _text(each.get("value")), bool(each.get("secret"))


def _text(value: Any) -> str:
    """A variable's value: variables are texts, whatever JSON made of them."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
