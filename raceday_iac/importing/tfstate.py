"""Which resources a Terraform (or OpenTofu) state names: those of the official Appwrite provider, by our addresses.

Nothing else is taken from it. What a resource is like is read from the server, and values of secrets, which such a
state holds in the open, are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import IacError
from ..kinds import KINDS
from ..kinds.base import Kind
from ..model.address import Address
from .document import read_document
from .names import Remark

#: The form of the state that Terraform 0.12 and newer and OpenTofu write.
FORMAT = 4
_PULL = "have the state written out: terraform state pull > terraform.tfstate (or tofu state pull)"
_DATA = "it is data, which is left alone"
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
        return "no counterpart here; it stays as it is"
    elsewhere = instance.attributes.get("project_id")
    if elsewhere and elsewhere != project:
        return f"it belongs to the project {elsewhere}, and this environment is {project}"
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
