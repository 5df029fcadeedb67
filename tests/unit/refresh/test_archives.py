"""No deployment's source is downloaded twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.errors import NotFoundError, ServerFaultError
from raceday_iac.model.address import function_address
from raceday_iac.packaging.bundle import MANIFEST, Origin, make_archive
from raceday_iac.refresh.deployments import Archives

F = function_address("f")
G = function_address("g")

OURS = make_archive({MANIFEST: b'{"function": "f"}'})


class Sources:
    """A reader with nothing but sources. Notes what is downloaded."""

    def __init__(self, **sources: bytes) -> None:
        self.sources = sources
        self.downloads: list[str] = []

    def source_of(self, function: str, deployment: str) -> bytes:
        self.downloads.append(deployment)
        if deployment not in self.sources:
            raise NotFoundError("gone", code=404)
        return self.sources[deployment]


def archives(reader: Sources, file: Path | None = None) -> Archives:
    return Archives(reader, file)  # type: ignore[arg-type]


def test_a_source_is_downloaded_once() -> None:
    reader = Sources(a=OURS)
    known = archives(reader)
    assert known.origin(F, "a") == known.origin(F, "a") != Origin()
    assert reader.downloads == ["a"]


def test_it_is_ours_only_for_the_function_that_it_was_made_for() -> None:
    known = archives(Sources(a=OURS, b=make_archive({"x": b""})))
    assert [known.is_ours(F, "a"), known.is_ours(G, "a"), known.is_ours(F, "b")] == [True, False, False]


def test_what_is_not_there_is_asked_for_again_for_the_upload_may_end() -> None:
    reader = Sources()
    known = archives(reader)
    assert known.origin(F, "a") == Origin()
    reader.sources["a"] = OURS
    assert known.is_ours(F, "a")


def test_a_source_that_is_half_there_is_asked_for_again() -> None:
    reader = Sources(a=OURS[:-9])
    known = archives(reader)
    assert known.origin(F, "a") == Origin()
    reader.sources["a"] = OURS
    assert known.is_ours(F, "a")


def test_a_server_that_fails_is_not_taken_for_one_without_sources() -> None:
    reader = Sources()

    def failing(function: str, deployment: str) -> bytes:
        raise ServerFaultError("oops", code=500)

    reader.source_of = failing  # type: ignore[method-assign]
    with pytest.raises(ServerFaultError):
        archives(reader).origin(F, "a")


def test_several_are_read_and_saved_together(tmp_path: Path) -> None:
    reader = Sources(a=OURS, b=OURS)
    known = archives(reader, tmp_path / "cache" / "archives.json")
    known.prefetch([(F, "a"), (F, "b"), (F, "missing")])
    assert sorted(reader.downloads) == ["a", "b", "missing"]
    assert known.is_ours(F, "a")
    assert known.is_ours(F, "b")
    assert len(reader.downloads) == 3


def test_the_next_run_remembers(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "archives.json"
    archives(Sources(a=OURS), file).origin(F, "a")
    later = Sources()
    assert archives(later, file).is_ours(F, "a")
    assert later.downloads == []


def test_an_upload_of_our_own_need_not_be_downloaded() -> None:
    reader = Sources()
    known = archives(reader)
    known.remember("a", Origin("digest", F))
    assert known.is_ours(F, "a")
    assert reader.downloads == []


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"format": 1, "archives": {"a": ["x", "f"]}}', '{"format": 2, "archives": {"a": "x"}}', "{}"],
)
def test_a_cache_that_is_damaged_is_made_again(tmp_path: Path, content: str) -> None:
    file = tmp_path / "archives.json"
    file.write_text(content, encoding="utf-8")
    assert archives(Sources(a=OURS), file).is_ours(F, "a")
    stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert stored["archives"]["a"][1] == "function.f"


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    assert archives(Sources(a=OURS), tmp_path / "cache" / "archives.json").is_ours(F, "a")
