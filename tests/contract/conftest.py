"""One server for the whole suite, one empty project for every test, and an eye on every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .client import Api, Exchange
from .description import Description
from .target import Target, embedded_target, external_target

Targets = Callable[[str], Target]


class Watch:
    """Collects answers that do not conform to the OpenAPI description."""

    def __init__(self, age: str = "1.8") -> None:
        self.description = Description(age=age)
        self.seen: dict[tuple[str, str], int] = {}
        self.problems: list[str] = []

    def __call__(self, exchange: Exchange) -> None:
        route = self.description.route(exchange.method, exchange.path)
        if route is None:
            return
        key = (exchange.method, route.path)
        self.seen[key] = self.seen.get(key, 0) + 1
        for problem in self.description.problems(exchange):
            self.problems.append(f"{exchange.method} {exchange.path} → {exchange.answer.status}: {problem}")


WATCH = Watch()
#: One for each age that is played.
WATCHES = {"1.8": WATCH}


def watch_of(age: str) -> Watch:
    if age not in WATCHES:
        WATCHES[age] = Watch(age)
    return WATCHES[age]


@pytest.fixture(scope="session")
def watch() -> Watch:
    return WATCH


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory, watch: Watch) -> Iterator[Target]:
    outside = external_target((watch,))
    if outside is not None:
        yield outside
        return
    own = embedded_target(tmp_path_factory.mktemp("server"), (watch,))
    yield own
    own.server.stop()


@pytest.fixture(scope="session")
def target_of(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    """The target by the age that it plays; servers of other ages than the usual one are started when asked for."""
    others: dict[str, Target] = {}

    def of(age: str) -> Target:
        if age == "1.8" or target.server is None:
            return target
        if age not in others:
            others[age] = embedded_target(tmp_path_factory.mktemp(age), (watch_of(age),), age)
        return others[age]

    yield of
    for each in others.values():
        each.server.stop()


@pytest.fixture
def api(target: Target) -> Api:
    """An empty project with a key that may do everything."""
    return target.fresh()


@pytest.fixture(autouse=True)
def _answers_conform_to_the_description() -> Iterator[None]:
    """Fails a test that received an answer against the OpenAPI description of the server's age."""
    for watch in WATCHES.values():
        watch.problems.clear()
    yield
    found = [problem for watch in WATCHES.values() for problem in dict.fromkeys(watch.problems)]
    for watch in WATCHES.values():
        watch.problems.clear()
    if found:
        pytest.fail("answers against the OpenAPI description:\n" + "\n".join(found[:10]), pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if WATCH.seen:
        documented = sum(len(route.operations) for route in WATCH.description.routes)
        terminalreporter.write_line(
            f"contract: {sum(WATCH.seen.values())} answers on {len(WATCH.seen)} of {documented} documented routes "
            "checked against the OpenAPI description"
        )
