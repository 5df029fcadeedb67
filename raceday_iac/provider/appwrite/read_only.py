"""A transport built for reading: what it hands to the network can only be a GET.

All of Appwrite's lists and queries are GET requests, so nothing that looks needs anything else. The rule sits in the
adapter, below the SDK and every retry: there is no other adapter in the session through which a request could leave.
"""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from ...errors import ProviderError
from .transport import Transport


class ReadingTransport(Transport):
    """A `Transport` that has no way to send anything but GET."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for scheme, adapter in list(self._session.adapters.items()):
            self._session.mount(scheme, _GetOnly(adapter))


class _GetOnly(HTTPAdapter):
    """Passes GET on to an adapter, and stops everything else."""

    def __init__(self, inner: requests.adapters.BaseAdapter) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._inner = inner

    def send(self, request: requests.PreparedRequest, *arguments: Any, **settings: Any) -> requests.Response:
        """See `HTTPAdapter.send`. Raises ProviderError for anything that could write."""
        if request.method != "GET":
            raise ProviderError(f"This connection can only read; {request.method} {request.path_url} was not sent.")
        return self._inner.send(request, *arguments, **settings)

    def close(self) -> None:
        self._inner.close()
        super().close()
