"""The schema of `raceday-db`: nine collections that the web client reads, and two that keep the functions in order.

Sizes are characters, money is in cents unless a comment says otherwise. Do not shrink the long texts of `race-results`:
above 16 381 characters a string leaves the row, below it they would not fit into one.
"""

from __future__ import annotations

import json
from pathlib import Path

from raceday_iac import Collection, Database, Stack

DATABASE = "raceday-db"
#: The web client reads these; only the functions write, and their keys pass by collection permissions.
PUBLIC_READ = ('read("any")',)
#: Signed-in users keep their own alerts and notifications.
USERS_OWN = ('read("users")', 'create("users")', 'update("users")', 'delete("users")')
#: Locks and versions are for the functions alone. Their fields are stated where the code that writes them lives.
INTERNAL_COLLECTIONS = Path(__file__).parent.parent / "functions" / "_shared" / "collections.json"


def declare_schema(stack: Stack) -> None:
    """Declare the whole database. Owners come before what refers to them."""
    database = stack.database(DATABASE, name="RaceDay Database")
    meetings(database)
    races(database)
    race_results(database)
    entrants(database)
    odds_history(database)
    money_flow_history(database)
    race_pools(database)
    user_alert_configs(database)
    notifications(database)
    declare_internal(database)


def meetings(database: Database) -> None:
    collection = database.collection("meetings", name="Meetings", permissions=PUBLIC_READ)
    collection.string("meetingId", 50, required=True)
    collection.string("meetingName", 255, required=True)
    collection.string("country", 10, required=True)
    collection.string("state", 10)
    collection.string("raceType", 50, required=True)
    collection.string("category", 10)
    collection.string("categoryName", 100)
    collection.datetime("date", required=True)
    collection.string("trackCondition", 50)
    collection.string("status", 50, required=True)
    collection.string("trackDirection", 20)
    collection.string("trackSurface", 50)
    collection.string("railPosition", 100)
    collection.string("weather", 50)
    collection.datetime("lastUpdated")
    collection.string("dataSource", 50)
    collection.datetime("apiGeneratedTime")
    collection.index("idx_date", "date")
    collection.index("idx_country", "country")
    collection.index("idx_race_type", "raceType")
    collection.index("idx_meeting_id", "meetingId", type="unique")


def races(database: Database) -> None:
    collection = database.collection("races", name="Races", permissions=PUBLIC_READ)
    collection.string("raceId", 50, required=True)
    collection.string("name", 255, required=True)
    collection.integer("raceNumber", required=True)
    collection.datetime("startTime", required=True)
    collection.datetime("actualStart")
    collection.string("toteStartTime", 20)
    collection.string("startTimeNz", 30)
    collection.string("raceDateNz", 15)
    collection.integer("distance")
    collection.string("trackCondition", 100)
    collection.string("weather", 50)
    collection.string("status", 50, required=True)
    collection.string("trackDirection", 20)
    collection.string("trackSurface", 50)
    collection.string("railPosition", 100)
    collection.integer("trackHomeStraight")
    collection.string("type", 10)
    collection.string("startType", 50)
    collection.string("group", 50)
    collection.string("class", 20)
    collection.string("gait", 20)
    collection.integer("totalPrizeMoney")
    collection.integer("entrantCount")
    collection.integer("fieldSize")
    collection.integer("positionsPaid")
    collection.string("genderConditions", 100)
    collection.string("ageConditions", 100)
    collection.string("weightConditions", 200)
    collection.boolean("allowanceConditions")
    collection.string("specialConditions", 500)
    collection.string("jockeyConditions", 200)
    collection.string("formGuide", 2000)
    collection.string("comment", 2000)
    collection.string("description", 255)
    collection.string("silkUrl", 500)
    collection.string("silkBaseUrl", 200)
    collection.string("videoChannels", 500)
    collection.integer("ffwinOptionNumber")
    collection.integer("fftop3OptionNumber")
    collection.string("mileRate400", 20)
    collection.string("mileRate800", 20)
    collection.datetime("lastUpdated")
    collection.string("dataSource", 50)
    collection.datetime("importedAt")
    collection.datetime("last_poll_time")
    collection.datetime("lastStatusChange")
    collection.datetime("finalizedAt")
    collection.datetime("abandonedAt")
    collection.relationship("meeting", "meetings", type="manyToOne", two_way_key="races")
    collection.index("idx_race_id", "raceId", type="unique")
    collection.index("idx_start_time", "startTime")
    collection.index("idx_race_number", "raceNumber")


