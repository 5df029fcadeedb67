"""Starting and stopping servers: the names that commands and tests use."""

from __future__ import annotations

from .daemon import StartError, Status, load_appwrite_json, reset, start, status, stop
from .lock import DataInUseError
from .running import RunningServer, start_server
from .serving import serve_forever
from .settings import PROJECT

__all__ = [
    "PROJECT",
    "DataInUseError",
    "RunningServer",
    "StartError",
    "Status",
    "load_appwrite_json",
    "reset",
    "serve_forever",
    "start",
    "start_server",
    "status",
    "stop",
]
