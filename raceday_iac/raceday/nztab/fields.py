"""The field of a race: its runners, what the market will make of them, who is scratched when, and who wins.

A field is made when it is first asked for: most races of a day are never looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

from .cards import recorded_event, templates
from .model import FIRST_WORDS, GEAR, GIVEN_NAMES, SECOND_WORDS, SILKS, SURNAMES, TOWNS, Race, Timeline, dice, made_id

#: Prices a bookmaker writes on the board, in order.
LADDER = (
    *(1.04, 1.1, 1.18, 1.26, 1.35, 1.45, 1.55, 1.65, 1.75, 1.9, 2.05, 2.2, 2.4, 2.6, 2.9, 3.2, 3.5, 3.8, 4.2, 4.6, 5),
    *(5.5, 6, 6.5, 7, 7.5, 8, 9, 10, 11, 12, 13, 15, 17, 19, 21, 23, 26, 31, 35, 41, 51, 61, 71, 81, 101, 151, 201),
)
#: The bookmaker's share in a fixed price.
OVERROUND = 1.17
#: Betting opens so long before the advertised start.
BOOK_OPENS = timedelta(hours=36)


@dataclass(frozen=True)
class Runner:
    """`early` and `late` are its shares of the money when betting opens and when it closes; each sums to 1 over the
    runners that start. `prices` are the fixed win odds and since when; `facts` the fields of the API that never change.
    """

    id: str
    number: int
    name: str
    barrier: int
    early: float
    late: float
    prices: tuple[tuple[datetime, float], ...]
    facts: Mapping[str, Any]
    is_emergency: bool = False
    scratched: datetime | None = None
    is_late_scratched: bool = False

    def is_scratched_at(self, instant: datetime) -> bool:
        return self.scratched is not None and self.scratched <= instant


@dataclass(frozen=True)
class Field:
    """Runners by number, and those that run in the order in which they will finish.

    `strangers` are entrants of other markets which the money tracker lists beside the field's own: id and share."""

    runners: tuple[Runner, ...]
    finish: tuple[Runner, ...]
    strangers: tuple[tuple[str, float], ...]


@lru_cache(maxsize=512)
def field_of(race: Race) -> Field:
    draw = dice(race.seed, race.id, "field")
    runners = _recorded_runners(race, draw) if race.is_recorded else _made_up_runners(race, draw)
    starters = [runner for runner in runners if runner.scratched is None]
    if race.is_recorded:
        order = [result["entrant_id"] for result in recorded_event()["results"]]
        finish = sorted(starters, key=lambda runner: order.index(runner.id))
    else:
        finish = sorted(starters, key=lambda runner: draw.expovariate(runner.late))
    return Field(tuple(runners), tuple(finish), _strangers(race, draw))


def _recorded_runners(race: Race, draw: Random) -> list[Runner]:
    wanted = [1 / runner["odds"]["pool_win"] for runner in recorded_event()["runners"]]
    late = [value / sum(wanted) for value in wanted]
    early = _early(draw, late)
    return [
        Runner(
            facts["entrant_id"],
            facts["runner_number"],
            facts["name"],
            facts["barrier"],
            early[place],
            late[place],
            _prices(race, draw, early[place], late[place]),
            facts,
        )
        for place, facts in enumerate(templates())
    ]


def _made_up_runners(race: Race, draw: Random) -> list[Runner]:
    size = draw.randint(7, 14)
    scratchings = _scratchings(race, draw, size)
    emergencies = _emergencies(race, draw, size)
    gone = scratchings | emergencies
    weights = [draw.paretovariate(1.3) if number not in gone else 0.0 for number in range(1, size + 1)]
    late = [weight / sum(weights) for weight in weights]
    early = _early(draw, late)
    names = draw.sample([f"{first} {second}" for first in FIRST_WORDS for second in SECOND_WORDS], size)
    barriers = draw.sample(range(1, size + 1), size)
    runners = []
    for place, name in enumerate(names):
        number = place + 1
        entrant = made_id(race.id, "runner", number)
        share = (early[place], late[place]) if number not in gone else (0.03, 0.03)
        runners.append(
            Runner(
                entrant,
                number,
                name,
                barriers[place],
                early[place],
                late[place],
                _prices(race, draw, *share),
                _facts(race, draw, entrant, number, name, barriers[place], number in emergencies),
                is_emergency=number in emergencies,
                scratched=gone.get(number, (None, False))[0],
                is_late_scratched=gone.get(number, (None, False))[1],
            )
        )
    return runners