def race_results(database: Database) -> None:
    collection = database.collection("race-results", name="Race Results", permissions=PUBLIC_READ)
    collection.boolean("resultsAvailable", default=False)
    collection.string("resultStatus", 20)
    collection.datetime("resultTime")
    collection.string("resultsData", 20000)
    collection.string("dividendsData", 30000)
    collection.string("fixedOddsData", 20000)
    collection.boolean("photoFinish", default=False)
    collection.boolean("stewardsInquiry", default=False)
    collection.boolean("protestLodged", default=False)
    # Relationships cannot be indexed, so what is looked up by has a plain copy beside its relationship.
    collection.string("raceId", 50)
    collection.relationship("race", "races", type="manyToOne", two_way=True, two_way_key="raceResults")


def entrants(database: Database) -> None:
    collection = database.collection("entrants", name="Entrants", permissions=PUBLIC_READ)
    collection.string("entrantId", 50, required=True)
    collection.string("name", 255, required=True)
    collection.integer("runnerNumber", required=True)
    collection.integer("barrier")
    collection.boolean("isScratched", default=False)
    collection.boolean("isLateScratched", default=False)
    collection.boolean("isEmergency", default=False)
    collection.integer("scratchTime")
    collection.string("emergencyPosition", 20)
    collection.string("runnerChange", 500)
    collection.float("fixedWinOdds")
    collection.float("fixedPlaceOdds")
    collection.float("poolWinOdds")
    collection.float("poolPlaceOdds")
    collection.boolean("favourite", default=False)
    collection.boolean("mover", default=False)
    collection.string("jockey", 255)
    collection.string("trainerName", 255)
    collection.string("apprenticeIndicator", 50)
    collection.string("gear", 200)
    collection.string("weight", 50)
    collection.string("allocatedWeight", 20)
    collection.string("totalWeight", 20)
    collection.string("allowanceWeight", 20)
    collection.string("marketName", 100)
    collection.boolean("primaryMarket", default=True)
    collection.integer("settlingLengths")
    collection.integer("age")
    collection.string("sex", 10)
    collection.string("colour", 20)
    collection.string("foalingDate", 20)
    collection.string("sire", 100)
    collection.string("dam", 100)
    collection.string("breeding", 200)
    collection.string("owners", 255)
    collection.string("trainerLocation", 100)
    collection.string("country", 10)
    collection.string("prizeMoney", 20)
    collection.string("bestTime", 20)
    collection.string("lastTwentyStarts", 30)
    collection.string("winPercentage", 10)
    collection.string("placePercentage", 10)
    collection.string("rating", 20)
    collection.string("handicapRating", 20)
    collection.string("classLevel", 20)
    collection.boolean("firstStartIndicator", default=False)
    collection.string("formComment", 500)
    collection.string("silkColours", 100)
    collection.string("silkUrl64", 500)
    collection.string("silkUrl128", 500)
    collection.datetime("lastUpdated")
    collection.string("dataSource", 50)
    collection.datetime("importedAt")
    collection.string("raceId", 50)
    collection.relationship("race", "races", type="manyToOne", two_way_key="entrants")
    collection.index("idx_race_active", "raceId", "isScratched")
    collection.index("idx_entrant_id", "entrantId", type="unique")
    collection.index("idx_runner_number", "runnerNumber")


def odds_history(database: Database) -> None:
    collection = database.collection("odds-history", name="OddsHistory", permissions=PUBLIC_READ)
    collection.float("odds", required=True)
    collection.datetime("eventTimestamp", required=True)
    collection.string("type", 20, required=True)
    collection.relationship("entrant", "entrants", type="manyToOne", two_way_key="oddsHistory")
    collection.index("idx_timestamp", "eventTimestamp")


