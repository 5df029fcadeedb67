"""Who may import whom, print, and write files. Reads every module, also what is inside its functions."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import raceday_iac
from raceday_iac.cli.main import COMMANDS
from raceday_iac.model import stack
from raceday_iac.packaging.bundle import RULES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "raceday_iac"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: Where states are kept. What they mean is the pure part of `state`.
BACKENDS = PACKAGE / "state" / "backends"
PARTS = ("model", "kinds", "loading", "state", "diff", "planning", "applying", "packaging", "render", "drift")
#: Packages that must stay pure: they know values, never a server.
PURE = (
    "model",
    "kinds",
    "loading",
    "state",
    "diff",
    "planning",
    "packaging",
    "drift",
    "importing",
    "linting",
    "health",
)


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything in the syntax tree of a module. The module itself comes first."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.fixture(autouse=True, scope="module")
def _nodes_are_forgotten() -> Iterator[None]:
    """There are a million of them."""
    yield
    nodes.cache_clear()


def statements(path: Path) -> list[ast.stmt]:
    """What stands at the top of a module."""
    module = nodes(path)[0]
    assert isinstance(module, ast.Module)
    return module.body


@cache
def imports(path: Path) -> frozenset[str]:
    """Absolute dotted names that a module imports; `from x import y` counts as x.y."""
    package = [*path.relative_to(ROOT).with_suffix("").parts[:-1]]
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def imports_at_the_top(path: Path) -> set[str]:
    """Dotted names that a module imports whenever it is imported itself."""
    body = statements(path)
    plain = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in body if isinstance(node, ast.ImportFrom) and not node.level}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def part(path: Path) -> str:
    """The subpackage (or module) of raceday_iac that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def offences(paths: Iterator[Path] | list[Path], *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in sorted(imports(path))
        if any(within(name, each) for each in forbidden)
    ]


def of(*parts: str) -> list[Path]:
    return [path for path in MODULES if part(path) in parts and not path.is_relative_to(BACKENDS)]


def not_of(*parts: str) -> list[Path]:
    return [path for path in MODULES if part(path) not in parts]


def not_commands() -> list[Path]:
    """All but the command line, what starts it, and what extensions add to it."""
    added = PACKAGE / "raceday" / "cli"
    return [path for path in not_of("cli", "__main__") if not path.is_relative_to(added)]