def _early(draw: Random, late: list[float]) -> list[float]:
    """What the first money thinks: not far from the last."""
    weights = [share * draw.lognormvariate(0, 0.45) for share in late]
    total = sum(weights)
    return [weight / total for weight in weights]


def _scratchings(race: Race, draw: Random, size: int) -> dict[int, tuple[datetime, bool]]:
    """By runner number: when, and whether late. A third of the races lose one or two runners; six at least remain."""
    gone: dict[int, tuple[datetime, bool]] = {}
    for number in draw.sample(range(1, size + 1), min(2, size - 6)):
        luck = draw.random()
        if luck < 0.12:
            gone[number] = race.start - timedelta(seconds=draw.randint(300, 10_800)), True
        elif luck < 0.3:
            gone[number] = race.start - timedelta(seconds=draw.randint(43_200, 86_400)), False
    return gone


def _emergencies(race: Race, draw: Random, size: int) -> dict[int, tuple[datetime, bool]]:
    """The last two numbers of some large fields do not get a run and are taken out in the morning."""
    if size < 13 or draw.random() < 0.6:
        return {}
    out = race.start - timedelta(seconds=draw.randint(14_400, 28_800))
    return dict.fromkeys((size - 1, size), (out, False))


def price_for(share: float) -> float:
    """The fixed win price nearest to what a share of the money deserves."""
    fair = 1 / (max(share, 0.004) * OVERROUND)
    place = bisect_left(LADDER, fair)
    return min(LADDER[max(0, place - 1) : place + 1], key=lambda price: abs(price - fair))


def _prices(race: Race, draw: Random, early: float, late: float) -> tuple[tuple[datetime, float], ...]:
    """Fixed win odds: some changes over the days, more in the last forty minutes before the jump."""
    jump = race.timeline.jump
    opens = race.start - BOOK_OPENS
    span = (jump - opens).total_seconds()
    ages = [span * draw.random() for _ in range(draw.randint(1, 3))]
    ages += [2400 * draw.random() for _ in range(draw.randint(2, 6))]
    prices = [(opens, price_for(early))]
    for age in sorted(ages, reverse=True):
        progress = 1 / (1 + age / 900)
        share = (early + (late - early) * progress) * draw.uniform(0.9, 1.1)
        price = price_for(share)
        if price != prices[-1][1]:
            prices.append(((jump - timedelta(seconds=age)).replace(microsecond=draw.randrange(1_000_000)), price))
    return tuple(prices)


def _facts(
    race: Race, draw: Random, entrant: str, number: int, name: str, barrier: int, is_emergency: bool
) -> dict[str, Any]:
    """A runner's fields that never change: a recorded runner with another name and other people."""
    template = draw.choice(templates())
    sire, dam = (f"{draw.choice(FIRST_WORDS)} {draw.choice(SECOND_WORDS)}" for _ in range(2))
    weight = f"{draw.randint(108, 122) / 2:g}"
    slug = name.lower().replace(" ", "-")
    return {
        **template,
        "entrant_id": entrant,
        "name": name,
        "is_emergency": is_emergency,
        "emergency_position": str(number) if is_emergency else "",
        "runner_change": template["runner_change"] if draw.random() < 0.6 else None,
        "gear": draw.choice(GEAR),
        "barrier": barrier,
        "runner_number": number,
        "prize_money": str(draw.randint(0, 250_000)),
        "age": draw.randint(2, 9),
        "silk_colours": draw.choice(SILKS),
        "silk_url_64x64": f"https://silks.invalid/{slug}_64x64.png",
        "silk_url_128x128": f"https://silks.invalid/{slug}_128x128.png",
        "alt_silk_url_64x64": f"https://silks.invalid/alt/{slug}_64x64.png",
        "alt_silk_url_128x128": f"https://silks.invalid/alt/{slug}_128x128.png",
        "jockey": f"{draw.choice(GIVEN_NAMES)} {draw.choice(SURNAMES)}",
        "owners": f"{draw.choice(SURNAMES)} & {draw.choice(SURNAMES)} Syndicate",
        "country": race.meeting.country,
        "trainer_name": f"{draw.choice(GIVEN_NAMES)} {draw.choice(SURNAMES)}",
        "trainer_location": draw.choice(TOWNS),
        "sire": sire,
        "dam": dam,
        "breeding": f"{draw.randint(1, 12)}  {sire}-{dam}",
        "weight": {"allocated": weight, "total": weight},
        "speedmap": {"settling_lengths": draw.randint(0, 14), "entrant_id": entrant, "label": "Midfield"},
        "win_p": f"{draw.randint(0, 40)}%",
        "place_p": f"{draw.randint(0, 70)}%",
        "horse_id": draw.randint(300_000, 499_999),
    }


