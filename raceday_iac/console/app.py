"""The console as a web application: which path leads to which page, and which form to which deed.

A page is a function that makes HTML of what the project shows; a deed is one that does something on the embedded
server and says where to go then. Deeds are no routes at all where the environment is another.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..errors import IacError, NotFoundError, ProviderError
from ..redaction import shown, shown_document
from ..render.theme import page
from .files import TEMPLATES, files
from .guard import Guard
from .project import Local, Project
from .work import Tasks

LOG = logging.getLogger("raceday_iac.console")
#: Bytes of a form: a document, or an appwrite.json.
LARGEST = 4_000_000
#: Of an Appwrite, in a path.
_ID = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9._$-]{0,99}")
#: Messages that wait to be shown.
_NOTES = 50

Form = Mapping[str, str]


@dataclass
class Console:
    """One console: the project it shows, and the work that is under way."""

    project: Project
    local: Local | None
    pages: Sequence[Page]
    root: str
    tasks: Tasks
    #: In every form: who does not see a page of ours cannot know it.
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _notes: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=_NOTES))

    def show(self, template: str, request: Request, **values: Any) -> str:
        """A page of the console."""
        return page(template, folder=TEMPLATES, frame=self._frame(request), **values)

    def to(self, path: str, note: str = "") -> str:
        """Where to go after a deed, with what there is to say of it."""
        if not note:
            return path
        name = secrets.token_hex(6)
        self._notes.append((name, shown(note)))
        return f"{path}{'&' if '?' in path else '?'}note={name}"

    def _frame(self, request: Request) -> dict[str, Any]:
        name = request.query_params.get("note", "")
        return {
            "root": self.root,
            "token": self.form_token,
            "here": request.url.path,
            "pages": [(each.path, each.title) for each in self.pages if each.title],
            "environment": self.project.environment,
            "is_local": self.local is not None,
            "note": next((text for key, text in self._notes if key == name), ""),
        }


@dataclass(frozen=True)
class Page:
    """A path with what makes its page, or another answer. With a `title` it stands in the navigation; with `is_local`
    it is there for the embedded server alone."""

    path: str
    make: Callable[[Console, Request], str | Response]
    title: str = ""
    is_local: bool = False


@dataclass(frozen=True)
class Deed:
    """A path with what is done when a form is sent to it. `is_looking` ones change nothing but what the console has
    seen, and are there for every environment."""

    path: str
    do: Callable[[Console, Request, Form], str]
    is_looking: bool = False


def application(
    project: Project,
    local: Local | None,
    pages: Iterable[Page],
    deeds: Iterable[Deed],
    tasks: Tasks,
    token: str,
    port: int,
) -> ASGIApp:
    """The whole console, behind its guard."""
    pages = tuple(each for each in pages if local is not None or not each.is_local)
    console = Console(project, local, pages, f"/{token}", tasks)
    offered = [each for each in deeds if each.is_looking or local is not None]
    routes = [
        *(Route(each.path, _page(console, each), methods=["GET"]) for each in pages),
        *(Route(each.path, _deed(console, each), methods=["POST"]) for each in offered),
        *(Route(f"/{name}", _text(content, kind)) for name, (content, kind) in files().items()),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _missing(console), 405: _missing(console)})
    app.router.redirect_slashes = False
    return Guard(app, token, port)


def _page(console: Console, wanted: Page) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        if not _names_are_ids(request):
            return _missing(console)(request, None)
        with _told(console, request) as problems:
            made = wanted.make(console, request)
            return made if isinstance(made, Response) else HTMLResponse(shown_document(made))
        return problems[0]

    return answer


@contextmanager
def _told(console: Console, request: Request) -> Iterator[list[Response]]:
    """Errors of the block become a page."""
    problems: list[Response] = []
    try:
        yield problems
    except IacError as error:
        problems.append(_problem(console, request, error))
    except Exception:
        LOG.exception("%s %s failed", request.method, request.url.path)
        defect = IacError("It failed for a reason that should not exist.", hint="the terminal says more")
        problems.append(_problem(console, request, defect, HTTPStatus.INTERNAL_SERVER_ERROR))


def _names_are_ids(request: Request) -> bool:
    """Whether what stands in the path may become a part of another: `..` must not."""
    return all(_ID.fullmatch(str(each)) for each in request.path_params.values())


def _deed(console: Console, wanted: Deed) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        if not _names_are_ids(request):
            return _missing(console)(request, None)
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            return PlainTextResponse("A form of at most 4 MB is taken here.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        form = {name: await _value(each) for name, each in (await request.form(max_part_size=LARGEST)).multi_items()}
        if not secrets.compare_digest(form.pop("token", "").encode(), console.form_token.encode()):
            error = IacError(
                "The form is from another run of this console.", hint="open the page again", unchanged=True
            )
            return _problem(console, request, error, HTTPStatus.FORBIDDEN)
        with _told(console, request) as problems:
            place = await run_in_threadpool(wanted.do, console, request, form)
            return RedirectResponse(console.root + place, HTTPStatus.SEE_OTHER)
        return problems[0]

    return answer


async def _value(given: UploadFile | str) -> str:
    return given if isinstance(given, str) else (await given.read()).decode("utf-8", "replace")


def _problem(console: Console, request: Request, error: IacError, status: int = HTTPStatus.BAD_REQUEST) -> Response:
    """An error as a page: what happened, and what to do next."""
    if isinstance(error, ProviderError):
        # A 404 with a type is Appwrite's own: something is not there, of whichever sort.
        is_missing = isinstance(error, NotFoundError) or (error.code == HTTPStatus.NOT_FOUND and error.kind != "")
        status = HTTPStatus.NOT_FOUND if is_missing else HTTPStatus.BAD_GATEWAY
    text = console.show("problem.html", request, title="This did not work", message=error.message, hint=error.hint)
    return HTMLResponse(shown_document(text), status)


def _missing(console: Console) -> Callable[[Request, Exception | None], Response]:
    def answer(request: Request, _error: Exception | None) -> Response:
        error = IacError(f"There is no page {request.url.path} here.")
        if request.method != "GET":
            where = "" if console.local else f"; environment {console.project.environment} can only be looked at"
            error = IacError(f"Nothing can be done at {request.url.path}{where}.", unchanged=True)
        return _problem(console, request, error, HTTPStatus.NOT_FOUND)

    return answer


def _text(content: str, kind: str) -> Callable[[Request], Response]:
    return lambda _request: Response(content, media_type=kind)
