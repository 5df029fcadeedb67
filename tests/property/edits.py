"""Pairs of stacks: any two, or one and what it is after somebody has worked on it."""

from __future__ import annotations

from hypothesis import strategies as st

from .declaring import Declared, declared, without
from .specs import (
    COLUMN,
    COLUMNS_OF,
    DOCUMENTS,
    FUNCTION,
    NAMES,
    PERMISSIONS,
    PLAIN,
    RELATIONSHIP,
    SETTINGS,
    VARIABLE,
    Settings,
    Spec,
    documents,
    indexes,
    members,
    platforms,
    providers,
    rules,
    specs,
)

_EDIT = st.sampled_from(["keep", "keep", "keep", "change", "change", "drop"])
_OTHER = {
    "function": FUNCTION,
    **dict.fromkeys(("variable", "site_variable", "project_variable"), VARIABLE),
    "database": st.fixed_dictionaries({"name": NAMES, "enabled": st.booleans()}),
    "collection": st.fixed_dictionaries(
        {"name": NAMES, "permissions": PERMISSIONS, "document_security": st.booleans(), "enabled": st.booleans()}
    ),
    "relationship": RELATIONSHIP,
    **PLAIN,
}


@st.composite
def stack_pairs(draw: st.DrawFn) -> tuple[Declared, Declared]:
    """Before and after."""
    before = declared(draw(specs()))
    if not draw(st.booleans()):
        return before, declared(_without_forgotten_links(before.spec, draw(specs())))
    more = draw(specs()) if draw(st.booleans()) else {}
    return before, declared(_without_forgotten_links(before.spec, {**more, **_edited(draw, before.spec)}))


def _without_forgotten_links(before: Spec, after: Spec) -> Spec:
    """A document that stays, and of which it is no longer said where it leads, stays linked; nobody could delete what
    it leads to. So it goes on saying it."""
    found = dict(after)
    for address in before.keys() & after.keys():
        if address.startswith("document."):
            was, now = before[address]["data"], after[address]["data"]
            left = {key: None for key in ("link", "back") if key in was and key not in now}
            found[address] = {**after[address], "data": {**now, **left}}
    return found


def _edited(draw: st.DrawFn, before: Spec) -> Spec:
    after = dict(before)
    for address, settings in before.items():
        edit = draw(_EDIT)
        if edit == "drop":
            after = without(after, address)
        elif edit == "change" and address in after:
            after[address] = _changed(draw, address, settings, before)
    return after


def _changed(draw: st.DrawFn, address: str, settings: Settings, spec: Spec) -> Settings:
    """Some settings are others. An attribute has another type now and then."""
    kind, _, path = address.partition(".")
    if kind == "attribute":
        return draw(COLUMN if draw(st.integers(0, 3)) == 0 else COLUMNS_OF[settings["type"]])
    if kind == "document":
        place = path.rpartition("/")[0]
        other = draw(documents(members(spec, "attribute", place), members(spec, "relationship", place)))
        links = {key: value for key, value in settings["data"].items() if key in ("link", "back")}
        return {**other, "data": {**other["data"], **{key: draw(st.sampled_from([*DOCUMENTS, None])) for key in links}}}
    if kind == "rule":
        return draw(rules())
    if kind == "provider":
        return draw(providers())
    if kind == "platform":
        return draw(platforms())
    if kind == "index":
        other = draw(indexes(members(spec, "attribute", path.rpartition("/")[0])))
    else:
        other = draw(SETTINGS[address] if address in SETTINGS else _OTHER[kind])
    changed = draw(st.sets(st.sampled_from(sorted(settings)), min_size=1, max_size=3))
    return {**settings, **{name: other[name] for name in changed}}
