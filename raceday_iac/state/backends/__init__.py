"""Where state can be kept. A backend is one file here that ends with `BACKEND = Backend(...)`, and its name below.

Only the backend that an environment names is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..store import StateStore
from .base import (
    Access,
    Backend,
    BackendSettings,
    KeptFiles,
    LockRecord,
    PreconditionFailed,
    StateBackend,
    StateVersion,
)

__all__ = [
    "Access",
    "BACKENDS",
    "Backend",
    "BackendSettings",
    "KeptFiles",
    "LockRecord",
    "PreconditionFailed",
    "StateBackend",
    "StateVersion",
    "backend_of",
    "open_backend",
    "open_files",
    "settings_of",
]

#: The names by which environment files choose them, which are those of the modules.
BACKENDS = ("local", "appwrite", "s3")


def backend_of(name: str) -> Backend:
    """The backend with this name."""
    found = import_module(f".{name}", __package__).BACKEND
    assert isinstance(found, Backend)
    return found


def settings_of(section: Any) -> BackendSettings:
    """The settings in the state's section of an environment file. Raises ValueError where it does not name a backend,
    and pydantic's ValidationError for settings that are wrong."""
    if not isinstance(section, Mapping):
        raise ValueError("it must be a mapping of settings")
    name = section.get("backend")
    if name not in BACKENDS:
        raise ValueError(f"name its backend: {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}")
    return backend_of(name).settings.model_validate(section)


def open_backend(settings: BackendSettings, access: Access) -> StateStore:
    """The state that the settings describe. Nothing is read or made yet. Raises IacError for settings that cannot be
    used, such as the name of a variable that is empty."""
    return backend_of(settings.backend).open(settings, access)


def open_files(settings: BackendSettings, access: Access) -> KeptFiles:
    """The files that are kept beside that state. Raises IacError as `open_backend` does."""
    return backend_of(settings.backend).files(settings, access)
