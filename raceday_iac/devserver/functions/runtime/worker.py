"""Runs a Python function as the open-runtimes v5 server does, for one request after the other.

Started by the executor with a socket, inside the function's virtual environment: standard library only. Requests and
answers are JSON texts behind a length of four bytes. Logs go to files at once, so that those of a killed run survive.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import io
import json
import os
import signal
import socket
import struct
import sys
import threading
import traceback
from typing import Any

LONGEST_LOG = 8000
NATIVE_NOTE = "Native logs detected. Use context.log() or context.error() for better experience.\n"
PACKAGE = "function"


class Logger:
    """Appends to the two log files of one execution, or to none when logging is off."""

    def __init__(self, logs: str | None, errors: str | None) -> None:
        self.logs = open(logs, "a", encoding="utf-8", errors="replace") if logs else None  # noqa: SIM115
        self.errors = open(errors, "a", encoding="utf-8", errors="replace") if errors else None  # noqa: SIM115

    def write(self, file: io.TextIOWrapper | None, messages: tuple[Any, ...]) -> None:
        if file is None or file.closed:
            return
        text = " ".join(as_text(message) for message in messages)
        if len(text) > LONGEST_LOG:
            text = text[:LONGEST_LOG] + f"... Log truncated due to size limit ({LONGEST_LOG} characters)"
        file.write(text + "\n")
        file.flush()

    def close(self) -> None:
        for file in (self.logs, self.errors):
            if file is not None:
                file.close()


def as_text(message: Any) -> str:
    if isinstance(message, list | dict | tuple):
        try:
            return json.dumps(message, separators=(",", ":"))
        except (TypeError, ValueError):
            return str(message)
    return str(message)


class NativeOutput(io.TextIOBase):
    """Stands in for stdout and stderr during a run: what is printed becomes a log, after a note."""

    def __init__(self, logger: Logger) -> None:
        self.logger = logger
        self.noted = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        file = self.logger.logs
        if text and file is not None and not file.closed:
            if not self.noted:
                file.write(NATIVE_NOTE)
                self.noted = True
            file.write(text)
            file.flush()
        return len(text)


class Request:
    """`context.req`."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.body_binary: bytes = base64.b64decode(given["body"])
        self.method: str = given["method"]
        self.headers: dict[str, str] = {name.lower(): value for name, value in given["headers"].items()}
        self.path, _, self.query_string = given["path"].partition("?")
        self.query: dict[str, str] = {}
        for pair in self.query_string.split("&"):
            name, _, value = pair.partition("=")
            if name:
                self.query[name] = value
        self.scheme = self.headers.get("x-forwarded-proto", "http")
        usual = 443 if self.scheme == "https" else 80
        self.host, _, port = self.headers.get("host", "").partition(":")
        self.port = int(port) if port else usual
        self.url = f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port != usual else "") + given["path"]

    @property
    def body_text(self) -> str:
        return self.body_binary.decode("utf-8")

    @property
    def body_raw(self) -> str:
        return self.body_text

    @property
    def body_json(self) -> Any:
        return json.loads(self.body_text)

    @property
    def body(self) -> Any:
        if self.headers.get("content-type", "text/plain").lower().startswith("application/json"):
            return self.body_json if self.body_binary else {}
        return self.body_text


Headers = dict[str, Any] | None


class Response:
    """`context.res`: makes what `main` has to return."""

    def binary(self, body: bytes, statusCode: int = 200, headers: Headers = None) -> dict[str, Any]:  # noqa: N803
        return {"body": body, "statusCode": statusCode, "headers": dict(headers or {})}

    def send(self, body: Any, statusCode: int = 200, headers: Headers = None) -> dict[str, Any]:  # noqa: N803
        return {"body": body, "statusCode": statusCode, "headers": dict(headers or {})}

    def text(self, body: str, statusCode: int = 200, headers: Headers = None) -> dict[str, Any]:  # noqa: N803
        return self.binary(body.encode("utf-8"), statusCode, headers)

    def json(self, obj: Any, statusCode: int = 200, headers: Headers = None) -> dict[str, Any]:  # noqa: N803
        text = json.dumps(obj, separators=(",", ":"))
        return self.text(text, statusCode, {**(headers or {}), "content-type": "application/json"})

    def empty(self) -> dict[str, Any]:
        return self.text("", 204)

    def redirect(self, url: str, statusCode: int = 301, headers: Headers = None) -> dict[str, Any]:  # noqa: N803
        return self.text("", statusCode, {**(headers or {}), "location": url})


