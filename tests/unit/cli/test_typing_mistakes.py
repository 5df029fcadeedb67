"""What is nearly right is reported with what it is near to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from raceday_iac.cli.importing import read_cli_version
from raceday_iac.cli.main import execute, report
from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.errors import EXIT_ERROR, EXIT_OK, IacError
from raceday_iac.loading.environment import is_api_address, likely_address


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start_server(tmp_path_factory.mktemp("server"), settings=Settings(scheduler=False), project="shop") as running:
        yield running


@pytest.fixture(scope="module")
def applied(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, applied to the environment `prod` of a real server."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SHOP_KEY", server.key)
        assert execute(["init", "--example", "shop"]) == EXIT_OK
        (folder / "stacks/environments/prod.yaml").write_text(
            f"endpoint: {server.endpoint}\nproject: shop\napi_key_env: SHOP_KEY\n"
            "overrides:\n  function.checkout: {timeout: 20}\n"
        )
        assert execute(["apply", "--auto-approve", "--env", "prod", "--target", "function.checkout"]) == EXIT_OK
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("plna", "Did you mean 'plan'?"),
        ("plan --targt x", "--target"),
        ("server strt", "Did you mean 'start'"),
        ("plan --env prd", "There is no environment 'prd' (did you mean 'prod'?)"),
        ("plan --stack stacks/shp.py", "There is no stack file stacks/shp.py (did you mean 'stacks/shop.py'?)"),
        ("plan --target functin.checkout", "unknown kind 'functin' (did you mean 'function'?)"),
        ("plan --env prod --target function.chekout", "(did you mean 'function.checkout'?)"),
        ("plan --env prod --replace collection.shop/order", "(did you mean 'collection.shop/orders'?)"),
        ("run chekout --env prod", "There is no function 'chekout' in this project (did you mean 'checkout'?)"),
        ("logs chekout --env prod", "There is no function 'chekout' in this project (did you mean 'checkout'?)"),
        ("deployments chekout --env prod", "There is no function 'chekout' in this project (did you mean 'checkout'?)"),
        ("deployments chekout --env prod --download x.gz", "There is no function 'chekout' in this project"),
        ("rollback chekout --env prod", "(did you mean 'checkout'?)"),
        ("destroy chekout --env prod", "(did you mean 'checkout'?)"),
        ("vendor chekout --env prod --out x", "(did you mean 'checkout'?)"),
        ("schedule chekout --env prod", "There is no function chekout (did you mean 'checkout'?)"),
        ("graph --env prod --format mermiad", "(did you mean 'mermaid'?)"),
    ],
)
def test_it_is_reported(
    applied: Path,
    server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    said: str,
) -> None:
    monkeypatch.chdir(applied)
    monkeypatch.setenv("SHOP_KEY", server.key)
    assert execute(words.split()) == EXIT_ERROR
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("function.checkout: {", "function.chekout: {", "(did you mean 'function.checkout'?)"),
        ("timeout: 20", "timout: 20", "'timout' cannot be overridden (did you mean 'timeout'?)"),
        ("project: shop", "projct: shop", "projct: unknown setting (did you mean 'project'?)"),
    ],
)
def test_so_it_is_in_an_environment(
    applied: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    said: str,
) -> None:
    monkeypatch.chdir(applied)
    text = (applied / "stacks/environments/prod.yaml").read_text()
    assert old in text
    (applied / "stacks/environments/typo.yaml").write_text(text.replace(old, new))
    assert execute(["graph", "--env", "typo"]) == EXIT_ERROR
    assert said in capsys.readouterr().err


def test_the_next_command_names_the_environment_again(
    applied: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(applied)
    monkeypatch.setenv("SHOP_KEY", server.key)
    execute(["run", "checkout", "--async", "--env", "prod"])
    said = capsys.readouterr().out.rstrip()
    assert "raceday-iac logs checkout --execution" in said
    assert said.endswith(" --env prod")


SECRET = """
from raceday_iac import FromEnvironment, Stack

stack = Stack("shop")
settings = dict(runtime="python-3.12", specification="s-0.5vcpu-512mb", timeout=9, entrypoint="main.py")
stack.function("pay", name="Pay", variables={"KEY": FromEnvironment("PAY_KEY")}, **settings)
"""


def test_who_only_looks_needs_no_secret_and_who_applies_does(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_KEY", server.key)
    monkeypatch.delenv("PAY_KEY", raising=False)
    assert (
        execute(["init", "pay", "--endpoint", server.endpoint, "--project", "shop", "--key-variable", "SHOP_KEY"]) == 0
    )
    (tmp_path / "stacks" / "pay.py").write_text(SECRET)
    monkeypatch.setenv("RACEDAY_IAC_ENV", "prod")
    for words in ("plan", "drift", "graph", "lint"):
        capsys.readouterr()
        assert execute(words.split()) != EXIT_ERROR, capsys.readouterr().err
        if words == "plan":
            assert "not compared, because the environment variable PAY_KEY is not set" in capsys.readouterr().out
    for words in ("apply --auto-approve", "plan --out x.plan"):
        assert execute(words.split()) == EXIT_ERROR
        assert "PAY_KEY, which is not set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("http://10.0.0.5:8080", "http://10.0.0.5:8080/v1"),
        ("https://cloud.appwrite.io/", "https://cloud.appwrite.io/v1"),
        ("htps://cloud.appwrite.io/v1", "https://cloud.appwrite.io/v1"),
        ("cloud.appwrite.io/v1", "https://cloud.appwrite.io/v1"),
        ("https://a b/v1", ""),
    ],
)
def test_an_address_that_cannot_be_one_is_answered_with_the_likely_one(typed: str, meant: str) -> None:
    assert not is_api_address(typed)
    assert likely_address(typed) == meant
    assert not meant or is_api_address(meant)


def test_an_error_goes_on_below_between_words_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    assert report(IacError("There is no environment of this name in this folder.", hint="see: raceday-iac plan")) == 1
    assert capsys.readouterr().err.splitlines() == [
        "Error: There is no environment of this",
        "    name in this folder.",
        "  → see: raceday-iac plan",
    ]


def test_init_over_a_project_offers_no_option_that_it_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["init", "--example", "shop"]) == 0
    assert execute(["init", "--example", "shop"]) == 1
    said = capsys.readouterr().err
    assert "exists already" in said
    assert "--force" not in said


@pytest.mark.parametrize(("typed", "version"), [("12", 12), ("25", 25), ("25.1.0", 25), ("v15.2", 15), (" 4 ", 4)])
def test_a_version_of_appwrites_command_line_is_taken_as_it_shows_itself(typed: str, version: int) -> None:
    assert read_cli_version(typed) == version


@pytest.mark.parametrize(
    ("typed", "said", "hint"),
    [
        ("26", "up to 25", "leave the option out"),
        ("26.0.0-rc.1", "up to 25", "leave the option out"),
        ("9999", "up to 25", "leave the option out"),
        ("3", "from 4 on", "from 4 to 25"),
        ("new", "'new' is not a version", "its first number is enough: --for-cli 25"),
        ("-1", "'-1' is not a version", "--for-cli 25"),
        ("", "'' is not a version", "--for-cli 25"),
    ],
)
def test_an_export_for_a_command_line_that_is_not_known_is_refused_in_words(
    typed: str,
    said: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["init", "--example", "shop"]) == EXIT_OK
    capsys.readouterr()
    assert execute(["export", "--appwrite-json", "--for-cli", typed, "appwrite.json"]) == EXIT_ERROR
    shown = capsys.readouterr().err
    assert said in shown
    assert hint in shown
    assert not Path("appwrite.json").exists()
