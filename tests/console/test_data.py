"""Data in the console: pages of documents, filters, what is related, changes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import quote

import pytest
import requests

from raceday_iac.console import data
from raceday_iac.console.data import LARGEST_FILE, disposition, picture_type, queries
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
    place = "/databases/shop/collections/orders/attributes/relationship"
    for body in (
        {"relatedCollectionId": "products", "type": "manyToOne", "key": "item"},
        {"relatedCollectionId": "products", "type": "oneToOne", "key": "gift", "twoWay": True, "twoWayKey": "giftOf"},
        {"relatedCollectionId": "products", "type": "oneToMany", "key": "more", "twoWayKey": "moreOf"},
    ):
        ask(shop, "POST", place, **body).raise_for_status()
    for number in range(30):
        data = {"name": f"{HOSTILE}{number}", "category": "tea" if number % 2 else "cups", "priceCents": number}
        ask(shop, "POST", f"{PRODUCTS}/documents", documentId=f"p{number:02}", data=data).raise_for_status()
    order = {"product": "p01", "quantity": 1, "totalCents": 1, "customer": "a@b.example", "item": "p01", "gift": "p02"}
    order["orderedAt"] = "2026-01-01T00:00:00Z"
    for _ in range(100):
        made = ask(shop, "POST", "/databases/shop/collections/orders/documents", documentId="o1", data=order)
        if made.ok:
            break
    made.raise_for_status()
    return applied


def test_places_of_data_are_listed(filled: Browser) -> None:
    text = filled.page("/data")
    for path in ("/data/shop/products", "/data/shop/orders", "/data/-/bucket/pictures", "/data/-/team/staff"):
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


def test_pages_go_on_where_appwrite_stops_counting(filled: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_SIZE", 15)
    monkeypatch.setattr(data, "_COUNTED", 30)
    second = filled.page("/data/shop/products?page=2")
    assert "16 to 30 of at least 30" in second
    assert "rel=next" in second
    assert "rel=next" not in filled.page("/data/shop/products?page=3")


def test_documents_are_filtered_by_queries_of_appwrite(filled: Browser) -> None:
    text = filled.page("/data/shop/products?filter=" + quote('equal("category", ["tea"])\norderDesc("priceCents")'))
    assert "1 to 15 of 15" in text
    assert re.findall(r">(p\d\d)<", text)[:2] == ["p29", "p27"]
    assert "No document matches." in filled.page("/data/shop/products?filter=" + quote('equal("category", "coffee")'))


@pytest.mark.parametrize(
    "text",
    [
        "drop table",
        "limit(5000)",
        'equal("nothing", 1)',
        "equal(",
        'equal("<b>", [)',
        f'equal("a", {"[" * 900 + "]" * 900})',
    ],
)
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


def test_relationships_are_followed_from_both_sides(filled: Browser) -> None:
    order = filled.page("/data/shop/orders/o1")
    for product in ("p01", "p02"):
        assert f'href="/{TOKEN}/data/shop/products/{product}"' in order
    # Two ways: the far side has the order itself.
    assert f'<th scope=row>giftOf</th><td><a href="/{TOKEN}/data/shop/orders/o1"' in filled.page(
        "/data/shop/products/p02"
    )
    # One way: the far side says nothing of it, but Appwrite finds who names it.
    product = filled.page("/data/shop/products/p01")
    link = re.search(rf'href="/{TOKEN}(/data/shop/orders\?[^"]+)">documents of orders that link to it in item', product)
    assert link
    found = filled.page(link[1].replace("&amp;", "&"))
    assert "1 to 1 of 1" in found
    assert ">o1<" in found
    assert "orders links to documents of this collection in more" in product
    assert f'href="/{TOKEN}/data/shop/products/p01"' not in product


def test_related_documents_stand_in_the_list_unless_something_else_is_selected(filled: Browser) -> None:
    assert "products/p01" in filled.page("/data/shop/orders")
    assert "products/p01" not in filled.page("/data/shop/orders?filter=" + quote('select("customer")'))


def test_a_document_is_created_and_deleted_once_that_was_typed(filled: Browser, shop: Shop) -> None:
    place = "/data/shop/products"
    skeleton = re.search(r"<textarea id=content[^>]*>(.*?)</textarea>", filled.page(place), re.DOTALL)
    assert skeleton
    assert {"name", "category"} <= json.loads(unescape(skeleton[1])).keys()
    content = json.dumps({"name": HOSTILE, "category": "tea", "priceCents": 3})
    answer = filled.send(place, {"id": "made-here", "content": content}, place)
    assert answer.url.partition("?")[0].endswith(f"{place}/made-here")
    assert "Created made-here." in answer.text
    assert "&lt;script&gt;" in answer.text
    own = filled.send(place, {"content": content}, place).url
    again = filled.send(place, {"id": "made-here", "content": content}, place)
    assert "This did not work" in again.text
    deed = f"{place}/made-here/delete"
    answer = filled.send(deed, {"sentence": "delete"}, f"{place}/made-here")
    assert "Nothing was deleted" in answer.text
    assert ask(shop, "GET", f"{PRODUCTS}/documents/made-here").ok
    answer = filled.send(deed, {"sentence": "delete made-here"}, f"{place}/made-here")
    assert "Deleted made-here." in answer.text
    assert ask(shop, "GET", f"{PRODUCTS}/documents/made-here").status_code == 404
    made = re.search(r"products/([0-9a-f]{20})\?", own)
    assert made
    ask(shop, "DELETE", f"{PRODUCTS}/documents/{made[1]}").raise_for_status()


@pytest.mark.parametrize("identity", ["../x", ".x", "a b", "<b>", "x" * 37])
def test_an_id_that_cannot_be_one_creates_nothing(filled: Browser, identity: str) -> None:
    content = json.dumps({"name": "x", "category": "tea", "priceCents": 3})
    answer = filled.send("/data/shop/products", {"id": identity, "content": content}, "/data/shop/products")
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert "of 30" in filled.page("/data/shop/products")


def test_a_document_that_somebody_changed_is_not_deleted(filled: Browser, shop: Shop) -> None:
    place = "/data/shop/products/p05"
    updated = re.search(r'name=updated value="([^"]+)"', filled.page(place))
    assert updated
    ask(shop, "PATCH", f"{PRODUCTS}/documents/p05", data={"priceCents": 1005}).raise_for_status()
    answer = filled.send(f"{place}/delete", {"sentence": "delete p05", "updated": updated[1]}, place)
    assert "This did not work" in answer.text
    assert ask(shop, "GET", f"{PRODUCTS}/documents/p05").ok


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


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"$id": "x"}', '{"category": "<b>milk"}', '{"priceCents": NaN}', '{"name": "\\ud800"}']
)
def test_values_that_do_not_fit_change_nothing(filled: Browser, shop: Shop, content: str) -> None:
    answer = filled.send("/data/shop/products/p02", {"content": content}, "/data/shop/products/p02")
    assert "This did not work" in answer.text
    assert ask(shop, "GET", f"{PRODUCTS}/documents/p02").json()["category"] == "cups"


@pytest.mark.parametrize(
    "path",
    [
        "/data/shop/nothing",
        "/data/nothing/products",
        "/data/shop/products/nothing",
        "/data/-/function/echo",
        "/data/-/bucket/nothing",
    ],
)
def test_what_is_not_there_is_said(filled: Browser, path: str) -> None:
    answer = filled.get(f"/{TOKEN}{path}")
    assert answer.status_code == 404
    assert "This did not work" in answer.text


def test_what_lies_in_a_bucket_or_a_team_is_listed(filled: Browser) -> None:
    assert "It has no files." in filled.page("/data/-/bucket/pictures")
    assert "It has no memberships." in filled.page("/data/-/team/staff")


PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
FILES = {
    "photo": ("photo.png", PNG),
    "page": ("page.png", b"<script>alert(1)</script>"),
    "drawing": ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
    "markup": ("markup.html", b"<script>alert(1)</script>"),
    "odd": ('a"b\u202e\u00e9;x.txt', b"plain"),
}


@pytest.fixture(scope="module")
def with_files(filled: Browser, shop: Shop) -> Browser:
    """Files in a bucket that the stack does not know."""
    ask(shop, "POST", "/storage/buckets", bucketId="loose", name="Loose").raise_for_status()
    headers = {"x-appwrite-project": "shop", "x-appwrite-key": shop.server.key}
    for identity, (name, content) in FILES.items():
        sent = {"file": (name, content)}
        place = f"{shop.server.endpoint}/storage/buckets/loose/files"
        requests.post(place, data={"fileId": identity}, files=sent, headers=headers, timeout=60).raise_for_status()
    return filled


def test_files_are_listed_and_each_has_a_page(with_files: Browser) -> None:
    text = with_files.page("/data/-/bucket/loose")
    for identity in FILES:
        assert f'href="/{TOKEN}/data/-/bucket/loose/{identity}"' in text
    photo = with_files.page("/data/-/bucket/loose/photo")
    assert f'src="/{TOKEN}/data/-/bucket/loose/photo/picture"' in photo
    for name in ("drawing", "markup"):
        page = with_files.page(f"/data/-/bucket/loose/{name}")
        assert "<img" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page


def test_only_what_is_a_picture_by_its_first_bytes_is_shown_as_one(with_files: Browser) -> None:
    answer = with_files.get(f"/{TOKEN}/data/-/bucket/loose/photo/picture")
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    for name in ("page", "drawing", "markup"):
        refused = with_files.get(f"/{TOKEN}/data/-/bucket/loose/{name}/picture")
        assert refused.status_code == 404
        assert "<script>alert" not in refused.text


@pytest.mark.parametrize("identity", FILES)
def test_a_file_is_saved_and_never_shown(with_files: Browser, identity: str) -> None:
    answer = with_files.get(f"/{TOKEN}/data/-/bucket/loose/{identity}/download")
    assert answer.content == FILES[identity][1]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_file_that_is_too_large_is_not_fetched(with_files: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raceday_iac.console.data.LARGEST_FILE", 3)
    answer = with_files.get(f"/{TOKEN}/data/-/bucket/loose/photo/download")
    assert answer.status_code == 400
    assert "is larger than" in answer.text
    assert "too large" in with_files.page("/data/-/bucket/loose/photo")
    assert LARGEST_FILE > 30_000_000


@pytest.mark.parametrize("path", ["bucket/loose/nothing", "bucket/nothing/photo", "team/staff/photo"])
def test_a_file_that_is_not_there_is_said(with_files: Browser, path: str) -> None:
    for more in ("", "/picture", "/download"):
        assert with_files.get(f"/{TOKEN}/data/-/{path}{more}").status_code == 404


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("tea.pdf", "attachment; filename=\"tea.pdf\"; filename*=UTF-8''tea.pdf"),
        ("../../etc/passwd", "attachment; filename=\"passwd\"; filename*=UTF-8''etcpasswd"),
        ('a"b\r\nc\u202e.txt', "attachment; filename=\"a_b__c_.txt\"; filename*=UTF-8''a%22bc.txt"),
        ("\u00e9", "attachment; filename=\"_\"; filename*=UTF-8''%C3%A9"),
        ("...", "attachment; filename=\"file\"; filename*=UTF-8''file"),
    ],
)
def test_a_name_of_a_file_ends_no_header_and_leads_nowhere(name: str, header: str) -> None:
    assert disposition(name) == header


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GIF89a", "image/gif"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF1234WEBP", "image/webp"),
        (b"RIFF1234WAVE", None),
        (b"<svg>", None),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(content: bytes, kind: str | None) -> None:
    assert picture_type(content) == kind


def test_data_elsewhere_can_only_be_looked_at(filled: Browser, far: Browser) -> None:
    assert "<form method=post" not in far.page("/data/shop/products/p00")
    assert "<form method=post" not in far.page("/data/shop/products")
    forms: Mapping[str, Mapping[str, str]] = {
        "/p00": {"content": "{}"},
        "": {"content": "{}"},
        "/p00/delete": {"sentence": "delete p00"},
    }
    for path, form in forms.items():
        assert far.post(f"/{TOKEN}/data/shop/products{path}", form).status_code == 404


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