def strings(path: Path) -> set[str]:
    """The texts in a module's code, without its docstrings, for imports by name."""
    return {
        str(node.value).partition(":")[0]
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_nobody_imports_the_command_line() -> None:
    assert offences(not_commands(), "raceday_iac.cli") == []


def test_the_development_server_imports_nothing_of_the_rest() -> None:
    others = [name for path in of("devserver") for name in imports(path) if within(name, "raceday_iac")]
    # But the one reader of crons: two could not agree on every oddity of Appwrite's library.
    allowed = ("raceday_iac.devserver", "raceday_iac.cron")
    assert [name for name in others if not any(within(name, each) for each in allowed)] == []


def test_the_reader_of_crons_imports_nothing_but_the_standard_library() -> None:
    allowed = {*sys.stdlib_module_names, "raceday_iac"}
    names = [name for path in of("cron") for name in imports(path)]
    assert [name for name in names if name.partition(".")[0] not in allowed] == []
    assert [name for name in names if within(name, "raceday_iac") and not within(name, "raceday_iac.cron")] == []


def test_the_rules_that_functions_hold_import_nothing_but_the_standard_library_and_each_other() -> None:
    held = {name.removesuffix(".py").replace("/", ".") for name in RULES}
    names = {name.removeprefix("raceday_iac.") for each in RULES for name in imports(PACKAGE / each)}
    others = {name for name in names if not any(within(name, each) for each in held)}
    assert names - others
    # `from ..model import limits` counts as model.limits.
    assert {name.partition(".")[0] for name in others} <= {*sys.stdlib_module_names}


def test_only_the_command_line_and_raceday_import_the_development_server() -> None:
    assert offences(not_of("cli", "devserver", "raceday"), "raceday_iac.devserver") == []


def test_the_simulation_knows_the_development_server_and_nothing_of_the_reconciler() -> None:
    inside = [path for path in MODULES if path.is_relative_to(PACKAGE / "raceday" / "simulation")]
    others = [name for path in inside for name in imports(path) if within(name, "raceday_iac")]
    allowed = ("raceday_iac.raceday", "raceday_iac.devserver", "raceday_iac.cron")
    assert others
    assert [name for name in others if not any(within(name, each) for each in allowed)] == []


def test_nothing_knows_raceday_but_by_the_name_that_a_stack_gives() -> None:
    assert offences(not_of("raceday"), "raceday_iac.raceday") == []
    names = [path for path in not_of("raceday") if "raceday_iac.raceday" in strings(path)]
    assert names == []


#: The language of stack files takes what the models of the kinds hold, so it stands above them.
LANGUAGE = PACKAGE / "model" / "stack.py"


def test_model_imports_only_pydantic_the_standard_library_itself_and_the_reader_of_crons() -> None:
    allowed = {"pydantic", "pydantic_core", *sys.stdlib_module_names}
    foreign = [
        f"{path.name} imports {name}"
        for path in of("model")
        if path != LANGUAGE
        for name in imports(path)
        if name.partition(".")[0] not in allowed
        and not within(name, "raceday_iac.model")
        and not within(name, "raceday_iac.cron")
    ]
    assert foreign == []


def test_the_language_of_stacks_stands_on_the_kinds_and_not_they_on_it() -> None:
    others = [name for name in imports(LANGUAGE) if within(name, "raceday_iac")]
    allowed = ("raceday_iac.model", "raceday_iac.kinds")
    assert [name for name in others if not any(within(name, each) for each in allowed)] == []
    lower = [path for path in of("model", "kinds") if path != LANGUAGE]
    assert offences(lower, "raceday_iac.model.stack") == []


def test_only_the_provider_imports_the_sdk_and_the_http_library() -> None:
    elsewhere = [path for path in not_of("devserver") if not path.is_relative_to(PACKAGE / "provider" / "appwrite")]
    assert offences(elsewhere, "appwrite", "requests", "httpx", "urllib3") == []


def test_only_the_command_line_knows_which_provider_there_is() -> None:
    elsewhere = [path for path in not_commands() if not path.is_relative_to(PACKAGE / "provider" / "appwrite")]
    elsewhere.remove(BACKENDS / "appwrite.py")
    assert offences(elsewhere, "raceday_iac.provider.appwrite") == []


def test_only_the_s3_store_imports_its_client_and_only_where_it_is_used() -> None:
    s3 = PACKAGE / "state" / "backends" / "s3.py"
    assert offences([path for path in MODULES if path != s3], "obstore", "boto3", "botocore") == []
    assert [name for name in imports_at_the_top(s3) if within(name, "obstore")] == []


def test_only_the_encryption_of_states_imports_its_library_and_only_where_it_is_used() -> None:
    encryption = PACKAGE / "state" / "encryption.py"
    assert offences([path for path in MODULES if path != encryption], "pyrage", "cryptography") == []
    assert [name for name in imports_at_the_top(encryption) if within(name, "pyrage")] == []


def test_one_module_makes_pages_of_templates_and_imports_jinja_only_where_it_is_used() -> None:
    theme = PACKAGE / "render" / "theme.py"
    assert offences([path for path in MODULES if path != theme], "jinja2", "markupsafe") == []
    assert [name for name in imports_at_the_top(theme) if within(name, "jinja2")] == []


#: Backends that keep texts for `remote.py`, which knows what they mean.
TEXTS = [BACKENDS / name for name in ("__init__.py", "base.py", "appwrite.py", "s3.py")]


def test_shared_backends_know_texts_and_never_what_they_mean() -> None:
    meanings = ("document", "codec", "journal")
    assert offences(TEXTS, *(f"raceday_iac.state.{each}" for each in meanings)) == []


def test_only_the_command_line_knows_which_backends_there_are() -> None:
    elsewhere = [path for path in not_commands() if not path.is_relative_to(BACKENDS)]
    names = sorted(path.stem for path in BACKENDS.glob("*.py") if path.stem not in ("__init__", "base"))
    assert {"local", "appwrite", "s3"} <= set(names)
    assert offences(elsewhere, *(f"raceday_iac.state.backends.{each}" for each in names)) == []


def test_a_state_is_opened_by_the_registry_of_backends_alone() -> None:
    workspace = PACKAGE / "cli" / "workspace.py"
    assert "raceday_iac.state.backends.open_backend" in imports(workspace)
    assert offences([workspace], *(f"raceday_iac.state.backends.{each}" for each in ("local", "appwrite", "s3"))) == []


@pytest.mark.parametrize("pure", PURE)
def test_pure_packages_import_neither_the_provider_nor_applying(pure: str) -> None:
    assert offences(of(pure), "raceday_iac.provider.appwrite", "raceday_iac.applying", "raceday_iac.render") == []


@pytest.mark.parametrize("pure", PURE)
def test_pure_packages_open_no_connections(pure: str) -> None:
    sockets = ("http", "urllib.request", "socketserver", "subprocess", "asyncio", "ssl")
    assert offences(of(pure), *sockets) == []


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("model", ("kinds", "loading", "state", "diff", "planning", "provider")),
        ("kinds", ("loading", "state", "diff", "planning", "provider")),
        ("state", ("loading", "diff", "planning", "provider")),
        ("diff", ("loading", "planning", "provider")),
        ("planning", ("loading",)),
        ("health", ("loading", "planning", "applying", "recovery", "cli")),
        ("recovery", ("loading", "planning", "cli", "render")),
        ("refresh", ("planning", "applying", "diff")),
        ("provider", ("state", "diff", "planning", "applying", "loading", "refresh")),
    ],
)
def test_arrows_point_downwards(lower: str, higher: tuple[str, ...]) -> None:
    paths = [path for path in of(lower) if path != LANGUAGE]
    found = offences(paths, *(f"raceday_iac.{each}" for each in higher))
    # The reader of YAML files knows nothing of stacks.
    assert [each for each in found if "raceday_iac.loading.yaml_file" not in each] == []


