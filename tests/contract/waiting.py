"""Polling: repeat a question until its answer is the hoped-for one."""

from __future__ import annotations

import time
from collections.abc import Callable

from .client import Answer

PATIENCE = 30.0


def poll(ask: Callable[[], Answer], until: Callable[[Answer], bool], patience: float = PATIENCE) -> Answer:
    """The first answer that satisfies `until`; fails with the last one after `patience` seconds."""
    deadline = time.monotonic() + patience
    pause = 0.01
    while True:
        answer = ask()
        if until(answer):
            return answer
        assert time.monotonic() < deadline, f"still not as hoped after {patience} s: {answer.status} {answer.body}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def status_is(*wanted: str) -> Callable[[Answer], bool]:
    """Whether the resource has one of these states; a resource in another final state fails at once."""
    final = {"ready", "failed", "canceled", "available", "stuck", "completed"}

    def check(answer: Answer) -> bool:
        assert answer.status == 200, f"{answer.status} {answer.body}"
        status = answer["status"]
        assert status in wanted or status not in final, f"ended as {status}: {answer.body}"
        return status in wanted

    return check


def gone(answer: Answer) -> bool:
    return answer.status == 404