class Context:
    """What `main` receives."""

    def __init__(self, given: dict[str, Any], logger: Logger) -> None:
        self.req = Request(given)
        self.res = Response()
        self.logger = logger

    def log(self, *messages: Any) -> None:
        self.logger.write(self.logger.logs, messages)

    def error(self, *messages: Any) -> None:
        self.logger.write(self.logger.errors, messages)


def load(entrypoint: str) -> Any:
    """The function `main` of the entry file, imported as a part of a package so that relative imports work."""
    name = entrypoint.removesuffix(".py").replace("/", ".")
    module = importlib.import_module(f"{PACKAGE}.{name}")
    if not callable(getattr(module, "main", None)):
        raise AttributeError(f"{entrypoint} has no function main(context)")
    return module.main


def hint(problem: BaseException, entrypoint: str) -> str:
    """Advice for an import that works on a desk but not here."""
    name = (getattr(problem, "name", None) or "").partition(".")[0]
    own = os.path.join(PACKAGE, os.path.dirname(entrypoint), name)
    if isinstance(problem, ModuleNotFoundError) and name and (os.path.exists(own + ".py") or os.path.isdir(own)):
        return f"\n{name} is a file of this function: import it relatively (from . import {name})."
    return ""


def run(main: Any, context: Context, loop: asyncio.AbstractEventLoop, timeout: float) -> dict[str, Any]:
    output = main(context)
    if asyncio.iscoroutine(output):
        try:
            output = loop.run_until_complete(asyncio.wait_for(output, timeout))
        except TimeoutError:
            context.error("Execution timed out.")
            return context.res.text("", 500)
    if output is None:
        context.error("Return statement missing. return context.res.empty() if no response is expected.")
        return context.res.text("", 500)
    return dict(output)


def execute(context: Context, entrypoint: str, loop: asyncio.AbstractEventLoop, timeout: float) -> dict[str, Any]:
    try:
        main = load(entrypoint)
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - users' code may raise anything
        context.error(traceback.format_exc() + hint(problem, entrypoint))
        return context.res.text("", 503)
    try:
        return run(main, context, loop, timeout)
    except (Exception, SystemExit):  # noqa: BLE001
        context.error(traceback.format_exc())
        return context.res.text("", 500)


def answer(output: dict[str, Any]) -> dict[str, Any]:
    """An output as it goes back over the socket."""
    body = output.get("body", b"")
    raw = body if isinstance(body, bytes) else str(body).encode("utf-8")
    given = {str(name).lower(): str(value) for name, value in (output.get("headers") or {}).items()}
    headers = {name: value for name, value in given.items() if not name.startswith("x-open-runtimes-")}
    kind = headers.get("content-type", "text/plain").lower()
    if not kind.startswith("multipart/") and "charset=" not in kind:
        kind += "; charset=utf-8"
    headers["content-type"] = kind
    return {
        "status": int(output.get("statusCode", 200)),
        "headers": headers,
        "body": base64.b64encode(raw).decode("ascii"),
    }


def serve(given: dict[str, Any], entrypoint: str, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    logger = Logger(given["logs"], given["errors"])
    context = Context(given, logger)
    sys.stdout = sys.stderr = NativeOutput(logger)
    try:
        output = execute(context, entrypoint, loop, given["timeout"])
        try:
            return answer(output)
        except (TypeError, ValueError):
            context.error(traceback.format_exc())
            return answer(context.res.text("", 500))
    finally:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        logger.close()


def read_exactly(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def die_with_parent() -> None:
    """The executor holds the other end of our stdin and never writes: end of file means that it is gone."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)

    def watch() -> None:
        os.read(pipe, 1)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    entrypoint = sys.argv[2]
    sys.path[0] = os.getcwd()
    sys.argv = [entrypoint]
    die_with_parent()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    while True:
        try:
            (size,) = struct.unpack(">I", read_exactly(channel, 4))
            given = json.loads(read_exactly(channel, size))
        except (EOFError, ConnectionError):
            return
        raw = json.dumps(serve(given, entrypoint, loop)).encode("utf-8")
        channel.sendall(struct.pack(">I", len(raw)) + raw)


if __name__ == "__main__":
    main()
