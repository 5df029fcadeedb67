"""Variables of sites: what those of functions are."""

from __future__ import annotations

from .variable import variables_of

KIND = variables_of("site", "/sites")
