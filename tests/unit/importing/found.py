"""Projects as they might be found: everything that a stack can declare, and all that makes it awkward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from raceday_iac.importing.names import Project
from raceday_iac.importing.source import PLAIN, Source
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Live, frozen
from raceday_iac.model.stack import FromEnvironment, Stack

from ..applied import live_as
from ..declaring import function, resolved

ODD = "Grüße \"an\" 'alle' \\ \n\t日本 \u200f {x} # %s"


def everything() -> Project:
    """One of each: types, relationships, indexes, permissions, variables, switches, odd names."""
    stack = Stack("found")
    database = stack.database("main", name=ODD)
    for name in ("class", "2024", "list", "Stack", "a.b-c"):
        database.collection(name, name=ODD, permissions=['read("any")', 'write("team:x/owner")'], enabled=False)
    things = database.collection("things", name="Things", document_security=True)
    things.string("text", 100, default='it\'s "quoted" and \\ long: ' + "x" * 60)
    things.string("hidden", 200, encrypt=True)
    things.string("many", 50, array=True)
    things.integer("count", min=0, max=10, default=0)
    things.integer("low", min=-(2**62), default=-1)
    things.float("ratio", min=-1e300, max=1.5, default=0.1)
    things.float("required", required=True)
    things.boolean("yes", default=False)
    things.datetime("when", default="2025-01-31T10:20:30.123+00:00")
    things.email("mail", default="a@b.nz")
    things.url("link", default="https://a.nz/?q=1")
    things.ip("address", default="::1")
    things.enum("colour", ["red", 'so-called "blue"', "x" * 90, "y" * 90], default="red")
    things.point("place", default=[1, 2.5])
    things.line("way", default=[[1.0, 2.0], [3.0, 4.0]])
    things.polygon("field", default=[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [1.0, 2.0]]])
    things.point("spot", required=True)
    things.relationship("owner", "class", type="manyToOne", two_way=True, on_delete="cascade")
    things.relationship("others", "things", type="oneToMany", two_way_key="back")
    things.index("by_text", "text", "$createdAt", orders=["ASC", "DESC"], lengths=[20, 0])
    things.index("by_many", "many")
    things.index("search", "text", type="fulltext")
    things.index("only", "count", type="unique")
    things.index("there", "spot", type="spatial")
    stack.bucket(
        "files", name="Files", permissions=['read("any")'], maximum_file_size=5, allowed_file_extensions=["png"]
    )
    stack.database("other", name="Other", enabled=False).collection("things", name="Things").string("a", 5)
    scopes = ["documents.read", "documents.write", "databases.read"]
    function(stack, "big", name=ODD, scopes=scopes, execute=["any"], events=["users.*.create"], enabled=False)
    function(stack, "small", scopes=scopes, logging=False, schedule="*/5 * * * *", commands="x" * 150)
    variables: dict[str, str | FromEnvironment] = {
        "PLAIN": ODD,
        "EMPTY": "",
        "odd key/with 'all'": "v",
        "TOKEN": FromEnvironment("X"),
        "TO-KEN": FromEnvironment("X"),
    }
    function(stack, "with-variables", variables=variables)
    return Project(live_as(resolved(stack, variables={"X": "a secret value"})), source="a server")


def live(text: str, fields: dict[str, Any], **settings: Any) -> Live:
    return Live(Address.parse(text), frozen(fields), **settings)


def function_live(id: str = "f", **fields: Any) -> Live:
    """A function of which nothing can be said."""
    usual: dict[str, Any] = {"name": "F", "runtime": "node-22", "specification": "s-1vcpu-1gb", "schedule": ""}
    usual |= {"timeout": 15, "enabled": True, "logging": True, "entrypoint": "src/main.js", "commands": ""}
    return live(f"function.{id}", {**usual, "execute": (), "events": (), "scopes": (), **fields})


def project(*resources: Live) -> Project:
    return Project({each.address: each for each in resources}, source="a server")


def loaded(source: Source, folder: Path) -> Desired:
    """What the written file declares, secrets being set to something."""
    file = folder / "written.py"
    file.write_text(source.text, encoding="utf-8")
    return resolve(load_stack(file), PLAIN, folder, dict.fromkeys(source.secrets, "something"))
