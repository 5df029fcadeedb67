from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.packaging.bundle import digest_of_archive, digest_of_files, make_archive

NAMES = st.lists(
    st.text("abcä ._-", min_size=1, max_size=8).filter(lambda part: part.strip(".")), min_size=1, max_size=3
)
FILES = st.dictionaries(NAMES.map("/".join), st.binary(max_size=50), max_size=4)


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]


@given(FILES)
def test_what_is_packed_can_be_unpacked(files: dict[str, bytes]) -> None:
    assert unpacked(make_archive(files)) == files


@given(FILES)
def test_the_same_files_make_the_same_bytes_in_whatever_order_they_come(files: dict[str, bytes]) -> None:
    assert make_archive(dict(reversed(files.items()))) == make_archive(files)


@given(FILES)
def test_the_digest_of_an_archive_is_that_of_its_files(files: dict[str, bytes]) -> None:
    assert digest_of_archive(make_archive(files)) == digest_of_files(files)


@given(FILES, FILES)
def test_different_files_have_different_digests(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (digest_of_files(one) == digest_of_files(other)) == (one == other)


def test_the_digest_does_not_depend_on_how_well_it_was_compressed() -> None:
    archive = make_archive({"a": b"x" * 1000})
    again = gzip.compress(gzip.decompress(archive), compresslevel=1, mtime=12345)
    assert again != archive
    assert digest_of_archive(again) == digest_of_archive(archive)


@pytest.mark.parametrize(
    "foreign", [b"", b"PK\x03\x04 a zip", make_archive({"a": b"x" * 500})[:-20], b"\x1f\x8b broken"]
)
def test_what_is_no_whole_archive_has_no_digest(foreign: bytes) -> None:
    digest = digest_of_archive(foreign)
    assert digest in ("", digest_of_archive(b""))
    assert digest != digest_of_files({})


def test_nothing_of_this_machine_is_in_an_archive() -> None:
    with tarfile.open(fileobj=io.BytesIO(make_archive({"a/b": b"x"})), mode="r:gz") as tar:
        (entry,) = tar.getmembers()
    assert (entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, "", "")
    assert (entry.mode, entry.mtime) == (0o644, 315_532_800)


def written_by_tarfile(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), 315_532_800
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@given(FILES)
def test_it_is_what_tarfile_would_write(files: dict[str, bytes]) -> None:
    assert gzip.decompress(make_archive(files)) == written_by_tarfile(files)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 8703, 8704, 8705, 9728, 10240, 20000])
@pytest.mark.parametrize("name", ["a", "a" * 101, "a/" * 140 + "x"])
def test_every_block_is_filled_up_as_tarfile_does(name: str, size: int) -> None:
    files = {name: b"x" * size}
    assert gzip.decompress(make_archive(files)) == written_by_tarfile(files)


@pytest.mark.parametrize("name", ["a" * 101, "a" * 255, "a/" * 140 + "x"])
def test_long_names_are_packed(name: str) -> None:
    assert unpacked(make_archive({name: b"x"})) == {name: b"x"}
