from __future__ import annotations

import pytest

from raceday_iac.raceday.cleanup.package_file import without_references
from raceday_iac.raceday.cleanup.tree import Names

GONE = Names(("race-data-poller", "batch-race-poller"), ("poller", "deploy:poller"), ("scripts/update-vars-only.js",))
KEPT = Names(("daily-races", "enhanced-race-poller"), ("races", "deploy:races"))
DEPLOYED = ("race-data-poller", "batch-race-poller", "daily-races", "enhanced-race-poller")


def cleaned(text: str) -> str:
    return without_references(text, GONE, KEPT, DEPLOYED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a();\n  console.log('npm run poller');\nb();\n", "a();\nb();\n"),
        ("a();\r\nconsole.log('npm run poller');\r\nb();\r\n", "a();\r\nb();\r\n"),
        ('if (x) {\n  // help\n  console.error("race-data-poller");\n}\n', "if (x) {\n  // help\n}\n"),
        ("console.log(`\nUse:\n  race-data-poller\n  daily-races\n`);\n", "console.log(`\nUse:\n  daily-races\n`);\n"),
        ("const a = ['daily-races', 'race-data-poller'];", "const a = ['daily-races'];"),
        ("f(['race-data-poller']);", "f([]);"),
        ('const a = [\n  "race-data-poller",\n  "daily-races",\n];', 'const a = [\n  "daily-races",\n];'),
        (
            "const all = ['daily-races', 'race-data-poller', 'batch-race-poller', 'enhanced-race-poller'];",
            "const all = ['daily-races', 'enhanced-race-poller', 'database-setup'];",
        ),
    ],
)
def test_help_and_lists_of_functions_lose_what_goes(before: str, after: str) -> None:
    assert cleaned(before) == after
    assert cleaned(after) == after


USAGE = "if (!target) {{\n{}  process.exit(1);\n}}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  console.log('Usage: npm run deploy:poller');\n", "  console.log('Usage: npm run deploy:races');\n"),
        ('  console.error("npm run poller");\n', '  console.error("npm run races");\n'),
        ("  console.log('race-data-poller ID');\n", "  console.log('daily-races ID');\n"),
        (
            "  // help\n  console.log('race-data-poller');\n  console.log('batch-race-poller');\n",
            "  // help\n  console.log('daily-races');\n",
        ),
        (
            "  console.log('node scripts/update-vars-only.js ID');\n",
            "  console.log('There is nothing to name here: update-vars-only.js is gone.');\n",
        ),
        ("  console.log(`\n  race-data-poller\n`);\n", "  console.log(`\n  daily-races\n`);\n"),
        ("  console.log('Usage:');\n  console.log('race-data-poller');\n", "  console.log('Usage:');\n"),
        ("  console.log('race-data-poller');\n  console.log('See below');\n", "  console.log('See below');\n"),
        (
            "  process.stderr.write('Usage');\n  console.log('poller: npm run poller');\n",
            "  process.stderr.write('Usage');\n",
        ),
    ],
)
def test_a_script_that_fails_keeps_a_word(before: str, after: str) -> None:
    assert cleaned(USAGE.format(before)) == USAGE.format(after)
    assert cleaned(USAGE.format(after)) == USAGE.format(after)


@pytest.mark.parametrize("ending", ["process.exit(0);", "process.exit();", "return;", ""])
def test_a_script_that_ends_well_needs_none(ending: str) -> None:
    assert cleaned(f"if (x) {{\n  console.log('race-data-poller');\n  {ending}\n}}\n") == f"if (x) {{\n  {ending}\n}}\n"


@pytest.mark.parametrize("ending", ["process.exit(code);", "process.exit( 2 )", "process.exitCode = 1;"])
def test_any_failure_is_one(ending: str) -> None:
    assert "daily-races" in cleaned(f"if (x) {{\n  console.log('race-data-poller');\n  {ending}\n}}\n")


def test_without_any_other_name_the_text_says_that_it_is_gone() -> None:
    text = "console.log('race-data-poller');\nprocess.exit(1);\n"
    kept = without_references(text, GONE, Names(), DEPLOYED)
    assert kept == "console.log('There is nothing to name here: race-data-poller is gone.');\nprocess.exit(1);\n"


@pytest.mark.parametrize(
    "text",
    [
        "if (x)\n  console.log('race-data-poller');\n",
        "if (x) // said;\n  console.log('race-data-poller');\n",
        "else\n  // only\n  console.log('race-data-poller');\n",
        "a = () =>\n  console.log('race-data-poller');\n",
        "console.log('race-data-poller or daily-races');\n",
        "console.log('npm run poller, npm run races');\n",
        "console.log('race-data-poller', f());\n",
        "console.log('race-data-poller')\n",
        "const usage = `\n  race-data-poller\n`;\n",
        "console.log(`${x}\n  race-data-poller\n`);\n",
        "console.log(`\n  race-data-poller ${x}\n`);\n",
        "// ['race-data-poller']\n",
        "map['race-data-poller'] = 1;\n",
        "get()['race-data-poller'];\n",
        "const a = ['race-data-poller', 'something'];\n",
        "const a = ['enhanced-race-poller'];\n",
        "const a = {'race-data-poller': 1};\n",
        "console.log('enhanced-race-poller');\n",
    ],
)
def test_whatever_is_in_doubt_stays(text: str) -> None:
    assert cleaned(text) == text
