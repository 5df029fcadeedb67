"""Which place is opened for which settings, and where its keys are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from raceday_iac.cli.options import Options
from raceday_iac.cli.workspace import Target, open_store
from raceday_iac.errors import IacError
from raceday_iac.loading.environment import Environment
from raceday_iac.model.secret import Secret
from raceday_iac.state import backends
from raceday_iac.state.backends import BACKENDS, backend_of
from raceday_iac.state.backends.appwrite import AppwriteSettings
from raceday_iac.state.backends.local import LocalSettings, LocalState
from raceday_iac.state.backends.remote import RemoteState
from raceday_iac.state.backends.s3 import S3Settings
from raceday_iac.state.encryption import Encryption, cipher_of, new_key
from raceday_iac.state.store import StateStore


def opened(folder: Path, state: Any, name: str = "prod", target: Any = None) -> StateStore:
    environment = Environment(name=name, endpoint="embedded", project="p", state=state)
    options = Options(env=name, stack=folder / "stacks" / "x.py")
    return open_store(environment, options, target or (lambda: pytest.fail("no target was needed")))


#: What the folder holds beside backends.
PARTS = {"__init__", "base", "remote"}


def test_every_file_that_is_a_backend_is_registered_under_its_name() -> None:
    found = {path.stem for path in Path(backends.__file__).parent.glob("*.py")} - PARTS
    assert found == set(BACKENDS)
    for name in BACKENDS:
        assert get_args(backend_of(name).settings.model_fields["backend"].annotation) == (name,)
        assert backend_of(name).title.startswith("State in ")


def test_files_are_kept_in_the_environments_folder(tmp_path: Path) -> None:
    store = opened(tmp_path, LocalSettings())
    assert isinstance(store, LocalState)
    assert store.where == str(tmp_path / "state" / "prod" / "state.json")


def test_opening_makes_nothing_and_asks_nobody(tmp_path: Path) -> None:
    for settings in (LocalSettings(), AppwriteSettings(backend="appwrite"), S3Settings(backend="s3", bucket="b")):
        opened(tmp_path, settings)
    assert list(tmp_path.iterdir()) == []


def test_state_in_appwrite_asks_for_the_target_when_it_is_first_read(tmp_path: Path) -> None:
    asked: list[str] = []

    def target() -> Target:
        asked.append("target")
        return Target("http://127.0.0.1:9/v1", "p", Secret("k"))

    store = opened(tmp_path, AppwriteSettings(backend="appwrite"), target=target)
    assert isinstance(store, RemoteState)
    assert store.where == "the collection raceday-iac-state/states of Appwrite"
    assert asked == []


def test_state_in_s3_says_where(tmp_path: Path) -> None:
    settings = S3Settings(backend="s3", bucket="b", prefix="/x/y/")
    assert opened(tmp_path, settings).where == "s3://b/x/y/prod"


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (S3Settings(backend="s3", bucket="b", access_key_env="UNSET_A", secret_key_env="UNSET_B"), "UNSET_A"),
        (LocalSettings(encryption=Encryption(key_env="UNSET_K")), "UNSET_K"),
    ],
)
def test_a_variable_that_is_not_set_is_named(tmp_path: Path, settings: Any, missing: str) -> None:
    with pytest.raises(IacError, match=f"The environment variable {missing} is empty. It must hold ") as caught:
        opened(tmp_path, settings)
    assert f"export {missing}=" in caught.value.hint


@pytest.mark.parametrize("name", ["of-more-than-twenty-five-letters", "a b", "_x"])
def test_a_name_that_cannot_be_part_of_an_id_is_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(IacError, match="cannot be part of one: at most 25"):
        opened(tmp_path, AppwriteSettings(backend="appwrite"), name=name)


def test_a_key_may_end_in_a_newline_and_a_previous_one_may_be_unset() -> None:
    key, public = new_key()
    variables = {"K": f"{key.reveal()}\n"}
    cipher = cipher_of(Encryption(key_env="K", previous_key_env="OLD"), variables)
    assert cipher is not None
    assert cipher.encrypt(b"x")["key"] == public


def test_without_encryption_nothing_is_encrypted() -> None:
    assert cipher_of(None) is None
