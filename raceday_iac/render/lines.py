"""Styled lines: what renderers make of values, and the one place that prints them."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any


@dataclass(frozen=True)
class Line:
    """One line of text with one style (a rich style name, or none)."""

    text: str = ""
    style: str = ""


def wants_color(stream: IO[str], *, color: bool = True) -> bool:
    """Whether colours are welcome: a terminal, no NO_COLOR, not switched off."""
    return color and not os.environ.get("NO_COLOR") and stream.isatty()


def print_lines(lines: Iterable[Line], *, color: bool = True, stream: IO[str] | None = None) -> None:
    """Write lines, coloured only where that is welcome. Rich is not even imported otherwise."""
    out = tolerant(stream or sys.stdout)
    if not wants_color(out, color=color):
        out.write("".join(f"{line.text}\n" for line in lines))
        out.flush()
        return
    from rich.console import Console  # noqa: PLC0415 - costs a tenth of a second
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=out, highlight=False)
    for line in lines:
        console.print(Text(line.text, style=line.style), soft_wrap=True)


def tolerant(stream: IO[str]) -> IO[str]:
    """The stream, which from now on shows a question mark for what its encoding cannot say instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return stream


def print_json(content: Any, stream: IO[str] | None = None) -> None:
    """Write one JSON document. Every document carries `format`, which changes when its shape does."""
    out = tolerant(stream or sys.stdout)
    out.write(json.dumps({"format": 1, **content}, indent=2, ensure_ascii=False) + "\n")
    out.flush()
