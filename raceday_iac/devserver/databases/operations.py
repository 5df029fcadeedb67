"""The operations that a client may put into a transaction: their form (Appwrite 1.8.1, Validator/Operation.php)."""

from __future__ import annotations

from typing import Any

from ..params import Check, Refused
from .vocabulary import Vocabulary

ON_ONE = ("create", "update", "upsert", "delete", "increment", "decrement")
ON_MANY = ("bulkCreate", "bulkUpdate", "bulkUpsert", "bulkDelete")
ACTIONS = (*ON_ONE, *ON_MANY)


def operation_list(words: Vocabulary) -> Check:
    """A list of operations. The first fault of the first bad one is named."""

    def check(value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            raise Refused("Value must a valid array and ")
        for each in value:
            try:
                _check_operation(each, words)
            except Refused as refusal:
                raise Refused(f"Value must a valid array and {refusal}") from None
        return value

    return check


def _check_operation(value: Any, words: Vocabulary) -> None:
    if not isinstance(value, dict):
        raise Refused("Value must be an array")
    required = ("databaseId", "action", words.collection_id)
    for key in required:
        if key not in value:
            raise Refused(f"Missing required key: {key}")
    for key in required:
        if not isinstance(value[key], str) or not value[key].strip():
            raise Refused(f"Key '{key}' must be a non\u2011empty string")
    action = value["action"]
    if action not in ACTIONS:
        raise Refused(f"Key 'action' must be one of: {', '.join(ACTIONS)}")
    _check_id(value, action, words.document_id)
    _check_data(value, action)
    if action in {"bulkUpdate", "bulkDelete"}:
        _check_bulk(value["data"], action)
    if action in {"increment", "decrement"}:
        _check_step(value["data"], action, words)


def _check_id(value: dict[str, Any], action: str, name: str) -> None:
    if action in ON_ONE and name not in value:
        raise Refused(f"Key '{name}' is required for action '{action}'")
    if name in value and (not isinstance(value[name], str) or not value[name].strip()):
        raise Refused(f"Key '{name}' must be a non-empty string")


def _check_data(value: dict[str, Any], action: str) -> None:
    if "data" not in value:
        if action != "delete":
            raise Refused("Missing required key: data")
    elif not isinstance(value["data"], dict | list):
        raise Refused("Key 'data' must be an array")


def _check_bulk(data: Any, action: str) -> None:
    data = data if isinstance(data, dict) else {}
    if "queries" not in data:
        raise Refused(f"Key 'queries' is required in data for {action}")
    if not isinstance(data["queries"], list):
        raise Refused(f"Key 'queries' must be an array for {action}")
    if action == "bulkUpdate":
        if "data" not in data:
            raise Refused(f"Key 'data' is required in data for {action}")
        if not isinstance(data["data"], dict | list):
            raise Refused(f"Key 'data.data' must be an array for {action}")


def _check_step(data: Any, action: str, words: Vocabulary) -> None:
    data = data if isinstance(data, dict) else {}
    if words.attribute not in data:
        raise Refused(f"Key '{words.attribute}' is required in data for {action}")
    if "value" in data and not _is_numeric(data["value"]):
        raise Refused(f"Key 'value' must be a numeric value for {action}")


def _is_numeric(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
