"""What a plan destroys or narrows is kept before it, and can be written back."""

from __future__ import annotations

import json
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from unit.docs.schemas import must_fit

from raceday_iac.errors import EXIT_INTERRUPTED

from .project import Project

#: Orders in the shop; more of them with this variable.
ORDERS = int(os.environ.get("RACEDAY_BACKUP_DOCUMENTS", "230"))
ROOM_NUMBER = ORDERS // 10

ROOMS = """
    shop = stack.database(P + "shop", name="Shop")
    rooms = shop.collection("rooms", name="Rooms")
    rooms.string("name", 50, required=True)
    notes = shop.collection("notes", name="Notes")
    notes.string("text", 50)
"""
ORDER_FIELDS = """
    orders = shop.collection("orders", name="Orders", document_security=True, permissions=['read("any")'])
    orders.string("text", 60, required=True)
    orders.string("tags", 20, array=True)
    orders.integer("number")
    orders.float("price")
    orders.datetime("at")
    orders.relationship("room", "rooms", type="manyToOne", two_way=True, two_way_key="orders", on_delete="setNull")
    orders.relationship("extras", "rooms", type="manyToMany", two_way_key="extraOf", on_delete="setNull")
    orders.relationship(
        "like", "orders", type="manyToMany", two_way=True, two_way_key="likeness", on_delete="setNull"
    )
    notes.relationship("about", "orders", type="manyToOne", on_delete="setNull")
"""


def order(number: int) -> dict[str, Any]:
    """One that differs from all others, some with nothing in it."""
    return {
        "text": f"Order ünd {number}",
        "tags": [f"t{number}", "x"] if number % 3 else [],
        "number": number if number % 5 else None,
        "price": number / 4,
        "at": "2026-01-02T03:04:05.678+00:00" if number % 2 else None,
        "room": f"r{number % ROOM_NUMBER}" if number % 7 else None,
        "extras": [f"r{(number + each) % ROOM_NUMBER}" for each in range(number % 3)],
    }


def documents(project: Project, collection: str) -> str:
    return f"/databases/{project.id('shop')}/collections/{collection}/documents"


def put(project: Project, collection: str, identity: str, data: dict[str, Any], *permissions: str) -> None:
    content = {"documentId": identity, "data": data, "permissions": list(permissions)}
    project.api.post(documents(project, collection), content)


def fill(project: Project, number: int = ORDERS) -> None:
    for each in range(ROOM_NUMBER):
        put(project, "rooms", f"r{each}", {"name": f"Room {each}"})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: put(project, "orders", f"o{n}", order(n), f'read("user:u{n}")'), range(number)))
    for each in range(5):
        put(project, "notes", f"n{each}", {"text": f"Note {each}", "about": f"o{each}"})
    # Of a relationship of a collection with itself, documents have the far side alone.
    project.api.patch(f"{documents(project, 'orders')}/o1", {"data": {"likeness": ["o2", "o3"]}})


#: What a document says beside its values, and only the server can write.
SYSTEM = ("$sequence", "$databaseId", "$collectionId")


def everything(project: Project, *collections: str) -> dict[str, dict[str, Any]]:
    """Every document as the server shows it, with the ids of what it is related to."""
    paths = {"orders": ["room.$id", "extras.$id", "likeness.$id"], "notes": ["about.$id"], "rooms": []}
    found = {}
    for name in collections:
        queries = [{"method": "select", "values": ["*", *paths[name]]}, {"method": "limit", "values": [100_000]}]
        for each in project.api.get(documents(project, name), *queries)["documents"]:
            content = {key: reported(value) for key, value in each.items() if key not in SYSTEM}
            found[f"{name}/{each['$id']}"] = content
    return found


