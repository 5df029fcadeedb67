"""Whose an archive is, by what is in it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from raceday_iac.model.address import function_address
from raceday_iac.packaging.bundle import MANIFEST, Origin, digest_of_files, make_archive, origin_of_archive

F = function_address("f")


def archive(manifest: Any) -> bytes:
    content = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return make_archive({"main.py": b"x = 1\n", MANIFEST: content})


def test_an_archive_of_ours_says_its_function() -> None:
    files = {"main.py": b"x = 1\n", MANIFEST: b'{"function": "f"}'}
    assert origin_of_archive(make_archive(files)) == Origin(digest_of_files(files), F)


@pytest.mark.parametrize(
    "manifest",
    [{}, {"function": 1}, [], "f", b"\xff", b"{", {"function": "f", "padding": "x" * 100_001}],
    ids=["empty", "a number", "a list", "a text", "no text", "cut", "far too large"],
)
def test_a_file_that_only_has_the_name_of_our_manifest_proves_nothing(manifest: Any) -> None:
    found = origin_of_archive(archive(manifest))
    assert found.digest
    assert found.owner is None


def test_an_archive_of_somebody_else_has_a_digest_only() -> None:
    files = {"main.js": b"1"}
    assert origin_of_archive(make_archive(files)) == Origin(digest_of_files(files))


@pytest.mark.parametrize(
    "content", [b"", b"x", make_archive({"main.py": b"x" * 5000})[:-20]], ids=["empty", "no gzip", "cut"]
)
def test_what_is_no_whole_archive_says_nothing(content: bytes) -> None:
    assert origin_of_archive(content) == Origin()


def test_a_zipped_file_that_is_no_tar_has_a_digest_only() -> None:
    assert origin_of_archive(gzip.compress(b"hello")).owner is None
