"""The helper of migrations, on the embedded server: what it reads, what it writes, and what it leaves alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest

from raceday_iac.applying import migrating
from raceday_iac.applying.migrating import END, Data, Progress, Stopped, rehearse
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.errors import IacError, MigrationError, ProviderError, StateError
from raceday_iac.kinds import on_server
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Migration
from raceday_iac.model.secret import Secret
from raceday_iac.model.server import ServerFacts
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Action, Change, Plan, Reason
from raceday_iac.provider import NewValues, Written
from raceday_iac.provider.appwrite import AppwriteProvider, Transport

from ..declaring import address, database, resolved

AT = address("migration.m")
HERE = ("d", "c")


def _declared() -> Desired:
    stack = Stack("test")
    base = database(stack)
    one, other = base.collection("c", name="C"), base.collection("other", name="O")
    for owner, key in ((one, "a"), (one, "b"), (other, "a")):
        owner.string(key, 10)
    one.string("tags", 10, array=True)
    one.datetime("at")
    other.relationship("links", "c", type="manyToMany", on_delete="setNull")
    return resolved(stack)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppwriteProvider]:
    """A server with collections `c` and `other`."""
    folder = tmp_path_factory.mktemp("server")
    with start_server(folder, settings=Settings(scheduler=False), project="p") as server:
        found = AppwriteProvider(Transport(server.endpoint, server.project, Secret(server.key)))
        for at, wanted in on_server(_declared(), ServerFacts("1.9.6")).resources.items():
            found.create(at, wanted.fields)
        while any(each.status != "available" for each in found.members("d", "other", "attributes").values()):
            continue
        yield found


@pytest.fixture(autouse=True)
def _empty(provider: AppwriteProvider) -> None:
    for collection in ("c", "other"):
        for each in list(provider.documents("d", collection, only=["a"])):
            provider.remove_document("d", collection, each["$id"])


def fill(provider: AppwriteProvider, number: int = 5, **values: Any) -> None:
    provider.create_documents(
        *HERE, [{"$id": f"d{each}", "$permissions": [], "a": str(each), **values} for each in range(number)]
    )


class Run:
    """A run of a migration, with all that was saved of it."""

    def __init__(self, provider: AppwriteProvider, passes: Mapping[str, str] | None = None, **settings: Any) -> None:
        self.progress = Progress(Counter(), dict(passes or {}))
        self.saved: list[dict[str, str]] = []
        self.said: list[str] = []
        given = {"provider": provider, "save": self._save, "note": self.said.append, **settings}
        self.data = Data(AT, provider, given.pop("provider"), self.progress, **given)

    def _save(self, progress: Progress) -> None:
        self.saved.append(dict(progress.passes))

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.progress.counts)


def values(provider: AppwriteProvider, key: str = "b", collection: str = "c") -> dict[str, Any]:
    return {each["$id"]: each[key] for each in provider.documents("d", collection, only=[key])}


def test_a_pass_meets_each_document_once_and_says_after_each_page_how_far_it_came(provider: AppwriteProvider) -> None:
    fill(provider)
    run = Run(provider)
    met = [[each["$id"] for each in page] for page in run.data.pages("d/c", only=["a"], size=2)]
    assert met == [["d0", "d1"], ["d2", "d3"], ["d4"]]
    assert [each["1 d/c"] for each in run.saved][-1] == END
    assert len({each["1 d/c"] for each in run.saved}) == len(run.saved) == 4
    assert run.counts == {"read": 5}


@pytest.mark.parametrize("pages", [0, 1, 2, 3])
def test_a_run_goes_on_after_the_last_page_whose_turn_has_ended(provider: AppwriteProvider, pages: int) -> None:
    fill(provider)
    first = Run(provider)
    for number, _ in enumerate(first.data.pages("d/c", size=2)):
        if number == pages:
            break
    then = Run(provider, first.saved[-1] if first.saved else {})
    met = [each["$id"] for page in then.data.pages("d/c", size=2) for each in page]
    assert met == [f"d{each}" for each in range(2 * min(pages, 3), 5)]


def test_passes_are_told_apart_by_their_order_and_lookups_begin_anew(provider: AppwriteProvider) -> None:
    fill(provider)
    run = Run(provider, {"1 d/c": END})
    assert list(run.data.pages("d/c")) == []
    assert len([each for page in run.data.pages("d/c") for each in page]) == 5
    assert len(list(run.data.documents("d/c"))) == 5
    assert run.saved[-1] == {"1 d/c": END, "2 d/c": END}


def test_what_comes_meanwhile_is_met_and_what_it_makes_itself_is_not(provider: AppwriteProvider) -> None:
    fill(provider, 2)
    run, met = Run(provider), []
    for page in run.data.pages("collection.d/c", only=["a"], size=1):
        met += [each["$id"] for each in page]
        run.data.create("d/c", {f"made-{each['$id']}": {"a": "x"} for each in page})
        if len(met) == 1:
            provider.create_document(*HERE, "late", {"a": "late"})
    assert met == ["d0", "d1", "late"]
    assert run.counts == {"read": 3, "created": 3}


def test_a_document_that_goes_while_a_pass_goes_over_it_does_no_harm(provider: AppwriteProvider) -> None:
    fill(provider)
    run = Run(provider)
    for page in run.data.pages("d/c", size=1):
        run.data.delete("d/c", [page[0]["$id"]])
    assert values(provider) == {}
    assert run.counts == {"read": 5, "deleted": 5}


def test_only_what_differs_is_written(provider: AppwriteProvider) -> None:
    fill(provider, 3, tags=["x"], at="2026-01-01T00:00:00.000+00:00")
    run = Run(provider)
    run.data.update("d/c", {"d0": {"a": "0", "tags": ("x",), "at": "2026-01-01T01:00:00+01:00", "b": None}})
    run.data.update("d/c", {"d1": {"b": "new"}, "gone": {"b": "new"}})
    run.data.update("d/c", {"d1": {"b": "newer"}})
    run.data.finish()
    assert run.counts == {"unchanged": 1, "updated": 1, "gone": 1}
    assert values(provider) == {"d0": None, "d1": "newer", "d2": None}


def test_conditions_choose_documents(provider: AppwriteProvider) -> None:
    fill(provider)
    provider.change_document(*HERE, "d1", {"b": "x"}, unless_newer_than="2100-01-01T00:00:00.000+00:00")
    run = Run(provider)

    def met(where: Mapping[str, Any]) -> list[str]:
        return [each["$id"] for page in run.data.pages("d/c", where=where) for each in page]

    assert met({"b": None}) == ["d0", "d2", "d3", "d4"]
    assert met({"b": "x"}) == ["d1"]
    assert met({"a": ["0", "3"], "b": None}) == ["d0", "d3"]
    assert run.data.count("d/c", where={"b": None}) == 4


def test_what_is_read_has_what_was_written_before(provider: AppwriteProvider) -> None:
    fill(provider, 1)
    run = Run(provider)
    run.data.update("d/c", {"d0": {"b": "x"}})
    assert run.data.count("d/c", where={"b": "x"}) == 1
    run.data.update("d/c", {"d0": {"b": "y"}})
    assert [each["b"] for each in run.data.documents("d/c", only=["b"])] == ["y"]
    run.data.update("d/c", {"d0": {"b": "z"}})
    found = run.data.get("d/c", "d0")
    assert found is not None
    assert found["b"] == "z"
    assert run.data.get("d/c", "nobody") is None


def test_links_are_the_ids_of_what_they_lead_to(provider: AppwriteProvider) -> None:
    fill(provider, 3)
    run = Run(provider)
    run.data.upsert("d/other", {"o": {"a": "1", "links": ["d0", "d2"]}})
    run.data.upsert("d/other", {"o": {"a": "2", "links": ["d0", "d2"]}, "p": {"a": "3"}})
    pages = [each for page in run.data.pages("d/other", only=["links"]) for each in page]
    assert {each["$id"]: sorted(each["links"]) for each in pages} == {"o": ["d0", "d2"], "p": []}
    run.data.update("d/other", {"o": {"links": ["d1"]}})
    whole = run.data.get("d/other", "o")
    assert whole is not None
    assert (whole["a"], whole["links"]) == ("2", ["d1"])


def test_what_is_not_there_is_empty(provider: AppwriteProvider) -> None:
    run = Run(provider)
    assert list(run.data.pages("d/never", only=["x"])) == []
    assert list(run.data.documents("d/never")) == []
    assert run.data.count("d/never") == 0
    assert list(run.data.pages("d/c", only=["went-long-ago"], where={"never-was": 1})) == []
    with pytest.raises(MigrationError, match="has no attribute 'a'"):
        run.data.update("d/never", {"x": {"a": 1}})


def test_a_thousand_writes_are_sent_without_being_asked_for(
    provider: AppwriteProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "PAGE", 2)
    run = Run(provider)
    run.data.create("d/c", {f"d{each}": {"a": "x"} for each in range(3)})
    assert set(values(provider)) == {"d0", "d1"}
    run.data.finish()
    assert set(values(provider)) == {"d0", "d1", "d2"}


def test_an_interrupt_ends_a_pass_after_its_page_and_what_has_none_after_its_writes(provider: AppwriteProvider) -> None:
    fill(provider)
    run, pages = Run(provider, is_stopping=lambda: True), 0

    def migrate() -> None:
        nonlocal pages
        for page in run.data.pages("d/c", size=2):
            pages += 1
            run.data.update("d/c", {each["$id"]: {"b": "x"} for each in page})

    with pytest.raises(Stopped):
        migrate()
    assert (pages, run.counts["updated"]) == (1, 2)
    assert len(run.saved) == 1
    other = Run(provider, is_stopping=lambda: True)
    other.data.update("d/c", {"d4": {"b": "x"}})
    with pytest.raises(Stopped):
        other.data.finish()
    assert values(provider)["d4"] == "x"


def test_an_error_that_its_code_catches_ends_it_all_the_same(provider: AppwriteProvider) -> None:
    def save(_progress: Progress) -> None:
        raise StateError("the state is another's")

    fill(provider)
    run = Run(provider, save=save)
    for act in (lambda: list(run.data.pages("d/c")), run.data.finish):
        with pytest.raises(StateError):
            act()
    too_long = Run(provider)
    too_long.data.update("d/c", {"d0": {"b": "x" * 11}, "d1": {"b": "y"}})
    for act in (lambda: too_long.data.count("d/c"), too_long.data.finish):
        with pytest.raises(ProviderError, match="Appwrite refuses a document of"):
            act()


def test_an_interrupt_that_its_code_catches_ends_it_all_the_same(provider: AppwriteProvider) -> None:
    fill(provider)
    run = Run(provider, is_stopping=lambda: True)
    for act in (lambda: list(run.data.pages("d/c", size=2)), lambda: run.data.count("d/c"), run.data.finish):
        with pytest.raises(Stopped):
            act()


def test_a_write_that_makes_no_sense_is_not_forgotten_but_a_question_may_be_tried(provider: AppwriteProvider) -> None:
    fill(provider)
    run = Run(provider)
    with pytest.raises(MigrationError, match="no attribute 'old'"):
        list(run.data.pages("d/c", only=["old"]))
    run.data.finish()
    for act in (lambda: run.data.update("d/c", {"d0": {"old": 1}}), run.data.finish):
        with pytest.raises(MigrationError, match="no attribute 'old'"):
            act()


def test_what_its_code_prints_is_for_people(provider: AppwriteProvider, capsys: pytest.CaptureFixture[str]) -> None:
    rehearsed(provider, "def run(data):\n    print('at work')")
    assert capsys.readouterr() == ("", "at work\n")


class Kept:
    """What was kept, before it was written over."""

    def __init__(self, provider: AppwriteProvider, error: IacError | None = None) -> None:
        self.found: list[tuple[Any, ...]] = []
        self._provider, self._error = provider, error

    def keep_overwritten(
        self,
        place: Address,
        columns: Mapping[str, Any],
        links: Mapping[str, Address],
        documents: Sequence[Mapping[str, Any]],
        becomes: Mapping[str, Mapping[str, Any]] | None,
        *,
        is_again: bool = False,
    ) -> None:
        if self._error is not None:
            raise self._error
        self.found.append((str(place), sorted((*columns, *links)), [each["$id"] for each in documents], becomes))


def test_what_is_written_over_is_kept_before_and_nothing_else(provider: AppwriteProvider) -> None:
    fill(provider, 3)
    kept = Kept(provider)
    run = Run(provider, keeper=kept)
    run.data.update("d/c", {"d0": {"a": "x"}, "d1": {"a": "1"}})
    run.data.create("d/c", {"new": {"a": "x"}})
    run.data.delete("d/c", ["d2"])
    run.data.finish()
    assert kept.found == [
        ("collection.d/c", ["a"], ["d0"], {"d0": {"a": "x"}}),
        ("collection.d/c", ["a", "at", "b", "tags"], ["d2"], None),
    ]
    broken = Run(provider, keeper=Kept(provider, StateError("full")))
    broken.data.update("d/c", {"d0": {"a": "y"}})
    with pytest.raises(StateError):
        broken.data.finish()
    assert values(provider, "a")["d0"] == "x"


def test_what_others_change_before_it_is_deleted_is_kept_as_they_left_it(provider: AppwriteProvider) -> None:
    fill(provider, 2)
    kept: list[tuple[str, Any, bool]] = []

    class Meddler(Kept):
        def keep_overwritten(self, *arguments: Any, is_again: bool = False) -> None:
            kept.extend((each["$id"], each["b"], is_again) for each in arguments[3])
            if len(kept) == 2:
                now = provider.document("d", "c", "d0") or {}
                provider.change_document("d", "c", "d0", {"b": "late"}, unless_newer_than=now["$updatedAt"])

    run = Run(provider, keeper=Meddler(provider))
    run.data.delete("d/c", ["d0", "d1"])
    run.data.finish()
    assert kept == [("d0", None, False), ("d1", None, False), ("d0", "late", True)]
    assert values(provider) == {}
    assert run.counts == {"deleted": 2}


class Meddled(AppwriteProvider):
    """Somebody else does something to documents right before values are written, to other ones each time."""

    def __init__(self, provider: AppwriteProvider, *times: Sequence[str]) -> None:
        super().__init__(provider._transport)
        self._times, numbers = iter(times), count()
        # What a document holds already would not change it.
        self.meddle: Callable[[str], object] = lambda id: provider.change_document(
            *HERE, id, {"a": f"theirs {next(numbers)}", "b": "theirs"}, unless_newer_than=""
        )

    def change_values(self, database: str, collection: str, values: Mapping[str, NewValues]) -> Written:
        for each in next(self._times, ()):
            self.meddle(each)
        return super().change_values(database, collection, values)


SINGLY_AND_TOGETHER = pytest.mark.parametrize("number", [3, 20], ids=["singly", "together"])


@SINGLY_AND_TOGETHER
def test_what_others_write_meanwhile_is_read_again_and_kept_and_other_attributes_are_left(
    provider: AppwriteProvider, number: int
) -> None:
    fill(provider, number)
    kept = Kept(provider)
    run = Run(Meddled(provider, ["d1"]), keeper=kept)
    run.data.update("d/c", {f"d{each}": {"b": "x"} for each in range(number)})
    run.data.finish()
    assert set(values(provider).values()) == {"x"}
    assert values(provider, "a")["d1"] == "theirs 0"
    assert [(ids, becomes) for _, _, ids, becomes in kept.found[1:]] == [(["d1"], {"d1": {"b": "x"}})]
    assert run.counts == {"updated": number}


@SINGLY_AND_TOGETHER
def test_what_others_delete_meanwhile_stays_deleted(provider: AppwriteProvider, number: int) -> None:
    fill(provider, number)
    meddled = Meddled(provider, ["d2"])
    meddled.meddle = lambda id: provider.remove_document(*HERE, id)
    run = Run(meddled)
    run.data.update("d/c", {f"d{each}": {"b": "x"} for each in range(number)})
    run.data.finish()
    assert values(provider) == {f"d{each}": "x" for each in range(number) if each != 2}


def test_it_goes_on_as_long_as_others_change_fewer_documents_each_time(provider: AppwriteProvider) -> None:
    """As where a document that is written changes those that it leads to."""
    fill(provider, 9)
    ids = [f"d{each}" for each in range(9)]
    run = Run(Meddled(provider, *(ids[:number] for number in range(8, 0, -1))))
    run.data.update("d/c", {each: {"b": "x"} for each in ids})
    run.data.finish()
    assert set(values(provider).values()) == {"x"}
    assert run.counts == {"updated": 9}


def test_who_writes_all_the_time_has_to_stop(provider: AppwriteProvider) -> None:
    fill(provider, 2)
    run = Run(Meddled(provider, *([["d1"]] * 50)))
    run.data.update("d/c", {"d0": {"b": "x"}, "d1": {"b": "x"}})
    with pytest.raises(ProviderError) as caught:
        run.data.finish()
    assert caught.value.message == (
        "migration.m could not write 1 document of collection.d/c: others keep writing to the collection (document d1)."
    )
    assert values(provider) == {"d0": "x", "d1": "theirs"}
    assert run.counts == {"updated": 1}


def test_it_says_how_far_it_has_come_and_how_long_the_rest_takes(provider: AppwriteProvider) -> None:
    fill(provider, 4)
    now = iter(range(0, 10_000, 10))
    run = Run(provider, clock=lambda: float(next(now)))
    for page in run.data.pages("d/c", size=2):
        run.data.update("d/c", {each["$id"]: {"b": "x"} for each in page})
    assert run.said[0].startswith("2 read, 2 updated; 2 of 4 documents; about ")


def plan_of(*changes: Change) -> Plan:
    migrate = Change(AT, Action.MIGRATE, "", why=Reason.NOT_RUN)
    return Plan("test", "lineage", 1, (*changes, migrate))


def rehearsed(provider: AppwriteProvider, code: str, *changes: Change) -> migrating.Rehearsal:
    desired = Desired("test", {}, migrations={AT: Migration(AT, "m.py", code, "0")})
    (found,) = rehearse(plan_of(*changes), desired, provider, lambda _at, _text: None)
    return found


def test_a_rehearsal_sees_what_the_plan_makes_and_renames(provider: AppwriteProvider) -> None:
    fill(provider, 12)
    code = (
        "def run(data):\n"
        "    assert data.is_rehearsal\n"
        "    for page in data.pages('d/c', only=['was_a', 'coming'], where={'coming': None}):\n"
        "        data.update('d/c', {each['$id']: {'coming': each['was_a'], 'b': 'x'} for each in page})\n"
        "    data.create('d/c', {'new': {'coming': 'x'}})\n"
        "    data.delete('d/c', ['d0', 'nobody'])\n"
    )
    change: Callable[..., Change] = Change
    made = change(address("attribute.d/c/coming"), Action.CREATE, "", why=Reason.DECLARED)
    moved = change(
        address("attribute.d/c/was_a"),
        Action.MOVE,
        "",
        origin=address("attribute.d/c/a"),
        why=Reason.RENAMED,
    )
    found = rehearsed(provider, code, made, moved)
    assert found.problem is None
    assert found.counts == {"read": 12, "updated": 12, "created": 1, "deleted": 1, "gone": 1}
    assert len(found.examples) == migrating.EXAMPLES
    assert found.examples[1].to_json() == {
        "collection": "collection.d/c",
        "id": "d1",
        "action": "update",
        "changes": {"coming": {"before": None, "after": "1"}, "b": {"before": None, "after": "x"}},
    }
    assert set(values(provider).values()) == {None}
    assert len(values(provider)) == 12


def test_what_fails_in_a_rehearsal_is_its_problem(provider: AppwriteProvider) -> None:
    fill(provider, 1)
    found = rehearsed(provider, "def run(data):\n    data.update('d/c', {'d0': {'bb': 1}})\n")
    assert found.problem is not None
    assert "migration.m failed at m.py:2: collection.d/c has no attribute 'bb'" in found.problem.message
