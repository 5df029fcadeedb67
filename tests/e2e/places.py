"""Projects whose state is kept in Appwrite or in S3 instead of in files."""

from __future__ import annotations

import textwrap

from .command import Ended
from .here import run_here
from .project import ENVIRONMENT, Project


def keep_state(project: Project, settings: str) -> None:
    """Say in the project's environment file where its state is kept: YAML below `state:`."""
    file = project.root / "stacks" / "environments" / f"{ENVIRONMENT}.yaml"
    head = file.read_text(encoding="utf-8").partition("state:\n")[0]
    file.write_text(f"{head}state:\n{textwrap.indent(textwrap.dedent(settings).strip(), '  ')}\n", encoding="utf-8")


def keep_in_appwrite(project: Project, more: str = "") -> None:
    """In a database of this test alone, on the very server that the stack is applied to."""
    keep_state(project, f"backend: appwrite\ndatabase: {project.id('state')}\n{more}")


def documents_of(project: Project) -> str:
    """The path of the documents that states are kept in."""
    return f"/databases/{project.id('state')}/collections/states/documents"


def here(project: Project, *words: str, code: int = 0, answer: str = "") -> Ended:
    """A whole run in this process, which must end with `code` and give no secret."""
    ended = run_here(project, *words, answer=answer)
    assert ended.code == code, f"expected exit {code}\n{ended}"
    leaked = [each for each in project.secrets if each in ended.text]
    assert not leaked, f"a secret was printed by {ended.command}"
    return ended
