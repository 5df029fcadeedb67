"""The one import of the Appwrite SDK.

`appwrite.client` imports its JSON encoder, and that all enums of the SDK and, with `appwrite.models`, some three
hundred pydantic classes: about a second, paid by every command. Nothing that is sent from here needs them, so an
encoder stands in that fetches the real one only when it meets what plain JSON does not know.
"""

from __future__ import annotations

import sys
from importlib import import_module
from json import JSONEncoder
from types import ModuleType
from typing import Any

_ENCODER = "appwrite.encoders.value_class_encoder"


class _Encoder(JSONEncoder):
    def default(self, o: object) -> Any:
        return import_module(_ENCODER).ValueClassEncoder().default(o)


def _import_light() -> tuple[Any, Any, Any, Any]:
    light = _ENCODER not in sys.modules
    if light:
        stand_in = ModuleType(_ENCODER)
        stand_in.__dict__["ValueClassEncoder"] = _Encoder
        sys.modules[_ENCODER] = stand_in
    try:
        from appwrite.client import Client  # noqa: PLC0415
        from appwrite.exception import AppwriteException  # noqa: PLC0415
        from appwrite.input_file import InputFile  # noqa: PLC0415
        from appwrite.query import Query  # noqa: PLC0415
    finally:
        if light:
            sys.modules.pop(_ENCODER, None)
    return Client, AppwriteException, InputFile, Query


Client, AppwriteException, InputFile, Query = _import_light()

__all__ = ["AppwriteException", "Client", "InputFile", "Query"]
