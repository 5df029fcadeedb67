"""What a stack says about the life of resources beside what they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .address import Address, owners


@dataclass(frozen=True)
class Lifecycle:
    """`moved`: new address → the one it had. `forgotten`: no longer managed, but kept live; address → why.
    `protected`: never destroyed, address → why. `ignored`: fields that others may change, by address. `converted`:
    attributes that get another type in stages, so that their values stay."""

    moved: Mapping[Address, Address] = field(default_factory=dict)
    forgotten: Mapping[Address, str] = field(default_factory=dict)
    protected: Mapping[Address, str] = field(default_factory=dict)
    ignored: Mapping[Address, frozenset[str]] = field(default_factory=dict)
    converted: frozenset[Address] = frozenset()

    def forgets(self, address: Address) -> str | None:
        """Why an address is no longer managed; None when nothing says so. What lies in it goes with it."""
        return next((self.forgotten[each] for each in (address, *owners(address)) if each in self.forgotten), None)

    def protects(self, address: Address, all_addresses: Iterable[Address]) -> Address | None:
        """The protected resource that would go with `address`: itself, one it lies in, or one that lies in it."""
        for each in (address, *owners(address)):
            if each in self.protected:
                return each
        return next((each for each in all_addresses if each in self.protected and address in owners(each)), None)


# How much of a project one plan may change before somebody has to say the number.


@dataclass(frozen=True)
class Threshold:
    """More than `number` *and* more than `percent` of the managed resources of a kind are too many for one plan."""

    percent: float
    number: int


#: What is limited, and how far where the stack says nothing. A replacement counts as a deletion.
DEFAULTS = {"delete": Threshold(30, 5), "update": Threshold(50, 20)}