def reported(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("$id")
    return sorted(map(reported, value)) if isinstance(value, list) and value and isinstance(value[0], dict) else value


def declare(project: Project, *parts: str) -> None:
    project.declare("".join(parts))


@pytest.fixture
def shop(project: Project) -> Project:
    """A shop with orders."""
    declare(project, ROOMS, ORDER_FIELDS)
    project.apply()
    fill(project)
    return project


def test_a_destroyed_collection_is_restored_document_by_document(shop: Project) -> None:
    before = everything(shop, "orders", "rooms", "notes")
    declare(shop, ROOMS)
    allowed = (f"collection.{shop.id('shop')}/orders={ORDERS}", f"relationship.{shop.id('shop')}/notes/about=5")
    losing = [word for each in allowed for word in ("--allow-data-loss", each)]
    planned = shop.iac("plan", *losing).out
    assert f"is written to a backup in {shop.state_folder / 'backups'}:" in planned
    assert f"  collection.{shop.id('shop')}/orders: {ORDERS} documents" in planned
    assert f"  relationship.{shop.id('shop')}/notes/about: 5 documents" in planned
    document = shop.iac("plan", "--json", *losing).json
    must_fit(document, "plan")
    assert {each["address"]: each["count"] for each in document["backup"]["keeps"]}.items() >= {
        (f"collection.{shop.id('shop')}/orders", ORDERS)
    }
    done = shop.apply("--json", *losing).documents[-1]["applied"]
    assert done["complete"]
    backup = done["backup"]
    assert shop.iac("backup", "verify", backup).code == 0
    declare(shop, ROOMS, ORDER_FIELDS)
    shop.apply()
    restored = shop.iac("restore", backup, "--auto-approve", "--json")
    assert everything(shop, "orders", "rooms", "notes") == before, restored
    must_fit(restored.json, "restored")
    assert restored.json["restored"]["plan"] == []
    assert [each["same"] for each in restored.json["restored"]["sections"]] == [0, ORDERS]
    assert shop.iac("restore", backup, "--dry-run").code == 0


@pytest.mark.parametrize("date", ["as it is", ""], ids=["with", "without the server's time"])
def test_what_is_written_between_the_backup_and_the_deletion_is_kept_too(project: Project, date: str) -> None:
    project.declare(NARROW.format(size=50))
    project.apply()
    for identity in "abc":
        put(project, "notes", identity, {"text": identity})
    project.declare("stack.database(P + 'shop', name='Shop')")
    address = f"collection.{project.id('shop')}/notes"

    def meddle() -> None:
        project.api.patch(f"{documents(project, 'notes')}/b", {"data": {"text": "written late"}})
        put(project, "notes", "d", {"text": "made late"})

    # After it was counted for the plan, counted, tried and read for the backup, and counted again before the deletion.
    project.proxy.call(meddle, "GET", "*/documents", skip=5 if date else 6)
    if not date:
        project.proxy.play("date:")
    project.apply("--allow-data-loss", f"{address}=4")
    project.declare(NARROW.format(size=50))
    project.apply()
    assert "4 documents of 1 address" in project.iac("backup", "verify").out
    project.iac("restore", "latest", "--auto-approve")
    assert texts(project) == {"a": "a", "b": "written late", "c": "c", "d": "made late"}


NARROW = """
    shop = stack.database(P + "shop", name="Shop")
    notes = shop.collection("notes", name="Notes")
    notes.string("text", {size})
    notes.string("other", 9)
"""


@pytest.fixture
def notes(project: Project) -> Project:
    """Three notes, two of which will be cut, and then one of those be written again."""
    project.declare(NARROW.format(size=50))
    project.apply()
    for identity, text in (("a", "a long text"), ("b", "another long text"), ("c", "short")):
        put(project, "notes", identity, {"text": text})
    project.declare(NARROW.format(size=5))
    cut = project.apply("--allow-data-loss", f"attribute.{project.id('shop')}/notes/text=2")
    assert "Kept before: 2 documents of 1 address" in cut.out
    assert texts(project) == {"a": "a lon", "b": "anoth", "c": "short"}
    return project


def test_what_is_written_while_it_is_cut_is_kept_too(project: Project) -> None:
    project.declare(NARROW.format(size=50))
    project.apply()
    for identity in "ab":
        put(project, "notes", identity, {"text": f"a long text {identity}"})

    def meddle() -> None:
        project.api.patch(f"{documents(project, 'notes')}/b", {"data": {"text": "written while it is cut"}})

    # It is read for the cut by then, so it is read again.
    project.proxy.call(meddle, "PATCH", "*/documents/b")
    project.declare(NARROW.format(size=5))
    project.apply("--allow-data-loss", f"attribute.{project.id('shop')}/notes/text=2")
    assert texts(project) == {"a": "a lon", "b": "writt"}
    project.declare(NARROW.format(size=50))
    project.apply()
    project.iac("restore", "latest", "--auto-approve")
    assert texts(project) == {"a": "a long text a", "b": "written while it is cut"}


def texts(project: Project) -> dict[str, str]:
    return {each["$id"]: each["text"] for each in project.api.get(documents(project, "notes"))["documents"]}


def test_a_text_that_was_cut_is_restored_when_there_is_room_again(notes: Project) -> None:
    too_narrow = notes.iac("restore", "latest", "--auto-approve", code=1)
    assert "a: text: 11 characters" in too_narrow.out
    notes.declare(NARROW.format(size=50))
    notes.apply()
    backup = notes.iac("restore", "latest", "--dry-run", "--json", code=2).json["restore"]["backup"]
    assert texts(notes)["a"] == "a lon"
    assert "The plan is empty" in notes.iac("restore", "latest", "--auto-approve").out
    assert texts(notes) == {"a": "a long text", "b": "another long text", "c": "short"}
    # What was written over is in a backup of its own.
    assert notes.iac("backup", "show", "latest", "--json").json["backup"]["command"] == "restore"
    address = f"collection.{notes.id('shop')}/notes"
    notes.iac("restore", "latest", "--auto-approve", "--overwrite", f"{address}=2")
    assert texts(notes)["a"] == "a lon"
    notes.iac("restore", backup, "--auto-approve", "--no-backup")
    assert len(notes.iac("backup", "list", "--json").json["backups"]) == 3


def test_a_newer_value_stays_unless_its_number_is_named(notes: Project) -> None:
    notes.declare(NARROW.format(size=50))
    notes.apply()
    notes.api.patch(f"{documents(notes, 'notes')}/b", {"data": {"text": "new"}})
    notes.api.delete(f"{documents(notes, 'notes')}/c")
    address = f"attribute.{notes.id('shop')}/notes/text"
    first = notes.iac("backup", "list", "--json").json["backups"][0]["id"]
    assert f"--overwrite {address}=1" in notes.iac("restore", first, "--auto-approve").out
    assert texts(notes) == {"a": "a long text", "b": "new"}
    for wrong, said in ((f"{address}=0", "names 0"), (address, "names no number")):
        refused = notes.iac("restore", first, "--auto-approve", "--overwrite", wrong, code=5)
        assert said in refused.err
    notes.iac("restore", first, "--auto-approve", "--overwrite", f"{address}=1")
    assert texts(notes) == {"a": "a long text", "b": "another long text"}


def test_values_go_into_another_attribute(notes: Project) -> None:
    other = f"attribute.{notes.id('shop')}/notes/other"
    notes.declare(NARROW.format(size=5).replace('"other", 9', '"other", 11'))
    notes.apply()
    said = notes.iac("restore", "latest", "--into", other, "--auto-approve", code=1).out
    assert "b: other: 17 characters" in said
    found = notes.api.get(f"{documents(notes, 'notes')}/a")
    assert (found["text"], found["other"]) == ("a lon", "a long text")


def test_documents_that_get_values_back_keep_their_timestamps_or_not(project: Project) -> None:
    def times() -> dict[str, str]:
        return {each["$id"]: each["$updatedAt"] for each in project.api.get(documents(project, "notes"))["documents"]}

    def lose_and_restore(*words: str) -> Any:
        project.declare(stack.replace('notes.string("text", 50)', ""))
        project.apply("--allow-data-loss", f"attribute.{project.id('shop')}/notes/text=12")
        project.declare(stack)
        project.apply()
        (section,) = project.iac("restore", "latest", "--auto-approve", "--json", *words).json["restored"]["sections"]
        assert section["same"] == 12
        assert texts(project) == {f"n{number}": f"text {number}" for number in range(12)}

    stack = NARROW.format(size=50)
    project.declare(stack)
    project.apply()
    for number in range(12):
        put(project, "notes", f"n{number}", {"text": f"text {number}"})
    before = times()
    lose_and_restore()
    assert times() == before
    lose_and_restore("--new-timestamps")
    assert all(now > before[each] for each, now in times().items())


def test_links_are_written_back_together(shop: Project) -> None:
    before, number = everything(shop, "notes", "orders"), ORDERS
    address = f"relationship.{shop.id('shop')}/orders/extras"
    declare(shop, ROOMS, "\n".join(line for line in ORDER_FIELDS.splitlines() if '"extras"' not in line))
    refused = shop.apply(code=5).out
    number = int(refused.partition(f"{address}=")[2].split()[0])
    shop.apply("--allow-data-loss", f"{address}={number}")
    declare(shop, ROOMS, ORDER_FIELDS)
    shop.apply()
    shop.proxy.forget()
    shop.iac("restore", "latest", "--auto-approve", "--new-timestamps")
    patched = [each for each in shop.proxy.exchanges() if each.method == "PATCH" and "/documents/" in each.path]
    assert len(patched) < 8
    now = everything(shop, "notes", "orders")
    assert {each: {**now[each], "$updatedAt": ""} for each in now} == {
        each: {**before[each], "$updatedAt": ""} for each in before
    }


def test_nothing_is_destroyed_where_the_backup_fails(notes: Project) -> None:
    folder = notes.state_folder / "backups"
    for each in sorted(folder.rglob("*"), reverse=True):
        each.unlink() if each.is_file() else each.rmdir()
    folder.rmdir()
    folder.write_text("in the way")
    notes.declare("")
    words = ("--allow-data-loss", f"database.{notes.id('shop')}=3")
    failed = notes.apply(*words, code=1)
    assert "could not be completed" in failed.err
    assert "Nothing was changed." in failed.err
    assert "--no-backup" in failed.err
    assert len(texts(notes)) == 3
    assert "No backup is made (--no-backup)" in notes.apply("--no-backup", *words).out
    assert not notes.api.has(f"/databases/{notes.id('shop')}")


def test_an_interrupted_backup_changes_nothing_and_an_interrupted_restore_goes_on(notes: Project) -> None:
    stack = notes.stack_file.read_text()
    notes.declare("")
    before, losing = texts(notes), ("--allow-data-loss", f"database.{notes.id('shop')}=3")
    run = notes.start("apply", "--auto-approve", *losing)
    notes.proxy.call(run.interrupt, "GET", "*/documents", skip=2, when="after")
    ended = run.end()
    assert ended.code == EXIT_INTERRUPTED, ended
    assert "Nothing was changed." in ended.err
    assert texts(notes) == before
    notes.proxy.forget()
    notes.apply(*losing)
    notes.stack_file.write_text(stack)
    notes.apply()
    run = notes.start("restore", "latest", "--auto-approve")
    notes.proxy.call(run.interrupt, "POST", "*/documents", when="after")
    ended = run.end()
    assert ended.code == EXIT_INTERRUPTED, ended
    assert "What was written back before stays on Appwrite." in ended.err
    notes.proxy.forget()
    notes.iac("restore", "latest", "--auto-approve")
    assert texts(notes) == before


def test_the_backup_of_another_project_is_not_written_here(notes: Project) -> None:
    (manifest,) = (notes.state_folder / "backups").glob("*/manifest.json")
    manifest.write_text(manifest.read_text().replace(f'"project": "{notes.site.project}"', '"project": "other"'))
    assert "was made with another project: other" in notes.iac("restore", "latest", "--auto-approve", code=5).err


def test_what_is_done_with_backups_is_in_the_audit_log(notes: Project) -> None:
    notes.declare(NARROW.format(size=50))
    notes.apply()
    notes.iac("restore", "latest", "--auto-approve")
    notes.iac("backup", "create", f"collection.{notes.id('shop')}/notes")
    notes.iac("backup", "delete", "latest", "--auto-approve")
    assert notes.iac("state", "verify").code == 0
    lines = (notes.state_folder / "audit.jsonl").read_text().splitlines()
    events = [(each["command"], each["event"]) for each in map(json.loads, lines)]
    expected = [("restore", "begin"), ("restore", "backup"), ("restore", "end"), ("backup create", "backup")]
    assert events[-5:] == [*expected, ("backup delete", "backup deleted")]
    assert events.index(("apply", "backup")) == events.index(("apply", "end"), 2) - 1
    assert "another long text" not in "".join(lines)


FILES = {"f1": ("../sun.txt", b"shine " * 3), "f2": ("empty.bin", bytes(range(256)) * 40), "f3": ("a.txt", b"x")}


@pytest.fixture
def bucket(project: Project) -> str:
    """A bucket with files; its route."""
    project.declare('stack.bucket(P + "pictures", name="Pictures", file_security=True)')
    project.apply()
    path = f"/storage/buckets/{project.id('pictures')}/files"
    for identity, (name, content) in FILES.items():
        fields = {"fileId": identity, "permissions[0]": f'read("user:{identity}")'}
        project.api.form(path, fields, {"file": (name, content, "text/plain")})
    return path


def contents(project: Project, path: str) -> Any:
    kept = ("$id", "name", "$permissions", "signature", "sizeOriginal", "mimeType")
    return [{name: each[name] for name in kept} for each in project.api.get(path)["files"]]


def test_the_files_of_a_deleted_bucket_are_put_back(project: Project, bucket: str) -> None:
    before, stack = contents(project, bucket), project.stack_file.read_text()
    project.declare("")
    project.apply("--allow-data-loss", f"bucket.{project.id('pictures')}=3")
    project.iac("backup", "verify")
    assert "does not exist" in project.iac("restore", "latest", "--auto-approve", code=1).out
    project.stack_file.write_text(stack)
    project.apply()
    put_first = {"file": ("other.txt", b"somebody else's", "text/plain")}
    project.api.form(bucket, {"fileId": "f3"}, put_first)
    said = project.iac("restore", "latest", "--auto-approve", code=1).out
    assert "f3: file: another one with this id exists" in said
    assert contents(project, bucket)[0]["name"] == "other.txt"
    project.api.delete(f"{bucket}/f3")
    assert "The plan is empty" in project.iac("restore", "latest", "--auto-approve").out
    assert sorted(contents(project, bucket), key=str) == sorted(before, key=str)
    project.iac("backup", "extract", "latest", "out")
    found = {each.name: each.read_bytes() for each in (project.root / "out").rglob("*") if each.is_file()}
    del found["contents-00001.jsonl"]
    assert found == {f"{key}-{name.replace('/', '_')}": content for key, (name, content) in FILES.items()}
    assert "exists already" in project.iac("backup", "extract", "latest", "out", code=1).err


def test_one_damaged_file_keeps_no_other_from_being_put_back(project: Project, bucket: str) -> None:
    stack = project.stack_file.read_text()
    project.declare("")
    project.apply("--allow-data-loss", f"bucket.{project.id('pictures')}=3")
    first, *_ = sorted((project.state_folder / "backups").rglob("*.gz"))
    first.write_bytes(b"damaged")
    project.stack_file.write_text(stack)
    project.apply()
    said = project.iac("restore", "latest", "--auto-approve", code=1).out
    assert "f1: 001-00001.jsonl.gz of the backup" in said
    assert {each["$id"] for each in contents(project, bucket)} == {"f2", "f3"}
    # What is whole can be taken out as well.
    said = project.iac("backup", "extract", "latest", "out", code=1).out
    assert "001-00001.jsonl.gz" in said
    taken = {each.name.partition("-")[0] for each in (project.root / "out").rglob("*") if each.is_file()}
    assert taken == {"f2", "f3", "contents"}
    damaged = project.iac("backup", "verify", code=1).out
    assert "001-00001.jsonl.gz" in damaged


def test_a_file_that_comes_after_the_backup_is_kept_too(project: Project, bucket: str) -> None:
    """The count is the same as was shown, so no guard stops the deletion."""
    stack = project.stack_file.read_text()

    def meddle() -> None:
        project.api.delete(f"{bucket}/f1")
        project.api.form(bucket, {"fileId": "f4"}, {"file": ("late.txt", b"late", "text/plain")})

    project.proxy.call(meddle, "GET", "*/files/f3/*")
    project.declare("")
    project.apply("--allow-data-loss", f"bucket.{project.id('pictures')}=3")
    assert "4 files of 1 address" in project.iac("backup", "verify").out
    project.stack_file.write_text(stack)
    project.apply()
    project.iac("restore", "latest", "--auto-approve")
    assert {each["name"] for each in contents(project, bucket)} == {name for name, _ in FILES.values()} | {"late.txt"}


def members(project: Project) -> dict[str, list[str]]:
    listed = project.api.get(f"/teams/{project.id('staff')}/memberships")["memberships"]
    return {each["userEmail"]: each["roles"] for each in listed}


def test_members_of_a_team_are_members_again(project: Project) -> None:
    stack = 'stack.team(P + "staff", name="Staff")'
    project.declare(stack)
    project.apply()
    path = f"/teams/{project.id('staff')}/memberships"
    for name, roles in (("a", ["owner", "judge"]), ("b", []), ("c", ["owner"])):
        project.api.post(path, {"email": f"{name}@example.org", "roles": roles, "url": "http://localhost"})
    before = members(project)
    users = {each["userEmail"]: each["userId"] for each in project.api.get(path)["memberships"]}
    project.declare("")
    lost = project.apply("--allow-data-loss", f"team.{project.id('staff')}=3")
    assert "Kept before: 3 memberships of 1 address" in lost.out
    assert "does not exist" in project.iac("restore", "latest", "--auto-approve", code=1).out
    project.declare(stack)
    project.apply()
    project.api.post(path, {"userId": users["b@example.org"], "roles": ["guest"], "url": "http://localhost"})
    project.api.delete(f"/users/{users['c@example.org']}")
    said = project.iac("restore", "latest", "--auto-approve", code=1).out
    assert f"{users['b@example.org']}: membership: another one with this id exists" in said
    assert "404 user_not_found: User with given userId doesn't exist." in said
    assert "member:ID" in said
    assert members(project) == {"a@example.org": before["a@example.org"], "b@example.org": ["guest"]}
    (found,) = project.iac("backup", "extract", "latest", "out", "--json").json["files"]
    assert json.loads((project.root / found).read_text().splitlines()[0])["data"]["userEmail"] == "a@example.org"


def test_who_subscribed_to_a_topic_is_subscribed_again(project: Project) -> None:
    stack = 'stack.topic(P + "news", name="News", subscribe=["users"])'
    project.declare(stack)
    project.apply()
    path = f"/messaging/topics/{project.id('news')}/subscribers"
    project.api.post("/users", {"userId": "u", "email": "u@example.org"})
    target = {"targetId": "t", "providerType": "push", "identifier": "device"}
    project.api.post("/users/u/targets", target)
    project.api.post(path, {"subscriberId": "s", "targetId": "t"})
    project.declare("")
    project.apply("--allow-data-loss", f"topic.{project.id('news')}=1")
    project.declare(stack)
    project.apply()
    assert "1 subscriber as in the backup" in project.iac("restore", "latest", "--auto-approve").out
    assert [(each["$id"], each["targetId"]) for each in project.api.get(path)["subscribers"]] == [("s", "t")]


def test_plain_variables_of_a_deleted_function_are_written_back(project: Project) -> None:
    source = project.code("f", main="def main(context):\n    return context.res.empty()\n")
    stack = f"""
        stack.function(P + "f", name="F", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=30,
            entrypoint="main.py", code={source!r}, variables={{"A": "plain"}})
    """
    project.declare(stack)
    project.apply()
    path = f"/functions/{project.id('f')}/variables"
    for key, secret in (("BY_HAND", False), ("HIDDEN", True)):
        project.api.post(path, {"variableId": "unique()", "key": key, "value": f"value of {key}", "secret": secret})
    losing = ("--allow-data-loss", f"function.{project.id('f')}=2")
    done = project.iac("destroy", project.id("f"), "--auto-approve", *losing)
    assert "and 2 variables in the backup" in done.out
    assert "f does not exist" in project.iac("restore", "latest", "--auto-approve", code=1).out
    project.declare(stack.replace("plain", "another"))
    project.apply()
    said = project.iac("restore", "latest", "--auto-approve").out
    assert "1 variable to create" in said
    assert "1 variable with newer values, which stay" in said
    values = {each["key"]: each["value"] for each in project.api.get(path)["variables"]}
    assert values == {"A": "another", "BY_HAND": "value of BY_HAND"}
    alone = project.iac("restore", "latest", "--address", f"variable.{project.id('f')}/BY_HAND", "--dry-run")
    assert "1 variable as in the backup" in alone.out


def test_the_source_and_the_variables_of_a_deleted_function_are_kept(project: Project) -> None:
    source = project.code("f", main="def main(context):\n    return context.res.empty()\n")
    project.declare(f"""
        stack.function(P + "f", name="F", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=30,
            entrypoint="main.py", code={source!r}, variables={{"A": "plain", "S": FromEnvironment("SECRET")}})
    """)
    project.secret("SECRET", "never to be seen")
    project.apply()
    project.iac("destroy", project.id("f"), "--auto-approve")
    shown = project.iac("backup", "show", "latest")
    assert "source of 1 deployment" in shown.out
    assert "value='plain'" in shown.out
    said = project.iac("restore", "latest", "--auto-approve", code=1).out
    assert "run raceday-iac backup extract" in said
    assert "variables of function" in said
    project.iac("backup", "extract", "latest", "out")
    (found,) = (project.root / "out").rglob("*.tar.gz")
    with tarfile.open(found) as archive:
        main = archive.extractfile("main.py")
        assert main is not None
        assert main.read() == (project.root / source / "main.py").read_bytes()
    project.must_keep_no_secret()
