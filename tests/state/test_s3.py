"""What is particular about an S3-compatible store: lost answers, wrong keys, missing buckets, a missing package."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, replace
from typing import Any

import pytest

from raceday_iac.errors import IacError, StateError
from raceday_iac.model.secret import Secret
from raceday_iac.state.backends import PreconditionFailed, StateVersion
from raceday_iac.state.backends.s3 import S3Backend, S3Place, _UncertainError, plain_reason

from .conftest import s3_backend
from .s3_server import S3Server


@pytest.fixture
def backend(s3: S3Server) -> S3Backend:
    return s3_backend(s3)()


@dataclass
class Losing(S3Backend):
    """Loses the answers of all writes: they land all the same, or they do not."""

    lands: bool = True

    def _put(self, path: str, text: str, mode: Any, note: str = "") -> str:
        if self.lands:
            super()._put(path, text, mode, note)
        raise _UncertainError("no answer")


def test_writes_whose_answers_were_lost_were_ours_when_the_text_is(backend: S3Backend) -> None:
    losing = Losing(backend.place)
    losing.add(StateVersion(1, "note", "text"))
    tag = losing.write_lock("lock", "")
    assert backend.read(1) == StateVersion(1, "note", "text")
    assert backend.write_lock("other", tag) != tag


def test_writes_that_did_not_land_are_failures(backend: S3Backend) -> None:
    losing = Losing(backend.place, lands=False)
    with pytest.raises(StateError, match="no answer"):
        losing.add(StateVersion(1, "", "text"))
    with pytest.raises(StateError, match="no answer"):
        losing.write_lock("lock", "")


def test_a_lost_answer_does_not_make_somebody_elses_text_ours(backend: S3Backend) -> None:
    backend.add(StateVersion(1, "", "theirs"))
    with pytest.raises(PreconditionFailed):
        Losing(backend.place).add(StateVersion(1, "", "ours"))
    assert backend.read(1) == StateVersion(1, "", "theirs")


def test_prefixes_do_not_mix(backend: S3Backend) -> None:
    backend.add(StateVersion(1, "", "one"))
    assert S3Backend(replace(backend.place, prefix="else/where")).newest() is None
    # One that begins with the same letters.
    longer = replace(backend.place, environment=backend.place.environment + "-2")
    S3Backend(longer).add(StateVersion(5, "", "longer"))
    assert list(backend.serials()) == [1]


def test_what_else_lies_there_is_passed_over(backend: S3Backend) -> None:
    backend.add(StateVersion(3, "", "three"))
    backend._put(f"{backend.place.root}/states/notes.txt", "x", "overwrite")
    assert list(backend.serials()) == [3]


@pytest.mark.parametrize("change", [{"secret_key": Secret("wrong")}, {"access_key": Secret("nobody")}])
def test_a_wrong_key_is_reported_for_reads_lists_and_writes(backend: S3Backend, change: dict[str, Secret]) -> None:
    wrong = S3Backend(replace(backend.place, **change))
    for act in (wrong.newest, wrong.read_lock, lambda: wrong.add(StateVersion(1, "", "x")), wrong.versions):
        with pytest.raises(StateError, match=r"does not accept the key: \w+") as caught:
            act()
        assert "state.secret_key_env" in caught.value.hint
        assert "wrong" not in caught.value.message


def test_a_bucket_that_is_not_there_is_reported(backend: S3Backend) -> None:
    absent = S3Backend(replace(backend.place, bucket="never-made"))
    for act in (absent.newest, absent.read_lock):
        with pytest.raises(StateError, match="There is no bucket 'never-made'") as caught:
            act()
        assert "state.bucket" in caught.value.hint


def test_a_store_that_does_not_answer_is_reported_in_plain_words() -> None:
    place = S3Place("b", "e", endpoint="http://127.0.0.1:9", access_key=Secret("a"), secret_key=Secret("b"), retries=0)
    with pytest.raises(StateError, match=r"s3://b/e cannot be used: the connection was refused\.") as caught:
        S3Backend(place).newest()
    assert "state.endpoint" in caught.value.hint


def test_credentials_are_not_shown(backend: S3Backend, s3: S3Server) -> None:
    backend.newest()
    assert s3.secret_key not in repr(backend)
    assert s3.access_key not in repr(backend)


def test_a_missing_package_is_reported_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.partition(".")[0] == "obstore":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(IacError, match="not installed") as caught:
        S3Backend(S3Place("b", "e")).newest()
    assert "raceday-iac[s3]" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("…<Code>SlowDown</Code><Message>Reduce your rate.</Message>…", "SlowDown: Reduce your rate"),
        ("…<Code>InternalError</Code>…", "InternalError"),
        ("error sending request: dns error: failed to lookup", "its host name is unknown"),
        ("operation timed out", "it did not answer in time"),
        ("Generic S3 error: something odd.\n\nDebug source:\nmuch more", "something odd"),
    ],
)
def test_long_texts_of_the_library_are_reported_in_plain_words(text: str, plain: str) -> None:
    assert plain_reason(text) == plain
