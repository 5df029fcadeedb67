"""Random projects that a server might hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from raceday_iac.importing.names import Project
from raceday_iac.model.limits import RUNTIMES, SCOPES, SPECIFICATIONS
from raceday_iac.model.resource import Live

from .found import live

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,11}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
roles = st.sampled_from(["any", "users", "guests", "users/verified", "user:a", "team:b/owner", "label:c"])
booleans = st.booleans()


def some(strategy: st.SearchStrategy[Any], most: int = 6) -> st.SearchStrategy[tuple[Any, ...]]:
    """A set as the server gives it back."""
    return st.sets(strategy, max_size=most).map(lambda found: tuple(sorted(found)))


functions = st.fixed_dictionaries(
    {
        "name": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
        "runtime": st.sampled_from(sorted(RUNTIMES)),
        "specification": st.sampled_from(SPECIFICATIONS),
        "execute": some(roles),
        "events": some(st.sampled_from(["users.*.create", "databases.*.collections.*.documents.*.update"])),
        "schedule": st.sampled_from(["", "0 1 * * *", "*/5 1-4 * * MON"]),
        "timeout": st.integers(1, 900),
        "enabled": booleans,
        "logging": booleans,
        "entrypoint": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
        "commands": st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        "scopes": some(st.sampled_from(sorted(SCOPES))),
    }
)
variables = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.one_of(
        st.fixed_dictionaries({"secret": st.just(True)}),
        st.fixed_dictionaries({"secret": st.just(False), "value": texts}),
    ),
    max_size=4,
)


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Any]:
    """The fields of an attribute of any type, in the form that compares."""
    kind = draw(st.sampled_from(["string", "integer", "float", "boolean", "datetime", "email", "url", "ip", "enum"]))
    array = draw(booleans)
    required = draw(booleans)
    fields: dict[str, Any] = {"type": kind, "required": required, "default": None, "array": array}
    has_default = not required and not array and draw(booleans)
    if kind == "string":
        fields |= {"size": draw(st.integers(60, 400)), "encrypt": False}
        fields["default"] = draw(texts) if has_default else None
    elif kind == "enum":
        elements = st.lists(texts.filter(bool), min_size=1, max_size=5, unique=True)
        fields["elements"] = tuple(draw(elements))
        fields["default"] = fields["elements"][0] if has_default else None
    elif kind in ("integer", "float"):
        number = st.integers(-(2**60), 2**60) if kind == "integer" else st.floats(-1e300, 1e300)
        low, middle, high = sorted(draw(st.tuples(number, number, number)))
        fields |= {"min": draw(st.sampled_from([None, low])), "max": draw(st.sampled_from([None, high]))}
        fields["default"] = middle if has_default else None
    elif kind == "boolean":
        fields["default"] = draw(booleans) if has_default else None
    return fields


@st.composite
def any_project(draw: st.DrawFn) -> Project:
    """Functions with variables, and databases with collections and attributes."""
    resources: list[Live] = []
    for id, fields in draw(st.dictionaries(ids, functions, max_size=3)).items():
        resources.append(live(f"function.{id}", fields))
        resources += [live(f"variable.{id}/{key}", value) for key, value in draw(variables).items()]
    for database in draw(st.sets(ids, max_size=2)):
        resources.append(live(f"database.{database}", {"name": draw(texts.filter(bool)), "enabled": draw(booleans)}))
        for collection in draw(st.sets(ids, max_size=3)):
            path = f"{database}/{collection}"
            permissions = draw(some(st.builds('{}("{}")'.format, st.sampled_from(["read", "update"]), roles)))
            switches = {"documentSecurity": draw(booleans), "enabled": draw(booleans)}
            fields = {"name": draw(texts.filter(bool)), "permissions": permissions, **switches}
            resources.append(live(f"collection.{path}", fields))
            for key, attribute in draw(st.dictionaries(ids, attributes(), max_size=5)).items():
                resources.append(live(f"attribute.{path}/{key}", attribute))
    return Project({each.address: each for each in resources}, source="a server")


projects = any_project()
