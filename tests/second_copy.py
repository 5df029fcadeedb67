"""The second copy of collections' schemas on an embedded server: read it, or damage it as writes do that overlap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from raceday_iac.devserver.databases import catalog
from raceday_iac.devserver.databases.catalog import Metadata
from raceday_iac.devserver.runner import RunningServer
from raceday_iac.devserver.server import Server

_NUMBER = """
    SELECT number FROM db_collections
    WHERE id = ? AND deleted = 0
    AND database = (SELECT number FROM db_databases WHERE id = ? AND project = ? AND deleted = 0)
"""


@dataclass(frozen=True)
class SecondCopy:
    """That of one collection."""

    running: RunningServer
    project: str
    database: str
    collection: str

    def known(self) -> Metadata:
        """What documents are checked against now."""
        return self._with(lambda server, number: catalog.must_read(server.db, number))

    def attribute_keys(self) -> list[str]:
        return [each["key"] for each in self.known().attributes]

    def index_keys(self) -> list[str]:
        return [each["key"] for each in self.known().indexes]

    def lose(self, *keys: str) -> None:
        """Documents know these attributes no longer, though they are listed as available."""
        self._change(lambda known: [known.without_attribute(key) for key in keys])

    def lose_index(self, key: str) -> None:
        self._change(lambda known: known.without_index(key))

    def keep_index(self, key: str, *attributes: str) -> None:
        """An index that no list shows, as after a deletion that was lost."""
        left = {"number": 0, "key": key, "type": "key", "attributes": list(attributes), "lengths": [], "orders": []}
        self._change(lambda known: known.indexes.append(left))

    def _change(self, change: Callable[[Metadata], object]) -> None:
        def write(server: Server, number: int) -> None:
            known = catalog.must_read(server.db, number)
            change(known)
            catalog.write(server.db, number, known)

        self._with(write)

    def _with(self, action: Callable[[Server, int], Any]) -> Any:
        def found(server: Server) -> Any:
            row = server.db.execute(_NUMBER, (self.collection, self.database, self.project)).fetchone()
            assert row is not None, f"there is no collection {self.database}/{self.collection}"
            return action(server, int(row["number"]))

        return self.running.call(found)


def unknown(copy: SecondCopy, listed: Mapping[str, Any]) -> set[str]:
    """Keys of a collection, as the API shows it, that are available and that documents do not know."""
    available = {each["key"] for each in listed["attributes"] if each["status"] == "available"}
    return available - set(copy.attribute_keys())


def disagreements(copy: SecondCopy, listed: Mapping[str, Any]) -> list[str]:
    """In what the two copies of a collection's schema differ; what is not available counts, too."""
    known = copy.known()
    mine = {each["key"]: each for each in known.attributes if not each.get("hidden")}
    found = [f"{each['key']}: {each['status']}" for each in listed["attributes"] if each["status"] != "available"]
    found += sorted({each["key"] for each in listed["attributes"]} ^ mine.keys())
    for each in listed["attributes"]:
        other = mine.get(each["key"], each)
        names = [name for name in ("size", "required", "default", "array") if name in each and name in other]
        found += [f"{each['key']}.{name}" for name in names if each[name] != other[name]]
    indexes = {(each["key"], tuple(each["attributes"])) for each in listed["indexes"]}
    found += [
        str(each) for each in sorted(indexes ^ {(each["key"], tuple(each["attributes"])) for each in known.indexes})
    ]
    settings = {"documentSecurity": known.document_security, "$permissions": known.permissions}
    return found + [name for name, value in settings.items() if listed[name] != value]
