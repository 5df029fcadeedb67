"""What a site may be, and what of one is doubtful."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from raceday_iac.kinds.fields import canonical
from raceday_iac.kinds.site import KIND, SiteDeclaration, parse
from raceday_iac.model.limits import FUNCTION_VARIABLES
from raceday_iac.model.resource import Fields
from raceday_iac.model.server import ServerFacts


def site(**settings: Any) -> Fields:
    plain = {"id": "s", "name": "S", "framework": "other", "build_runtime": "static-1"}
    return canonical(SiteDeclaration(**{**plain, **settings}))


@pytest.mark.parametrize(
    ("settings", "fits"),
    [
        ({"timeout": 1}, True),
        ({"timeout": 0}, False),
        ({"timeout": 30}, True),
        ({"timeout": 31}, False),
        ({"adapter": "ssr"}, True),
        ({"adapter": "none"}, False),
        ({"adapter": "static", "fallback_file": "x" * 255}, True),
        ({"adapter": "static", "fallback_file": "x" * 256}, False),
        ({"fallback_file": ""}, False),
        ({"build_runtime": "node-99"}, True),
        ({"build_runtime": "cobol"}, False),
        ({"specification": "large"}, False),
        ({"variables": dict.fromkeys(map(str, range(FUNCTION_VARIABLES)), "")}, True),
        ({"variables": dict.fromkeys(map(str, range(FUNCTION_VARIABLES + 1)), "")}, False),
    ],
)
def test_settings_are_held_to_appwrites_limits(settings: dict[str, Any], fits: bool) -> None:
    if fits:
        assert site(**settings)
    else:
        with pytest.raises(ValidationError):
            site(**settings)


def test_names_that_only_a_server_may_know_are_named() -> None:
    plain = ServerFacts()
    assert list(KIND.doubts(site(), plain)) == []
    assert list(KIND.doubts(site(framework="nust"), plain)) == ["unknown framework 'nust' (did you mean 'nuxt'?)"]
    assert list(KIND.doubts(site(framework="nust"), ServerFacts(frameworks=("nust",)))) == []
    (said,) = KIND.doubts(site(framework="flutter"), ServerFacts(frameworks=("other",)))
    assert said == "this server has no runtime for the framework 'flutter' (it has some for other)"
    assert list(KIND.doubts(site(build_runtime="node-99"), plain)) != []


def test_without_an_adapter_the_page_to_fall_back_to_is_nobodys_choice() -> None:
    raw = {"$id": "s", "name": "S", "framework": "other", "buildRuntime": "static-1", "fallbackFile": ""}
    assert {"adapter", "fallbackFile"}.isdisjoint(parse((), {**raw, "adapter": ""}).fields)
    assert parse((), {**raw, "adapter": "static"}).fields["fallbackFile"] == ""
