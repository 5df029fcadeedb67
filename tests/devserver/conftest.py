"""Fixtures of the tests of functions."""

from .functions_server import client, venvs

__all__ = ["client", "venvs"]
