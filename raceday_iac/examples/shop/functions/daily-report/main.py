"""Counts the orders of the last 24 hours, every morning."""

import json
import os
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from urllib.request import Request, urlopen


def main(context):
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="milliseconds")
    newer = json.dumps({"method": "greaterThan", "attribute": "orderedAt", "values": [since]})
    limit = json.dumps({"method": "limit", "values": [5000]})
    api = os.environ["APPWRITE_FUNCTION_API_ENDPOINT"]
    request = Request(
        f"{api}/databases/shop/collections/orders/documents?{urlencode({'queries[0]': newer, 'queries[1]': limit})}",
        headers={
            "x-appwrite-project": os.environ["APPWRITE_FUNCTION_PROJECT_ID"],
            "x-appwrite-key": context.req.headers["x-appwrite-key"],
        },
    )
    with urlopen(request, timeout=30) as answer:
        orders = json.load(answer)["documents"]
    report = {"orders": len(orders), "totalCents": sum(each["totalCents"] for each in orders)}
    context.log(f"since {since}: {report}")
    return context.res.json(report)
