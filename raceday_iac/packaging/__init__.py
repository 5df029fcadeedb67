"""Reproducible bundles of functions' code."""

from .bundle import Bundle, digest_of_archive, pack_all, with_deployments

__all__ = ["Bundle", "digest_of_archive", "pack_all", "with_deployments"]
