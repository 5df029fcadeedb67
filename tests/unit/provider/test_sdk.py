"""The SDK is imported without most of itself, and nobody else who uses it in this process may notice."""

from __future__ import annotations

import json
import subprocess
import sys

import appwrite.client
from appwrite.enums.browser import Browser

from raceday_iac.provider.appwrite import answers


def test_the_client_comes_without_enums_and_models() -> None:
    names = "(each for each in sys.modules if 'appwrite.' in each)"
    command = f"import sys, raceday_iac.provider.appwrite.answers; print(*{names})"
    found = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.split()
    assert "appwrite.client" in found
    assert not [each for each in found if each.startswith(("appwrite.enums", "appwrite.models", "appwrite.encoders"))]


def test_what_the_stand_in_does_not_know_it_leaves_to_the_real_encoder() -> None:
    for encoder in (answers._Encoder, appwrite.client.ValueClassEncoder):
        assert json.dumps({"browser": Browser.GOOGLE_CHROME}, cls=encoder) == '{"browser": "ch"}'
