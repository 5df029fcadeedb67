"""What a run needs of the runtime around it: time, chance, threads, connections. A simulation puts its own in place.

Only the standard library, and only what is loaded in any case: this is imported before the lock is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from .backoff import chance
from .connection import Connection, Credentials, Sender
from .logs import memory_mb
from .typed import Any, NamedTuple, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Event(Protocol):
    """As `threading.Event`."""

    def set(self) -> None: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class Task(Protocol):
    """Something that was started and can be waited for."""

    def join(self) -> None: ...


def steady_clock() -> float:
    """Seconds that also pass while the machine is suspended, which `time.monotonic` leaves out on Linux."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def machine() -> str:
    """What all runs on this machine share until it is started again, as they do `steady_clock`. Empty: unknown."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return ""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def new_event() -> Event:
    from threading import Event  # noqa: PLC0415 - only whoever got the lock needs one

    return Event()


def start_thread(work: Callable[[], None], name: str) -> Task:
    import threading  # noqa: PLC0415

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def connect(credentials: Credentials) -> Sender:
    return Connection(credentials)


class Runtime(NamedTuple):
    """The real one by default. Seconds throughout."""

    #: Seconds since 1970.
    now: Callable[[], float] = time.time
    #: For durations; its zero means nothing.
    clock: Callable[[], float] = steady_clock
    #: For measuring how long something really took, in a simulation too.
    perf: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = chance
    event: Callable[[], Event] = new_event
    start: Callable[[Callable[[], None], str], Task] = start_thread
    connect: Callable[[Credentials], Sender] = connect
    machine: Callable[[], str] = machine
    #: MB that the process uses now; None where that is not known.
    memory: Callable[[], float | None] = memory_mb
    #: Wraps the transport of the HTTP library, for what goes to NZ TAB.
    transport: Callable[[Any], Any] = lambda transport: transport


REAL = Runtime()


def each(runtime: Runtime, work: Callable[[Item], Result], items: Iterable[Item], width: int) -> list[Result]:
    """Do the work for each item, at most `width` at a time; results in the order of the items.

    After the first exception nothing more is begun; it is raised when everything that was under way has ended.
    """
    import threading  # noqa: PLC0415

    todo: Sequence[Item] = list(items)
    results: list[Any] = [None] * len(todo)
    failures: list[BaseException] = []
    numbers = iter(range(len(todo)))
    guard = threading.Lock()

    def take() -> int | None:
        with guard:
            return None if failures else next(numbers, None)

    def labour() -> None:
        while (number := take()) is not None:
            try:
                results[number] = work(todo[number])
            except BaseException as failure:  # noqa: BLE001 - raised again below, in the thread of the caller
                failures.append(failure)

    if min(width, len(todo)) <= 1:
        labour()
    else:
        tasks = [runtime.start(labour, f"each-{number}") for number in range(min(width, len(todo)))]
        for task in tasks:
            task.join()
    if failures:
        raise failures[0]
    return results
