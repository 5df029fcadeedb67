"""Deployments of sites: what those of functions are, with other settings."""

from __future__ import annotations

from .deployment import code_of

KIND = code_of("site", "/sites", "site_deployment", ("installCommand", "buildCommand", "outputDirectory"))