def _strangers(race: Race, draw: Random) -> tuple[tuple[str, float], ...]:
    """One to three foreign entrants in the money tracker; at most one of them holds money (8 % in the recording)."""
    shares = [draw.choice((0.0, 0.03, 0.08)), 0.0, 0.0][: draw.randint(1, 3)]
    return tuple((made_id(race.id, "stranger", place), share) for place, share in enumerate(shares))


# What the API says of a race at an instant: status, track and weather, and which results are out.


@dataclass(frozen=True)
class RaceState:
    """`dividends` are the statuses of the dividend rows that exist: interim rows stay when the final ones come."""

    status: str
    track_condition: str
    weather: str
    has_results: bool
    dividends: tuple[str, ...]
    protest_reason: str = ""


def state_of(race: Race, instant: datetime) -> RaceState:
    """The state of `race` at an aware `instant`. Always the same for the same race."""
    timeline = race.timeline
    # Once a race is over, the later weather is no longer its own.
    seen = min(instant, timeline.ended)
    status = timeline.status_at(instant)
    settled = status in ("Interim", "Final")
    stages: tuple[str, ...] = ("Interim",) if settled else ()
    if status == "Final" and instant >= timeline.dividends:
        stages = ("Interim", "Final")
    return RaceState(
        status=status,
        track_condition=race.track.at(seen),
        weather=race.weather.at(seen),
        has_results=settled,
        dividends=stages,
        protest_reason=_protest(race) if settled and race.has_protest else "",
    )


def _protest(race: Race) -> str:
    first, _second, third = field_of(race).finish[:3]
    return f"Protest DISMISSED - 3rd (#{third.number}) v 1st (#{first.number})"


# When the things of one race happen: the jump, interim and final results, dividends, or the end of it all.


#: This share of the races is 10 to 25 minutes late; the others jump within 3 minutes of the advertised start.
VERY_LATE = 0.08
#: Share of races whose final dividends come 1 to 4 minutes after the status turned Final.
LATE_DIVIDENDS = 0.25
#: Of the recorded day's 748 races, 17 were abandoned.
ABANDONED = 0.02


def make_timeline(
    seed: int, race_id: str, advertised: datetime, ending: str = "", delay: int | None = None
) -> Timeline:
    """The instants of a race, to the second. `ending` is empty, or says that it is abandoned `before` or `after` the
    advertised start; `delay` in seconds is drawn when not given."""
    draw = dice(seed, race_id, "timeline")
    if delay is None:
        delay = draw.randint(600, 1500) if draw.random() < VERY_LATE else draw.randint(0, 180)
    jump = advertised + timedelta(seconds=delay)
    interim = jump + timedelta(seconds=draw.randint(120, 240))
    final = interim + timedelta(seconds=draw.randint(180, 420))
    wait = draw.randint(60, 240) if draw.random() < LATE_DIVIDENDS else 0
    dividends = final + timedelta(seconds=wait)
    return Timeline(advertised, jump, interim, final, dividends, _abandonment(draw, advertised, jump, interim, ending))


def _abandonment(draw: Random, advertised: datetime, jump: datetime, interim: datetime, ending: str) -> datetime | None:
    """Before the start: up to three hours early. After it: still waiting for the jump, or run and declared void."""
    if ending == "before":
        return advertised - timedelta(seconds=draw.randint(300, 10_800))
    if ending == "after":
        first, last = advertised + timedelta(seconds=1), interim - timedelta(seconds=1)
        if draw.random() < 0.5 and jump < last:
            first = jump + timedelta(seconds=1)
        return first + timedelta(seconds=draw.randint(0, int((last - first).total_seconds())))
    return None


def choose_endings(seed: int, label: str, races: Sequence[str]) -> dict[str, str]:
    """Which races are abandoned, by turns before and after their start; of 25 races and more at least one each."""
    draw = dice(seed, label, "abandoned")
    wanted = round(len(races) * ABANDONED)
    if len(races) >= 25:
        wanted = max(wanted, 2)
    chosen = draw.sample(races, wanted)
    return {race: ("before", "after")[place % 2] for place, race in enumerate(chosen)}
