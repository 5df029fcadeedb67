"""Appwrite's own command line, at one version, from npm: installed below `build/`, driven with an API key."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raceday_iac.devserver.runner import RunningServer

#: It speaks the format of Appwrite 1.8, as the embedded server does.
VERSION = "12.0.1"
CONFIG = "appwrite.config.json"
_ENTRY = Path("node_modules") / "appwrite-cli" / "index.js"


def install(build: Path) -> Path:
    """The entry of the installed command line. Ends the process, in one line, where that cannot be."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            sys.exit(f"bench-peers needs node and npm, and there is no {program} on this machine")
    folder = build / f"appwrite-cli-{VERSION}"
    if not (folder / _ENTRY).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
        command = ["npm", "install", *quiet, "--prefix", str(folder), f"appwrite-cli@{VERSION}"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            reason = (ended.stderr.strip().splitlines() or ["it did not say why"])[0]
            sys.exit(f"appwrite-cli {VERSION} cannot be installed: {reason}")
    return folder / _ENTRY


@dataclass(frozen=True)
class PeerCli:
    """The command line in a `folder` with its own settings and its own `appwrite.config.json`."""

    entry: Path
    folder: Path

    def log_in(self, server: RunningServer) -> None:
        """Name server, project and key: what does not need a console."""
        self.run("client", "--endpoint", server.endpoint, "--project-id", server.project, "--key", server.key)

    def run(self, *words: str) -> float:
        """Seconds of one command. It ends well even where something failed: what it did must be looked at."""
        begun = time.perf_counter()
        ended = subprocess.run(
            ["node", str(self.entry), *words],
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder), "USERPROFILE": str(self.folder), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
        if ended.returncode != 0:
            sys.exit(f"appwrite {words[0]} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
        return seconds


def as_tables(document: dict[str, Any]) -> dict[str, Any]:
    """A file with collections as one with tables, which `push tables` wants."""
    rest = {name: value for name, value in document.items() if name not in ("databases", "collections")}
    tables = [_table(each) for each in document["collections"]]
    return {**rest, "tablesDB": document["databases"], "tables": tables}


def _table(collection: dict[str, Any]) -> dict[str, Any]:
    words = {"documentSecurity": "rowSecurity", "attributes": "columns", "relatedCollection": "relatedTable"}

    def renamed(raw: dict[str, Any]) -> dict[str, Any]:
        return {words.get(name, name): value for name, value in raw.items()}

    table = renamed(collection)
    for part in ("columns", "indexes"):
        table[part] = [renamed(each) for each in table[part]]
    return table
