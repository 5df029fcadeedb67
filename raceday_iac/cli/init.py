"""`init`: a project to begin with. It writes files and nothing else, and never over what is there."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import EXIT_OK, IacError
from ..importing.document import read_document
from ..importing.names import Project
from ..importing.source import Source, write_source
from ..loading.environment import EMBEDDED, Environment, environment_file, is_api_address, likely_address
from ..model.declarations import nearest
from ..model.limits import CUSTOM_ID
from ..render.import_text import remark_lines
from ..render.lines import Line
from .importing import must_change_nothing, read_live, read_project
from .options import STACKS, Options, current
from .workspace import answer, must_be_free, write_file

app = typer.Typer()

EXAMPLES = Path(__file__).parent.parent / "examples"
#: How the environment of a real Appwrite is called, where `--env` does not say.
REAL = "prod"
KEY_VARIABLE = "APPWRITE_API_KEY"
_NO_TEXTS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
_IGNORED = ("state/", ".env")
_STACK = '''"""What the Appwrite project {name} should hold. `raceday-iac plan` shows what would be changed."""

from raceday_iac import Stack

stack = Stack("{name}")

# database = stack.database("main", name="Main")
# orders = database.collection("orders", name="Orders")
# orders.string("customer", 36, required=True)
# orders.index("by_customer", "customer")
#
# stack.function(
#     "hello",
#     name="Hello",
#     runtime="python-3.12",
#     specification="s-0.5vcpu-512mb",
#     timeout=15,  # seconds
#     entrypoint="main.py",
#     code="functions/hello",
# )
'''
_LOCAL = """# The Appwrite-compatible server that ships with raceday-iac: on this machine only, started when needed.
endpoint: embedded
project: {project}
"""
_REAL = """# A real Appwrite. The key is never written here: the environment variable that is named holds it.
endpoint: {endpoint}
project: {project}
api_key_env: {variable}
"""


@dataclass(frozen=True)
class Wanted:
    """What the project begins with. Without an endpoint, the embedded server is its only environment."""

    name: str
    endpoint: str = ""
    project: str = ""
    variable: str = KEY_VARIABLE


@app.command("init")
def init(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Name of the stack; default: the name of the folder.")
    ] = "",
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="Endpoint of your Appwrite, such as https://host/v1.")
    ] = "",
    project: Annotated[str, typer.Option(metavar="ID", help="Id of your project there.")] = "",
    key_variable: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable that holds the API key.")
    ] = "",
    example: Annotated[
        str, typer.Option(metavar="NAME", help="Begin with a working example: shop or online-shop.")
    ] = "",
    from_live: Annotated[bool, typer.Option("--from-live", help="Declare what the project holds already.")] = False,
    from_appwrite_json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Declare what an appwrite.json describes.")
    ] = None,
) -> int:
    """Ask for missing settings if there is a terminal, then write the files."""
    options = current()
    _must_go_together(example, endpoint, from_live=from_live, file=from_appwrite_json)
    found = None if from_appwrite_json is None else read_project(from_appwrite_json)
    wanted = Wanted(name, endpoint, project, key_variable or KEY_VARIABLE)
    if from_appwrite_json is not None:
        wanted = _as_in_file(wanted, read_document(from_appwrite_json).content)
    wanted = _checked(_asked(options, wanted, is_complete=bool(example or found or endpoint)), example)
    texts = _example(example) if example else {}
    environment = _environment_files(options, wanted, texts)
    files = {**texts, **environment}
    source, stack = None, STACKS / f"{wanted.name}.py"
    _must_be_free(files if example else {**files, stack: ""})
    if from_live:
        found_live = read_live(options, _real_environment(options, wanted))
        source = _declaring(found_live, wanted.name)
    elif found is not None:
        source = _declaring(found, wanted.name)
    if not example:
        files[stack] = source.text if source else _STACK.format(name=wanted.name)
    for file, text in files.items():
        write_file(file, text)
    ignore = _ignore()
    written = [*map(str, files), *([ignore] if ignore else [])]
    secrets = list(source.secrets if source else _secrets(texts))
    steps = list(_next_steps(options, wanted, secrets, example, source, from_live=from_live))
    document = {"written": written, "next": steps}
    answer(options, {"init": document}, _lines(written, source, steps))
    return EXIT_OK


def _must_go_together(example: str, endpoint: str, *, from_live: bool, file: Path | None) -> None:
    known = sorted(each.name for each in EXAMPLES.iterdir() if each.is_dir() and not each.name.startswith("_"))
    if example and example not in known:
        raise IacError(
            f"There is no example {example!r}{nearest(example, known)}.",
            hint=f"examples: {', '.join(known)}",
            unchanged=True,
        )
    if sum((bool(example), from_live, file is not None)) > 1:
        raise IacError("--example, --from-live and --from-appwrite-json cannot be combined.", unchanged=True)
    if from_live and not endpoint and not sys.stdin.isatty():
        raise IacError("--from-live reads a project: name it with --endpoint and --project.", unchanged=True)


def _as_in_file(wanted: Wanted, content: Mapping[str, Any]) -> Wanted:
    """With what an appwrite.json says of its project."""
    endpoint, project = (content.get(key) for key in ("endpoint", "projectId"))
    if not isinstance(project, str) or wanted.project not in ("", project):
        return wanted
    endpoint = endpoint if isinstance(endpoint, str) else ""
    return Wanted(wanted.name, wanted.endpoint or endpoint, project, wanted.variable)


def _asked(options: Options, wanted: Wanted, *, is_complete: bool) -> Wanted:
    """With what a person says. Nobody is asked who has said something, or cannot answer."""
    if is_complete or options.json or not sys.stdin.isatty():
        return wanted
    endpoint = _ask("Endpoint of your Appwrite, such as https://host/v1 (empty: only the embedded server)")
    if not endpoint:
        return wanted
    project = wanted.project or _ask("Project id")
    variable = _ask(f"Environment variable that holds the API key [{wanted.variable}]")
    return Wanted(wanted.name, endpoint, project, variable or wanted.variable)


def _ask(question: str) -> str:
    print(f"{question}: ", end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip()


def _checked(wanted: Wanted, example: str) -> Wanted:
    """Complete and possible. Raises IacError."""
    name = wanted.name or example or re.sub(r"[^a-z0-9-]+", "-", Path.cwd().name.lower()).strip("-") or "main"
    if example and name != example:
        raise IacError(f"The stack of this example is called {example}: leave out the name.", unchanged=True)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise IacError(
            f"{name!r} cannot be the name of a stack: use letters, digits, - and _, as in my-shop.", unchanged=True
        )
    endpoint = wanted.endpoint.rstrip("/")
    if not endpoint:
        return Wanted(name, "", wanted.project or name, wanted.variable)
    if endpoint == EMBEDDED or not is_api_address(endpoint):
        meant = "" if endpoint == EMBEDDED else likely_address(endpoint)
        hint = f"did you mean {meant}?" if meant else "an example: https://host/v1"
        raise IacError(f"{endpoint!r} is not the address of an Appwrite API.", hint=hint, unchanged=True)
    if not wanted.project:
        raise IacError("An endpoint needs a project: name it with --project ID.", unchanged=True)
    if not CUSTOM_ID.fullmatch(wanted.project):
        raise IacError(f"{wanted.project!r} is not the id of a project.", unchanged=True)
    if not re.fullmatch(r"[A-Za-z_]\w*", wanted.variable):
        said = "the name of an environment variable, such as SHOP_API_KEY, not the key itself"
        raise IacError(f"--key-variable takes {said}.", unchanged=True)
    return Wanted(name, endpoint, wanted.project, wanted.variable)


def _example(name: str) -> dict[Path, str]:
    """The files of an example, as they lie in a project."""
    folder = EXAMPLES / name
    found = sorted(each for each in folder.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    return {each.relative_to(folder): each.read_text(encoding="utf-8") for each in found}


def _secrets(texts: Mapping[Path, str]) -> Iterator[str]:
    """The environment variables that stack files of an example take secrets from."""
    for file, text in texts.items():
        if file.parent == STACKS:
            yield from re.findall(r'FromEnvironment\("(\w+)"\)', text)


def _environment_files(options: Options, wanted: Wanted, texts: Mapping[Path, str]) -> dict[Path, str]:
    """`local`, and the real one where there is an endpoint; an example brings its own."""
    files = {}
    local = environment_file(STACKS / "stack.py", "local")
    if local not in texts:
        files[local] = _LOCAL.format(project=_scalar(wanted.project))
    if wanted.endpoint:
        given = {"endpoint": _scalar(wanted.endpoint), "project": _scalar(wanted.project)}
        files[environment_file(STACKS / "stack.py", _real_name(options))] = _REAL.format(
            **given, variable=wanted.variable
        )
    return files


def _scalar(text: str) -> str:
    """A text in YAML, which takes some for numbers and truths."""
    is_plain = re.fullmatch(r"[A-Za-z][^\s#]*", text) and text.lower() not in _NO_TEXTS
    return text if is_plain else json.dumps(text)


def _real_name(options: Options) -> str:
    name = options.env if options.env_named else REAL
    if name == "local":
        raise IacError(
            "The environment local is the embedded server. Choose another name for yours: --env prod.", unchanged=True
        )
    return name


def _real_environment(options: Options, wanted: Wanted) -> Environment:
    return Environment(
        name=_real_name(options), endpoint=wanted.endpoint, project=wanted.project, api_key_env=wanted.variable
    )


def _declaring(project: Project, name: str) -> Source:
    """The source that declares it, proven. Raises IacError."""
    source = write_source(project, name)
    must_change_nothing(source, project)
    return source


def _must_be_free(files: Mapping[Path, str]) -> None:
    for file in files:
        must_be_free(file, force=False, otherwise="begin in an empty folder, or move that file away")


def _ignore() -> str:
    """Keep state and keys out of version control; what is ignored already stays."""
    file = Path(".gitignore")
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError):
        return ""
    missing = [line for line in _IGNORED if line not in text.splitlines()]
    if not missing:
        return ""
    write_file(file, text + ("\n" if text and not text.endswith("\n") else "") + "\n".join(missing) + "\n")
    return str(file)


def _next_steps(
    options: Options, wanted: Wanted, secrets: list[str], example: str, source: Source | None, *, from_live: bool
) -> Iterator[str]:
    """What to type next."""
    env = f" --env {_real_name(options)}" if wanted.endpoint else ""
    for variable in secrets:
        yield f"export {variable}=…"
    if wanted.endpoint:
        yield f"export {wanted.variable}=…"
    if from_live or (source and env):
        yield f"raceday-iac import --all{env}"
    if example and not env:
        yield "raceday-iac server start"
    yield f"raceday-iac plan{env}"
    if not source:
        yield f"raceday-iac apply{env}"


def _lines(written: list[str], source: Source | None, steps: list[str]) -> Iterator[Line]:
    yield Line("Wrote:", "bold green")
    yield from (Line(f"  {shlex.quote(file)}") for file in written)
    if source is not None:
        yield from (Line(f"  {address}: {why}", "yellow") for address, why in source.left_out.items())
        yield from remark_lines(source.remarks)
    yield Line("Next:", "bold")
    yield from (Line(f"  {step}") for step in steps)
