"""Reproducible bundles of functions' code."""

from .archive import digest_of_archive
from .bundle import Bundle, pack_all, with_deployments

__all__ = ["Bundle", "digest_of_archive", "pack_all", "with_deployments"]
