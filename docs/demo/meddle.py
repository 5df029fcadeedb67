"""Change two things on an Appwrite project as somebody in a hurry would: by hand, past the stack."""

from __future__ import annotations

import os

import requests

ENDPOINT = os.environ["APPWRITE_ENDPOINT"]
HEADERS = {"X-Appwrite-Project": os.environ["APPWRITE_PROJECT_ID"], "X-Appwrite-Key": os.environ["APPWRITE_API_KEY"]}


def main() -> None:
    poller = requests.get(f"{ENDPOINT}/functions/meeting-status-poller", headers=HEADERS, timeout=10).json()
    kept = ("name", "runtime", "schedule", "entrypoint", "commands", "scopes", "execute", "events")
    # One size up to 1.8, one for builds and one for runs since.
    sizes = [name for name in ("specification", "buildSpecification", "runtimeSpecification") if name in poller]
    body = {name: poller[name] for name in (*kept, *sizes)} | {"timeout": 600}
    requests.put(
        f"{ENDPOINT}/functions/meeting-status-poller", headers=HEADERS, json=body, timeout=10
    ).raise_for_status()
    print("meeting-status-poller: timeout 300 -> 600")

    attribute = f"{ENDPOINT}/databases/raceday-db/collections/race-pools/attributes/string/currency"
    body = {"required": False, "default": "NZ$"}
    requests.patch(attribute, headers=HEADERS, json=body, timeout=10).raise_for_status()
    print('race-pools.currency: default "$" -> "NZ$"')


if __name__ == "__main__":
    main()
