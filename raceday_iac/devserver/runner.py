"""Starting and stopping servers: the names that commands and tests use."""

from __future__ import annotations

from .daemon import Status, load_appwrite_json, reset, serve_forever, start, status, stop
from .running import PROJECT, DataInUseError, RunningServer, StartError, start_server

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
