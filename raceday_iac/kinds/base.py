"""What the reconciler must know of a kind of resource. Each kind is one module that fills in a `Kind`.

Kinds are pure: they compare and they describe requests; they never send any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..model.address import Address, lies_in
from ..model.evidence import Question
from ..model.limits import column_name
from ..model.resource import Desired, Fields, Live, Resource
from ..model.secret import Secret
from ..model.server import ServerFacts
from .schema_rules import Place, Request, create_request, path_of, schema_places, update_request

if TYPE_CHECKING:
    from ..model.declarations import Declared
    from .fields import Declaring

#: What a value of an answer must be: a JSON type as Python reads it, one of several, a list of such, an object of a
#: shape, or what a function says of it.
Wanted: TypeAlias = "type | tuple[Wanted, ...] | list[Wanted] | Shape | Callable[[Any], bool]"


def _nothing(_raw: Mapping[str, Any]) -> Mapping[str, Wanted]:
    return {}


@dataclass(frozen=True)
class Shape:
    """What an object of an answer must hold to be Appwrite's: at least these `fields`, and `maybe` those, which may be
    missing or empty. `more` names fields that are needed beside them for what the object says of itself."""

    fields: Mapping[str, Wanted]
    maybe: Mapping[str, Wanted] = field(default_factory=dict)
    more: Callable[[Mapping[str, Any]], Mapping[str, Wanted]] = _nothing


def listing(key: str, item: Wanted) -> Shape:
    """The shape of a list."""
    return Shape({"total": int, key: [item]})


def misfit(value: Any, wanted: Wanted) -> str:
    """Which part of an answer is wrong, and how, in words; an empty text for a correct answer."""
    if isinstance(wanted, type):
        # Exactly: `true` is no number, although Python takes it for one.
        return "" if type(value) is wanted else _said(value)
    if isinstance(wanted, Shape):
        return _wrong_in(value, wanted) if type(value) is dict else _said(value)
    if isinstance(wanted, list):
        if type(value) is not list:
            return _said(value)
        for number, each in enumerate(value):
            if found := misfit(each, wanted[0]):
                return f"[{number}]{_inside(found)}"
        return ""
    if isinstance(wanted, tuple):
        return "" if any(not misfit(value, each) for each in wanted) else _said(value)
    return "" if wanted(value) else _said(value)


def _wrong_in(value: Mapping[str, Any], shape: Shape) -> str:
    for fields in (shape.fields, shape.more):
        needed = fields if isinstance(fields, Mapping) else fields(value)
        for name, wanted in needed.items():
            if name not in value:
                return f"{name} is missing"
            # Most fields are plain: thousands of them are in the answers to one plan.
            if type(value[name]) is not wanted and (found := misfit(value[name], wanted)):
                return f"{name}{_inside(found)}"
    for name, wanted in shape.maybe.items():
        if value.get(name) and (found := misfit(value[name], wanted)):
            return f"{name}{_inside(found)}"
    return ""


def _inside(found: str) -> str:
    """What was found further in, as the rest of a place: `.name is missing`, `[3] is null`, ` is null`."""
    return found if found[0] in "[ " else f".{found}"


def _said(value: Any) -> str:
    said: dict[type, str] = {
        type(None): "null",
        bool: "true or false",
        list: "a list",
        dict: "an object",
        str: "a text",
    }
    return f" is {said.get(type(value), 'a number')}, which does not fit there"


def is_instant(value: Any) -> bool:
    """A time that can be read. (An unreleased server once answered one without `T` and zone.)"""
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def is_finite(value: Any) -> bool:
    """Whether it is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


OBJECT = Shape({"$id": str})
#: A deletion: 204 without a body.
NOTHING = Shape({})
#: An archive of code; the content of a file of any type.
ARCHIVE, CONTENT = Shape({}), Shape({})


