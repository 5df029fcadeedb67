"""`raceday-iac state verify`."""

from __future__ import annotations

from ..audit import AuditLog, Inspection
from ..errors import EXIT_ERROR, EXIT_OK, IacError
from ..loading.environment import load_environment
from ..render.audit_text import inspection_document, inspection_lines
from ..render.lines import print_json, print_lines
from .options import Options


def run_verify(options: Options) -> int:
    """Check the audit log's chain. Exit 1 when it is broken."""
    load_environment(options.stack, options.env)
    log = AuditLog(options.state_folder)
    try:
        inspection: Inspection = log.inspect()
    except OSError as error:
        raise IacError(f"The audit log {log.file} cannot be read: {error.strerror or error}.") from None
    if options.json:
        print_json({"audit": inspection_document(inspection, log.file)})
    else:
        print_lines(inspection_lines(inspection, log.file), color=options.color)
    return EXIT_OK if inspection.is_sound else EXIT_ERROR
