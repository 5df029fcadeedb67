"""What is special about a kind stands in `kinds/`: nothing else may ask which kind something is.

The syntax trees of all modules are searched for comparisons with names of kinds, membership in collections of them,
tables by them, and selections by them. What a kind can do or needs is a field or a method of its `Kind` instead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from raceday_iac.kinds import KINDS

PACKAGE = Path(__file__).parents[3] / "raceday_iac"
#: The server must not share the reconciler's knowledge, and what is Raceday's alone speaks of its own functions.
ELSEWHERE = ("kinds", "devserver", "raceday")
#: What asks for kinds by these asks as well: the names of their lists.
NAMES = {*KINDS, *(kind.plural for kind in KINDS.values())}
#: Keys of files, and labels of a metric, which have names of kinds among them.
KEYS = {"health/watched.py": 1, "packaging/bundle.py": 1, "render/health_page.py": 1}
#: Select resources by the name of a kind.
SELECTING = ("of_kind", "_of_kind", "below", "count")


def is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in NAMES


def is_collection(node: ast.AST) -> bool:
    """Whether it is a list of names of kinds, or a pair of a name and what lies in it."""
    if not isinstance(node, ast.Tuple | ast.List | ast.Set):
        return False
    texts = [each for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    plain = all(isinstance(each, ast.Constant | ast.Name | ast.Attribute) for each in node.elts)
    return plain and bool(texts) and all(map(is_name, texts))


def is_table(node: ast.AST) -> bool:
    """Whether it is looked up by kind. What is written as JSON has one such key, or others beside them."""
    return isinstance(node, ast.Dict) and len(node.keys) > 1 and all(each and is_name(each) for each in node.keys)


def is_kind_of_something(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "kind"


def is_list_of_kind(node: ast.AST) -> bool:
    """`kind.listed == "attributes"` asks as well whether it is one of the kinds in that list."""
    if not isinstance(node, ast.Compare):
        return False
    operands = [node.left, *node.comparators]
    asks = any(isinstance(each, ast.Attribute) and each.attr in ("listed", "plural", "absent") for each in operands)
    return asks and any(isinstance(each, ast.Constant) and each.value for each in operands)


def is_type_of_declaration(node: ast.AST) -> bool:
    """`isinstance(declared, FunctionDeclaration)` asks for the kind by its model."""
    called = (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass")
    )
    return called and any(
        name.endswith("Declaration") and name != "Declaration"
        for each in ast.walk(node)
        if (name := each.id if isinstance(each, ast.Name) else each.attr if isinstance(each, ast.Attribute) else "")
    )


def is_known_kind(node: ast.AST) -> bool:
    """A constant that stands for one kind or several: `COLUMNS`, `COLUMNS[0]`, `function.KIND.name`."""
    if isinstance(node, ast.Subscript):
        return is_known_kind(node.value)
    if isinstance(node, ast.Name):
        return node.id.isupper() and node.id != "KINDS"
    return isinstance(node, ast.Attribute) and (
        node.attr == "KIND" or (node.attr == "name" and is_known_kind(node.value))
    )


def is_comparison(node: ast.AST) -> bool:
    if not isinstance(node, ast.Compare):
        return False
    operands = [node.left, *node.comparators]
    if any(is_name(each) or is_collection(each) for each in operands):
        return True
    return any(map(is_kind_of_something, operands)) and any(map(is_known_kind, operands))


def is_selection(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id == "KINDS" and is_name(node.slice)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    return called in SELECTING and any(map(is_name, [*node.args, *(each.value for each in node.keywords)]))


def is_case(node: ast.AST) -> bool:
    return isinstance(node, ast.MatchValue) and is_name(node.value)


#: By the type of a node, how it may ask.
ASKING: dict[type[ast.AST], tuple[Callable[[ast.AST], bool], ...]] = {
    ast.Compare: (is_comparison, is_list_of_kind),
    **dict.fromkeys((ast.Tuple, ast.List, ast.Set), (is_collection,)),
    ast.Dict: (is_table,),
    ast.Subscript: (is_selection,),
    ast.Call: (is_selection, is_type_of_declaration),
    ast.MatchValue: (is_case,),
}


def branches(source: str) -> Iterator[int]:
    """The lines that ask for a kind, each once."""
    lines = {
        node.lineno for node in ast.walk(ast.parse(source)) if any(asks(node) for asks in ASKING.get(type(node), ()))
    }
    yield from sorted(lines)


def found() -> dict[str, list[int]]:
    modules = [each for each in PACKAGE.rglob("*.py") if each.relative_to(PACKAGE).parts[0] not in ELSEWHERE]
    all_lines = {each: list(branches(each.read_text(encoding="utf-8"))) for each in sorted(modules)}
    return {str(each.relative_to(PACKAGE)): lines for each, lines in all_lines.items() if lines}


def test_nothing_outside_kinds_asks_which_kind_something_is() -> None:
    beyond = {name: lines for name, lines in found().items() if len(lines) != KEYS.get(name, 0)}
    assert beyond == {}, "put it on the Kind instead (raceday_iac/kinds/base.py)"


@pytest.mark.parametrize(
    "source",
    [
        "address.kind == 'function'",
        "'function' != kind",
        "each.kind in ('attribute', 'index')",
        "COLUMNS = ('attribute', 'relationship')",
        "each.kind in COLUMNS",
        "listed == 'attributes'",
        "{'attributes': 1, 'indexes': 2}[listed]",
        "each.kind == _MEMBERS[0]",
        "kind_of(address).listed != 'attributes'",
        "isinstance(declared, FunctionDeclaration)",
        "each.kind == function.KIND.name",
        "KINDS[each.kind] is function.KIND or each.kind == KIND",
        "{'attribute': 1, 'index': 2}[kind]",
        "desired.of_kind('function')",
        "desired.below(owner, kind='index')",
        "KINDS['index'].parse",
        "tree.get(('variable', owner))",
        "match kind:\n    case 'index' | 'attribute':\n        pass",
    ],
)
def test_every_way_of_asking_is_found(source: str) -> None:
    assert len(list(branches(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "error.kind == 'document_not_found'",
        "one.kind == other.kind",
        "kind in KINDS",
        "{'function': name}",
        "{'function': name, 'bytes': 3}",
        "head = ('function', 'runs', 'failed')",
        "KINDS[address.kind].loses(live)",
        "desired.of_kind(kind)",
        "raw['deployment'] == known",
        "error.kind == kind_of(address).absent",
        "isinstance(entry, Declaration)",
    ],
)
def test_what_does_not_ask_is_not_found(source: str) -> None:
    assert list(branches(source)) == []
