"""`raceday-iac state`."""

from __future__ import annotations

import json

from ..errors import EXIT_OK, IacError
from ..model.address import Address
from ..render.lines import Line, print_json, print_lines
from ..state.document import State, entry_to_json
from .options import Options
from .stores import opened_store


def run_list(options: Options) -> int:
    """Addresses of everything owned."""
    state = _read(options)
    addresses = [str(address) for address in sorted(state.entries, key=str)]
    if options.json:
        print_json({"lineage": state.lineage, "serial": state.serial, "resources": addresses})
    else:
        print_lines((Line(address) for address in addresses), color=options.color)
    return EXIT_OK


def run_show(options: Options, text: str) -> int:
    """One resource as last applied."""
    state = _read(options)
    try:
        entry = state.entries.get(Address.parse(text))
    except ValueError as error:
        raise IacError(f"{error}.") from None
    if entry is None:
        raise IacError(f"{text} is not in the state.", hint="see what is: raceday-iac state list")
    content = entry_to_json(entry)
    if options.json:
        print_json({"address": text, **content})
    else:
        lines = [Line(text, "bold")]
        lines += [
            Line(f"  {name}: {json.dumps(value, ensure_ascii=False)}") for name, value in content["fields"].items()
        ]
        if "remoteId" in content:
            lines.append(Line(f"  (id on the server: {content['remoteId']})"))
        lines += [Line(f"  (deployment {each})") for each in content.get("deployments", ())]
        print_lines(lines, color=options.color)
    return EXIT_OK


def _read(options: Options) -> State:
    with opened_store(options) as store:
        return store.read()
