"""Files of Appwrite's command line: encodings, what is no JSON, and what they include."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.errors import IacError
from raceday_iac.importing.document import Document, read_document

TEXT = '{"projectId": "π", "functions": []}'


def written(folder: Path, content: bytes | str | Any, name: str = "appwrite.config.json") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, bytes | str) else json.dumps(content)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def document(folder: Path, content: bytes | str | Any) -> Document:
    return read_document(written(folder, content))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le+", "utf-16-be+", "utf-32"])
def test_every_encoding_with_a_mark_is_read(tmp_path: Path, encoding: str) -> None:
    name = encoding.removesuffix("+")
    mark = "\ufeff" if encoding.endswith("+") else ""
    assert document(tmp_path, (mark + TEXT).encode(name)).content == json.loads(TEXT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{\n"functions": [\n{,\n', r"json:3: is not valid JSON: expecting property name .* \(column 2\)"),
        ("", r"json:1: is not valid JSON: the file is empty"),
        (" \n", r"the file is empty"),
        ('{"a": 1}\n}', r"json:2: is not valid JSON: extra data"),
        ('{"a": "NaN",\n"b": [NaN]}', r"json:2: is not valid JSON: NaN is not a value"),
        ('{"a": "\\"Infinity",\n\n"b": -Infinity}', r"json:3: is not valid JSON: -Infinity is not a value"),
        ('{\n"a": ' + "9" * 4301 + "}", r"json:2: is not usable: a number has more than 4,300 digits"),
        ("[" * 200_000, r"json: is nested too deeply"),
        ('{"a": ' * 200_000, r"json: is nested too deeply"),
        (b'{"a":\n"\xff"}', r"json:2: is not text in UTF-8"),
        (b"\xff\xfe{", r"is not text in UTF-16"),
        ("[]", r"json: does not hold a JSON object"),
        ('"text"', r"does not hold a JSON object"),
        ('{"includes": []}', r"its includes are not an object"),
        ('{"includes": {"functions": 5}}', r"the include of functions is not a path"),
        ('{"includes": {"functions": " "}}', r"the include of functions is not a path"),
        (
            '{"includes": {"functions": "../f.json"}}',
            r"includes '../f.json' for functions, which is not in the same folder",
        ),
        ('{"includes": {"functions": "a/..\\\\..\\\\f.json"}}', r"which is not in the same folder"),
        ('{"includes": {"functions": "/etc/f.json"}}', r"which is not in the same folder"),
        ('{"includes": {"functions": "https://a.nz/f.json"}}', r"which is not in the same folder"),
        ('{"functions": [], "includes": {"functions": "f.json"}}', r"functions is in it, and in its includes too"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, content: bytes | str, message: str) -> None:
    with pytest.raises(IacError, match=message):
        document(tmp_path, content)


def test_a_number_of_4300_digits_is_read(tmp_path: Path) -> None:
    assert document(tmp_path, '{"a": ' + "9" * 4300 + "}").content["a"] > 0


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    with pytest.raises(IacError, match="cannot be read: Is a directory"):
        read_document(tmp_path)
    with pytest.raises(IacError, match="cannot be read: No such file"):
        read_document(tmp_path / "none.json")


def test_included_files_are_read_in_their_places(tmp_path: Path) -> None:
    functions = [{"$id": "a", "path": "../functions/a"}, {"$id": "b", "path": "/abs"}, {"$id": "c"}, 5]
    written(tmp_path, functions, "appwrite/functions.json")
    written(tmp_path, "\ufeff[]", "appwrite/tables.json")
    includes = {"functions": "./appwrite/functions.json", "tables": "appwrite\\tables.json"}
    found = document(tmp_path, {"projectId": "p", "includes": includes})
    paths = [{**functions[0], "path": "functions/a"}, *functions[1:]]  # type: ignore[dict-item]
    assert found == Document({"projectId": "p", "functions": paths, "tables": []})


def test_an_included_file_that_is_missing_is_named(tmp_path: Path) -> None:
    found = document(tmp_path, {"includes": {"functions": "f.json"}})
    assert found.content == {"functions": []}
    assert [each.subject for each in found.remarks] == ["functions"]
    assert f"{tmp_path / 'f.json'} does not exist" in found.remarks[0].message


@pytest.mark.parametrize("content", ['{"$id": "a"}', "null"])
def test_an_included_file_that_is_no_list_is_refused(tmp_path: Path, content: str) -> None:
    written(tmp_path, content, "f.json")
    with pytest.raises(IacError, match=r"f\.json: is included, but does not contain a list"):
        document(tmp_path, {"includes": {"functions": "f.json"}})


def test_an_include_may_not_lead_out_through_a_link(tmp_path: Path) -> None:
    written(tmp_path, "[]", "elsewhere/f.json")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "f.json").symlink_to(tmp_path / "elsewhere" / "f.json")
    file = written(tmp_path, {"includes": {"functions": "f.json"}}, "here/appwrite.json")
    with pytest.raises(IacError, match="is not in the same folder"):
        read_document(file)


def test_what_stands_twice_in_an_object_is_reported(tmp_path: Path) -> None:
    found = document(tmp_path, '{"functions": [1], "functions": [2], "a": 1, "a": 1}')
    assert found.content["functions"] == [2]
    assert [each.message for each in found.remarks] == ["an object holds 'functions' twice; the last one counts"]
