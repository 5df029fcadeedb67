"""Functions, their variables, deployments, builds and executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..web import Routes

if TYPE_CHECKING:
    from ..server import Server

SCHEMA = ""
routes = Routes()


def on_start(server: Server) -> None:
    """Nothing yet."""
