"""Topics of messages. Who has subscribed is data."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from ..model.declarations import Declared, Id, Name, roles
from ..model.resource import Fields
from .base import Contents, Danger
from .fields import IDENTITY
from .plain import ROLES, plain_kind


class TopicDeclaration(Declared):
    """A topic. `subscribe` are the roles that may subscribe; who has is left alone."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    subscribe: Annotated[Sequence[str], AfterValidator(roles), ROLES] = Field(default=("users",), max_length=100)


def _anyone_subscribes(fields: Fields) -> Iterator[tuple[str, str]]:
    """Every message costs, and nobody is asked who they are before they are sent one.

    Fix: name `users`, a team or a label.
    """
    for role in fields["subscribe"]:
        if role in ("any", "guests"):
            yield f'"{role}" may subscribe without signing in', "name users, a team or a label"


_COUNTED = "how many have subscribed, which is data"

KIND = plain_kind(
    "topic",
    TopicDeclaration,
    "/messaging/topics",
    stage=43,
    update="patch",
    contents=Contents(
        "subscribers",
        "subscriber",
        known_by="targetId",
        request=lambda item: {"subscriberId": item["$id"], "targetId": item["targetId"]},
    ),
    left_out=dict.fromkeys(("emailTotal", "smsTotal", "pushTotal"), _COUNTED),
    file_lists=("topics",),
    is_read_by_code=True,
    dangers=(Danger("TPC001", "warning", "a topic that anyone may subscribe to", _anyone_subscribes),),
    terraform_types=("appwrite_messaging_topic", "appwrite_topic"),
    reached_through=lambda fields: frozenset({"messaging"} if fields["subscribe"] else ()),
)
