from __future__ import annotations

import pytest

from raceday_iac.raceday.cleanup.package_file import Started, functions_named, started_by


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("node scripts/deploy.js daily-races", Started(("daily-races",), ("scripts/deploy.js",))),
        ("node --env-file=.env ./scripts/run-function.js x --async", Started(("x",), ("scripts/run-function.js",))),
        ("FOO=1 node scripts/login.js someone", Started((), ("scripts/login.js",))),
        ("npm run a && npm run -s b; yarn run c", Started((), (), ("a", "b", "c"))),
        ("npm run a&&npm run b", Started((), (), ("a", "b"))),
        ("appwrite push function --function-id a --force", Started(("a",))),
        ("appwrite push function --function-id=a", Started(("a",))),
        ("npm install -g appwrite-cli", Started()),
        ("dotenv -e .env -- node scripts/deploy.js x", Started(("x",), ("scripts/deploy.js",))),
        ("npx appwrite push function --function-id a", Started(("a",))),
        ("echo 'node scripts/deploy.js x'", Started()),
        ("echo 'not closed", Started()),
        ("", Started()),
    ],
)
def test_what_a_command_starts(command: str, expected: Started) -> None:
    assert started_by(command) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("node scripts/deploy.js daily-races", ["daily-races"]),
        ("run: node server/scripts/deploy.js x.", ["x"]),
        ("node scripts/deploy.js <function>", []),
        ("node scripts/deploy.js FUNCTION", []),
        ("scripts/deploy.js deploys a function", []),
        ("node scripts/undeploy.js x", []),
    ],
)
def test_functions_are_named_only_by_whole_commands(line: str, expected: list[str]) -> None:
    assert [name for _, name in functions_named(line)] == expected
