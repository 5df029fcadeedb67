"""A project folder as a user has one: a stack file, an environment file, and what the tool keeps beside them."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
import textwrap
import threading
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from .command import Ended, Run, must_be_decent
from .proxy import Proxy
from .target import NARROW_KEY, VARIABLES, Site, without

ENVIRONMENT = "e2e"
#: Would make each of some hundred runs compile the program again.
UNCACHED = "PYTHONDONTWRITEBYTECODE"
#: What everything made by this suite is called. A project may hold other things, and they are not touched.
FAMILY = re.compile(r"ie2e[0-9a-f]{5}-.*")

#: One run at a time can have this process's output, folder and variables.
_BESIDE = threading.Lock()

_ENVIRONMENT_FILE = "endpoint: ${APPWRITE_ENDPOINT}\nproject: ${APPWRITE_PROJECT_ID}\napi_key_env: APPWRITE_API_KEY\n"
_STACK_HEAD = """\
from raceday_iac.model.stack import KEEP, FromEnvironment, Lock, Stack

P = {prefix!r}
stack = Stack("e2e", extensions=["raceday_iac.raceday"])
"""


def new_prefix() -> str:
    """A prefix that belongs to the family, and that nothing else has."""
    return f"ie2e{secrets.token_hex(3)[:5]}-"


class Project:
    """A folder with a stack `x`, and the server it is applied to through a proxy of its own."""

    def __init__(self, root: Path, site: Site, proxy: Proxy) -> None:
        self.root = root
        self.site = site
        self.proxy = proxy
        self.api = site.api()
        self.prefix = new_prefix()
        self.variables: dict[str, str] = {}
        #: Whether each run is a process of its own.
        self.in_processes = False
        #: Texts that must never be printed.
        self.secrets = [site.key]
        self.state_folder = root / "state" / ENVIRONMENT
        (root / "stacks" / "environments").mkdir(parents=True)
        (root / "stacks" / "environments" / f"{ENVIRONMENT}.yaml").write_text(_ENVIRONMENT_FILE, encoding="utf-8")

    @property
    def stack_file(self) -> Path:
        return self.root / "stacks" / "x.py"

    @property
    def state_file(self) -> Path:
        return self.state_folder / "state.json"

    def id(self, name: str) -> str:
        """An id that is nobody else's."""
        return self.prefix + name

    def declare(self, text: str) -> None:
        """Write the stack. The text knows `stack` and the prefix `P`."""
        content = _STACK_HEAD.format(prefix=self.prefix) + textwrap.dedent(text)
        self.stack_file.write_text(content, encoding="utf-8")

    def start(self, *words: str, before: tuple[str, ...] = (), through: str = "", **variables: str) -> Run:
        """Begin a run. `before` are words that come before the subcommand; variables join the environment; for
        `through` see `Run`."""
        chosen = ["--env", ENVIRONMENT, "--stack", "stacks/x.py"]
        command = [*before, *words, *(word for word in chosen if not before)]
        environment = {
            **without((*VARIABLES, NARROW_KEY, UNCACHED)),
            **self._own_variables(),
            **self.variables,
            **variables,
        }
        return Run(command, self.root, environment, self.secrets, through)

    def iac(self, *words: str, code: int | None = 0, answer: str = "", **variables: str) -> Ended:
        """A whole run, which must end with `code` (None: any). It is done in this process, for to start another one
        takes longer than most runs; in its own beside one that goes on here, and where a test wants it so."""
        if self.in_processes or not _BESIDE.acquire(blocking=False):
            ended = self.start(*words, **variables).end(answer)
        else:
            try:
                ended = self._here(words, answer, variables)
            finally:
                _BESIDE.release()
        assert code is None or ended.code == code, f"expected exit {code}\n{ended}"
        return ended

    def _here(self, words: tuple[str, ...], answer: str, variables: Mapping[str, str]) -> Ended:
        from raceday_iac.cli.main import execute

        command, out, err = [*words, "--env", ENVIRONMENT, "--stack", "stacks/x.py"], io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name in (*VARIABLES, NARROW_KEY):
                patch.delenv(name, raising=False)
            for name, value in {**self._own_variables(), **self.variables, **variables}.items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.StringIO(answer))
            patch.chdir(self.root)
            code = execute(command)
        ended = Ended(" ".join(["raceday-iac", *command]), code, out.getvalue(), err.getvalue())
        must_be_decent(ended, self.secrets)
        return ended

    def plan(self, *words: str, code: int | None = 0) -> Any:
        """The plan, as its JSON document."""
        return self.iac("plan", "--json", *words, code=code).json

    def apply(self, *words: str, code: int | None = 0, **variables: str) -> Ended:
        return self.iac("apply", "--auto-approve", *words, code=code, **variables)

    def carried_out(self, *words: str) -> dict[str, str]:
        """Apply, and say what was done: address → action."""
        done: list[str] = self.apply("--json", *words).documents[-1]["applied"]["done"]
        return {address: action for action, _, address in (each.partition(":") for each in done)}

    def must_be_clean(self) -> None:
        """The plan is empty."""
        self.prepare("plan", "--detailed-exitcode")

    def prepare(self, *words: str) -> None:
        """A run that is not what a test is about, and that must end well. It is done in this process: some hundred
        starts cost a minute."""
        from raceday_iac.cli.main import execute

        said = io.StringIO()
        chosen = ["--env", ENVIRONMENT, "--stack", str(self.stack_file)]
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
            for name, value in {**self._own_variables(), **self.variables}.items():
                patch.setenv(name, value)
            code = execute([*words, *chosen])
        assert code == 0, f"{' '.join(words)} should end with 0, but exits {code}\n{said.getvalue()}"

    def _own_variables(self) -> dict[str, str]:
        return dict(zip(VARIABLES, (self.proxy.endpoint, self.site.project, self.site.key), strict=True))

    def state(self) -> dict[str, Any]:
        """What the state owns, by address."""
        content: dict[str, Any] = json.loads(self.state_file.read_text(encoding="utf-8"))
        resources: dict[str, Any] = content["resources"]
        return resources

    def lose_state(self) -> None:
        """As after a fresh checkout on another machine."""
        shutil.rmtree(self.state_folder)

    def kept_texts(self) -> str:
        """Everything that the tool has written into the project's folder, and nothing that the user wrote."""
        files = [file for file in (self.root / "state").rglob("*") if file.is_file()]
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def code(self, name: str, **files: str) -> str:
        """A folder with a function's code, from file stems to texts; returns its path for the stack."""
        folder = self.root / "functions" / name
        folder.mkdir(parents=True, exist_ok=True)
        for stem, text in files.items():
            (folder / f"{stem}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        return os.path.relpath(folder, self.root)

    def secret(self, variable: str, value: str) -> None:
        """Set an environment variable of all runs to a value that must never be printed."""
        self.variables[variable] = value
        self.secrets.append(value)

    def must_keep_no_secret(self) -> None:
        """Nothing that the tool has written down holds one of the secrets."""
        kept = self.kept_texts()
        assert not [each for each in self.secrets if each in kept], "a secret was written to the project's folder"


def actions(plan: Any) -> dict[str, str]:
    """Address → action of a plan document."""
    return {each["address"]: each["action"] for each in plan["changes"]}
