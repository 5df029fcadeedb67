"""The other forms of what a command shows: files for a pull request, a page, a picture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import IacError
from ..redaction import shown_document
from ..render.lines import tolerant, write
from .options import Options
from .writing import write_file

#: Instead of a file: standard output.
STDOUT = Path("-")


@dataclass(frozen=True)
class Reports:
    """Where each form goes; None is nowhere."""

    markdown: Path | None = None
    html: Path | None = None
    svg: Path | None = None

    @property
    def are_wanted(self) -> bool:
        """Whether there is any."""
        return any(each is not None for each in (self.markdown, self.html, self.svg))

    @property
    def to_stdout(self) -> bool:
        """Whether one of them takes the place of the text."""
        return STDOUT in (self.markdown, self.html, self.svg)

    def check(self, options: Options) -> None:
        """Raises IacError when two things would be written to standard output."""
        wanted = [self.markdown, self.html, self.svg].count(STDOUT) + options.json
        if wanted > 1:
            raise IacError("Only one form can go to standard output. Nothing was changed.", hint="name files")

    def write(self, forms: Mapping[str, Callable[[], str]]) -> None:
        """Write what is asked for; `forms` makes each by the name of its option."""
        for name, make in forms.items():
            place: Path | None = getattr(self, name)
            if place == STDOUT:
                write(tolerant(sys.stdout), shown_document(make()))
            elif place is not None:
                write_file(place, shown_document(make()))
