"""Numbers that sign in with a code of their own, without a message: for tests, and for reviewers of app stores."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from ..model.address import Address
from ..model.declarations import Declared
from ..model.limits import shown
from ..model.resource import Fields, Live, Resource, frozen
from .base import Danger, Kind, Listing, Shape, is_instant
from .fields import IDENTITY, PlainRequests, Writing, answered, parsed, wire_fields
from .setting import SINCE, TURN, SettingDeclaring

ROUTE = "/project/mock-phones"
_WORD = "mockNumbers"


class MockPhoneDeclaration(Declared):
    """A number, with country code, and the six digits that it signs in with. Whoever may read the project's mock phones
    can read them."""

    number: Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$"), IDENTITY] = Field(init=False)
    otp: str = Field(pattern=r"^\d{6}$")


SHAPE = Shape({"number": str, **answered(MockPhoneDeclaration)}, {"$updatedAt": is_instant})


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    number = str(raw["number"])
    return Live(Address("mock_phone", number), frozen(parsed(MockPhoneDeclaration, raw)), number)


class _Declaring(SettingDeclaring):
    """Files of Appwrite's command line have a list of them."""

    def read_setting(self, word: str, value: Any) -> Iterator[Live]:  # noqa: ARG002 - there is one word
        for each in value if isinstance(value, list) else ():
            number, otp = (each.get("phone"), each.get("otp")) if isinstance(each, Mapping) else (None, None)
            if not isinstance(number, str) or not isinstance(otp, str):
                raise ValueError(f"it holds {shown(each)}")
            yield Live(Address(self.kind, number), frozen({"otp": otp}), number)

    def write_setting(self, resource: Resource, to: Writing) -> Iterator[tuple[str, Any]]:  # noqa: ARG002
        yield _WORD, [{"phone": resource.address.name, "otp": resource.fields["otp"]}]

    def knows_setting(self, word: str) -> bool:
        return word == _WORD


def _signs_in(_fields: Fields) -> Iterator[tuple[str, str]]:
    """Whoever knows number and code is signed in as its user.

    Fix: keep it out of projects that people use, or accept the finding.
    """
    yield "whoever knows its code can sign in as its user", "keep it out of projects that people use"


KIND = Kind(
    name="mock_phone",
    stage=56,
    plural="mock-phones",
    absent="mock_number_not_found",
    tone="calm",
    requests=PlainRequests(MockPhoneDeclaration, lambda _address: ROUTE, "number", SHAPE),
    parse=parse,
    in_place=frozenset(each.name for each in wire_fields(MockPhoneDeclaration)),
    schema_places=lambda _address, _fields: TURN,
    listing=Listing(ROUTE, "mockNumbers", SHAPE, is_whole=True),
    since=SINCE,
    routes=(f"POST {ROUTE}", f"PUT {ROUTE}/{{number}}"),
    left_out={"number": "part of the address"},
    declaring=_Declaring("mock_phone", MockPhoneDeclaration, ("auth", "security")),
    dangers=(Danger("MCK001", "warning", "a number that signs in without a message", _signs_in),),
)
