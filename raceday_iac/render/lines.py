"""Styled lines and Markdown: what renderers make of values, and the one place that prints lines.

Markdown says what it is given and nothing else. Names, values and reasons come from users and servers. None of them can
end a table cell, open a tag, call a person or refer to an issue. A comment on GitHub holds 65 536 characters (its API
refuses more): what does not fit is left out by whole entries, counted, and said.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from ..errors import OutputError
from ..model.secret import json_text, shown

_IS_COMMAND = re.compile(r"raceday-iac \w| --\w|stack\.\w+\(")

#: Bytes of UTF-8, which are never fewer than characters. Room is left for what a script puts before or after.
LIMIT = 65_536 - 1_024
#: Kept free for the sentence that says what was cut.
_RESERVE = 512
_LONGEST_VALUE = 160
_LONGEST_SENTENCE = 600
#: Characters that mean something inside a line as GitHub reads it, mathematics and strike-through included; and what
#: at the beginning of one would make a list, a heading or a quotation.
_ACTIVE = re.compile(r"([\\`*_\[\]|~$])")
_BLOCK = re.compile(r"^(\s*\d*)([-+#=.)])")
#: Before a word, these call a person or refer to an issue.
_CALLS = re.compile(r"([@#])(?=\w)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
#: Between the sign and what it would call, invisibly.
_APART = "\u200b"


@dataclass(frozen=True)
class Line:
    """One line of text with one style (a rich style name, or none)."""

    text: str = ""
    style: str = ""


def wants_color(stream: IO[str], *, color: bool = True) -> bool:
    """Whether colours are welcome: a terminal, no NO_COLOR, not switched off."""
    return color and not os.environ.get("NO_COLOR") and stream.isatty()


def printable(text: str) -> str:
    """The text as it may be shown: names, logs and errors come from servers and functions."""
    return shown(_repeating_environment(text))


def print_lines(
    lines: Iterable[Line], *, color: bool = True, stream: IO[str] | None = None, revealing: bool = False
) -> None:
    """Write lines, coloured only where that is welcome. Rich is not even imported otherwise. With `revealing`, secrets
    are shown: they are what was asked for."""
    out = tolerant(stream or sys.stdout)
    if revealing:
        write(out, "".join(f"{line.text}\n" for line in lines))
        return
    lines = (Line(printable(line.text), line.style) for line in lines)
    if out.isatty():
        lines = fitting(lines, shutil.get_terminal_size().columns)
    if not wants_color(out, color=color):
        write(out, "".join(f"{line.text}\n" for line in lines))
        return
    from rich.console import Console  # noqa: PLC0415 - costs a tenth of a second
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=out, highlight=False)
    for line in lines:
        console.print(Text(line.text, style=line.style), soft_wrap=True)


def fitting(lines: Iterable[Line], width: int) -> Iterator[Line]:
    """Lines that a terminal need not cut in the middle of words: what is too long goes on below, further to the right.
    Commands stay whole, so that they can be copied."""
    for line in lines:
        if len(line.text) <= width or _IS_COMMAND.search(line.text):
            yield line
            continue
        rest = " " * min(len(line.text) - len(line.text.lstrip()) + 4, width // 2)
        parts = textwrap.wrap(
            line.text, max(width, 20), subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
        )
        yield from (Line(part, line.style) for part in parts)


def print_json(
    content: Any, stream: IO[str] | None = None, *, revealing: bool = False, in_one_line: bool = False
) -> None:
    """Write one JSON document. Every document carries `format`, which changes when its shape does. `in_one_line` it is
    one of several: JSON Lines."""
    out = tolerant(stream or sys.stdout)
    document, ascii_only = {"format": 1, **content}, not speaks_unicode(out)
    indent = None if in_one_line else 2
    if revealing:
        write(out, json.dumps(document, indent=indent, ensure_ascii=ascii_only) + "\n")
    else:
        write(out, json_text(document, indent=indent, ascii_only=ascii_only) + "\n")


def tolerant(stream: IO[str] | None) -> IO[str]:
    """The stream, which from now on shows a sign of ASCII, or a question mark, for what its encoding cannot say instead
    of failing. Raises OutputError when there is none."""
    if stream is None:
        raise OutputError("Standard output is closed, so nothing can be shown.", unchanged=True)
    if isinstance(stream, io.TextIOWrapper):
        # A pipe that was taken for a file cannot be flushed here; what is written to it may still arrive.
        with suppress(OSError):
            stream.reconfigure(errors=_IN_ASCII)
    return stream


_IN_ASCII = "raceday-iac-ascii"
#: Signs of ours, for terminals that have no others.
_SIGNS = {
    **{"→": "->", "←": "<-", "⇒": "=>", "↑": "^", "±": "+/-", "≈": "~=", "⏲": "@", "✓": "ok", "✗": "x"},
    **{"…": "...", "·": ".", "─": "-", "│": "|", "├": "|", "└": "`", "“": '"', "”": '"'},
}


def _said_in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(_SIGNS.get(each, "?") for each in error.object[error.start : error.end]), error.end


codecs.register_error(_IN_ASCII, _said_in_ascii)


def speaks_unicode(stream: IO[str]) -> bool:
    """Whether every character can be written as it is."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("_", "-").startswith("utf")


