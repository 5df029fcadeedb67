"""Appwrite's limits (reference 1.8.1), each in this one place. Texts in characters, sizes in bytes, times in s."""

from __future__ import annotations

import re

CUSTOM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
ID_RULE = "at most 36 characters from a-z A-Z 0-9 . _ -, not starting with a special one"

FUNCTION_NAME = 128
FUNCTION_ENTRYPOINT = 1028
FUNCTION_COMMANDS = 8192
FUNCTION_TIMEOUT = 900
FUNCTION_LIST_ITEMS = 100
FUNCTION_ROLE = 64
VARIABLE_KEY = 255
VARIABLE_VALUE = 8192
DEPLOYMENT_BYTES = 30_000_000
#: What is packed before it is compressed, and files in a code folder: limits of ours, so that a folder named by mistake
#: fills neither memory nor an evening.
BUNDLE_UNPACKED_BYTES = 500_000_000
BUNDLE_ENTRIES = 100_000

RESOURCE_NAME = 128
EXECUTION_BODY = 10_485_760
EXECUTION_PATH = 2048
STRING_SIZE = 1_073_741_824
ENCRYPTED_STRING_MINIMUM = 150
ENUM_ELEMENTS = 100
ENUM_ELEMENT = 255
COLUMNS = 1017
ROW_WIDTH = 65_535
ROW_WIDTH_BASE = 1067
INDEXES = 58
INDEX_LENGTH = 768
ARRAY_INDEX_LENGTH = 255
RESERVED_INDEXES = frozenset({"primary", "_created_at", "_updated_at", "_tenant_id"})

INTEGER_MINIMUM = -(2**63)
INTEGER_MAXIMUM = 2**63 - 1
#: What the server answers for unset float bounds.
FLOAT_EXTREME = 1.7976931348623157e308

#: Memory and processors by specification slug, smallest first.
SPECIFICATIONS = (
    "s-0.5vcpu-512mb",
    "s-1vcpu-512mb",
    "s-1vcpu-1gb",
    "s-2vcpu-2gb",
    "s-2vcpu-4gb",
    "s-4vcpu-4gb",
    "s-4vcpu-8gb",
    "s-8vcpu-4gb",
    "s-8vcpu-8gb",
)
