"""Stand-ins on the path: `gh` and `curl` that send nothing and note what they were asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

#: Notes each call as one line of JSON: its arguments, and the content of a file that they name with @ or <. A call that
#: reads is answered with the file `answer`, through its own --jq filter where it has one.
_FAKE = r'''
import json, pathlib, re, sys

here, args = pathlib.Path(__file__).parent, sys.argv[1:]


def after(*names):
    return next((args[number + 1] for number, each in enumerate(args) if each in names), "")


def picked(answer, jq):
    """What a filter of the form `.[] | select(A and (.body | startswith("M"))) | .field` lets through."""
    shape = r'\.\[\] \| select\((.+?) and \(\(?\.body(?: // "")?\)? \| startswith\("(.+)"\)\)\) \| \.(\w+)'
    condition, marker, field = re.fullmatch(shape, jq).groups()
    allowed = {
        '.user.login == "github-actions[bot]"': lambda each: each["user"]["login"] == "github-actions[bot]",
        ".pull_request == null": lambda each: each.get("pull_request") is None,
    }[condition]
    return [each[field] for each in answer if allowed(each) and (each["body"] or "").startswith(marker)]


method = after("--method", "--request") or "GET"
files = [each.split("=", 1)[1][1:] for each in args if re.match(r"\w+=[@<]", each)]
call = {"args": args, "method": method, "body": "".join(pathlib.Path(each).read_text("utf-8") for each in files)}
with (here / "calls").open("a", encoding="utf-8") as calls:
    calls.write(json.dumps(call) + "\n")
if method == "GET":
    answer = json.loads((here / "answer").read_text("utf-8"))
    print(*picked(answer, after("--jq")), sep="\n") if after("--jq") else print(json.dumps(answer))
'''


class Fake:
    """A folder for the path with one stand-in in it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        program = folder / name
        # Without the site's packages it starts in a tenth of the time.
        program.write_text(f"#!{sys.executable} -SE\n{_FAKE}", encoding="utf-8")
        program.chmod(0o755)
        self.answers([])

    def answers(self, content: Any) -> None:
        """What reading calls are answered from now on; and everything noted is forgotten."""
        (self.folder / "answer").write_text(json.dumps(content), encoding="utf-8")
        (self.folder / "calls").write_text("", encoding="utf-8")

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text(encoding="utf-8").splitlines()]

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Method and address of everything that would have changed something."""
        return [(each["method"], _address(each["args"])) for each in self.calls if each["method"] != "GET"]


def _address(args: list[str]) -> str:
    (found,) = [each for each in args if each.startswith(("repos/", "https://"))]
    return found
