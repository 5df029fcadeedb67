"""One setting of each kind: how it is declared, changed, and changed by hand. A new kind is a new entry of `SETTINGS`,
and `test_settings.py` takes it through its whole life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Setting:
    """`first` are the positional arguments of the stack's method, `declared` the others, `changed` those that are
    others later. By hand, somebody sends `by_hand` to `route`, which changes the field `field`."""

    address: str
    first: tuple[Any, ...]
    declared: Mapping[str, Any]
    changed: Mapping[str, Any]
    route: str
    by_hand: Mapping[str, Any]
    field: str
    #: Where it is read; several kinds share one answer.
    read_at: str = "/project"
    method: str = ""
    update: str = "patch"
    #: What must be declared beside it.
    before: str = ""
    #: Whether what is declared beside it is read with it.
    is_read_anyway: bool = False
    #: What the first plan does with it.
    first_action: str = "update"
    #: Whether Appwrite's own value of it is known, and what of the answer is not set back.
    has_original: bool = True
    left: Mapping[str, Any] = field(default_factory=dict)
    dangerous: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.address.partition(".")[0]

    def call(self, **changed: Any) -> str:
        """The line of the stack."""
        named = [f"{name}={value!r}" for name, value in {**self.declared, **changed}.items()]
        return f"stack.{self.method or self.kind}({', '.join([*map(repr, self.first), *named])})\n"


SETTINGS = (
    Setting(
        "auth_method.magic-url",
        ("magic-url",),
        {"enabled": False},
        {"enabled": True},
        "/project/auth-methods/magic-url",
        {"enabled": True},
        "enabled",
    ),
)
