"""Guards: what a plan must not do without permission. They look at a finished plan and the evidence, and never change
it. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..counting import format_duration, spaced
from ..errors import AccessError, ProviderError
from ..kinds import KINDS, kind_of
from ..model.address import Address, owners
from ..model.evidence import NOTHING, Answer, Ask, Question, total
from ..model.resource import DEFAULTS, Desired, Live, Threshold
from ..model.server import NEWEST, OLDEST, ServerFacts
from .changes import taken_with
from .plan import Action, Change, PlanOptions, Refusal, created_fields, key_of

#: Answers to the questions that a plan's changes raise.
Evidence = Mapping[Question, Answer]
#: Names in one message.
_SHOWN = 5


@dataclass(frozen=True)
class Loss:
    """What a change would cost. `amount` is what a permission has to name. What needs none is only `reported`. `final`:
    no permission helps, for Appwrite itself would refuse it."""

    change: Change
    costs: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    amount: Answer = NOTHING
    way_out: str = ""
    final: bool = False

    def __str__(self) -> str:
        return f"{self.change.action} of {self.change.address}"

    @property
    def described(self) -> str:
        """All of it; where it is made up of several numbers, with the one that is repeated."""
        together = f": {self.amount.number} in all" if len(self.costs) > 1 and not self.final else ""
        beside = f" ({'; '.join(self.reported)})" if self.reported else ""
        return f"{', and '.join(self.costs)}{together}{beside}"


def losses(changes: Iterable[Change], real: Mapping[Address, Live], desired: Desired, evidence: Evidence) -> list[Loss]:
    """Everything that these changes would cost."""
    return [loss for change in changes for loss in _losses(change, real, desired, evidence)]


def loss_refusals(found: Iterable[Loss], options: PlanOptions) -> Iterator[Refusal]:
    """A refusal for each loss without permission, and for changes that no permission makes possible."""
    for each in found:
        if each.costs and not _is_allowed(each, options):
            message = f"{each} is refused: {each.described}"
            yield Refusal(each.change.address, f"{message} ({each.change.reason})", _hint(each, options))


def loss_notes(found: Iterable[Loss], options: PlanOptions) -> Iterator[str]:
    """What will be lost, because it was allowed or needs no permission."""
    for each in found:
        if not each.costs:
            yield f"{each}: {'; '.join(each.reported)}"
        elif _is_allowed(each, options):
            number = options.allowed[each.change.address]
            limit = f" up to {number.number}" if number is not None and number != each.amount else ""
            yield f"{each}: {each.described}; --allow-data-loss allows that{limit}"


def _is_allowed(loss: Loss, options: PlanOptions) -> bool:
    """Whether the permission names at least what would be lost. One without a number is for what the reader is shown;
    an unknown number is only allowed by that very word."""
    if loss.final or loss.change.address not in options.allowed:
        return False
    number = options.allowed[loss.change.address]
    if number is None:
        return loss.amount.count is not None and not options.numbers_needed
    return number.covers(loss.amount)


def _hint(loss: Loss, options: PlanOptions) -> str:
    if loss.final or loss.change.address not in options.allowed:
        return loss.way_out
    given = options.allowed[loss.change.address]
    if given is not None:
        return f"--allow-data-loss allows {given.number}, not {loss.amount.number}; {loss.way_out}"
    return f"{_UNKNOWN if loss.amount.count is None else _NEEDED}; {loss.way_out}"


_UNKNOWN = "the number is unknown, and the permission must say so"
_NEEDED = "without a prompt, the permission must name the number"


def taken_names(changes: Sequence[Change], desired: Desired, real: Mapping[Address, Live]) -> Iterator[Refusal]:
    """Creations under a name that something live has and keeps. Appwrite compares ids and keys without case, and some
    without more (1.8.1): it answers 409. What it has by that name is not ours for all that."""
    made = [change for change in changes if change.action is Action.CREATE]
    if not made:
        return
    going = {change.address for change in changes if change.action is Action.DELETE or change.destroys}
    holders: dict[tuple[str, ...], Address] = {}
    for address, live in real.items():
        if address not in going and live.status != "deleting":
            holders |= dict.fromkeys(kind_of(address).claimed(address, live.fields), address)
    for change in made:
        wanted = kind_of(change.address).claimed(change.address, desired.resources[change.address].fields)
        holder = next(
            (holders[each] for each in sorted(wanted) if holders.get(each, change.address) != change.address), None
        )
        if holder is not None:
            yield _taken(change, holder)


def kept_by_others(changes: Sequence[Change], real: Mapping[Address, Live]) -> Iterator[Refusal]:
    """Deletions of documents that others go on leading to, by a relationship that restricts that: Appwrite answers 403.
    Of documents that are neither declared nor managed, nothing is known."""
    deleted = {each.address for each in changes if each.deletes and kind_of(each.address).is_document}
    if not deleted:
        return
    going = {each.address for each in changes if each.action is Action.DELETE or each.destroys}
    written = {(change.address, each.name) for change in changes for each in change.fields}
    for address, live in real.items():
        if address in going:
            continue
        for each in kind_of(address).refers_to(address, live.fields, real):
            stays = each.through not in going and not written & {(address, each.key), (each.through, "onDelete")}
            if each.to in deleted and each.is_kept and stays:
                said = f'{address} refers to it by {each.key}, and {each.through} has on_delete="restrict"'
                yield Refusal(
                    each.to,
                    f"delete of {each.to} is refused: {said}",
                    f'set {each.key} of {address} to None or to another document, or declare on_delete="setNull"',
                )


def _taken(change: Change, holder: Address) -> Refusal:
    address = change.address
    folded = kind_of(address).folded
    is_same = holder.kind == address.kind and folded(holder.name) == folded(address.name)
    why = "Appwrite does not distinguish the two names" if is_same else "it has the name that this resource needs"
    ways = [f'stack.moved("{holder}", "{address}")'] if is_same and kind_of(address).rename else []
    ways += [f"call it {holder.name} in the stack"] if is_same else []
    return Refusal(
        address,
        f"{change.action} of {address} is refused: {holder} is live, and {why} ({change.reason})",
        f"if both are the same resource: {', or '.join(ways)}; otherwise delete or rename {holder} first"
        if ways
        else f"delete or rename {holder} first, or choose another name",
    )


def closed_kinds(desired: Desired, unread: Mapping[str, ProviderError], server: ServerFacts) -> Iterator[Refusal]:
    """A no for each kind that is declared and cannot be read: this server does not have it, or the key may not see
    it."""
    for name, error in unread.items():
        kind, places = KINDS[name], (*desired.resources, *desired.tombstones)
        found = [each for each in places if each.kind == name]
        if not found:
            continue
        declared = f"{len(found)} {kind.name if len(found) == 1 else kind.plural}"
        # An older server may have the route for its console alone: no scope of a key opens it.
        is_too_old = bool(kind.since) and not server.is_since(kind.since)
        if isinstance(error, AccessError) and not is_too_old:
            yield Refusal(found[0], f"{declared} cannot be managed: {error.message}", error.hint)
        else:
            since = f"Appwrite has {kind.plural} since {kind.since}" if kind.since else f"it has no {kind.plural}"
            message = f"{declared} cannot be managed on {server}: {since}"
            yield Refusal(found[0], message, "remove them from the stack, or update the server")


def unsupported(changes: Iterable[Change], desired: Desired, facts: ServerFacts) -> Iterator[Refusal]:
    """Refusals for what this server cannot hold, build or run."""
    for change in changes:
        if change.action in _WRITES:
            wanted = desired.resources[change.address]
            for message, hint in kind_of(change.address).unsupported(wanted, desired, facts):
                yield Refusal(change.address, f"{change.address}: {message}", hint)
            yield from _impossible_settings(change, facts)


def _impossible_settings(change: Change, server: ServerFacts) -> Iterator[Refusal]:
    """Settings are neither made nor replaced."""
    kind = kind_of(change.address)
    if kind.is_given and change.action is Action.CREATE:
        message = f"{change.address}: {server} has no {kind.name} {change.address.name}"
        yield Refusal(change.address, message, "remove it from the stack, or update the server")
    elif kind.is_setting and change.action is Action.REPLACE:
        fields = (
            " and ".join(f"{each.name} to {repr(each.after) if each.after else 'nothing'}" for each in change.fields)
            or "it"
        )
        message = f"{change.address}: an API key cannot set {fields}, and a setting cannot be replaced"
        yield Refusal(change.address, message, "set it in the console, or declare the value that is live")


def doubts(changes: Iterable[Change], desired: Desired, server: ServerFacts) -> Iterator[str]:
    """Notes on values that only Appwrite can accept or refuse."""
    if server.is_unknown:
        yield (
            f"{server} is newer than {NEWEST}, the newest version that was tested: settings that it adds are left as "
            "they are"
        )
    if server.is_old:
        yield (
            f"{server} is older than {OLDEST}, the oldest version that was tested: it may lack what the stack "
            "declares, and behave differently from this plan; upgrade it first"
        )
    for change in changes:
        if change.action in _WRITES:
            kind, fields = kind_of(change.address), desired.resources[change.address].fields
            found = list(kind.all_doubts(fields, server))
            if change.action in (Action.CREATE, Action.REPLACE):
                found += kind.surprises(change.address, fields)
            yield from (f"{change.address}: {each}" for each in found)


_WRITES = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.CONVERT, Action.SCHEDULE)


def _losses(change: Change, real: Mapping[Address, Live], desired: Desired, evidence: Evidence) -> Iterator[Loss]:
    answered = {each: evidence.get(each, Answer(None)) for each in questions_of(change, desired, real)}
    final = [each for each in answered if each.ask is Ask.DUPLICATES and answered[each].count]
    if final:
        costs = [in_words(change, each, answered.pop(each)) for each in final]
        yield Loss(change, tuple(costs), way_out=_UNIQUE, final=True)
    found = {question: answer for question, answer in answered.items() if not answer.is_nothing}
    weighing = {
        question: answer for question, answer in found.items() if needs_permission(change, question, answer, desired)
    }
    if found:
        amount = total(weighing.values())
        yield Loss(
            change,
            tuple(in_words(change, *each) for each in weighing.items()),
            tuple(in_words(change, *each) for each in found.items() if each[0] not in weighing),
            amount,
            _way_out(change, weighing, amount),
        )


_UNIQUE = "give them different values, or delete the surplus documents, then plan again"


def needs_permission(change: Change, question: Question, answer: Answer, desired: Desired) -> bool:
    """Records of runs are only reported: Appwrite deletes them after two weeks anyway, and a function that runs every
    minute has another number every minute. A tombstone, which gives a reason, permits what a thing is made of: code,
    variables, attributes. It never permits documents, nor what may hold some."""
    if question.ask is Ask.EXECUTIONS:
        return False
    if change.address not in desired.tombstones or question.ask not in (Ask.CODE, Ask.UNMANAGED):
        return True
    things = answer.names if question.ask is Ask.UNMANAGED else ()
    return any(kind_of(Address.parse(each)).holds_documents for each in things)


def in_words(change: Change, question: Question, answer: Answer) -> str:
    """What an answer means, and how far was looked for it if that was not at all documents."""
    if not answer.of:
        return _counted_words(change, question, answer)
    looked = f"looked at {spaced(answer.looked)} of {spaced(answer.of)} documents"
    if not answer.count:
        return f"{looked}, found none {_SUCH[question.ask].format(limit=question.limit)}"
    return f"{_counted_words(change, question, answer)}; {looked}"


#: What was looked for, of documents and of values.
_SUCH = {
    Ask.VALUES: "with a value",
    Ask.NULLS: "without a value",
    Ask.LONGER: "longer than {limit} characters",
    Ask.AMONG: "with a value that would not be allowed any more",
    Ask.OUTSIDE: "outside the new bounds",
    Ask.UNCONVERTIBLE: "that cannot be converted",
    Ask.DUPLICATES: "twice",
}


def look_notes(
    changes: Iterable[Change], real: Mapping[Address, Live], desired: Desired, evidence: Evidence
) -> Iterator[str]:
    """Notes on checks that read all documents and found no loss."""
    for change in changes:
        for question in questions_of(change, desired, real):
            answer = evidence.get(question, NOTHING)
            if answer.looked and answer.is_nothing:
                none = _SUCH[question.ask].format(limit=question.limit)
                is_one = f"is {none}" if question.ask is Ask.LONGER else f"was found {none}"
                looked = f"looked at all {spaced(answer.looked)} documents"
                yield f"{change.action} of {change.address}: {looked}: none {is_one}{_lasting(change, answer.looked)}"


def _lasting(change: Change, documents: int) -> str:
    """How long a conversion of so many documents takes, if that is long."""
    seconds = documents / _COPIED
    if change.action is not Action.CONVERT or seconds < _LONG:
        return ""
    return f"; at {_COPIED} documents per second, that takes about {format_duration(seconds)}"


#: Documents a second that a conversion copies (1.8.1 on two cores); and seconds that are worth a word.
_COPIED, _LONG = 110, 10


def _counted_words(change: Change, question: Question, answer: Answer) -> str:
    one = answer.count == 1 and not answer.at_least
    has, is_, lies = ("has", "is", "lies") if one else ("have", "are", "lie")
    documents, values = (f"{answer} {noun}{'' if one else 's'}" for noun in ("document", "value"))
    names = f" ({_some(answer.names)})" if answer.names else ""
    kind = kind_of(change.address)
    goes = "be deleted" if kind.holds_documents or kind.is_document else "lose its values"
    return {
        Ask.DOCUMENTS: f"{documents} would {goes}",
        Ask.WITHOUT: f"{documents} {has} no value, which would be required",
        Ask.VALUES: f"{documents} would lose its values",
        Ask.NULLS: f"{documents} {has} no value, which would be required",
        Ask.LONGER: f"{values} {is_} longer than {question.limit} characters (the longest has {answer.longest})",
        Ask.AMONG: f"{documents} {has} a value that would not be allowed any more ({', '.join(question.among)})",
        Ask.OUTSIDE: f"{values} {lies} outside the new bounds",
        Ask.UNCONVERTIBLE: f"{values} cannot be converted and would be lost",
        Ask.DUPLICATES: f"{documents} {is_} not unique in {', '.join(question.attributes)}",
        Ask.UNMANAGED: f"{answer} undeclared {'thing' if one else 'things'} would {_suffers(change)}{names}",
        Ask.CODE: f"{answer} deployment{'' if one else 's'} would be deleted, whose source is nowhere else{names}",
        Ask.EXECUTIONS: f"{answer} execution{'' if one else 's'} would be deleted with it",
        Ask.CONTENTS: f"{answer} {_contents(change, one=one)}{_bytes(answer)} would be deleted with it",
    }[question.ask]


def _contents(change: Change, *, one: bool) -> str:
    contents = kind_of(change.address).contents
    return f"{contents.noun if contents else 'thing'}{'' if one else 's'}"


def _bytes(answer: Answer) -> str:
    return f" ({spaced(answer.size)} bytes)" if answer.size else ""


def _suffers(change: Change) -> str:
    return "break without it" if kind_of(change.address).is_column else "be deleted with it"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _way_out(change: Change, asked: Mapping[Question, Answer], amount: Answer) -> str:
    allow = f"to allow it: --allow-data-loss {permission(change.address, amount)}"
    if any(each.of for each in asked.values()):
        return f"{allow}; or --look-at all"
    if any(each.ask is Ask.LONGER for each in asked):
        return f"{allow}, which cuts them first"
    if change.action is Action.REPLACE and kind_of(change.address).holds_values:
        return f'{allow}; to keep the values, in stages: stack.convert("{change.address}")'
    return allow


def permission(address: Address, amount: Answer) -> str:
    """What stands behind `--allow-data-loss`; in quotes where a shell would take it apart."""
    return shlex.quote(f"{address}={amount.number}")


# What has to be known of the data before a change can be checked: questions about what would be lost. Pure.
#
# Who makes a plan collects the questions, has them answered from live, and checks. Nothing is asked that no change
# needs.


def questions(changes: Iterable[Change], desired: Desired, real: Mapping[Address, Live]) -> list[Question]:
    """Everything that has to be asked about these changes, once each."""
    found = (question for change in changes for question in questions_of(change, desired, real))
    return list(dict.fromkeys(found))


def questions_of(change: Change, desired: Desired, real: Mapping[Address, Live]) -> Iterator[Question]:
    """What has to be asked about one change."""
    kind, wanted = kind_of(change.address), desired.resources.get(change.address)
    if _is_emptied(change):
        return
    if change.destroys:
        yield from kind.loses(real[change.address])
    if wanted is None:
        return
    if change.action is Action.CONVERT:
        yield from kind.asks_when_converted(change.address, wanted.fields, real.get(change.address))
    elif change.action is Action.UPDATE:
        for field in change.fields:
            yield from kind.asks_when_updated(change.address, wanted.fields, field)
    elif change.action in (Action.CREATE, Action.REPLACE):
        yield from kind.asks_when_made(change.address, created_fields(change, wanted.fields), real)


def _is_emptied(change: Change) -> bool:
    """Whether it is made in a collection that is replaced before: then there are no documents that it could harm."""
    if change.action is not Action.CREATE:
        return False
    replaced = [each for each in (*change.needs, *change.requires) if each.startswith(_REPLACES)]
    return bool(replaced) and any(key_of(Action.REPLACE, owner) in replaced for owner in owners(change.address))


_REPLACES = f"{Action.REPLACE}:"


def unmanaged_with(address: Address, real: Mapping[Address, Live], known: Collection[Address]) -> Answer:
    """The answer to UNMANAGED: what is not `known` and goes with an address, or breaks without it. Deleting an
    attribute silently shrinks or drops the indexes over it (1.8.1). What lies in something named is not named too."""
    strange = [real[at] for at in sorted(real.keys() - known) if not kind_of(at).is_code]
    if kind_of(address).is_column:
        found = [each.address for each in strange if _is_over(each, address)]
    else:
        found = [each.address for each in strange if taken_with(each, (address,))]
    shown = tuple(str(each) for each in found if not any(owner in found for owner in owners(each)))
    return Answer(len(shown), names=shown)


def _is_over(live: Live, attribute: Address) -> bool:
    is_beside = owners(live.address) == owners(attribute)
    return is_beside and attribute.name in kind_of(live.address).over(live.fields)


# Against plans that change or delete far more than anybody meant: limits per kind, as a share and as a number. Pure.
#
# A limit strikes only when both are exceeded, so that small projects are not bothered. Letting it pass takes the very
# number that the plan shows: who repeats it has read it.


#: By `action kind`, where the stack says otherwise.
Thresholds = Mapping[str, Threshold]
_COUNTED = {"delete": (Action.DELETE, Action.REPLACE), "update": (Action.UPDATE, Action.CONVERT, Action.SCHEDULE)}


def threshold_refusals(
    changes: Sequence[Change], managed: Collection[Address], declared: Thresholds, confirmed: Mapping[str, int]
) -> Iterator[Refusal]:
    """A refusal for each kind of which too many would be changed, out of those that are `managed`."""
    totals = Counter(address.kind for address in managed)
    for name, kind, found in _counted(changes):
        limit = declared.get(f"{name} {kind}", DEFAULTS[name])
        number, total = len(found), max(len(found), totals[kind])
        share = 100 * number / total
        if number <= limit.number or share <= limit.percent or confirmed.get(f"{name} {kind}") == number:
            continue
        yield Refusal(
            found[0],
            f"{number} of {total} managed {kind} resources would be {name}d, {_shown(share)} %; "
            f"that is over both limits, {_shown(limit.percent)} % and {limit.number}",
            f'to allow it: --confirm "{name} {kind}={number}"',
        )


def _counted(changes: Sequence[Change]) -> Iterator[tuple[str, str, list[Address]]]:
    created = {change.address for change in changes if change.action is Action.CREATE}
    for name, actions in _COUNTED.items():
        found = dict.fromkeys(
            change.address
            for change in changes
            if change.action in actions and change.address not in created and _counts(change)
        )
        for kind in dict.fromkeys(address.kind for address in found):
            yield name, kind, [address for address in found if address.kind == kind]


def _counts(change: Change) -> bool:
    """Collections count also where they go with their owner: one database may hold all of them. Of other things that go
    with an owner, the number of owners says enough."""
    return change.goes_with is None or (change.managed and kind_of(change.address).holds_documents)


def _shown(percent: float) -> str:
    return f"{percent:.1f}".removesuffix(".0")
