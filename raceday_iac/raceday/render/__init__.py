"""How Raceday's own reports look."""