@dataclass(frozen=True)
class Listing:
    """A list of resources: its route, its key in the answer, and the shape of one of them."""

    path: str
    key: str
    item: Shape
    #: Whether one request answers all of it, without pages. Several kinds may be in the same answer; with an empty key,
    #: the answer itself is the only one.
    is_whole: bool = False

    @property
    def answer(self) -> Shape:
        """The shape of the whole answer."""
        return Shape({self.key: [self.item]}) if self.key else self.item


@dataclass(frozen=True)
class Contents:
    """Data that lies in a resource and goes with it: a list below its own path, whose items are called `noun`. `size`
    is the field of an item that holds its bytes, `are_files` says that each has a content beside its fields.

    An item is known by its field `known_by`, and is as it was where the fields `alike` are. `request` makes the body
    that creates one again; files need none. `hindrance` says why one cannot be, or nothing; `remark` what is another
    one afterwards."""

    key: str
    noun: str
    size: str = ""
    are_files: bool = False
    known_by: str = "$id"
    alike: tuple[str, ...] = ()
    request: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    hindrance: Callable[[Mapping[str, Any]], str] = lambda _item: ""
    remark: str = ""

    def listed_at(self, path: str) -> Listing:
        """The list of one resource, which has this path."""
        return Listing(f"{path}/{self.key}", self.key, Shape({"$id": str, **({self.size: int} if self.size else {})}))


@dataclass(frozen=True)
class Danger:
    """A setting that lint warns of. `look` yields a message and what to do for each place of the fields; its docstring
    is the page of the reference, as that of every rule. `severity` is error, warning or info."""

    code: str
    severity: str
    title: str
    look: Callable[[Fields], Iterator[tuple[str, str]]]
    #: The id of the only one that it is about; nothing where it is about all of a kind.
    only: str = ""


@dataclass(frozen=True)
class Call:
    """One request to Appwrite, path relative to the endpoint."""

    method: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    #: What the answer must be; without a word, an object with an id, and nothing for a deletion.
    answer: Shape | None = None

    @property
    def shape(self) -> Shape:
        return self.answer or (NOTHING if self.method == "delete" else OBJECT)

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.method.upper()} {self.path}"


class Requests(Protocol):
    """The requests that a kind is written with."""

    def create(self, address: Address, fields: Fields) -> Call: ...

    def update(self, address: Address, fields: Fields, live: Live) -> Call: ...

    def delete(self, address: Address, live: Live) -> Call: ...

    def read(self, address: Address) -> Call: ...


#: What a resource keeps others from having: its name, a key of a collection, the far side of a relationship.
Claims: TypeAlias = frozenset[tuple[str, ...]]


class Differing(Protocol):
    """A field that an update changes."""

    @property
    def name(self) -> str: ...

    @property
    def before(self) -> Any: ...

    @property
    def after(self) -> Any: ...


def _no_questions(*_about: Any) -> Iterator[Question]:
    return iter(())


@dataclass(frozen=True)
class Reference:
    """A value of a document that leads to another one: its key, the relationship that it is of, and whether that keeps
    the other from being deleted."""

    key: str
    through: Address
    to: Address
    is_kept: bool


#: The services that lead to one with these fields, for whoever has no key.
Reached: TypeAlias = Callable[[Fields], frozenset[str]]


