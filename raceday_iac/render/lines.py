"""Styled lines: what renderers make of values, and the one place that prints them."""

from __future__ import annotations

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
from ..hints import with_environment
from ..redaction import json_text, shown

_IS_COMMAND = re.compile(r"raceday-iac \w| --\w|stack\.\w+\(")


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
    return shown(with_environment(text))


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
    """The stream, which from now on shows a question mark for what its encoding cannot say instead of failing.
    Raises OutputError when there is none."""
    if stream is None:
        raise OutputError("Standard output is closed, so there is nowhere to show anything.", unchanged=True)
    if isinstance(stream, io.TextIOWrapper):
        # A pipe that was taken for a file cannot be flushed here; what is written to it may still arrive.
        with suppress(OSError):
            stream.reconfigure(errors="replace")
    return stream


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
            hint="what was done before is in the state; make room and run the command again",
        ) from None
