"""New code is executed; when that goes wrong, what was active before is active again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.applying.deploy import Before, Probing, go_back
from raceday_iac.errors import AccessError, ProbeError, ProviderError, UnreachableError
from raceday_iac.model.address import function_address
from raceday_iac.model.declarations import Probe
from raceday_iac.model.resource import Live, frozen
from raceday_iac.packaging import Bundle
from raceday_iac.provider.protocol import Execution

from ..fake_appwrite import FakeAppwrite
from .test_deploy import bundle, run

F = function_address("f")

PROBE = Probe(body='{"a": 1}', path="/probe", method="PUT", expect_status=204, timeout=30)


class Executing(FakeAppwrite):
    """An Appwrite whose executions go through some states, one a look."""

    def __init__(self, *states: tuple[str, int]) -> None:
        at = function_address("f")
        super().__init__({at: Live(at, frozen({}))})
        self.states = list(states)
        self.asked: list[object] = []

    def execute(self, function: str, body: str, *, wait: bool, path: str = "/", method: str = "POST") -> Execution:
        self.log.append(f"execute {function}")
        self.asked.append((body, wait, path, method))
        return self._now()

    def execution(self, function: str, execution: str) -> Execution:
        return self._now()

    def _now(self) -> Execution:
        status, code = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return Execution("e1", "f", status, "http", code, "", "it ran\n", "it broke\n", 0.1, "2025")


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def probing(server: FakeAppwrite, clock: Clock | None = None) -> Probing:
    time = clock or Clock()
    return Probing(server, F, PROBE, time.sleep, lambda: time.now)


def probed(of: Bundle) -> Bundle:
    return replace(of, source=replace(of.source, probe=PROBE))


def test_it_is_executed_as_declared_and_in_the_background() -> None:
    server = Executing(("waiting", 0), ("processing", 0), ("completed", 204))
    probing(server).run()
    assert server.asked == [('{"a": 1}', False, "/probe", "PUT")]


@pytest.mark.parametrize(("status", "code"), [("completed", 200), ("failed", 500), ("failed", 204), ("failed", 0)])
def test_any_other_end_fails_with_the_end_of_the_log(status: str, code: int) -> None:
    with pytest.raises(ProbeError, match=f"{status} with {code or 'no answer'}, but 204 was expected") as caught:
        probing(Executing(("waiting", 0), (status, code))).run()
    assert "it ran" in caught.value.message
    assert "! it broke" in caught.value.message
    assert caught.value.hint == "read its whole log with: raceday-iac logs f --execution e1"


def test_one_that_does_not_end_is_given_up_after_its_time() -> None:
    clock = Clock()
    with pytest.raises(ProbeError, match=r"has not ended within 30 s \(it is processing\)"):
        probing(Executing(("processing", 0)), clock).run()
    assert clock.now == pytest.approx(30)


@pytest.mark.parametrize("error", [UnreachableError("gone"), AccessError("no scope", code=401)])
def test_one_that_cannot_be_asked_for_fails(error: ProviderError) -> None:
    server = Executing(("completed", 204))

    def refuse(*_args: object, **_settings: object) -> Execution:
        raise error

    server.execute = refuse  # type: ignore[method-assign]
    with pytest.raises(ProbeError, match=f"could not be executed: {error.message}"):
        probing(server).run()


# In the course of a deployment.


def test_code_that_passes_is_accepted() -> None:
    server = Executing(("completed", 204))
    entry, _, _ = run(server, of=probed(bundle()))
    assert server.log == ["upload f", "activate f", "execute f"]
    assert entry.remote_id == "build-1"


def test_code_that_fails_gives_way_to_what_was_active() -> None:
    server = Executing(("failed", 500))
    server.upload(F, b"old", {})
    with pytest.raises(ProbeError, match="The deployment that was active before, build-1, is active again"):
        run(server, Before("build-1", ("build-1",)), probed(bundle()))
    assert server.log[-3:] == ["activate f", "execute f", "activate f"]
    assert server.active_deployment(F) == "build-1"


@pytest.mark.parametrize("before", [Before(), Before("build-1")], ids=["none", "itself"])
def test_a_first_deployment_that_fails_stays_and_says_so(before: Before) -> None:
    server = Executing(("failed", 500))
    with pytest.raises(ProbeError, match="There is no earlier deployment: this one stays active"):
        run(server, before, probed(bundle()))
    assert server.active_deployment(F) == "build-1"


def test_when_even_going_back_fails_it_is_reported_loudly() -> None:
    server = Executing()

    def refuse(function: str, deployment: str) -> None:
        raise UnreachableError("it is gone")

    server.activate = refuse  # type: ignore[method-assign]
    failure = go_back(server, F, "old", ProbeError("The probe failed."))
    assert "could not be activated again: it is gone" in failure.message
    assert "THE CODE THAT FAILED IS IN USE" in failure.message
    assert failure.hint == "go back to an earlier one: raceday-iac rollback f"
