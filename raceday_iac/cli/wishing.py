"""What the command line asks of a plan, as `Wishes`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import IacError
from ..model.address import Address
from ..model.evidence import Answer, read_number
from ..planning import Wishes


@dataclass(frozen=True)
class Asked:
    """The options of `plan` and `apply` as they were typed."""

    allow_data_loss: Sequence[str] = ()
    target: Sequence[str] = ()
    exclude: Sequence[str] = ()
    replace: Sequence[str] = ()
    confirm: Sequence[str] = ()
    refresh_only: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing was asked for."""
        return not any(vars(self).values())


def wishes_of(asked: Asked) -> Wishes:
    """Read the options. Raises IacError for what cannot be read."""
    if asked.refresh_only and (asked.replace or asked.allow_data_loss):
        raise IacError(
            "--refresh-only changes nothing on the server, so nothing can be replaced or lost by it. "
            "Nothing was changed."
        )
    return Wishes(
        dict(_allowed(text) for text in asked.allow_data_loss),
        addresses(asked.target),
        addresses(asked.exclude),
        addresses(asked.replace),
        asked.refresh_only,
        dict(_confirmed(text) for text in asked.confirm),
    )


def addresses(texts: Iterable[str]) -> frozenset[Address]:
    """Addresses given on the command line."""
    try:
        return frozenset(Address.parse(text) for text in texts)
    except ValueError as error:
        raise IacError(f"{error}. Nothing was changed.") from None


def _allowed(text: str) -> tuple[Address, Answer | None]:
    """`ADDRESS`, or `ADDRESS=NUMBER` with the number that was shown."""
    place, equals, number = text.rpartition("=")
    (address,) = addresses([place if equals else text])
    if not equals:
        return address, None
    try:
        return address, read_number(number.strip())
    except ValueError:
        raise IacError(
            f"--allow-data-loss {text!r} is not an address and a number. Nothing was changed.",
            hint=f"write it as the plan shows it, for example --allow-data-loss {address}=301",
        ) from None


def _confirmed(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not equals or not number.strip().isdecimal():
        raise IacError(
            f"--confirm {text!r} is not an action, a kind and a number. Nothing was changed.",
            hint='write it as the plan shows it, for example --confirm "delete function=7"',
        )
    return " ".join(name.split()), int(number)