def money_flow_history(database: Database) -> None:
    collection = database.collection("money-flow-history", name="MoneyFlowHistory", permissions=PUBLIC_READ)
    collection.float("holdPercentage")
    collection.float("betPercentage")
    collection.datetime("eventTimestamp", required=True)
    collection.string("type", 30, required=True)
    collection.string("raceId", 50)
    collection.datetime("pollingTimestamp")
    collection.integer("timeToStart")
    collection.integer("winPoolAmount")
    collection.integer("placePoolAmount")
    collection.integer("incrementalAmount")
    collection.string("poolType", 10)
    collection.integer("timeInterval")
    collection.string("intervalType", 10)
    collection.integer("incrementalWinAmount")
    collection.integer("incrementalPlaceAmount")
    collection.boolean("isConsolidated", default=False)
    collection.string("bucketDocumentId", 100)
    collection.string("rawPollingData", 2000)
    collection.float("winPoolPercentage")
    collection.float("placePoolPercentage")
    collection.integer("totalPoolAmount")
    collection.integer("dataQualityScore")
    collection.boolean("mathematicallyConsistent")
    collection.integer("pollingLatencyMs")
    collection.boolean("isStale")
    collection.float("fixedWinOdds")
    collection.float("fixedPlaceOdds")
    collection.float("poolWinOdds")
    collection.float("poolPlaceOdds")
    collection.string("entrantId", 50)
    collection.relationship("entrant", "entrants", type="manyToOne", two_way_key="moneyFlowHistory")
    collection.index("idx_race_entrant_time", "raceId", "entrantId", "timeInterval")
    collection.index("idx_timestamp", "eventTimestamp")
    collection.index("idx_time_interval", "timeInterval")
    collection.index("idx_interval_type", "intervalType")
    collection.index("idx_polling_timestamp", "pollingTimestamp")
    collection.index("idx_race_id", "raceId")
    collection.index("idx_data_quality_score", "dataQualityScore")
    collection.index("idx_is_stale", "isStale")
    collection.index("idx_fixed_win_odds", "fixedWinOdds")
    collection.index("idx_fixed_place_odds", "fixedPlaceOdds")


def race_pools(database: Database) -> None:
    collection = database.collection("race-pools", name="RacePools", permissions=PUBLIC_READ)
    collection.string("raceId", 50, required=True)
    collection.integer("winPoolTotal", default=0)
    collection.integer("placePoolTotal", default=0)
    collection.integer("quinellaPoolTotal", default=0)
    collection.integer("trifectaPoolTotal", default=0)
    collection.integer("exactaPoolTotal", default=0)
    collection.integer("first4PoolTotal", default=0)
    collection.integer("totalRacePool", default=0)
    collection.string("currency", 10, default="$")
    collection.datetime("lastUpdated")
    collection.index("idx_race_id", "raceId", type="unique")


def user_alert_configs(database: Database) -> None:
    collection = database.collection("user-alert-configs", name="UserAlertConfigs", permissions=USERS_OWN)
    collection.string("userId", 50, required=True)
    collection.string("alertType", 50, required=True)
    collection.float("threshold", required=True)
    collection.integer("timeWindowSeconds")
    collection.boolean("enabled", required=True)
    collection.relationship("entrant", "entrants", type="manyToOne", two_way_key="alertConfigs")
    collection.index("idx_user_id", "userId")
    collection.index("idx_alert_type", "alertType")


def notifications(database: Database) -> None:
    collection = database.collection("notifications", name="Notifications", permissions=USERS_OWN)
    collection.string("userId", 50, required=True)
    collection.string("title", 255, required=True)
    collection.string("message", 1000, required=True)
    collection.string("type", 50, required=True)
    collection.boolean("read", default=False)
    collection.string("raceId", 50)
    collection.string("entrantId", 50)
    collection.index("idx_user_id", "userId")


def declare_internal(database: Database) -> None:
    """Declare the collections that the functions' shared code states."""
    content = json.loads(INTERNAL_COLLECTIONS.read_text(encoding="utf-8"))
    for entry in content["collections"]:
        collection = database.collection(entry["id"], name=entry["name"], permissions=entry["permissions"])
        for attribute in entry["attributes"]:
            declare_attribute(collection, attribute)
        for index in entry["indexes"]:
            collection.index(index["key"], *index["attributes"], type=index["type"])


def declare_attribute(collection: Collection, entry: dict[str, object]) -> None:
    """Declare one attribute from its JSON form."""
    settings = {key: value for key, value in entry.items() if key not in ("key", "type", "size")}
    positional = [entry["key"], entry["size"]] if "size" in entry else [entry["key"]]
    getattr(collection, str(entry["type"]))(*positional, **settings)
