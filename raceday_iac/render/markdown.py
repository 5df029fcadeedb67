"""Markdown that says what it is given and nothing else, and that fits into a comment.

Names, values and reasons come from users and servers. None of them can end a table cell, open a tag, call a person or
refer to an issue. A comment on GitHub holds 65 536 characters (its API refuses more): what does not fit is left out by
whole entries, counted, and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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
