"""What is known of deployments' source archives, so that none is downloaded twice.

A deployment never changes, so what was once read of it stays true: it is kept by the deployment's id, in memory and
in a file beside the state. The file is a cache and nothing more: lost or damaged, it is read anew from the server.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from ..errors import NotFoundError
from ..files import write_private
from ..packaging.origin import Origin, origin_of_archive
from ..provider import Reader
from ..waiting import ThreadPoolExecutor

_log = logging.getLogger(__name__)

FORMAT = 1
#: Downloads under way at once, when many are needed: on the first plan of a fresh checkout.
_AT_ONCE = 8
#: Deployments that are remembered; the oldest are forgotten first.
_KEPT = 5_000


class Archives:
    """Origins of deployments by id. Thread-safe. Without a `file`, they are remembered for this run only."""

    def __init__(self, reader: Reader, file: Path | None = None) -> None:
        self._reader = reader
        self._file = file
        self._guard = threading.Lock()
        self._known: dict[str, Origin] | None = None

    def origin(self, function: str, deployment: str) -> Origin:
        """What a deployment's source tells. Empty where there is none to read, as with an unfinished upload."""
        known = self._loaded().get(deployment)
        if known is not None:
            return known
        found = self._read(function, deployment)
        if found.digest:
            self.remember(deployment, found)
        return found

    def prefetch(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Read several at the same time: pairs of function and deployment."""
        missing = [pair for pair in wanted if pair[1] not in self._loaded()]
        if not missing:
            return
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            found = list(pool.map(lambda pair: self._read(*pair), missing))
        self._add({pair[1]: origin for pair, origin in zip(missing, found, strict=True) if origin.digest})

    def remember(self, deployment: str, origin: Origin) -> None:
        """Note what is known already, such as of an upload of our own."""
        self._add({deployment: origin})

    def is_ours(self, function: str, deployment: str) -> bool:
        """Whether its own source says that this tool made it for this function."""
        return self.origin(function, deployment).function == function

    def _read(self, function: str, deployment: str) -> Origin:
        """Unreadable sources are not remembered: the rest of an upload may still come."""
        try:
            return origin_of_archive(self._reader.source_of(function, deployment))
        except NotFoundError:
            return Origin()

    def _add(self, found: dict[str, Origin]) -> None:
        known = self._loaded()
        with self._guard:
            known.update(found)
            self._write(known)

    def _loaded(self) -> dict[str, Origin]:
        with self._guard:
            if self._known is None:
                self._known = self._load()
            return self._known

    def _load(self) -> dict[str, Origin]:
        if self._file is None:
            return {}
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                return {}
            return {str(name): Origin(str(digest), str(made)) for name, (digest, made) in content["archives"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.info("the cache %s is of no use and is made anew: %s", self._file, error)
            return {}

    def _write(self, known: dict[str, Origin]) -> None:
        """Atomically, and without a word when it fails: nothing depends on it."""
        if self._file is None:
            return
        kept = list(known.items())[-_KEPT:]
        content = {"format": FORMAT, "archives": {name: [each.digest, each.function] for name, each in kept}}
        try:
            write_private(self._file, json.dumps(content))
        except OSError as error:
            _log.info("the cache %s could not be written: %s", self._file, error)
