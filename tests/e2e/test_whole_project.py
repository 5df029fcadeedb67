"""A live project of all kinds: the stack that `import --write` makes of it changes nothing."""

from __future__ import annotations

import re

import pytest

from raceday_iac.kinds import KINDS, kind_of
from raceday_iac.model.address import Address

from .project import Project
from .samples import SAMPLES
from .settings import SETTINGS
from .target import Target, needs
from .test_resources import apply, here

SCHEMA = """
database = stack.database(P + "db", name="D")
one = database.collection("one", name="One", permissions=['read("any")'])
one.string("title", 40, required=True)
one.integer("count", min=0, max=9_000_000_000)
one.datetime("at")
one.enum("mode", ["a", "b"], default="a")
one.index("by_title", "title")
one.document("main", {"title": "T"})
two = database.collection("two", name="Two")
two.relationship("one", "one", type="manyToOne", two_way_key="twos")
stack.variable("SAMPLE_PLAIN", "v")
stack.function(
    P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20, schedule="0 3 1 1 *",
    entrypoint="main.py", code="functions/fn", variables={"A": "a"},
)
stack.function_rule("fn.example.com", function=P + "fn")
stack.site(
    P + "site", name="Site", framework="other", build_runtime="static-1", adapter="static", fallback_file="index.html",
    code="sites/site", variables={"B": "b"},
)
"""
#: What a server never shows, so that no import can bring it: code, and documents, which are data.
NOT_WRITTEN = {kind.name for kind in KINDS.values() if kind.is_code or kind.is_document}


@pytest.fixture(scope="session")
def target(newer_target: Target) -> Target:
    """The age that has all kinds."""
    return newer_target


def secrets_of(text: str) -> dict[str, str]:
    """The values of the variables that a written stack takes secrets from, by the samples that they came from. What no
    server shows cannot be compared: an import takes it to be right."""
    found = dict.fromkeys(re.findall(r'FromEnvironment\("(\w+)"\)', text), "nobody-knows")
    for sample in SAMPLES:
        reported = [value for name, value in sample.secrets.items() if name != sample.untold]
        call = re.search(rf"stack\.{sample.method or sample.kind}\((?:[^()]|\([^()]*\))*\)", text)
        names = re.findall(r'FromEnvironment\("(\w+)"\)', call[0]) if call else []
        found |= dict(zip(names, reported, strict=True))
    return found


@pytest.mark.shows("import", kinds=KINDS.keys() - NOT_WRITTEN)
@pytest.mark.shows("plan", "apply", kinds=KINDS)
def test_the_stack_that_is_written_of_a_project_of_all_kinds_changes_nothing(
    project: Project, target: Target, can_build: bool
) -> None:
    needs("a whole project is imported", not target.is_live)
    needs("code has to be built", can_build)
    project.code("fn", main="def main(context):\n    return context.res.empty()\n")
    for each in (*SAMPLES, *SETTINGS):
        for name, value in each.secrets.items():
            project.secret(name, value)
    page = project.root / "sites" / "site" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>Site</p>", encoding="utf-8")
    project.declare(SCHEMA + "".join(each.call() for each in (*SAMPLES, *SETTINGS)))
    apply(project)
    project.must_be_clean()
    declared = set(project.state())
    assert {address.partition(".")[0] for address in declared} == set(KINDS)
    project.lose_state()
    written = project.root / "stacks" / "e2e.py"
    here(project, "import", "--all", "--write", str(written))
    text = written.read_text(encoding="utf-8")
    for name, value in secrets_of(text).items():
        project.secret(name, value)
    project.stack_file.write_text(text, encoding="utf-8")
    here(project, "import", "--all")
    plan = here(project, "plan", "--json").json
    assert plan["changes"] == []
    kept = {each for each in declared if kind_of(Address.parse(each)).name not in NOT_WRITTEN}
    assert set(project.state()) == kept
