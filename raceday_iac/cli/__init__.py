"""The command line. It looks for no plugins of pydantic: that would read the metadata of every installed package."""

import os

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
