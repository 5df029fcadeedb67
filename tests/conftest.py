"""Settings for every test."""

from hypothesis import HealthCheck, settings

# How fast a machine draws examples says nothing about the code: a busy one must not fail a test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