def test_one_module_reads_yaml_and_it_knows_nothing_of_what_is_in_the_files() -> None:
    reader = PACKAGE / "loading" / "yaml_file.py"
    assert offences([path for path in MODULES if path != reader], "yaml", "ruamel") == []
    others = [name for name in imports(reader) if within(name, "raceday_iac")]
    allowed = ("raceday_iac.errors", "raceday_iac.model.resource")
    assert [name for name in others if not any(within(name, each) for each in allowed)] == []


def test_nothing_but_render_and_the_command_line_prints() -> None:
    """`print` belongs to the edge; what is below returns values."""
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in not_of("cli", "render", "devserver")
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        # The two sentences of an interrupt are written by the signal handler.
        and path != PACKAGE / "applying" / "run.py"
    ]
    assert printing == []


#: Write files by rules of their own: the one owner, and the embedded server, which shares no code with the rest.
WRITING = ("files", "devserver")


def test_one_module_writes_files() -> None:
    """Calls that could: `open` for anything but reading, `write_text`, `write_bytes`, `mkstemp` and the like."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in not_of(*WRITING)
        for node in nodes(path)
        if isinstance(node, ast.Call) and _writes(node)
    ]
    # A proof in a temporary folder, which is private and goes at once.
    assert [each for each in found if not each.startswith(("cli/importing.py", "raceday/simulation/"))] == []


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("write_text", "write_bytes", "touch", "mkstemp", "NamedTemporaryFile", "copyfile", "copy", "move"):
        return isinstance(call.func, ast.Attribute) and not _is_copy(call)
    # An archive in memory is no file.
    if name != "open" or any(each.arg == "fileobj" for each in call.keywords):
        return False
    modes = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    modes += [each.value.value for each in call.keywords if each.arg == "mode" and isinstance(each.value, ast.Constant)]
    return any(set(each) <= set("rwaxbt+") and set(each) & set("wax+") for each in modes)


def _is_copy(call: ast.Call) -> bool:
    """`copy` of anything but files."""
    function = call.func
    assert isinstance(function, ast.Attribute)
    return function.attr in ("copy", "move", "touch") and getattr(function.value, "id", "") != "shutil"


def test_functions_import_nothing_of_the_reconciler() -> None:
    paths = [path for path in (ROOT / "functions").rglob("*.py") if "node_modules" not in path.parts]
    assert paths
    assert offences(paths, "raceday_iac") == []


def test_stack_files_import_only_the_language_of_stacks() -> None:
    paths = list((ROOT / "stacks").glob("*.py"))
    names = [name for path in paths for name in imports(path) if within(name, "raceday_iac")]
    language = {f"raceday_iac.{name}" for name in raceday_iac.__all__}
    assert names
    assert [name for name in names if name not in language and not within(name, "stacks")] == []
    assert raceday_iac.Stack is stack.Stack
    assert set(raceday_iac.__all__) == set(stack.__all__)


def test_the_table_of_commands_imports_nothing_heavy() -> None:
    """`--help` must stay instant: it reads the table alone."""
    top = {
        alias.name if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module or ''}"
        for node in statements(PACKAGE / "cli" / "main.py")
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    heavy = {"asyncio", "http", "unittest", "multiprocessing"}
    # A module inside a package counts as that package; relative imports keep their dots.
    top = {name if name.startswith(".") else name.partition(".")[0] for name in top}
    light = {"typer", "..errors", "..extensions", ".", ".help", ".options"}
    assert top <= ({*sys.stdlib_module_names} - heavy) | light


def _loaded_with(path: Path) -> set[Path]:
    """Modules of ours that are read when this one is imported: those it names at its top, each with its packages."""
    names: set[str] = set()
    package = [*path.relative_to(ROOT).with_suffix("").parts[:-1]]
    for node in statements(path):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names.update(f"{module}.{alias.name}" for alias in node.names)
    found = set()
    for name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            place = ROOT.joinpath(*parts[:length])
            found.update(each for each in (place / "__init__.py", place.with_suffix(".py")) if each in MODULE_SET)
    return found - {path} - {each / "__init__.py" for each in path.parents}


MODULE_SET = frozenset(MODULES)


def test_every_module_can_be_imported_first() -> None:
    """No circle: whichever module a test or a command imports first, all that it needs is there."""
    loads = {path: _loaded_with(path) for path in MODULES}
    while ready := {path for path, needed in loads.items() if not needed}:
        loads = {path: needed - ready for path, needed in loads.items() if path not in ready}
    assert sorted(str(path.relative_to(ROOT)) for path in loads) == []


def modules_after(statement: str) -> set[str]:
    """What a fresh interpreter has imported after a statement."""
    program = (
        f"import sys, io; out = sys.stdout; sys.stdout = io.StringIO(); {statement}; print(*sys.modules, file=out)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_the_list_of_commands_loads_no_family() -> None:
    found = modules_after("from raceday_iac.cli.main import execute; execute(['--help'])")
    ours = {name for name in found if within(name, "raceday_iac.cli")}
    assert ours == {f"raceday_iac.cli{name}" for name in ("", ".main", ".options", ".help")}
    assert not found & {"pydantic", "requests", "rich", "yaml", "raceday_iac.raceday.cli"}


FAMILIES = sorted({module for module, _ in COMMANDS.values()})


def test_no_family_needs_the_development_server_before_it_is_used() -> None:
    statement = "; ".join(f"import raceday_iac.cli{family}" for family in FAMILIES)
    found = modules_after(statement)
    assert "raceday_iac.cli.apply" in found
    heavy = ("raceday_iac.devserver", "starlette", "uvicorn", "obstore", "pyrage")
    assert [name for name in found if any(within(name, each) for each in heavy)] == []


def test_showing_a_plan_imports_neither_lint_nor_reports() -> None:
    found = modules_after("import raceday_iac.cli.plan")
    others = (
        "raceday_iac.linting.linter",
        "raceday_iac.render.plan_page",
        "raceday_iac.applying",
    )
    assert [name for name in found if any(within(name, each) for each in others)] == []
