"""Taking away what the suite made, and nothing else."""

from __future__ import annotations

from raceday_iac.model.server import release

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
    for sample in SAMPLES if api.version >= release("1.9.5") else [each for each in SAMPLES if each.since < "1.9"]:
        for each in list(api.all(sample.route, sample.key)):
            if ours(str(each[sample.identity])):
                api.delete(f"{sample.route}/{each['$id']}")
