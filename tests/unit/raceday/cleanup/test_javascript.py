from __future__ import annotations

import pytest

from raceday_iac.raceday.cleanup.json_text import imports, kinds, uses


@pytest.mark.parametrize(
    ("text", "target", "names"),
    [
        ("import a from './a.js'", "./a.js", ("a",)),
        ("import a, { b, c as d } from '../a.js';", "../a.js", ("a", "b", "d")),
        ("import {\n  b,\n} from './a.js';", "./a.js", ("b",)),
        ("import * as e from './a.js'", "./a.js", ("e",)),
        ('import "./a.js"', "./a.js", ()),
        ("export { x } from './a.js'", "./a.js", ("x",)),
        ("const a = require('./a')", "./a", ()),
        ("await import('./a.js')", "./a.js", ()),
    ],
)
def test_relative_imports_are_found(text: str, target: str, names: tuple[str, ...]) -> None:
    assert [(each.target, each.names) for each in imports(text)] == [(target, names)]


@pytest.mark.parametrize(
    "text",
    [
        "// import a from './a.js'",
        "/* import './a.js' */",
        "`import './a.js'`",
        "import a from 'node-appwrite'",
        "x('./a.js')",
    ],
)
def test_other_texts_are_no_imports(text: str) -> None:
    assert list(imports(text)) == []


def test_uses_are_counted_in_code_only() -> None:
    text = "set(x); // set\nthis.set(); 'set'; set2();\nset();"
    assert uses(text, ("set",), after=1) == [text.rindex("set()")]


def test_a_quote_that_is_not_closed_ends_with_its_line() -> None:
    assert kinds("a 'b\nc").endswith("cc")
