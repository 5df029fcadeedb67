"""Writing what polls found: the races of a round together, each race whole in one transaction where it fits.

The stamp of a race is its last write. So a race that is stamped has everything of that poll stored before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .polling import Poll
from .vendor.documents import BATCH
from .vendor.running import Run


def write_polls(run: Run, polls: Iterable[Poll]) -> Iterator[Poll]:
    """Write, and give back those whose race is stamped now, as soon as they are."""
    for pack in packed(polls):
        yield from _write(run, pack)


def packed(polls: Iterable[Poll]) -> Iterator[list[Poll]]:
    """Whole races, as many as fit into one transaction; one that does not fit alone is alone."""
    pack, size = list[Poll](), 0
    for poll in polls:
        own = len(poll.all_writes)
        if pack and size + own > BATCH:
            yield pack
            pack, size = [], 0
        pack.append(poll)
        size += own
    if pack:
        yield pack


def _write(run: Run, pack: Sequence[Poll]) -> list[Poll]:
    writes = [write for poll in pack for write in poll.all_writes]
    written = run.documents.write(writes)
    refused = {(write.collection, write.identity) for write in written.refused_writes}
    for collection, count in Counter(write.collection for write in writes).items():
        run.counts.add(f"written:{collection}", count - sum(each == collection for each, _ in refused))
    for write in written.refused_writes:
        run.counts.add(f"refused:{write.collection}")
        reason = written.refused[write.identity][:300]
        run.log.problem("document.refused", collection=write.collection, document=write.identity, reason=reason)
    return [poll for poll in pack if ("races", poll.race) not in refused]
