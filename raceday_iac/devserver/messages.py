"""What Appwrite says for an error type when the thrower gives no words of its own.

The texts in data/messages.json are those of a running 1.8.1, or of its app/config/errors.php. Clients should branch
on the type, not on these.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

#: The tables API speaks of the same things in other words.
PREFIXES = (("column_index_", "index_"), ("column_", "attribute_"), ("row_", "document_"), ("table_", "collection_"))
WORDS = (("collection", "table"), ("attribute", "column"), ("document", "row"))


@cache
def texts() -> dict[str, str]:
    """Known texts by error type."""
    raw = files("raceday_iac.devserver").joinpath("data/messages.json").read_text(encoding="utf-8")
    parsed: dict[str, str] = json.loads(raw)
    return parsed


@cache
def message_for(kind: str) -> str | None:
    """The text for an error type, or None where we know none."""
    known = texts()
    if kind in known:
        return known[kind]
    for prefix, legacy in PREFIXES:
        same = known.get(legacy + kind.removeprefix(prefix)) if kind.startswith(prefix) else None
        if same is not None:
            return _in_words_of_tables(same)
    return None


def _in_words_of_tables(text: str) -> str:
    for old, new in WORDS:
        text = text.replace(old, new).replace(old.capitalize(), new.capitalize())
    return text
