"""Finding the route for a method and a path. Fixed words win over placeholders, from left to right."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from .web import Route


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_shape: dict[tuple[str, int], list[tuple[Route, list[str]]]] = {}
        for route in routes:
            words = route.path.strip("/").split("/")
            self._by_shape.setdefault((route.method, len(words)), []).append((route, words))
        for candidates in self._by_shape.values():
            candidates.sort(key=lambda candidate: [word.startswith("{") for word in candidate[1]])

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and the decoded values of its placeholders. A trailing slash is no part of a path."""
        if not raw_path.startswith("/v1/"):
            return None
        given = raw_path[4:].rstrip("/").split("/")
        for route, words in self._by_shape.get((method, len(given)), ()):
            values = _match(words, given)
            if values is not None:
                return route, values
        return None


def _match(words: list[str], given: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for word, text in zip(words, given, strict=True):
        if word.startswith("{"):
            values[word[1:-1]] = unquote(text)
        elif word != text:
            return None
    return values
