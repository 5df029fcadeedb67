"""Old deployments go, but only our own, never too many, and never the one in use."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from raceday_iac.applying.actions import clean
from raceday_iac.applying.deploy import Retention
from raceday_iac.applying.recorder import Recorder
from raceday_iac.errors import ProviderError
from raceday_iac.model.address import Address, deployment_address, function_address
from raceday_iac.model.resource import Live, frozen
from raceday_iac.packaging.bundle import MANIFEST, make_archive
from raceday_iac.provider.protocol import Deployment
from raceday_iac.refresh.deployments import Archives, Classified, Remembered, Role
from raceday_iac.state.document import Entry, State, new_state

from ..fake_appwrite import FakeAppwrite

F = function_address("f")

AT = deployment_address("f")
OURS = make_archive({MANIFEST: b'{"function": "f"}'})
THEIRS = make_archive({"main.js": b"1"})


class Server(FakeAppwrite):
    """Deployments of `f`, oldest first; the last one is active. Those in upper case are not ours."""

    def __init__(self, *names: str, active: str = "") -> None:
        super().__init__()
        self.builds["f"] = [Deployment(name, "ready") for name in names]
        self.archives = {name: THEIRS if name.isupper() else OURS for name in names}
        self.resources[AT] = Live(AT, frozen({}), active or names[-1])
        self.refused: set[str] = set()

    def delete(self, address: Address, live: Live) -> None:
        if live.remote_id in self.refused:
            raise ProviderError("no", code=403)
        super().delete(address, live)

    @property
    def left(self) -> list[str]:
        return [each.id for each in self.builds["f"]]


def prune(server: Server, keep: int, *line: str, begun: Sequence[str] = ()) -> tuple[tuple[str, ...], list[str]]:
    warnings: list[str] = []
    retention = Retention(server, Archives(server), F, keep, warnings.append)
    return retention.prune(Remembered(line, tuple(begun))), warnings


@pytest.mark.parametrize(
    ("keep", "left"),
    [(0, ["d"]), (1, ["c", "d"]), (2, ["b", "c", "d"]), (3, ["a", "b", "c", "d"]), (9, ["a", "b", "c", "d"])],
)
def test_as_many_as_wanted_are_kept_besides_the_active_one(keep: int, left: list[str]) -> None:
    server = Server("a", "b", "c", "d")
    line, warnings = prune(server, keep, "d", "c", "b", "a")
    assert server.left == left
    assert line == tuple(reversed(left))
    assert warnings == []


def test_the_order_in_which_they_were_active_counts_not_their_age() -> None:
    server = Server("a", "b", "c", "d")
    prune(server, 1, "d", "a", "c", "b")
    assert server.left == ["a", "d"]


def test_those_of_others_are_never_deleted_although_they_were_active() -> None:
    server = Server("A", "B", "c", "d")
    line, _ = prune(server, 0, "d", "c", "B")
    assert server.left == ["A", "B", "d"]
    assert line == ("d", "B")


def test_those_that_a_lost_state_forgot_go_when_they_are_ours() -> None:
    server = Server("a", "B", "c", "d")
    line, _ = prune(server, 1, "d")
    assert server.left == ["B", "c", "d"]
    assert line == ("d", "c")


def test_what_never_was_accepted_is_none_of_them() -> None:
    server = Server("a", "b", "c")
    line, _ = prune(server, 1, "c", "a", begun=["b"])
    assert server.left == ["a", "b", "c"]
    assert line == ("c", "a")


def test_while_somebody_else_activates_another_one_nothing_is_deleted() -> None:
    server = Server("a", "b", "c", active="a")
    assert prune(server, 0, "c", "b") == (("c", "b"), [])
    assert server.left == ["a", "b", "c"]


def test_one_that_cannot_be_deleted_is_reported_and_stays_in_the_line() -> None:
    server = Server("a", "b", "c")
    server.refused = {"a"}
    line, warnings = prune(server, 0, "c", "b", "a")
    assert line == ("c", "a")
    assert warnings == ["the old deployment a could not be deleted: no"]


def test_a_server_that_cannot_list_them_makes_nothing_fail() -> None:
    server = Server("a", "b")

    def refuse(function: str) -> Sequence[Deployment]:
        raise ProviderError("no list", code=500)

    server.all_deployments = refuse  # type: ignore[method-assign]
    assert prune(server, 0, "b", "a") == (("b", "a"), ["old deployments could not be listed: no list"])


# Cleaning, which is asked for.


class Store:
    """Takes what is saved."""

    def write(self, state: State) -> None:
        pass


def cleaned(server: Server, *classified: tuple[str, Role, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What came of each orphan, and which uploads the state still remembers. All are remembered at first, and one that
    is not there."""
    names = tuple(name for name, _, _ in classified)
    state = new_state().with_entry(Entry(function_address("f"), frozen({}), uploads=(*names, "vanished")))
    recorder = Recorder(Store(), state)  # type: ignore[arg-type]
    outcome = clean(
        server, recorder, F, [Classified(Deployment(name, status), role) for name, role, status in classified]
    )
    return outcome, recorder.state.uploads_of(F)


def test_only_orphans_are_deleted_and_the_state_forgets_what_is_gone() -> None:
    server = Server("a", "b", "c", "d")
    outcome, remembered = cleaned(
        server, ("c", Role.UNFINISHED, "building"), ("b", Role.ORPHAN, "failed"), ("a", Role.FOREIGN, "failed")
    )
    assert outcome == {"b": ""}
    assert server.left == ["a", "c", "d"]
    assert remembered == ("c", "a")


def test_what_is_under_way_is_stopped_before_it_is_deleted() -> None:
    server = Server("a", "b", "c")
    cleaned(server, ("a", Role.ORPHAN, "building"), ("b", Role.ORPHAN, "ready"))
    assert server.log == ["cancel a", "delete deployment.f a", "delete deployment.f b"]


def test_one_that_became_active_meanwhile_stays() -> None:
    server = Server("a", "b")
    outcome, remembered = cleaned(server, ("b", Role.ORPHAN, "ready"))
    assert outcome == {"b": "it is active now"}
    assert server.left == ["a", "b"]
    assert remembered == ("b",)


def test_one_that_cannot_be_deleted_is_reported() -> None:
    server = Server("a", "b")
    server.refused = {"a"}
    outcome, remembered = cleaned(server, ("a", Role.ORPHAN, "failed"))
    assert outcome == {"a": "no"}
    assert remembered == ("a",)
