"""Rules on the wanted side: schedules, locks, scopes, permissions, secrets. Pure: values in, findings out."""
