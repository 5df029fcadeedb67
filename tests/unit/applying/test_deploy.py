"""Build aside, wait, then switch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying.deploy import Before, Deploying
from raceday_iac.errors import BuildError, NotFoundError
from raceday_iac.model.address import function_address
from raceday_iac.model.resource import CodeSource, Live, frozen
from raceday_iac.packaging import Bundle
from raceday_iac.packaging.bundle import MANIFEST, digest_of_files, make_archive
from raceday_iac.provider.protocol import Deployment
from raceday_iac.refresh.deployments import Archives
from raceday_iac.state.document import Entry

from ..fake_appwrite import FakeAppwrite

F = function_address("f")

NOTHING = Before()
FILES = {"main.py": b"def main(context): ...\n"}


def bundle(files: dict[str, bytes] = FILES) -> Bundle:
    source = CodeSource(F, Path("/nowhere"), {"entrypoint": "main.py", "commands": "make"})
    return Bundle(source, files, digest_of_files(files))


@pytest.fixture
def server() -> FakeAppwrite:
    at = function_address("f")
    return FakeAppwrite({at: Live(at, frozen({}))})


def deploying(server: FakeAppwrite, notes: list[str], before: Before = NOTHING, of: Bundle | None = None) -> Deploying:
    """Notes and warnings are collected; ids of uploads are noted as `begun ID`."""
    return Deploying(
        server,
        Archives(server),
        of or bundle(),
        before,
        notes.append,
        lambda text: notes.append(f"! {text}"),
        lambda deployment: notes.append(f"begun {deployment}"),
        sleep=lambda _seconds: None,
    )


def run(server: FakeAppwrite, before: Before = NOTHING, of: Bundle | None = None) -> tuple[Entry, list[str], Any]:
    """The first entry, which is saved before anything is deleted; notes; pauses."""
    notes: list[str] = []
    yielded = list(deploying(server, notes, before, of).run())
    entries = [each for each in yielded if isinstance(each, Entry)]
    return entries[0], notes, [each for each in yielded if not isinstance(each, Entry)]


def test_code_is_uploaded_built_and_only_then_activated(server: FakeAppwrite) -> None:
    entry, notes, _ = run(server)
    assert server.log == ["upload f", "activate f"]
    assert notes == [
        f"uploading {len(make_archive(FILES))} bytes",
        "begun build-1",
        "build waiting",
        "build building",
        "activating",
    ]
    assert entry.fields == {"digest": bundle().digest}
    assert entry.remote_id == "build-1"


def test_the_entry_remembers_what_was_active_before_newest_first(server: FakeAppwrite) -> None:
    assert run(server, Before("old", ("old", "older")))[0].deployments == ("build-1", "old", "older")


def test_what_it_replaced_is_the_next_to_go_back_to_whoever_made_it(server: FakeAppwrite) -> None:
    assert run(server, Before("by-hand", ("ours",)))[0].deployments == ("build-1", "by-hand", "ours")


def test_it_waits_between_looks_a_little_longer_each_time(server: FakeAppwrite) -> None:
    server.build_statuses = (*["building"] * 30, "ready")
    pauses = run(server)[2]
    assert pauses == sorted(pauses)
    assert len(pauses) == 30
    assert max(pauses) == 3.0


def test_the_upload_of_an_interrupted_run_is_used_again(server: FakeAppwrite) -> None:
    server.upload(F, make_archive(FILES), {})
    entry, notes, _ = run(server)
    assert server.log == ["upload f", "activate f"]
    assert notes[0] == "found the upload of an earlier run"
    assert entry.remote_id == "build-1"


def test_an_upload_of_other_code_is_not_used(server: FakeAppwrite) -> None:
    server.upload(F, make_archive({"main.py": b"def main(context): pass\n"}), {})
    assert run(server)[0].remote_id == "build-2"


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_an_upload_whose_build_failed_is_not_used(server: FakeAppwrite, status: str) -> None:
    made = make_archive(FILES)
    server.archives["broken"] = made
    server.builds["f"] = [Deployment("broken", status, len(made))]
    assert run(server)[0].remote_id != "broken"


@pytest.mark.parametrize(
    ("before", "live"),
    [(Before("old"), "The previous deployment is still active."), (NOTHING, "It has no active deployment yet.")],
)
@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_failed_build_activates_nothing_and_shows_the_end_of_its_log(
    server: FakeAppwrite, status: str, before: Before, live: str
) -> None:
    server.build_statuses = ("building", status)
    with pytest.raises(BuildError, match=f"The build of function.f ended {status}") as caught:
        run(server, before)
    assert live in caught.value.message
    assert "line 1" in caught.value.message
    assert caught.value.hint == "read the whole log with: raceday-iac logs f --build build-1"
    assert "activate f" not in server.log


def test_a_build_without_any_sign_of_life_is_given_up(server: FakeAppwrite) -> None:
    def silent(function: str, deployment: str) -> Deployment:
        return Deployment(deployment, "waiting")

    server.deployment = silent  # type: ignore[method-assign]
    waited: list[Any] = []
    with pytest.raises(BuildError, match=r"has not moved for 60\d s \(status waiting\)"):
        waited.extend(deploying(server, []).run())
    assert 600 <= sum(waited) < 605
    assert "activate f" not in server.log


def test_a_build_that_goes_on_logging_is_waited_for(server: FakeAppwrite) -> None:
    server.build_statuses = (*["building"] * 1000, "ready")

    def growing(function: str, deployment: str, looks: list[int] = []) -> Deployment:  # noqa: B006
        looks.append(1)
        return Deployment(deployment, "ready" if len(looks) > 1000 else "building", log="x" * len(looks))

    server.deployment = growing  # type: ignore[method-assign]
    assert sum(run(server)[2]) > 600


def test_a_bundle_that_is_too_large_is_refused_before_anything_is_sent(
    server: FakeAppwrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raceday_iac.packaging.bundle.DEPLOYMENT_BYTES", 10)
    with pytest.raises(BuildError, match=r"The bundle of function.f has \d+ bytes, but Appwrite accepts 10;"):
        run(server)
    assert server.log == []


def test_a_build_that_is_given_up_goes_on_and_says_how_to_end_it(server: FakeAppwrite) -> None:
    server.build_statuses = ("building",)
    server.deployment = lambda function, deployment: Deployment(deployment, "building")  # type: ignore[method-assign]
    with pytest.raises(BuildError, match="It was not canceled") as caught:
        run(server)
    assert "raceday-iac logs f --build build-1" in caught.value.hint
    assert "raceday-iac deployments f --clean" in caught.value.hint
    assert not [each for each in server.log if each.startswith("cancel")]


def test_the_patience_for_a_build_is_that_of_its_environment(server: FakeAppwrite) -> None:
    server.build_statuses = ("building",)
    server.deployment = lambda function, deployment: Deployment(deployment, "building")  # type: ignore[method-assign]
    hasty = replace(bundle(), source=replace(bundle().source, patience=1.0))
    with pytest.raises(BuildError, match=r"has not moved for 1 s"):
        run(server, of=hasty)


def test_an_unfinished_upload_has_no_source_and_is_not_used(server: FakeAppwrite) -> None:
    def gone(function: str, deployment: str) -> bytes:
        raise NotFoundError("not whole", code=404)

    server.source_of = gone  # type: ignore[method-assign]
    server.builds["f"] = [Deployment("cut", "waiting", len(make_archive(FILES)))]
    server.archives["cut"] = b""
    assert run(server)[0].remote_id == "build-2"


def test_what_is_to_be_made_again_is_uploaded_although_it_is_there(server: FakeAppwrite) -> None:
    server.upload(F, make_archive(FILES), {})
    assert run(server, Before(upload_again=True))[0].remote_id == "build-2"


def test_nothing_is_deleted_before_the_new_deployment_is_saved(server: FakeAppwrite) -> None:
    """The entry comes first; only when it was taken does the work go on."""
    for number in range(4):
        server.upload(F, make_archive({MANIFEST: b'{"function": "f"}', "n": b"%d" % number}), {})
    server.builds["f"] = [replace(each, status="ready") for each in server.builds["f"]]
    line = ("build-4", "build-3", "build-2", "build-1")
    steps = deploying(server, [], Before("build-4", line), bundle()).run()
    first = next(each for each in steps if isinstance(each, Entry))
    assert not [each for each in server.log if each.startswith("delete")]
    (second,) = [each for each in steps if isinstance(each, Entry)]
    assert server.log[-1] == "delete deployment.f build-1"
    assert first.deployments == ("build-5", *line)
    assert second.deployments == ("build-5", *line[:3])
