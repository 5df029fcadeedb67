"""Probes and the number of kept deployments, as written and as overridden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from raceday_iac.model.address import function_address
from raceday_iac.model.resource import CodeSource
from raceday_iac.model.stack import Probe, Stack

from ..declaring import complaint, function, resolved, stack_with_function

F = function_address("f")


def source(
    folder: Path, stack: Stack | None = None, *, settings: dict[str, Any] | None = None, **stated: Any
) -> CodeSource:
    """The code of `f` of a stack that declares it, in an environment with these settings."""
    (folder / "main.py").write_text("x = 1\n")
    chosen = stack or stack_with_function(code=".", **stated)
    return resolved(chosen, root=folder, **(settings or {})).code[F]


def overriding(**fields: Any) -> dict[str, Any]:
    return {"overrides": {"function.f": fields}}


def test_without_one_there_is_no_probe(tmp_path: Path) -> None:
    assert source(tmp_path).probe is None


def test_a_probe_has_settings_that_do(tmp_path: Path) -> None:
    assert source(tmp_path, probe=Probe()).probe == Probe()
    assert Probe().expect_status == 200


def test_values_are_sent_as_json_and_a_text_as_it_is(tmp_path: Path) -> None:
    bodies = [source(tmp_path, probe=Probe(body=body)).probe for body in ({"a": [1]}, "a=1")]
    assert [each.body for each in bodies if each] == ['{"a": [1]}', "a=1"]


def test_an_environment_may_change_a_part_of_a_probe_or_all_of_it(tmp_path: Path) -> None:
    probe = Probe(body={"a": 1}, timeout=5)
    changed = source(tmp_path, probe=probe, settings=overriding(probe={"timeout": 60})).probe
    assert changed is not None
    assert (changed.body, changed.timeout) == ('{"a": 1}', 60)
    assert source(tmp_path, probe=probe, settings=overriding(probe=None)).probe is None
    assert source(tmp_path, settings=overriding(probe={"body": {"b": 2}})).probe == Probe(body='{"b": 2}')


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (True, "probe: must be a Probe(...)"),
        (Probe(body={"a": object()}), "its body cannot be sent as JSON"),
        (Probe(timeout=0), "timeout"),
        (Probe(timeout=901), "timeout"),
        (Probe(expect_status=99), "expect_status"),
        (Probe(expect_status=600), "expect_status"),
        (Probe(path="probe"), "path"),
        (Probe(method="BREW"), "method"),
    ],
)
def test_a_probe_that_cannot_be_is_refused(tmp_path: Path, probe: Any, words: str) -> None:
    (tmp_path / "main.py").write_text("x = 1\n")
    stack = stack_with_function(code=".", probe=probe)
    with pytest.raises(Exception, match="problem") as caught:
        resolved(stack, root=tmp_path)
    assert words in str(caught.value)


def test_code_that_is_not_managed_cannot_be_probed() -> None:
    assert "a probe shows whether new code works, but the code is not managed" in complaint(
        stack_with_function(probe=Probe())
    )


def test_three_previous_deployments_are_kept(tmp_path: Path) -> None:
    assert source(tmp_path).keep == 3


def test_the_stack_says_how_many_and_a_function_and_its_environment_otherwise(tmp_path: Path) -> None:
    stack = Stack("test", keep_deployments=5)
    function(stack, code=".")
    assert source(tmp_path, stack).keep == 5
    assert source(tmp_path, stack, settings=overriding(keep_deployments=1)).keep == 1
    assert source(tmp_path, keep_deployments=0).keep == 0


@pytest.mark.parametrize("number", [-1, "many", 1.5])
def test_a_number_that_is_none_is_refused(number: Any) -> None:
    assert "keep_deployments" in complaint(stack_with_function(keep_deployments=number))


def test_the_environment_says_how_long_to_wait_for_a_build(tmp_path: Path) -> None:
    assert source(tmp_path).patience == 600
    assert source(tmp_path, settings={"build_patience": 30}).patience == 30
