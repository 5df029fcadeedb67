"""Words of which horses, people and races are named when nothing was recorded."""

from __future__ import annotations

SPONSORS = tuple(
    "Regent Car Court|Prydes Feeds|Breckon Farms|Central Hardware|Harbour Tyres|Mainland Fencing|Lindsay Transport|"
    "Southern Printers|Happy Birthday Emily|Western Plumbing|Club Members|Valley Vineyards|Summit Builders|"
    "Riverside Motors|Coastal Signs|Golden Grain|O'Brien Electrical|Village Green Hotel|C & R Joinery".split("|")
)
RACE_KINDS = {
    "T": ("Handicap", "Maiden Plate", "Benchmark 64", "Showcase Hcp (C1)", "2YO Stakes", "Cup (L)", "Midway Mdn Hcp"),
    "H": ("Mobile Pace", "Handicap Trot", "Winter Rewards Mobile Pace", "Ladyship Mobile Pace", "2YO Mobile Pace"),
}
FIRST_WORDS = (
    "Silver Golden Quiet Rapid Southern Royal Lucky Midnight Crimson Gentle Noble Wandering Northern Iron Velvet Happy "
    "Dashing Secret Distant Bold Flying Amber Little Thunder Winter Summer Dancing Laughing Ivory Copper"
).split()
SECOND_WORDS = (
    "Arrow Harbour Promise Whisper Ranger Duchess Comet Lantern Meadow Bandit Echo Fortune Sailor Ember Falcon Rhythm "
    "Temple Jewel Outlaw Canyon Breeze Captain Story Lightning Orchid Tempest Voyager Anthem Puzzle Minstrel"
).split()
GIVEN_NAMES = "Kate Liam Suzy Richard Marc Opie Sam Nicole Clinton Hazel Bruce Ngaire Tayla Wiremu Joe Anna".split()
SURNAMES = "Gordon Hercock French Kauri Hamill Dykstra Bosson McNab Collett Parkes O'Malley Weir Stott Lerner".split()
TOWNS = "Awapuni Foxton Cambridge Matamata Riccarton Rosehill Cranbourne Deagon Bunbury Menangle".split()
GEAR = (
    "[Approved Plates, Lugging Bit]",
    "Blinkers OFF [Approved Plates, Ear Covers Pre-Race]",
    "[Nose Band, Tongue Tie]",
    "Blinkers ON first time",
    "",
)
SILKS = (
    "Cerise & gold hoops, cerise sleeves & quartered cap",
    "White, emerald green shamrock (b&f) & white cap",
    "Royal blue, white diamonds, red cap",
    "Black, yellow sash, black cap",
    "Purple & lime checks, lime cap",
)
