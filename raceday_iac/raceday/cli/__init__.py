"""Raceday's own commands."""
