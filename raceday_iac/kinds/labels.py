"""Labels of the project."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from .fields import IDENTITY, Wire, as_set
from .setting import ONLY, SettingDeclaration, SettingDeclaring, setting_kind

Label = Annotated[str, Field(pattern="^[0-9A-Za-z]{1,36}$")]


class LabelsDeclaration(SettingDeclaration):
    """All labels of the project; those that are not named are taken away."""

    only = ONLY
    begins: ClassVar[Mapping[str, Any]] = {"labels": ()}

    id: Annotated[str, IDENTITY] = Field(init=False)
    names: Annotated[Sequence[Label], Wire(name="labels", is_set=True, canonical=as_set)] = Field(
        init=False, max_length=1000
    )


KIND = setting_kind(
    "labels", SettingDeclaring("labels", LabelsDeclaration), "PUT /project/labels", stage=53, plural="labels"
)
