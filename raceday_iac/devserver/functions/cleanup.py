"""Ending what runs for deployments and removing their files, after they were deleted from the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import files as storage
from .builds import builder_of
from .executor import executor_of

if TYPE_CHECKING:
    from ..server import Server


def discard_deployments(server: Server, project: str, deployments: Iterable[str]) -> None:
    """Stop builds and workers now; delete the files once the transaction has been committed."""
    gone = list(deployments)
    for deployment in gone:
        builder_of(server).cancel(project, deployment)
        executor_of(server).kill(project, deployment)

    def delete_files() -> None:
        for deployment in gone:
            server.spawn(asyncio.to_thread(storage.delete, storage.files_of(server, project, deployment)))

    if gone:
        server.later(0, delete_files)
