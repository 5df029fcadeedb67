"""What `--help` says beside what the commands say of themselves: groups of commands, and examples of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: Headings, and the commands below them. What an extension adds stands below the last one.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Reconcile": ("init", "plan", "apply", "watch", "destroy", "drift", "compare", "promote", "import", "rollback"),
    "Inspect": ("show", "graph", "lint", "schedule", "export", "vendor"),
    "Operate": ("run", "logs", "deployments", "health", "recover", "console"),
    "Data": ("migration", "backup", "restore"),
    "State": ("state",),
    "Local server": ("server",),
    "This program": ("version",),
    "Extensions of the stack": (),
}
#: By command. Each is a line to type; a test reads them all.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "init": (
        "raceday-iac init --example shop",
        "raceday-iac init shop --endpoint https://cloud.appwrite.io/v1 --project my-shop --key-variable SHOP_API_KEY",
        "raceday-iac init shop --endpoint https://appwrite.example/v1 --project my-shop --from-live",
        "raceday-iac init --from-appwrite-json appwrite.json",
    ),
    "plan": (
        "raceday-iac plan",
        "raceday-iac plan --env prod --out release.plan",
        "raceday-iac plan --target function.checkout",
        "raceday-iac plan --rehearse",
        "raceday-iac plan --destroy",
    ),
    "apply": (
        "raceday-iac apply",
        "raceday-iac apply release.plan",
        "raceday-iac apply --env prod --auto-approve --allow-data-loss attribute.shop/orders/note=12",
    ),
    "watch": ("raceday-iac watch", "raceday-iac watch --env dev"),
    "show": ("raceday-iac show release.plan", "raceday-iac show release.plan --html plan.html"),
    "destroy": (
        "raceday-iac destroy checkout",
        "raceday-iac destroy collection.shop/orders",
        "raceday-iac destroy --all --env preview",
    ),
    "drift": ("raceday-iac drift --env prod", "raceday-iac drift --env prod --markdown drift.md"),
    "compare": (
        "raceday-iac compare staging prod",
        "raceday-iac compare prod release.plan",
        "raceday-iac compare prod --commit v1.4",
    ),
    "promote": (
        "raceday-iac promote staging prod --out release.plan",
        "raceday-iac promote dev staging --apply",
    ),
    "import": (
        "raceday-iac import --all",
        "raceday-iac import --write stacks/shop.py --env prod",
        "raceday-iac import function.checkout",
        "raceday-iac import --from-tfstate terraform.tfstate --env prod",
    ),
    "export": ("raceday-iac export --appwrite-json appwrite.json",),
    "graph": ("raceday-iac graph", "raceday-iac graph --format mermaid --all"),
    "run": ('raceday-iac run checkout --body \'{"product": "tea"}\'', "raceday-iac run daily-report --async"),
    "logs": ("raceday-iac logs checkout --limit 20", "raceday-iac logs checkout --build latest"),
    "vendor": ("raceday-iac vendor checkout --out build/checkout",),
    "rollback": ("raceday-iac rollback checkout --env prod",),
    "deployments": ("raceday-iac deployments checkout", "raceday-iac deployments checkout --clean"),
    "lint": (
        "raceday-iac lint",
        "raceday-iac lint --explain SCH001",
        "raceday-iac lint --from-appwrite-json appwrite.json",
    ),
    "schedule": ("raceday-iac schedule", "raceday-iac schedule daily-report --number 5"),
    "health": ("raceday-iac health --env prod", "raceday-iac health --env prod --watch"),
    "recover": ("raceday-iac recover --env prod --dry-run",),
    "migration list": ("raceday-iac migration list --env prod",),
    "migration show": ("raceday-iac migration show 0001-split-names",),
    "migration undo": ("raceday-iac migration undo 0001-split-names --env dev",),
    "migration mark": (
        "raceday-iac migration mark 0001-split-names --env prod",
        "raceday-iac migration mark 0001-split-names --not-run --env dev",
    ),
    "backup list": ("raceday-iac backup list --env prod",),
    "backup show": ("raceday-iac backup show latest",),
    "backup extract": ("raceday-iac backup extract latest kept",),
    "backup verify": ("raceday-iac backup verify",),
    "backup delete": ("raceday-iac backup delete 20261130T1345",),
    "backup create": ("raceday-iac backup create collection.shop/orders --env prod",),
    "restore": (
        "raceday-iac restore latest --dry-run",
        "raceday-iac restore latest --address collection.shop/orders",
        "raceday-iac restore 20261130T1345 --address attribute.shop/orders/note --into attribute.shop/orders/remark",
    ),
    "console": ("raceday-iac console", "raceday-iac console --env prod --port 8123"),
    "version": ("raceday-iac version --json",),
    "state list": ("raceday-iac state list --env prod",),
    "state show": ("raceday-iac state show function.checkout",),
    "state verify": ("raceday-iac state verify",),
    "state mv": ("raceday-iac state mv function.pay function.checkout",),
    "state rm": ("raceday-iac state rm function.checkout",),
    "state restore": ("raceday-iac state restore 41",),
    "state push": ("raceday-iac state push state.json",),
    "state rebind": ("raceday-iac state rebind --env prod",),
    "state history": ("raceday-iac state history",),
    "state pull": ("raceday-iac state pull --env prod",),
    "state keys": ("raceday-iac state keys --env prod",),
    "state rekey": ("raceday-iac state rekey --env prod",),
    "state lock list": ("raceday-iac state lock list --env prod",),
    "state lock release": ("raceday-iac state lock release --env prod",),
    "server start": ("raceday-iac server start", "raceday-iac server start --port 8080 --appwrite 1.8"),
    "server stop": ("raceday-iac server stop",),
    "server status": ("raceday-iac server status", 'eval "$(raceday-iac server status --env-vars)"'),
    "server reset": ("raceday-iac server reset",),
    "server load": ("raceday-iac server load appwrite.json",),
}


def with_examples(name: str, command: Any) -> None:
    """Let a command, or each in a group, end its help with examples."""
    below = getattr(command, "commands", {})
    for each, inner in below.items():
        with_examples(f"{name} {each}", inner)
    if name in EXAMPLES and not below:
        command.epilog = epilog(name)


def epilog(name: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[name])


def grouped(commands: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The commands with the first sentence of what is said of them, below their headings."""
    said = {name: first_sentence(text) for name, text in commands}
    placed = {name for names in GROUPS.values() for name in names}
    for heading, names in GROUPS.items():
        rows = [(name, said[name]) for name in names or [each for each in said if each not in placed] if name in said]
        if rows:
            yield heading, rows


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends one."""
    return re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0].removesuffix(".")