def by_nobody(_fields: Fields) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True)
class Kind:
    """Rules of one kind. What is not said of a kind it does not need: a plain one has a name, a stage, requests and
    `parse(owner, answer)`, which makes a `Live` of an answer; the owner is the ids that the resource lies in."""

    name: str
    #: Orders kinds in a plan (low first; deletions run in the reverse order).
    stage: int
    requests: Requests
    parse: Callable[[tuple[str, ...], Mapping[str, Any]], Live]

    #: Of several, for people; the name with an s where nothing is said.
    plural: str = ""
    #: The tone of its cards in the picture of a stack; whether `graph` leaves it out unless all is asked for.
    tone: str = "calm"
    is_detail: bool = False

    # Its place.

    #: The kind of what it lies in; whether there is one in each, which has its path; whether its name is free text.
    owner: str = ""
    has_path_of_owner: bool = False
    is_free_text: bool = False
    #: Texts with an equal result are the same name to Appwrite.
    folded: Callable[[str], str] = str.lower
    #: What of a name does not count by that, in words.
    folded_away: str = "case"
    #: Resource usage for itself beside its name among its kind; see `claimed`.
    claims: Callable[[Address, Fields], Claims] | None = None
    #: Whether indexes can be over it. Columns of a collection share their keys.
    is_column: bool = False
    #: The columns beside it that it is made over, and its fields when one of them has another name.
    over: Callable[[Fields], tuple[str, ...]] = lambda _fields: ()
    over_renamed: Callable[[Fields, str, str], Fields] = lambda fields, _old, _new: fields
    #: What it leads to: it goes with that as well, and is replaced with it.
    leads_to: Callable[[Address, Fields], tuple[Address, ...]] = lambda _address, _fields: ()
    #: What it refers to by its values (its live fields, what is live): it is deleted before that.
    refers_to: Callable[[Address, Fields, Mapping[Address, Live]], Iterable[Reference]] = lambda _at, _fields, _real: ()
    #: The name by which documents have its links, and whether those are lists of others.
    linked_by: Callable[[Address, Fields], tuple[str, bool]] = lambda address, _fields: (address.name, False)
    #: The request that gives a live resource another name, where there is one: old address, live, new name.
    rename: Callable[[Address, Live, str], Call] | None = None
    #: Whether Appwrite chooses its id, so that the id stays when the name changes.
    has_own_id: bool = False

    # Comparing.

    #: Fields where Appwrite means a set.
    unordered: frozenset[str] = frozenset()
    #: Fields that an update can change: a difference in any other field needs a replacement.
    in_place: frozenset[str] = frozenset()
    #: Whether it has whatever fields its owner has columns for, and an update can change each.
    has_free_fields: bool = False
    #: Whether there is a value of a field that no update can set, so that it needs a replacement too.
    cannot_become: Callable[[str, Any], bool] = lambda _name, _value: False
    #: The field whose value may be a secret, which never comes back: the state keeps a fingerprint of it.
    secret_field: str = ""

    # Planning.

    #: Whether it can be replaced by itself, with what lies in it.
    is_replaceable: bool = True
    #: Whether it is the code of what it lies in: uploaded, built and activated, never changed. It stays when nothing
    #: manages it any more, and is not named by itself.
    is_code: bool = False
    #: The settings of its source that are sent along with an archive of it.
    sent_along: tuple[str, ...] = ()
    #: Whether new code may read it, and so waits for it; whether the code of its owner makes no sense without it.
    is_read_by_code: bool = False
    is_needed_by_code: bool = False
    #: Whether it is a setting, which is never deleted: where nothing manages it any more, it stays as it is. Whether
    #: every project has it, so that none is made either.
    is_setting: bool = False
    is_given: bool = False
    #: Appwrite's own values of one, where they are known; the first is what `absent` makes of it. One that has such a
    #: value is nobody's: no import writes it, and it is not unmanaged.
    originals: Callable[[Address], Sequence[Fields]] = lambda _address: ()
    #: The field that is set only after the code that it will start is active.
    armed_last: str = ""
    #: Whether it is deleted before everything else, because what it is made over must not go first.
    goes_first: bool = False
    #: Whether it breaks when what it depends on is replaced, and so is replaced too.
    breaks_with_dependencies: bool = False
    #: What a server must offer for it, as message and hint where that is missing.
    unsupported: Callable[[Resource, Desired, ServerFacts], Iterator[tuple[str, str]]] = (
        lambda _wanted, _desired, _server: iter(())
    )
    #: Names that this tool does not know, and the server has no list of, beside those of single fields.
    doubts: Callable[[Fields, ServerFacts], Iterator[str]] = lambda _fields, _server: iter(())
    #: What Appwrite makes of it that nobody expects, for the plan that creates it.
    surprises: Callable[[Address, Fields], Iterator[str]] = lambda _address, _fields: iter(())

    # What is asked before something is lost.

    #: Before one is deleted.
    loses: Callable[[Live], Iterator[Question]] = _no_questions
    #: Before one is made (address, wanted, what is live), updated (address, wanted, a field) or converted.
    asks_when_made: Callable[[Address, Fields, Mapping[Address, Live]], Iterator[Question]] = _no_questions
    asks_when_updated: Callable[[Address, Fields, Differing], Iterator[Question]] = _no_questions
    asks_when_converted: Callable[[Address, Fields, Live | None], Iterator[Question]] = _no_questions
    #: Whether documents lie in it; whether they have values of it, which may be cut or converted.
    holds_documents: bool = False
    holds_values: bool = False
    #: Whether it is a document itself: it is read by its id, and only where it is declared or ours.
    is_document: bool = False
    #: So many in one owner are plenty: lint warns of more. None: there is no such number.
    plenty: int | None = None
    #: Whether Appwrite keeps records of its runs.
    has_runs: bool = False
    #: Data that is no document and goes with it.
    contents: Contents | None = None

    # Reading and writing.

    #: The type of Appwrite's error that says that there is no such thing; from the name where nothing is said. The part
    #: of a request's path before its id is `plural`.
    absent: str = ""
    #: How all of them are listed, where nothing lies in them and they lie in nothing. Only read where one is declared
    #: or ours, or everything is asked for.
    listing: Listing | None = None
    #: The field of an answer that holds a secret which the server makes where the stack gives none, and shows once.
    made_secret: str = ""
    #: The request that an update is followed by, for a field that has a route of its own.
    follow_up: Callable[[Address, Fields], Call | None] = lambda _address, _fields: None
    #: Whether its ids are unique over all projects of a server: one that is taken need not be in this project (1.9.6).
    is_server_wide: bool = False
    #: The first version of Appwrite that has it; nothing where all have that we know.
    since: str = ""
    #: Whether a write is answered before it is done (`processing`); then `listed` names the list of the collection
    #: that shows what has become of it, and `listed_item` what one of that list must be, where no other kind says it.
    is_async: bool = False
    listed: str = ""
    listed_item: Shape | None = None
    #: Whether an item of `listed`, or of its own list, is one.
    is_one: Callable[[Mapping[str, Any]], bool] = lambda _raw: True
    #: The part of the answer to `requests.read` that is about it; None when it is not there.
    found_in: Callable[[Address, Any], Any] = lambda _address, raw: raw
    #: Whether what lies in it has a list of its own for each.
    is_listed_inside: bool = False
    #: The server's own lists that say what can be chosen for it: runtimes, frameworks, specifications.
    offers: tuple[str, ...] = ()
    #: Where the answer about what it lies in shows it: each as `parse` takes it.
    answered_in: Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]] = lambda _raw: ()
    #: Whether all of a new collection are sent at once.
    sent_together: bool = False
    #: How the creation of the collection that it lies in names it, where a server takes it there; None where not.
    inline: Callable[[Address, Fields, ServerFacts], Mapping[str, Any] | None] = lambda _address, _fields, _server: None
    #: The places whose schema a write changes (see `Turns`); the settings of a project are one place.
    schema_places: Callable[[Address, Fields], frozenset[Place]] = lambda _address, _fields: frozenset()

    # What is declared, and what of Appwrite's own description is not.

    #: What a stack file may say of it; nothing of code, which a function names.
    declaring: Declaring | None = None
    #: Routes that write it, as Appwrite's description has them. What they take or answer is declared, or carried along
    #: (read, and sent back as it was), or left out for a reason. A test holds this against the description.
    routes: tuple[str, ...] = ()
    carried: frozenset[str] = frozenset()
    left_out: Mapping[str, str] = field(default_factory=dict)
    #: What lint says of its settings.
    dangers: tuple[Danger, ...] = ()
    #: The services of the API, any of which leads to one whose fields let in somebody without a key; and the service
    #: that one of this kind (its id, its fields) switches off.
    reached_through: Reached = by_nobody
    switches_off: Callable[[str, Fields], str] | None = None
    #: What the official Terraform provider calls it, in any of its versions, and which attributes of its state make the
    #: path of the address.
    terraform_types: tuple[str, ...] = ()
    terraform_path: tuple[str, ...] = ("id",)

    def __post_init__(self) -> None:
        if not self.plural:
            object.__setattr__(self, "plural", f"{self.name}s")
        if not self.absent:
            object.__setattr__(self, "absent", f"{self.name}_not_found")
        if self.owner or self.is_free_text:
            lies_in(self.name, self.owner, has_path_of_owner=self.has_path_of_owner, is_free_text=self.is_free_text)

    def is_in_place(self, name: str) -> bool:
        """Whether an update can change a field."""
        return self.has_free_fields or name in self.in_place

    @property
    def holds_documents_itself(self) -> bool:
        """Whether it contains documents directly."""
        return self.holds_documents and not self.is_listed_inside

    def is_original(self, live: Live) -> bool:
        """Whether it has Appwrite's original values."""
        return any(
            all(live.fields.get(name) == value for name, value in fields.items() if not isinstance(value, Secret))
            for fields in self.originals(live.address)
        )

    @cached_property
    def ages(self) -> bool:
        """Whether some of its fields are only known to some versions of Appwrite."""
        return self.declaring is not None and self.declaring.ages

    def model_of(self, fields: Fields) -> type[Declared]:
        """The model of one with these fields."""
        assert self.declaring is not None
        return self.declaring.model_of(fields)

    def instead(self, name: str) -> frozenset[str]:
        """The fields with the same meaning on servers of another age."""
        return self.declaring.instead(name) if self.declaring is not None else frozenset()

    @cached_property
    def has_doubts(self) -> bool:
        """Whether fields of it hold names that only Appwrite knows."""
        return self.declaring is not None and self.declaring.has_doubts

    def all_doubts(self, fields: Fields, server: ServerFacts) -> Iterator[str]:
        """Notes for the reader of a plan: values that only the server can accept or refuse."""
        found = list(self.doubts(fields, server))
        if self.declaring is not None and self.declaring.has_doubts:
            found += self.declaring.doubts(fields)
        yield from (f"{each}; Appwrite decides whether to accept it" for each in found)

    def claimed(self, address: Address, fields: Fields) -> Claims:
        """The names that a resource claims. They are compared as the database compares them: at least without case."""
        if self.claims is not None:
            return self.claims(address, fields)
        *owner, name = address.parts
        return frozenset({(self.name, *owner, self.folded(name))})


