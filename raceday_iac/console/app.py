"""The console as a web application: which path leads to which page, which form to which deed, and who may ask.

A page is a function that makes HTML of what the project shows; a deed is one that does something on the embedded server
and says where to go then. Deeds are no routes at all where the environment is another.

Nobody may ask but the browser that was given the link. Every request must name this machine as its host (a page
elsewhere may have a name that leads here), and carry the token in its path: a cookie would be sent to every other port
of this machine as well. What changes something must come from a page of the console (`Origin`), and from a form that
the console made.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import IacError, NotFoundError, ProviderError
from ..model.secret import shown, shown_document
from ..render.theme import TEMPLATES as REPORTS
from ..render.theme import page, page_colours
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

#: Nothing is loaded from elsewhere, no script stands in a page, and no page elsewhere may frame this one. Styles stand
#: in pictures.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: `same-origin`: with no referrer at all, browsers hide the origin of forms.
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
NAMES = ("127.0.0.1", "localhost")
FOREIGN_HOST = "This host name is not allowed here.\n"
NO_TOKEN = "Open the link that `raceday-iac console` printed: it has the token that is missing here.\n"
FOREIGN_ORIGIN = "This request did not come from a page of this console. Nothing was changed.\n"

_FOLDER = Path(__file__).parent
TEMPLATES = _FOLDER / "templates"
_STATIC = _FOLDER / "static"


@dataclass
class Console:
    """One console: the project it shows, and the work that is under way."""

    project: Project
    local: Local | None
    pages: Sequence[Page]
    looks: Mapping[str, Look]
    root: str
    tasks: Tasks
    #: In every form: who does not see a page of ours cannot know it.
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _notes: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=_NOTES))

    def show(self, template: str | Path, request: Request, **values: Any) -> str:
        """A page of the console. That of an extension is named by its file."""
        folders, name = (
            ((template.parent, TEMPLATES), template.name) if isinstance(template, Path) else (TEMPLATES, template)
        )
        return page(name, folder=folders, frame=self._frame(request), **values)

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


@dataclass(frozen=True)
class Look:
    """Something that takes longer than a page may: it is looked at in the background. `values` are what its page shows;
    they are made there, too, where nobody waits."""

    title: str
    at: Callable[[Project], Any]
    values: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Part:
    """A part of the console: pages, what can be done there, and what is looked at in the background, by the name of its
    page. An extension brings one."""

    pages: Sequence[Page] = ()
    deeds: Sequence[Deed] = ()
    looks: Mapping[str, Look] = field(default_factory=dict)


def application(
    project: Project, local: Local | None, parts: Iterable[Part], tasks: Tasks, token: str, port: int
) -> ASGIApp:
    """The whole console, behind its guard."""
    parts = tuple(parts)
    pages = tuple(each for part in parts for each in part.pages if local is not None or not each.is_local)
    looks = {name: look for part in parts for name, look in part.looks.items()}
    console = Console(project, local, pages, looks, f"/{token}", tasks)
    offered = [each for part in parts for each in part.deeds if each.is_looking or local is not None]
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
        with _reported(console, request) as problems:
            made = wanted.make(console, request)
            return made if isinstance(made, Response) else HTMLResponse(shown_document(made))
        return problems[0]

    return answer


@contextmanager
def _reported(console: Console, request: Request) -> Iterator[list[Response]]:
    """Errors of the block become a page."""
    problems: list[Response] = []
    try:
        yield problems
    except IacError as error:
        problems.append(_problem(console, request, error))
    except Exception:
        LOG.exception("%s %s failed", request.method, request.url.path)
        defect = IacError("An unexpected error occurred.", hint="the terminal shows the details")
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
            return PlainTextResponse("A form may have at most 4 MB.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        form = {name: await _value(each) for name, each in (await request.form(max_part_size=LARGEST)).multi_items()}
        if not secrets.compare_digest(form.pop("token", "").encode(), console.form_token.encode()):
            error = IacError(
                "The form is from another run of this console.", hint="open the page again", unchanged=True
            )
            return _problem(console, request, error, HTTPStatus.FORBIDDEN)
        with _reported(console, request) as problems:
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
        is_missing = isinstance(error, NotFoundError) or (error.code == HTTPStatus.NOT_FOUND and error.type != "")
        status = HTTPStatus.NOT_FOUND if is_missing else HTTPStatus.BAD_GATEWAY
    text = console.show("problem.html", request, title="This did not work", message=error.message, hint=error.hint)
    return HTMLResponse(shown_document(text), status)


def _missing(console: Console) -> Callable[[Request, Exception | None], Response]:
    def answer(request: Request, _error: Exception | None) -> Response:
        error = IacError(f"There is no page {request.url.path} here.")
        if request.method != "GET":
            where = "" if console.local else f"; environment {console.project.environment} is read-only"
            error = IacError(f"There is no action {request.url.path}{where}.", unchanged=True)
        return _problem(console, request, error, HTTPStatus.NOT_FOUND)

    return answer


def _text(content: str, kind: str) -> Callable[[Request], Response]:
    return lambda _request: Response(content, media_type=kind)


class Guard:
    """Lets requests through to `app`, with the token taken off their path."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = {f"{name}:{port}" for name in NAMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_encoded(HEADERS)]
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, text = refusal
            await PlainTextResponse(text, status)(scope, receive, answer)
            return
        rest = "/" + scope["path"].removeprefix("/").partition("/")[2]
        await self._app({**scope, "path": rest, "raw_path": rest.encode()}, receive, answer)

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and sentence for a request that is not let through."""
        host = headers.get("host", "")
        if host not in self._hosts:
            return 421, FOREIGN_HOST
        given = scope["path"].removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            return 403, NO_TOKEN
        if scope["method"] not in ("GET", "HEAD") and headers.get("origin") != f"http://{host}":
            return 403, FOREIGN_ORIGIN
        return None


def _encoded(headers: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


@cache
def files() -> dict[str, tuple[str, str]]:
    """Content and type of each, by name. Read once."""
    style = (page_colours(), _content(REPORTS / "page.css"), _content(_STATIC / "console.css"))
    return {
        "style.css": ("\n".join(style), "text/css"),
        "console.js": (_content(_STATIC / "console.js"), "text/javascript"),
        "icon.svg": (_content(_STATIC / "icon.svg"), "image/svg+xml"),
    }


def _content(file: Path) -> str:
    return file.read_text(encoding="utf-8")
