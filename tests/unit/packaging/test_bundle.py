"""What is deployed: the same bytes from the same sources, and another digest for anything that matters."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import raceday_iac
from raceday_iac.errors import BuildError, StackError
from raceday_iac.model.address import function_address
from raceday_iac.model.stack import Stack
from raceday_iac.packaging import Bundle, pack_all, with_deployments
from raceday_iac.packaging.bundle import MANIFEST, RULES, schema_document, vendored_modules

from ..declaring import LOCK, address, collection, database, function, resolved

F = function_address("f")

Change = Callable[[Path], Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with the code of one function, and shared code."""
    write(tmp_path, "functions/f/src/main.py", "def main(context): ...\n")
    write(tmp_path, "functions/f/requirements.txt", "httpx\n")
    write(tmp_path, "functions/_shared/lock.py", "LOCK = 1\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def stack(*, size: int = 10, **settings: Any) -> Stack:
    made = Stack("test", lock_store=("d", "locks"))
    base = database(made)
    base.collection("locks", name="Locks").string("owner", size)
    function(made, entrypoint="src/main.py", code="functions/f", **{"lock": LOCK, "schema": "d", **settings})
    return made


def bundle(root: Path, **settings: Any) -> Bundle:
    return pack_all(resolved(stack(**settings), root=root))[F]


# Contents.


def test_a_bundle_holds_own_code_shared_code_and_what_is_derived_from_the_stack(root: Path) -> None:
    assert set(bundle(root).files) == {
        "src/main.py",
        "requirements.txt",
        "src/vendor/lock.py",
        "src/lock.json",
        "src/schema.json",
        MANIFEST,
    }


@pytest.mark.parametrize("name", RULES)
def test_the_rules_of_a_schema_come_from_this_package_as_they_are(root: Path, name: str) -> None:
    write(root, "functions/f/src/work.py", "from .vendor.kinds.schema_rules import same\n")
    header, _, rest = bundle(root).files[f"src/vendor/{name}"].decode().partition("\n")
    assert header.startswith(f"# Copied from raceday_iac/{name}, version ")
    assert rest == (Path(raceday_iac.__file__).parent / name).read_text()


def test_code_that_does_not_import_the_rules_of_schemas_gets_none(root: Path) -> None:
    write(root, "functions/f/src/work.py", "from .vendor.lock import LOCK\n")
    assert not {f"src/vendor/{name}" for name in RULES} & set(bundle(root).files)


def test_shared_code_names_its_source_and_version_and_is_otherwise_as_written(root: Path) -> None:
    header, _, rest = bundle(root).files["src/vendor/lock.py"].decode().partition("\n")
    assert header.startswith("# Copied from functions/_shared/lock.py, version ")
    assert header.endswith("Do not edit.")
    assert rest == "LOCK = 1\n"


def test_lock_numbers_come_from_the_stack(root: Path) -> None:
    assert json.loads(bundle(root).files["src/lock.json"]) == {
        "function": "f",
        "lockId": "f-lock",
        "databaseId": "d",
        "collectionId": "locks",
        "staleAfterSeconds": 20,
        "heartbeatSeconds": 10,
        "expirySeconds": 30,
        "checkTargetMs": None,
    }


def test_without_a_lock_or_a_schema_there_are_no_such_files(root: Path) -> None:
    files = set(bundle(root, lock=None, schema="").files)
    assert not files & {"src/lock.json", "src/schema.json"}


def test_an_entrypoint_at_the_top_has_its_shared_code_beside_it(root: Path) -> None:
    write(root, "functions/f/main.py", "")
    made = stack()
    made.declarations.pop()
    function(made, entrypoint="main.py", code="functions/f", lock=LOCK)
    files = pack_all(resolved(made, root=root))[F].files
    assert {"vendor/lock.py", "lock.json"} <= set(files)


@pytest.mark.parametrize(
    "ignored",
    [
        "__pycache__/main.cpython-311.pyc",
        "src/__pycache__/x.txt",
        ".venv/lib/x.py",
        "node_modules/a/index.js",
        ".git/config",
        ".mypy_cache/x.json",
        ".pytest_cache/x",
        "src/old.pyc",
        "src/.main.py.swp",
        ".DS_Store",
    ],
)
def test_what_is_made_by_tools_is_left_out(root: Path, ignored: str) -> None:
    before = bundle(root)
    write(root, f"functions/f/{ignored}", "x")
    assert bundle(root).digest == before.digest


@pytest.mark.parametrize("kept", ["src/pycache.py", "node_modules.txt", "src/data/tracks.json", ".pythonrc"])
def test_what_only_looks_like_it_is_kept(root: Path, kept: str) -> None:
    write(root, f"functions/f/{kept}", "x")
    assert kept in bundle(root).files


# The same bytes.


def test_packing_twice_gives_the_same_bytes(root: Path) -> None:
    assert bundle(root).archive() == bundle(root).archive()


def test_packing_in_another_folder_gives_the_same_bytes(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("elsewhere") / "deep" / "project"
    shutil.copytree(root, other)
    assert bundle(other).archive() == bundle(root).archive()


def test_times_of_files_and_who_may_read_them_do_not_matter(root: Path) -> None:
    before = bundle(root).archive()
    for path in (root / "functions").rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert bundle(root).archive() == before


def test_a_shared_module_is_no_program_whatever_its_mode(root: Path) -> None:
    before = bundle(root).archive()
    (root / "functions/_shared/lock.py").chmod(0o755)
    assert bundle(root).archive() == before


def test_without_programs_the_digest_is_what_it_was_before_modes_were_kept(root: Path) -> None:
    """Equal code that is live is not deployed again because of a newer version of this tool."""
    (root / "functions/f/src/main.py").write_text("def main(context): ...\n")
    assert bundle(root, schema="").digest == "bc772afda2dd43ec60f3c9f7f123c5e0323fc3c8eb31162cf417ae159e7e4012"


# Another digest.

CHANGES: dict[str, Change] = {
    "own code": lambda root: write(root, "functions/f/src/main.py", "def main(context): pass\n"),
    "a new file": lambda root: write(root, "functions/f/src/new.py", ""),
    "requirements": lambda root: write(root, "functions/f/requirements.txt", "httpx==1\n"),
    "shared code": lambda root: write(root, "functions/_shared/lock.py", "LOCK = 2\n"),
    "new shared code": lambda root: write(root, "functions/_shared/more.py", ""),
    "a program": lambda root: (root / "functions/f/src/main.py").chmod(0o755),
    "a file renamed": lambda root: (root / "functions/f/requirements.txt").rename(root / "functions/f/reqs.txt"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_a_file_is_new_code(root: Path, what: str) -> None:
    before = bundle(root).digest
    CHANGES[what](root)
    assert bundle(root).digest != before


@pytest.mark.parametrize(
    "settings",
    [
        {"commands": "make"},
        {"runtime": "python-3.11"},
        {"lock": LOCK.__class__("other-lock", stale_after=20, heartbeat=10, expiry=30)},
        {"lock": LOCK.__class__("f-lock", stale_after=20, heartbeat=11, expiry=30)},
        {"lock": None},
        {"schema": ""},
        {"size": 11},
    ],
    ids=str,
)
def test_a_change_of_what_a_build_or_the_code_depends_on_is_new_code(root: Path, settings: dict[str, Any]) -> None:
    assert bundle(root, **settings).digest != bundle(root).digest


@pytest.mark.parametrize(
    "settings", [{"timeout": 90}, {"schedule": "0 1 * * *"}, {"scopes": ["documents.read"]}, {"variables": {"K": "v"}}]
)
def test_a_change_of_configuration_is_no_new_code(root: Path, settings: dict[str, Any]) -> None:
    assert bundle(root, **settings).digest == bundle(root).digest


# Limits and schema.


def test_a_bundle_that_appwrite_would_not_take_is_a_problem_of_the_stack(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(bundle(root).archive())
    monkeypatch.setattr("raceday_iac.packaging.bundle.DEPLOYMENT_BYTES", size)
    made = bundle(root)
    made.archive()
    monkeypatch.setattr("raceday_iac.packaging.bundle.DEPLOYMENT_BYTES", size - 1)
    assert complaint(root) == f"its bundle has {size:,} bytes, but Appwrite accepts {size - 1:,}; {_SMALLER}"
    with pytest.raises(BuildError, match=f"has {size:,} bytes"):
        made.archive()


_SMALLER = "leave out what it does not need at run time (ignore=)"


@pytest.mark.parametrize("over", [0, 1])
def test_what_cannot_be_compressed_is_measured_as_it_is_sent(
    root: Path, monkeypatch: pytest.MonkeyPatch, over: int
) -> None:
    """Gzip adds a little to it: what is just below the limit unpacked may be above it."""
    (root / "functions/f/blob").write_bytes(random.Random(1).randbytes(1_000_000))
    size = len(bundle(root).archive())
    assert size > 1_000_000
    monkeypatch.setattr("raceday_iac.packaging.bundle.DEPLOYMENT_BYTES", size - over)
    if over:
        assert f"has {size:,} bytes" in complaint(root)
    else:
        assert bundle(root).size_problem() == ""


def test_what_compresses_well_may_be_larger_unpacked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "functions/f/zeros").write_bytes(bytes(200_000))
    monkeypatch.setattr("raceday_iac.packaging.bundle.DEPLOYMENT_BYTES", 100_000)
    assert bundle(root).size_problem() == ""


# What packing adds.


def complaint(root: Path, **settings: Any) -> str:
    """The one thing that is wrong with the bundle."""
    with pytest.raises(StackError) as caught:
        bundle(root, **settings)
    (only,) = caught.value.problems
    assert only.subject == "function.f"
    assert only.location.line
    return only.message


@pytest.mark.parametrize("name", ["src/vendor/lock.py", "src/lock.json", "src/schema.json", MANIFEST])
def test_a_file_of_the_users_is_never_replaced_by_one_of_packings(root: Path, name: str) -> None:
    write(root, f"functions/f/{name}", "mine")
    assert complaint(root).startswith(
        f"{name} is a file of its code folder, but raceday-iac writes a file of its own to {name}"
    )


@pytest.mark.parametrize("name", ["src/vendor", "src/vendor/lock.py/x", "src/lock.json/x"])
def test_nor_does_one_stand_where_packing_needs_a_folder(root: Path, name: str) -> None:
    write(root, f"functions/f/{name}", "mine")
    assert complaint(root).startswith(f"{name} is a file of its code folder")


@pytest.mark.parametrize("name", ["vendor/lock.py", "lock.json", "src/vendor/other.py", "src/raceday-iac.json"])
def test_a_file_that_is_only_called_like_it_is_packed(root: Path, name: str) -> None:
    write(root, f"functions/f/{name}", "mine")
    assert bundle(root).files[name] == b"mine"


def test_a_file_of_the_users_may_be_left_out_instead(root: Path) -> None:
    write(root, "functions/f/src/lock.json", "mine")
    assert bundle(root, ignore=["lock.json"]).files["src/lock.json"] != b"mine"


def test_a_copy_that_an_earlier_version_of_packing_made_is_replaced(root: Path) -> None:
    (older,) = vendored_modules(root / "functions/_shared").values()
    write(root, "functions/_shared/lock.py", "LOCK = 2\n")
    wanted = bundle(root).digest
    write(root, "functions/f/src/vendor/lock.py", older.decode())
    assert bundle(root).digest == wanted
    write(root, "functions/f/src/vendor/lock.py", older.decode() + "# edited\n")
    assert "raceday-iac writes a file of its own to src/vendor/lock.py" in complaint(root)


def test_an_entrypoint_that_is_left_out_is_a_mistake_unless_commands_may_make_it(root: Path) -> None:
    write(root, "functions/f/.gitignore", "*.py\n")
    said = "entrypoint src/main.py is not in its bundle: ignored (by functions/f/.gitignore line 1); to include it: "
    assert complaint(root) == f"{said}include="
    assert "src/main.py" in bundle(root, include=["src/main.py"]).files
    assert "src/main.py" not in bundle(root, commands="make").files


def test_a_link_among_the_shared_modules_must_not_lead_out(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.py"
    outside.write_text("SECRET = 1\n")
    (root / "functions/_shared/x.py").symlink_to(outside)
    with pytest.raises(StackError, match=r"_shared/x\.py is a link that leads out of the project, to /"):
        bundle(root)
    outside.unlink()
    with pytest.raises(StackError, match=r"_shared/x\.py is a link to a file that does not exist"):
        bundle(root)


def test_what_was_left_out_is_reported_with_the_wanted_side(root: Path) -> None:
    write(root, "functions/f/.env", "KEY=1")
    desired = resolved(stack(), root=root)
    (only,) = with_deployments(desired, pack_all(desired)).left_out[F]
    assert (only.path, only.why) == (".env", "looks like a secret")


def test_each_bundle_is_wanted_as_a_deployment_of_its_function(root: Path) -> None:
    desired = resolved(stack(), root=root)
    found = with_deployments(desired, pack_all(desired)).resources[address("deployment.f")]
    assert found.depends_on == (address("function.f"),)
    assert found.fields == {"digest": bundle(root).digest}


def test_without_shared_code_nothing_is_vendored(tmp_path: Path) -> None:
    assert vendored_modules(tmp_path / "missing") == {}


def schema(*, size: int = 10, name: str = "N") -> dict[str, Any]:
    made = Stack("test")
    owner = collection(made, name=name)
    owner.string("a", size)
    owner.integer("n", default=0)
    owner.relationship("r", "c", type="oneToOne", two_way_key="back")
    owner.index("i", "a")
    return schema_document(resolved(made), "d")


def test_the_schema_document_states_everything_of_the_database() -> None:
    document = schema()
    assert document["formatVersion"] == 1
    assert document["database"] == {"id": "d", "name": "D", "enabled": True}
    (only,) = document["collections"]
    assert (only["id"], only["name"], only["permissions"], only["documentSecurity"]) == ("c", "N", [], False)
    assert [each["key"] for each in only["attributes"]] == ["a", "n"]
    assert only["relationships"][0]["relatedCollection"] == "c"
    assert only["indexes"] == [{"key": "i", "type": "key", "attributes": ["a"], "orders": ["ASC"], "lengths": [0]}]


def test_the_schema_document_leaves_out_settings_that_an_attribute_does_not_have_but_its_default() -> None:
    text, number = schema()["collections"][0]["attributes"]
    assert text == {
        "key": "a",
        "type": "string",
        "required": False,
        "default": None,
        "array": False,
        "size": 10,
        "encrypt": False,
    }
    assert number == {"key": "n", "type": "integer", "required": False, "default": 0, "array": False}


def test_the_schema_hash_changes_with_the_schema_and_only_then() -> None:
    assert schema()["schemaHash"] == schema()["schemaHash"]
    assert schema(size=11)["schemaHash"] != schema()["schemaHash"]
    assert schema(name="M")["schemaHash"] != schema()["schemaHash"]
