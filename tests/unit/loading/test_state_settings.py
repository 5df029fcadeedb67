"""The state's section of an environment file: what may stand there, and that no key ever does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from raceday_iac.errors import StackError
from raceday_iac.loading.environment import environment_file, load_environment
from raceday_iac.state.backends.appwrite import AppwriteSettings
from raceday_iac.state.backends.local import LocalSettings
from raceday_iac.state.backends.s3 import S3Settings

HEAD = "endpoint: https://appwrite.example.org/v1\nproject: raceday\n"


def load(folder: Path, section: str, **variables: str) -> Any:
    file = environment_file(folder / "stack.py", "test")
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{HEAD}{section}\n", encoding="utf-8")
    return load_environment(folder / "stack.py", "test", variables).state


def mistake(folder: Path, section: str, **variables: str) -> str:
    with pytest.raises(StackError) as caught:
        load(folder, section, **variables)
    (problem,) = caught.value.problems
    assert problem.location.line == 3
    return f"{problem.subject}: {problem.message}"


def test_without_a_section_state_is_kept_in_files(tmp_path: Path) -> None:
    assert load(tmp_path, "") == LocalSettings()


def test_files_may_be_named_too(tmp_path: Path) -> None:
    assert load(tmp_path, "state: {backend: local, keep: 3}") == LocalSettings(keep=3)


def test_state_in_appwrite_is_kept_in_the_target_unless_said_otherwise(tmp_path: Path) -> None:
    inside = load(tmp_path, "state: {backend: appwrite}")
    assert isinstance(inside, AppwriteSettings)
    assert inside.is_in_target
    assert (inside.database, inside.collection, inside.keep) == ("raceday-iac-state", "states", 20)
    own = "state: {backend: appwrite, endpoint: 'https://a.example.org/v1/', project: p, api_key_env: K}"
    outside = load(tmp_path, own)
    assert not outside.is_in_target
    assert outside.endpoint == "https://a.example.org/v1"


def test_everything_that_can_be_said_of_s3_is_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "state: {backend: s3, bucket: b, prefix: p/q, endpoint: 'http://127.0.0.1:9000', region: nz, "
        "access_key_env: A, secret_key_env: B, session_token_env: C, keep: 50, lock_expiry: 60, "
        "encryption: {key_env: K, previous_key_env: O, recipients: [age1x], rotate_after: 30}}",
    )
    assert isinstance(settings, S3Settings)
    assert (settings.bucket, settings.prefix, settings.region, settings.lock_expiry) == ("b", "p/q", "nz", 60)
    assert settings.encryption is not None
    assert (settings.encryption.key_env, settings.encryption.recipients) == ("K", ("age1x",))


def test_texts_may_come_from_variables(tmp_path: Path) -> None:
    section = "state: {backend: s3, bucket: 'state-${TEAM}', endpoint: '${S3}'}"
    settings = load(tmp_path, section, TEAM="one", S3="https://s3.example.org")
    assert (settings.bucket, settings.endpoint) == ("state-one", "https://s3.example.org")
    said = mistake(tmp_path, section, S3="https://s3.example.org")
    assert "state.bucket is taken from the environment variable TEAM, which is not set" in said


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{keep: 3}", "state: name its backend: local, appwrite or s3"),
        ("{backend: ftp}", "state: name its backend: local, appwrite or s3"),
        ("{backend: local, bucket: b}", "state.bucket: unknown setting"),
        ("{backend: local, keep: 0}", "state.keep: Input should be greater than or equal to 1"),
        ("{backend: s3, bucket: b, keep: 4}", "state.keep: Input should be greater than or equal to 5"),
        ("{backend: s3, bucket: b, lock_expiry: 5}", "state.lock_expiry: Input should be greater"),
        ("{backend: s3}", "state.bucket: is missing"),
        ("{backend: s3, bucket: b, endpoint: s3.example.org}", "state.endpoint: must be a URL: https://host"),
        ("{backend: s3, bucket: b, access_key_env: A}", "give access_key_env and secret_key_env together"),
        ("{backend: appwrite, project: p}", "give endpoint, project and api_key_env together"),
        ("{backend: appwrite, database: 'a b'}", "state.database: String should match pattern"),
        ("{backend: local, encryption: {}}", "state.encryption.key_env: is missing"),
        ("{backend: local, encryption: {key_env: ''}}", "state.encryption.key_env: String should have at least"),
        ("{backend: local, encryption: {key_env: K, key: K}}", "state.encryption.key: unknown setting"),
        ("here", "state: it must be"),
    ],
)
def test_mistakes_are_reported_with_the_setting(tmp_path: Path, section: str, said: str) -> None:
    assert said in mistake(tmp_path, f"state: {section}")


@pytest.mark.parametrize("setting", ["access_key_env", "secret_key_env", "session_token_env"])
def test_a_key_in_place_of_a_variables_name_is_refused_and_not_repeated(tmp_path: Path, setting: str) -> None:
    names = {"access_key_env": "A", "secret_key_env": "B", setting: "wJalrXUtnFEMI/K7MDENG+bPxRfiCY"}
    written = ", ".join(f"{name}: {value}" for name, value in names.items())
    said = mistake(tmp_path, f"state: {{backend: s3, bucket: b, {written}}}")
    assert f"state.{setting}: is the name of an environment variable, never the value itself" in said
    assert "wJalr" not in said