def column_claim(address: Address, name: str) -> tuple[str, ...]:
    """The name that a column claims in its collection."""
    *owner, _ = address.parts
    return ("column", *owner, column_name(name))


def of_its_collection(address: Address, _fields: Fields) -> frozenset[Place]:
    """The place of something that lies in a collection, or is one."""
    return schema_places(address.parts, {})


def written_places(address: Address, fields: Fields) -> frozenset[Place]:
    """The places of what may lead to another collection."""
    return schema_places(address.parts, fields)


def as_call(request: Request, answer: Shape) -> Call:
    """A request of the schema's rules, with what its answer must be."""
    return Call(request.method, request.path, thaw(request.body), answer)


class MemberRequests:
    """The requests about what lies in a collection. `shape` is what its answers must be; `found` what a read may find
    instead, where others have keys of the same list."""

    def __init__(self, kind: str, shape: Shape, found: Shape | None = None) -> None:
        self._kind, self._shape, self._found = kind, shape, found or shape

    def create(self, address: Address, fields: Fields) -> Call:
        return as_call(create_request(self._kind, address.parts, fields), self._shape)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        return as_call(update_request(self._kind, address.parts, fields, live.fields), self._shape)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", path_of(self._kind, address.parts))

    def read(self, address: Address) -> Call:
        return Call("get", path_of(self._kind, address.parts), answer=self._found)


def with_carried(call: Call, live: Live) -> Call:
    """An update that replaces everything: values that are not ours are sent back unchanged."""
    return replace(call, body={**thaw(live.carried), **call.body})


def thaw(value: Any) -> Any:
    """Canonical values back to what JSON wants: tuples become lists."""
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return value
