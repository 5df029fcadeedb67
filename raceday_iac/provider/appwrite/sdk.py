"""The one import of the Appwrite SDK.

`appwrite.client` pulls in `appwrite.models`, whose `__init__` builds some three hundred pydantic classes: about a
second, paid by every command. None of them is used here (version 27 refuses valid 1.8 documents anyway), so the
package is entered without running that `__init__`; modules inside it are still imported one by one on demand.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_MODELS = "appwrite.models"


def _import_without_models() -> tuple[Any, Any, Any, Any]:
    spec = find_spec("appwrite")
    light = _MODELS not in sys.modules and spec is not None and spec.submodule_search_locations is not None
    if light and spec is not None and spec.submodule_search_locations is not None:
        package = ModuleType(_MODELS)
        package.__path__ = [str(Path(place) / "models") for place in spec.submodule_search_locations]
        sys.modules[_MODELS] = package
    try:
        from appwrite.client import Client  # noqa: PLC0415
        from appwrite.exception import AppwriteException  # noqa: PLC0415
        from appwrite.input_file import InputFile  # noqa: PLC0415
        from appwrite.query import Query  # noqa: PLC0415
    finally:
        if light:
            # Whoever imports the models later gets the real package.
            sys.modules.pop(_MODELS, None)
    return Client, AppwriteException, InputFile, Query


Client, AppwriteException, InputFile, Query = _import_without_models()

__all__ = ["AppwriteException", "Client", "InputFile", "Query"]
