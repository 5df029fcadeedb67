"""Taking away what the suite made, and nothing else."""

from __future__ import annotations

from .api import Api
from .project import FAMILY
from .samples import SAMPLES


def remove(api: Api, prefix: str = "") -> None:
    """Delete functions, databases and all else of the suite: those of one test, or of every run there ever was."""

    def ours(name: str) -> bool:
        return FAMILY.fullmatch(name) is not None and name.startswith(prefix)

    for function in filter(ours, api.ids("/functions", "functions")):
        api.delete(f"/functions/{function}")
    for database in filter(ours, api.ids("/databases", "databases")):
        api.delete(f"/databases/{database}")
    for sample in SAMPLES:
        for each in filter(ours, api.ids(sample.route, sample.key)):
            api.delete(f"{sample.route}/{each}")
