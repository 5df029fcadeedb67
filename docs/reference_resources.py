"""The reference pages on what is declared: resources in stack files, and settings beside them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reference_tables import NOTE, described, field_row, model_table, table, title_of

from raceday_iac.health.watched import Alert, Freshness, FunctionWatch, Grace, HealthConfig
from raceday_iac.kinds import KINDS, RENAMEABLE, Kind
from raceday_iac.kinds.fields import Declaring, effect, identity
from raceday_iac.kinds.function import SETTINGS
from raceday_iac.loading.environment import Environment, Retention, load_environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model import declarations, limits, stack
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Ask
from raceday_iac.model.limits import EVENTS, RUNTIMES, SCOPES
from raceday_iac.model.resource import Desired, Live, Threshold, frozen
from raceday_iac.model.secret import Lenient
from raceday_iac.state.backends import BACKENDS, backend_of
from raceday_iac.state.encryption import Encryption

#: A stack with one of each kind.
EVERYTHING = Path(__file__).parent / "examples" / "every-kind" / "stacks" / "everything.py"
#: What is counted before something is deleted.
LOSSES = {
    Ask.DOCUMENTS: "documents",
    Ask.VALUES: "values",
    Ask.UNMANAGED: "undeclared things in it or over it",
    Ask.CODE: "code that exists only on the server",
    Ask.EXECUTIONS: "executions",
}


def resources_page() -> str:
    """Every kind with its address, and what the stack itself may say."""
    parts = ["# Resources", NOTE, _overview()]
    parts += [described(title_of(each), each) for each in map(declarations.model_of, SETTINGS.values())]
    parts += ["## The stack itself", _calls(), _values()]
    return "\n".join(parts)


def _overview() -> str:
    rows = [
        (
            f"[{name}](kinds/{name}.md)",
            f"`{name}.{path_of(kind)}`",
            kind.since or "all",
            "yes" if name in RENAMEABLE else "no",
            _lost_with(kind),
        )
        for name, kind in sorted(KINDS.items(), key=lambda each: each[1].stage)
    ]
    said = (
        "The managed kinds, in the order of creation; deletions run in the reverse order. Everything else in a project "
        "stays as it is: [routes](routes.md) lists all of Appwrite's API with the reasons.\n\n"
    )
    return said + table(("kind", "address", "Appwrite", "can be renamed", "deleting it loses"), rows)


def kind_page(kind: Kind) -> str:
    """One kind: an example, its fields, its dangers, and what of it is left to Appwrite."""
    parts = [f"# {kind.name}\n", NOTE, _about(kind), "## Example\n", f"```python\n{example(kind)}\n```\n", _facts(kind)]
    # Its tables name places of the page above.
    parts += ["## Fields\n", _fields(kind).replace("](#", "](../resources.md#")] if kind.declaring is not None else []
    if kind.dangers:
        rows = [(f"[{each.code}](../lint-codes.md)", each.severity, each.title) for each in kind.dangers]
        parts += ["## What lint warns of\n", table(("code", "severity", "finding"), rows)]
    not_said = {**dict.fromkeys(sorted(kind.carried), "sent back as it was"), **kind.left_out}
    if not_said:
        rows = [(f"`{name}`", why) for name, why in not_said.items()]
        parts += ["## What it leaves as it is\n", table(("of Appwrite's API", "why"), rows)]
    return "\n".join(parts)


def _facts(kind: Kind) -> str:
    rows = [
        ("address", f"`{kind.name}.{path_of(kind)}`"),
        ("Appwrite", f"{kind.since} and newer" if kind.since else "every supported version"),
        (
            "can be renamed",
            "yes, with `stack.moved`" if kind.name in RENAMEABLE else "no: another id is another resource",
        ),
        ("deleting it loses", _lost_with(kind)),
    ]
    if kind.terraform_types:
        rows.append(("in Terraform", ", ".join(f"`{each}`" for each in kind.terraform_types)))
    return table(("", ""), rows)


@cache
def everything() -> Desired:
    """What that stack declares."""
    environment = load_environment(EVERYTHING, "local")
    return resolve(load_stack(EVERYTHING), environment, EVERYTHING.parent.parent, Lenient())


def example(kind: Kind) -> str:
    """The lines of that stack that declare one of a kind, below those that they need."""
    text = EVERYTHING.read_text(encoding="utf-8")
    name = kind.name if kind.declaring is not None else kind.owner
    lines = [each.location.line for address, each in everything().resources.items() if address.kind == name]
    if not lines:
        raise LookupError(f"{EVERYTHING} declares no {name}, so its page has no example")
    line = lines[0]
    statements = ast.parse(text).body
    chosen = next(each for each in statements if each.lineno <= line <= (each.end_lineno or each.lineno))
    needed, names = [chosen], _names(chosen)
    for each in reversed(statements[: statements.index(chosen)]):
        if isinstance(each, ast.Assign) and names & {ast.unparse(target) for target in each.targets}:
            needed.insert(0, each)
            names |= _names(each)
    imported = ", ".join(sorted(names & {"FromEnvironment", "KEEP", "Lock", "Probe", "Stack"}))
    parts = [f"from raceday_iac import {imported}", *(ast.get_source_segment(text, each) or "" for each in needed)]
    return "\n\n".join(parts)


def _names(statement: ast.stmt) -> set[str]:
    return {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)}


def path_of(kind: Kind) -> str:
    """How the path of an address is made: `DATABASE/COLLECTION/KEY`."""
    above, each = [], kind
    while each.owner:
        each = KINDS[each.owner]
        above.insert(0, each.name.upper())
    if kind.has_path_of_owner or kind.declaring is None:
        return "/".join(above)
    if kind.declaring.model.only:
        return kind.declaring.model.only
    return "/".join((*above, identity(kind.declaring.model).upper()))


def _lost_with(kind: Kind) -> str:
    """What is counted before one is deleted."""
    if kind.is_setting:
        return "never deleted: it stays as it is"
    live = Live(Address(kind.name, path_of(kind)), frozen({}))
    found = [f"{kind.contents.noun}s"] if kind.contents else [LOSSES[each.ask] for each in kind.loses(live)]
    return ", ".join(found) or "no data"


def _about(kind: Kind) -> str:
    """What it is, and how it is declared."""
    if kind.declaring is None:
        return "The code of a function: made where `code` names a folder. Never changed; a new one takes its place.\n"
    settled = " Appwrite answers before it is done, so apply waits for it." if kind.is_async else ""
    return f"{inspect.getdoc(kind.declaring.model)}\n\nDeclared with {kind.declaring.call}.{settled}\n"


def _fields(kind: Kind) -> str:
    declaring = kind.declaring
    assert declaring is not None
    rows = [(*field_row(name, info), _effect(kind, name)) for name, info in declaring.model.model_fields.items()]
    if len(declaring.models) > 1:
        rows += [*_rows_of_types(kind, declaring)]
    return table(("field", "value", "default", "a change of it"), rows)


def _rows_of_types(kind: Kind, declaring: Declaring) -> Iterator[tuple[str, str, str, str]]:
    """The type itself, and fields that not all types have."""
    types = {str(each.type): each for each in declaring.models}
    yield "`type`", ", ".join(f"`{each}`" for each in types), "**required**", _effect(kind, "type")
    for name, info in {name: info for each in types.values() for name, info in each.model_fields.items()}.items():
        if name not in declaring.model.model_fields:
            having = ", ".join(f"`{type}`" for type, each in types.items() if name in each.model_fields)
            field, value, default = field_row(name, info)
            yield field, f"{value}; of {having}", default, _effect(kind, name)


def _effect(kind: Kind, name: str) -> str:
    """What a change of a declared field leads to."""
    if name in ("id", "key"):
        return "a rename, where `stack.moved` says so" if kind.name in RENAMEABLE else "another resource"
    models = (kind.declaring.model, *kind.declaring.models) if kind.declaring else ()
    holding = [each for each in models if name in each.model_fields]
    return effect(holding[0], name, kind.in_place) if holding else "replaced"


def _calls() -> str:
    """The methods of a stack that declare no resource of their own."""
    kept = stack.Stack
    methods: list[Callable[..., Any]] = [kept.absent, kept.moved, kept.forget, kept.protect, kept.ignore, kept.convert]
    methods.append(kept.migration)
    rows = [(f"`stack.{each.__name__}({_signature(each)})`", inspect.getdoc(each) or "") for each in methods]
    return f"{inspect.getdoc(stack.Stack)}\n\n" + table(("call", ""), rows)


def _signature(method: Callable[..., Any]) -> str:
    return ", ".join(str(each).split(":")[0] for each in list(inspect.signature(method).parameters.values())[1:])


def _values() -> str:
    """The names that Appwrite 1.8.1 knows."""
    parts = [f"### Ids\n\nAn id or key has {limits.ID_RULE}.\n"]
    parts.append(f"### Thresholds\n\n{inspect.getdoc(Threshold)} See [plans](../plans.md#limits).\n")
    for title, names in (
        ("Specifications", limits.SPECIFICATIONS),
        ("Runtimes", sorted(RUNTIMES)),
        ("Scopes", sorted(SCOPES)),
        ("Events", sorted(_patterns(EVENTS))),
    ):
        parts.append(f"### {title}\n\n{', '.join(f'`{each}`' for each in names)}\n")
    return "\n".join(parts)


def _patterns(tree: Mapping[str, Any], owner: str = "") -> Iterator[str]:
    """The longest patterns of events; parts of them can be left out from the end, and each * can be an id."""
    for name, below in tree.items():
        if not isinstance(below, Mapping):
            yield from (f"{owner}{name}{detail}" for detail in ("", *(f".{each}" for each in below)))
        else:
            yield from _patterns(below, f"{owner}{name}.*.")


def settings_page() -> str:
    """The files beside the stack: environments with their state, and what health watches."""
    parts = [
        "# Settings",
        NOTE,
        "## Environment",
        "`stacks/environments/NAME.yaml`. An example: [environments](../stack.md#environments).\n",
    ]
    parts.append(model_table(Environment, ("name", "file")))
    parts.append("What the state's settings mean: [where it is kept](../state.md#where-it-is-kept).\n")
    parts += [described(each.title, each.settings) for each in map(backend_of, BACKENDS)]
    parts.append(described(title_of(Encryption), Encryption))
    parts.append(described(title_of(Retention), Retention))
    parts += [
        "## Health",
        "`stacks/health.yaml`. Lengths of time: `90s`, `5m`, `24h`. See [health](../health.md#what-is-watched).\n",
    ]
    parts.append(model_table(HealthConfig))
    parts += [described(title_of(each), each) for each in (Grace, FunctionWatch, Freshness, Alert)]
    return "\n".join(parts)
