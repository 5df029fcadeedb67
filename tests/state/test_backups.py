"""Where backups are kept: files of this machine, or objects beside a state in S3; encrypted or not."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.backup.manifest import Form, Manifest, Section, new_id
from raceday_iac.backup.storage import Backups, suffix_of
from raceday_iac.errors import DamagedError, IacError, StateError
from raceday_iac.model.address import collection_address
from raceday_iac.model.secret import Secret
from raceday_iac.state.backends import KeptFiles
from raceday_iac.state.backends.base import FolderFiles
from raceday_iac.state.backends.s3 import S3Files
from raceday_iac.state.document import Binding
from raceday_iac.state.encryption import AgeCipher, new_key

from .conftest import s3_backend

PLACE = collection_address("d", "c")
NOW = datetime(2026, 11, 30, 13, 45, tzinfo=UTC)
RECORDS = [{"id": f"d{number}", "data": {"text": "ü\u2028\x85\ud800" * number}} for number in range(20)]
RESOURCES = {"variable.f/KEY": {"value": "what nobody may read", "secret": False}}
KEY, OTHER = (new_key()[0] for _ in "ab")


@pytest.fixture(params=["folder", "s3", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> KeptFiles:
    if request.param == "folder":
        return FolderFiles(tmp_path / "backups")
    return S3Files(s3_backend(request.getfixturevalue(request.param))())


def made(backups: Backups, at: datetime = NOW) -> Manifest:
    """A backup with two parts."""
    manifest = Manifest(new_id(at), at.isoformat(), "apply", "e", Binding("x", "p", "s"), "plan", backups.key)
    suffix = suffix_of(backups.cipher)
    parts = [backups.put_part(f"{manifest.id}/{n}.{suffix}", RECORDS[n * 10 : n * 10 + 10]) for n in range(2)]
    manifest = replace(manifest, sections=(Section(PLACE, Form.DOCUMENTS, PLACE, parts=tuple(parts)),))
    backups.complete(manifest, RESOURCES)
    return manifest


@pytest.mark.parametrize("cipher", [None, AgeCipher(KEY)], ids=["plain", "encrypted"])
def test_what_is_kept_is_read_back(files: KeptFiles, cipher: AgeCipher | None) -> None:
    backups = Backups(files, cipher)
    manifest = made(backups)
    found = backups.find("latest")
    assert found == manifest
    assert [each for part in backups.records(found, found.sections[0]) for each in part] == RECORDS
    assert backups.resources(found) == RESOURCES
    assert list(backups.problems(found)) == []
    stored = b"".join(files.get(name) or b"" for name in files.names())
    assert (b"what nobody may read" in stored) is (cipher is None)


def test_without_the_key_the_head_can_be_read_and_nothing_else(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    manifest = made(Backups(files, AgeCipher(KEY)))
    for cipher, message in ((None, "names no key"), (AgeCipher(OTHER), "none of the given keys can decrypt it")):
        stranger = Backups(files, cipher)
        assert stranger.manifest(manifest.id).records == len(RECORDS)
        with pytest.raises(StateError, match=message):
            list(stranger.records(manifest, manifest.sections[0]))
        with pytest.raises(StateError):
            stranger.resources(manifest)
    assert list(Backups(files).problems(manifest)) == []
    old = Backups(files, AgeCipher(OTHER, [KEY]))
    assert old.resources(manifest) == RESOURCES


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda content: content[:-1], "was changed after it was written"),
        (lambda content: content[:20] + b"x" + content[21:], "was changed after it was written"),
        (None, "is missing"),
    ],
)
def test_a_part_that_is_damaged_or_gone_is_found(tmp_path: Path, harm: Any, said: str) -> None:
    files = FolderFiles(tmp_path)
    backups = Backups(files)
    manifest = made(backups)
    name = f"{manifest.id}/{manifest.sections[0].parts[1].name}"
    content = files.get(name) or b""
    files.remove([name]) if harm is None else files.put(name, harm(content))
    (problem,) = backups.problems(manifest)
    assert said in problem
    with pytest.raises(StateError, match=said):
        list(backups.records(manifest, manifest.sections[0]))


def test_a_manifest_that_is_no_manifest_is_reported(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    for text in (b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "id": 3}'):
        files.put("x/manifest.json", text)
        with pytest.raises(StateError, match=r"The (manifest of the )?backup x"):
            Backups(files).find("x")


def test_one_damaged_backup_hides_no_other(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    backups = Backups(files)
    whole, damaged = made(backups), made(backups, NOW + timedelta(hours=1))
    files.put(f"{damaged.id}/manifest.json", b'{"format": 1, "id"')
    found, problems = backups.readable(backups.ids())
    assert found == [whole]
    assert list(problems) == [damaged.id]
    assert "is damaged" in problems[damaged.id]
    assert backups.id_of("latest") == damaged.id
    with pytest.raises(DamagedError):
        backups.find("latest")


def test_what_is_whole_is_taken_out_of_a_damaged_backup(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    backups = Backups(files)
    manifest = made(backups)
    files.remove([f"{manifest.id}/{manifest.sections[0].parts[0].name}"])
    damaged: list[str] = []
    ((_, content),) = backups.extracted(manifest, damaged)
    assert content.count(b"\n") == 10
    (problem,) = damaged
    assert "is missing" in problem


def test_two_sections_of_one_collection_are_both_taken_out(tmp_path: Path) -> None:
    backups = Backups(FolderFiles(tmp_path))
    manifest = made(backups)
    section = manifest.sections[0]
    twice = replace(manifest, sections=(section, replace(section, parts=section.parts[1:])))
    written = dict(backups.extracted(twice, []))
    assert len(written) == 3
    assert sum(content.count(b"\n") for content in written.values()) == 30


def test_what_was_never_completed_is_no_backup(files: KeptFiles) -> None:
    backups = Backups(files)
    backups.put_part("20261130T000000.000Z-dead/1.jsonl.gz", RECORDS)
    assert (backups.ids(), backups.unfinished()) == ([], ["20261130T000000.000Z-dead"])
    manifest = made(backups)
    assert backups.ids() == [manifest.id]
    backups.prune(20, 90, NOW, spared=[manifest.id])
    assert (backups.ids(), backups.unfinished()) == ([manifest.id], [])


def test_those_that_are_too_many_or_too_old_go(files: KeptFiles) -> None:
    backups = Backups(files)
    ages = (100, 90.001, 89.999, 2, 1)
    names = [made(backups, NOW - timedelta(days=days)).id for days in ages]
    assert backups.prune(20, 90, NOW, spared=[names[0]]) == [names[1]]
    assert backups.prune(4, 90, NOW, spared=[]) == [names[0]]
    assert backups.prune(2, 90, NOW, spared=[]) == [names[2]]
    assert backups.ids() == names[3:]
    assert sorted({name.partition("/")[0] for name in files.names()}) == names[3:]


def test_a_backup_is_named_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    backups = Backups(FolderFiles(tmp_path))
    first, second = (made(backups, NOW + timedelta(hours=hours)).id for hours in (0, 1))
    assert backups.find(first[:11]).id == first
    assert backups.find("latest").id == second
    for name, said in (
        (first[:8], "is the beginning of 2 backup ids"),
        ("nothing", "There is no backup nothing"),
        ("", "is the beginning of 2 backup ids"),
    ):
        with pytest.raises(IacError, match=said):
            backups.find(name)


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    made(Backups(FolderFiles(tmp_path / "backups")))
    for each in (tmp_path / "backups").rglob("*"):
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600)


def test_a_bucket_that_refuses_is_reported(s3: Any) -> None:
    place = s3_backend(s3)().place
    files = S3Files(type(s3_backend(s3)())(replace(place, secret_key=Secret("wrong"))))
    with pytest.raises(StateError):
        files.put("a/b", b"c")


@pytest.mark.parametrize("before", [None, AgeCipher(OTHER)], ids=["plain", "another key"])
def test_a_backup_is_encrypted_again_for_the_key_in_use(files: KeptFiles, before: AgeCipher | None) -> None:
    old = Backups(files, before)
    manifest = made(old)
    files.put(f"{manifest.id}/001-00001.0a0a0a.jsonl.gz.age", b"left by a run that was killed")
    assert Backups(files, AgeCipher(KEY, [OTHER])).rekey(manifest)
    new = Backups(files, AgeCipher(KEY))
    found = new.find("latest")
    assert found.key == new.key != manifest.key
    assert [each for part in new.records(found, found.sections[0]) for each in part] == RECORDS
    assert new.resources(found) == RESOURCES
    assert list(new.problems(found)) == []
    with pytest.raises(StateError):
        old.resources(found)
    stored = [files.get(name) or b"" for name in files.names()]
    assert len(stored) == 3
    assert b"what nobody may read" not in b"".join(stored)
    assert not new.rekey(found)


def test_a_backup_is_encrypted_again_for_further_recipients(files: KeptFiles) -> None:
    manifest = made(Backups(files, AgeCipher(KEY)))
    other = AgeCipher(OTHER)
    wider = Backups(files, AgeCipher(KEY, recipients=[other.public]))
    assert wider.rekey(manifest)
    found = wider.find("latest")
    assert found.recipients == (other.public,)
    assert list(Backups(files, other).problems(found)) == []
    assert not wider.rekey(found)


def test_a_backup_that_no_key_opens_is_left_as_it_was(files: KeptFiles) -> None:
    old = Backups(files, AgeCipher(OTHER))
    manifest = made(old)
    with pytest.raises(StateError, match="none of the given keys can decrypt it"):
        Backups(files, AgeCipher(KEY)).rekey(manifest)
    assert old.find("latest") == manifest
    assert list(old.problems(manifest)) == []
