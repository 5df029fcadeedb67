"""Data in the console: pages of documents, filters, what is related, changes."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest
import requests

from raceday_iac.console.data import queries
from raceday_iac.errors import IacError

from .conftest import TOKEN, Browser, Shop

HOSTILE = "<script>alert(1)</script>"
PRODUCTS = "/databases/shop/collections/products"


def ask(shop: Shop, method: str, path: str, **body: object) -> requests.Response:
    headers = {"x-appwrite-project": "shop", "x-appwrite-key": shop.server.key}
    return requests.request(method, f"{shop.server.endpoint}{path}", json=body or None, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def filled(applied: Browser, shop: Shop) -> Browser:
    """The shop with 30 products, and a relationship from orders to them that the stack does not know."""
    body = {"relatedCollectionId": "products", "type": "manyToOne", "key": "item"}
    ask(shop, "POST", "/databases/shop/collections/orders/attributes/relationship", **body)
    for number in range(30):
        data = {"name": f"{HOSTILE}{number}", "category": "tea" if number % 2 else "cups", "priceCents": number}
        ask(shop, "POST", f"{PRODUCTS}/documents", documentId=f"p{number:02}", data=data).raise_for_status()
    order = {"product": "p01", "quantity": 1, "totalCents": 1, "customer": "a@b.example", "item": "p01"}
    order["orderedAt"] = "2026-01-01T00:00:00Z"
    for _ in range(100):
        made = ask(shop, "POST", "/databases/shop/collections/orders/documents", documentId="o1", data=order)
        if made.ok:
            break
    made.raise_for_status()
    return applied


def test_places_of_data_are_listed(filled: Browser) -> None:
    text = filled.page("/data")
    for path in ("/data/shop/products", "/data/shop/orders", "/data/in/bucket/pictures", "/data/in/team/staff"):
        assert f'href="/{TOKEN}{path}"' in text


def test_documents_come_in_pages_and_as_text(filled: Browser) -> None:
    first = filled.page("/data/shop/products")
    assert "1 to 25 of 30" in first
    assert "<script>alert" not in first
    assert "&lt;script&gt;alert(1)" in first
    following = re.search(r'<a rel=next href="([^"]+)"', first)
    assert following
    second = filled.page(f"/data/shop/products{following[1].replace('&amp;', '&')}")
    assert "26 to 30 of 30" in second
    assert "rel=next" not in second
    assert set(re.findall(r">(p\d\d)<", first)) & set(re.findall(r">(p\d\d)<", second)) == set()


def test_documents_are_filtered_by_queries_of_appwrite(filled: Browser) -> None:
    text = filled.page("/data/shop/products?filter=" + quote('equal("category", ["tea"])\norderDesc("priceCents")'))
    assert "1 to 15 of 15" in text
    assert re.findall(r">(p\d\d)<", text)[:2] == ["p29", "p27"]
    assert "No document meets it." in filled.page("/data/shop/products?filter=" + quote('equal("category", "coffee")'))


@pytest.mark.parametrize("text", ["drop table", "limit(5000)", 'equal("nothing", 1)', "equal(", 'equal("<b>", [)'])
def test_a_filter_that_is_none_is_said_to_be(filled: Browser, text: str) -> None:
    page = filled.page("/data/shop/products?filter=" + quote(text))
    assert "role=alert" in page
    assert "<b>&#34;" not in page


def test_a_document_is_whole_and_leads_to_what_it_is_related_to(filled: Browser) -> None:
    text = filled.page("/data/shop/orders/o1")
    assert "a@b.example" in text
    link = re.search(rf'href="/{TOKEN}(/data/shop/products/p01)"', text)
    assert link
    assert "&lt;script&gt;" in filled.page(link[1])


def test_a_document_is_changed_unless_somebody_was_faster(filled: Browser, shop: Shop) -> None:
    place = "/data/shop/products/p00"
    page = filled.page(place)
    updated = re.search(r'name=updated value="([^"]+)"', page)
    assert updated
    answer = filled.send(place, {"content": json.dumps({"priceCents": 77})}, place)
    assert "Changed." in answer.text
    assert ask(shop, "GET", f"{PRODUCTS}/documents/p00").json()["priceCents"] == 77
    late = filled.send(place, {"content": json.dumps({"priceCents": 78}), "updated": updated[1]}, place)
    assert "This did not work" in late.text
    assert ask(shop, "GET", f"{PRODUCTS}/documents/p00").json()["priceCents"] == 77


@pytest.mark.parametrize("content", ["", "{", "[]", '{"$id": "x"}', '{"category": "<b>milk"}'])
def test_values_that_do_not_fit_change_nothing(filled: Browser, shop: Shop, content: str) -> None:
    answer = filled.send("/data/shop/products/p02", {"content": content}, "/data/shop/products/p02")
    assert "This did not work" in answer.text
    assert ask(shop, "GET", f"{PRODUCTS}/documents/p02").json()["category"] == "cups"


@pytest.mark.parametrize(
    "path", ["/data/shop/nothing", "/data/nothing/products", "/data/shop/products/nothing", "/data/in/function/echo"]
)
def test_what_is_not_there_is_said(filled: Browser, path: str) -> None:
    answer = filled.get(f"/{TOKEN}{path}")
    assert answer.status_code == 404
    assert "This did not work" in answer.text


def test_what_lies_in_a_bucket_or_a_team_is_listed(filled: Browser) -> None:
    assert "It has no files." in filled.page("/data/in/bucket/pictures")
    assert "It has no memberships." in filled.page("/data/in/team/staff")


def test_data_elsewhere_can_only_be_looked_at(filled: Browser, far: Browser) -> None:
    assert "<form method=post" not in far.page("/data/shop/products/p00")
    assert far.post(f"/{TOKEN}/data/shop/products/p00", {"content": "{}"}).status_code == 404


def test_lines_become_queries() -> None:
    text = 'equal("a", [1, 2])\n\n between("b", 1, 2) \nQuery.isNull("c");\norderRandom()'
    assert [json.loads(each) for each in queries(text)] == [
        {"method": "equal", "attribute": "a", "values": [1, 2]},
        {"method": "between", "attribute": "b", "values": [1, 2]},
        {"method": "isNull", "attribute": "c", "values": []},
        {"method": "orderRandom", "values": []},
    ]
    with pytest.raises(IacError):
        queries("cursorAfter(1)")
