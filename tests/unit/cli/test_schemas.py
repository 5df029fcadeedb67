"""What commands print for programs is what the published schemas say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from raceday_iac.cli.main import execute
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.planning import saved
from raceday_iac.state import document as state_document
from raceday_iac.state.encryption import new_key

from ..docs.schemas import SCHEMAS, must_fit, schema

#: By schema, the command. They are typed one after the other, in an empty folder.
DIALOGUE = (
    ("init", "init --example shop"),
    ("error", "plan --env nowhere"),
    ("version", "version"),
    ("graph", "graph"),
    ("lint", "lint"),
    ("lint-explain", "lint --explain POL011"),
    ("schedule", "schedule --env prod"),
    ("plan", "plan --env prod"),
    ("plan", "plan --env prod --out saved.plan"),
    ("show", "show saved.plan"),
    ("export", "export --appwrite-json out.json"),
    ("plan", "plan --rehearse --env prod"),
    ("applied", "apply --env prod --auto-approve"),
    ("migration-list", "migration list --env prod"),
    ("migration-show", "migration show 0001-note --env prod"),
    ("applied", "migration undo 0001-note --auto-approve --env prod"),
    ("migration-mark", "migration mark 0001-note --env prod"),
    ("plan", "plan --env prod"),
    ("applied", "apply --env prod --auto-approve"),
    ("drift", "drift --env prod"),
    ("run", "run checkout --env prod"),
    ("logs", "logs checkout --env prod"),
    ("deployments", "deployments checkout --env prod"),
    ("logs-build", "logs checkout --build latest --env prod"),
    ("deployments", "deployments checkout --clean --auto-approve --env prod"),
    ("deployments-download", "deployments checkout --download code.tar.gz --env prod"),
    ("applied", "apply --replace deployment.checkout --auto-approve --env prod"),
    ("applied", "rollback checkout --auto-approve --env prod"),
    ("recover", "recover --dry-run --env prod"),
    ("recover", "recover --env prod"),
    ("vendor", "vendor checkout --env prod --out vendored"),
    ("import-found", "import --from-appwrite-json out.json"),
    ("import-write", "import --write live.py --env prod"),
    ("import", "import --all --env prod"),
    ("health", "health --env prod"),
    ("state-list", "state list --env prod"),
    ("state-show", "state show function.checkout --env prod"),
    ("state-history", "state history --env prod"),
    ("state-verify", "state verify --env prod"),
    ("state-lock-list", "state lock list --env prod"),
    ("state-lock-release", "state lock release --env prod"),
    ("state-pull", "state pull --env prod"),
    ("state-push", "state push state-pull.json --env prod"),
    ("state-mv", "state mv team.staff team.people --env prod"),
    ("state-rm", "state rm team.people --env prod"),
    ("state-history", "state history --env prod"),
    ("state-restore", "state restore OLDEST --env prod"),
    ("state-rebind", "state rebind --env prod"),
    ("state-keys-generate", "state keys --generate"),
    ("import", "import --all --env sealed"),
    ("compare", "compare prod sealed"),
    ("state-keys", "state keys --env sealed"),
    ("state-rekey", "state rekey --env sealed"),
    ("import", "import --from-tfstate terraform.tfstate --env prod"),
    ("import", "import --all --env prod"),
    ("server-status", "server status"),
    ("server-stop", "server stop"),
    ("server-load", "server load out.json"),
    ("server-reset", "server reset"),
    ("error", "apply --env prod --stack none.py"),
    ("plan", "plan --destroy --env prod"),
    ("backup-create", "backup create collection.shop/orders --env prod"),
    ("applied", "destroy --all --auto-approve --env prod"),
    ("backup-list", "backup list --env prod"),
    ("backup-show", "backup show latest --env prod"),
    ("backup-verify", "backup verify --env prod"),
    ("backup-extract", "backup extract latest kept --env prod"),
    ("restore", "restore latest --dry-run --env prod"),
    ("backup-delete", "backup delete latest --auto-approve --env prod"),
)
#: What needs a process of its own, documents, or a repository.
ELSEWHERE = {"server-start", "event", "restored", "console", "watch", "promote"}
#: Of documents that are files of their own.
FORMATS = {"show": saved.FORMAT, "state-pull": state_document.FORMAT}
#: An environment whose state is encrypted, and what Terraform might have.
FILES = {
    "stacks/environments/sealed.yaml": "endpoint: {endpoint}\nproject: shop\napi_key_env: SHOP_API_KEY\n"
    "state: {{backend: local, encryption: {{key_env: SEAL}}}}\n",
    "migrations/0001_note.py": "def run(data):\n    data.note('noted')\n\n\ndef undo(data):\n    pass\n",
    "terraform.tfstate": '{{"version": 4, "resources": []}}',
}


def oldest_serial(history: Path) -> str:
    """Of what was said to be in the history."""
    return str(json.loads(history.read_text(encoding="utf-8"))["history"][-1]["serial"]) if history.exists() else ""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], list[str]]]:
    """What was printed for each line of the dialogue."""
    folder, printed = tmp_path_factory.mktemp("shop"), {}
    with (
        start_server(tmp_path_factory.mktemp("server"), settings=Settings(scheduler=False), project="shop") as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.chdir(folder)
        for name, value in {"ENDPOINT": server.endpoint, "PROJECT_ID": "shop", "API_KEY": server.key}.items():
            patch.setenv(f"SHOP_{name}", value)
        patch.setenv("SEAL", new_key()[0].reveal())
        for number, (name, words) in enumerate(DIALOGUE):
            typed = words.replace("OLDEST", oldest_serial(folder / "state-history.json"))
            patch.setattr("sys.stdout", out := (folder / f"{name}.json").open("w+", encoding="utf-8"))
            execute([*typed.split(), "--json"])
            out.seek(0)
            printed[name, f"{number} {words}"] = out.read().splitlines()
            if name == "init":
                for file, text in FILES.items():
                    (folder / file).parent.mkdir(exist_ok=True)
                    (folder / file).write_text(text.format(endpoint=server.endpoint), encoding="utf-8")
                with (folder / "stacks" / "shop.py").open("a", encoding="utf-8") as stack:
                    stack.write('stack.migration("0001-note", "migrations/0001_note.py")\n')
        yield printed


def test_every_document_fits_its_schema(said: dict[tuple[str, str], list[str]]) -> None:
    for (name, words), lines in said.items():
        *events, last = lines if name == "applied" else ["\n".join(lines)]
        document = json.loads(last)
        must_fit(document, name)
        assert document["format"] == FORMATS.get(name, 1), words
        for line in events:
            must_fit(json.loads(line), "event")
    assert sum(len(lines) for (name, _), lines in said.items() if name == "applied") > 40


def test_every_schema_is_one_and_none_is_without_a_command() -> None:
    names = {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.schema.json")}
    assert names == {name for name, _ in DIALOGUE} | ELSEWHERE
    for name in names:
        jsonschema.Draft202012Validator.check_schema(schema(name))


def test_what_is_promoted_is_a_plan_that_says_where_from() -> None:
    plan, promotion = schema("plan"), schema("promote")
    assert promotion["properties"].pop("promoted")["required"] == ["from", "commit"]
    assert promotion["properties"] == plan["properties"]
    assert promotion["required"] == [*plan["required"], "promoted"]


def test_a_schema_refuses_what_it_does_not_know(said: dict[tuple[str, str], list[str]]) -> None:
    lines = next(lines for (name, _), lines in said.items() if name == "plan")
    document = json.loads("\n".join(lines))
    for broken in (
        {**document, "more": 1},
        {**document, "format": 2},
        {k: v for k, v in document.items() if k != "changes"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            must_fit(broken, "plan")
