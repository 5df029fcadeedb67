"""Settings for every test."""

import pytest
from hypothesis import HealthCheck, settings

from raceday_iac.model.secret import forget_secrets

# How fast a machine draws examples says nothing about the code: a busy one must not fail a test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _no_secrets_of_others() -> None:
    """What is shown is searched for the secrets of this run, and each test is one."""
    forget_secrets()