def write(stream: IO[str], text: str) -> None:
    """Write at once. A reader that has gone is the caller's affair; anything else raises OutputError."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"The output cannot be written: {error.strerror or error}.",
            hint="everything done so far is in the state; free some space and run the command again",
        ) from None


def plain(text: str) -> str:
    """Text as text, on one line, for paragraphs and table cells."""
    line = shortened(_UNPRINTABLE.sub(" ", text), _LONGEST_SENTENCE)
    line = _ACTIVE.sub(r"\\\1", line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _CALLS.sub(rf"\1{_APART}", line)
    return _BLOCK.sub(r"\1\\\2", line, count=1)


def code(text: str, *, in_cell: bool = True, longest: int = _LONGEST_VALUE) -> str:
    """Text as a span of code, with more backticks around it than in it. In a table cell, bars are escaped."""
    line = shortened(_UNPRINTABLE.sub(" ", text), longest) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    # One space at both ends is taken away again by readers; it keeps backticks from the fence.
    padding = " " if line[0] == "`" or line[-1] == "`" or line[0] == line[-1] == " " else ""
    span = f"{fence}{padding}{line}{padding}{fence}"
    # Cells are cut before code is read, and there alone a backslash before a bar vanishes.
    return span.replace("|", "\\|") if in_cell else span


def shortened(text: str, longest: int) -> str:
    """The beginning, and how much is missing."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… ({len(text) - longest} more characters)"


class Sheet:
    """Lines up to a limit. What comes first is kept; of the rest, whole entries are left out and counted."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._left = limit - _RESERVE
        self._lines: list[str] = []
        self._cut: dict[str, tuple[int, int]] = {}

    def say(self, *lines: str) -> bool:
        """Lines that belong together: all of them, or none where they do not fit."""
        size = _size(lines)
        if size > self._left:
            return False
        self._left -= size
        self._lines += lines
        return True

    def entries(self, what: str, head: Iterable[str], entries: Iterable[str], tail: Iterable[str] = ()) -> None:
        """A table or list between `head` and `tail`. From the first entry that does not fit, the rest is cut, so that
        what is shown is the beginning. `what` names the entries for the sentence that says so."""
        head, entries, tail = list(head), list(entries), list(tail)
        if not entries:
            return
        shown = 0
        if _size((*head, entries[0], *tail)) <= self._left:
            self._left -= _size(tail)
            self.say(*head)
            while shown < len(entries) and self.say(entries[shown]):
                shown += 1
            self._lines += tail
        if shown < len(entries):
            self._cut[what] = (len(entries) - shown, len(entries))

    def text(self, where_all_is: str) -> str:
        """Everything, with the sentence that says what was cut."""
        lines = list(self._lines)
        if self._cut:
            said = ", ".join(f"{cut} of {total} {what}" for what, (cut, total) in self._cut.items())
            lines += ["", f"**Cut to fit into a comment:** {said} not shown. {where_all_is}"]
        return "\n".join(lines).rstrip("\n") + "\n"


def _size(lines: Iterable[str]) -> int:
    """Bytes, line ends included."""
    return sum(len(line.encode()) + 1 for line in lines)


# Commands that messages name. They say `--env` again where the person has said it: what is typed next is meant for the
# same environment.


#: Each has commands below it, so its own name is no command.
_GROUPS = ("state", "server", "backup", "migration")
#: What brings its environment along, or needs none.
_WITHOUT = ("show", "compare", "promote")
#: What is followed by a name, and not by the rest of a sentence.
_NAMING = ("run", "logs", "deployments", "rollback", "destroy", "vendor", "restore")
_OPTIONS = r"(?: --(?:all|clean|dry-run|verbose|watch|async)\b| --[a-z-]+(?: [^\s,;:()`-][^\s,;:()`]*)?)*"
_environment = ""
_command = re.compile(r"(?!)")


def repeat_environment(name: str, commands: Iterable[str] = ()) -> None:
    """Let commands in what is printed name the environment that this run was given on its command line (empty: none was
    given). `commands` are all that could be typed."""
    global _environment, _command  # noqa: PLW0603 - one process runs one command
    _environment = name
    if name:
        words = "|".join(_word(each) for each in commands if each not in _WITHOUT)
        _command = re.compile(rf"\braceday-iac (?:{words})(?![\w-]){_OPTIONS}")


def _word(command: str) -> str:
    """A command with the names that belong to it."""
    if command in _GROUPS:
        return rf"{command} (?:lock release(?: [\w-]+)?|lock list|(?:undo|mark)(?: [\w.-]*\w)?|[a-z]+)"
    if command in _NAMING:
        return rf"{command}(?: [^\s,;:()`-][^\s,;:()`]*)?"
    # A saved plan, which is named here, brings its environment along.
    return "apply(?! [A-Za-z./])" if command == "apply" else command


def _repeating_environment(text: str) -> str:
    if not _environment or "raceday-iac " not in text:
        return text
    return _command.sub(lambda found: found[0] if "--env" in found[0] else f"{found[0]} --env {_environment}", text)
