"""What a Terraform state of the official provider names, by our addresses. Attributes as its documentation has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.errors import IacError
from raceday_iac.importing.document import TerraformState, read_tfstate
from raceday_iac.kinds import KINDS


def resource(kind: str, name: str, *instances: dict[str, Any], **more: Any) -> dict[str, Any]:
    provider = 'provider["registry.terraform.io/appwrite/appwrite"]'
    made = [{"schema_version": 0, "sensitive_attributes": [], **each} for each in instances]
    return {"mode": "managed", "type": kind, "name": name, "provider": provider, "instances": made, **more}


def one(kind: str, name: str, /, **attributes: Any) -> dict[str, Any]:
    return resource(kind, name, {"attributes": attributes})


def read(folder: Path, *resources: dict[str, Any], **more: Any) -> TerraformState:
    file = folder / "terraform.tfstate"
    content = {"version": 4, "terraform_version": "1.13.0", "serial": 7, "resources": resources, **more}
    file.write_text(json.dumps(content), encoding="utf-8")
    return read_tfstate(file, "shop")


def test_each_resource_has_its_address_whatever_version_of_the_provider_named_it(tmp_path: Path) -> None:
    column = {"database_id": "shop", "table_id": "orders", "project_id": "shop"}
    found = read(
        tmp_path,
        one("appwrite_tablesdb", "shop", id="shop", name="Shop"),
        one("appwrite_tablesdb_table", "orders", id="orders", database_id="shop"),
        one("appwrite_tablesdb_column", "customer", key="customer", type="varchar", **column),
        one("appwrite_column", "old", key="old", **column),
        one("appwrite_tablesdb_column", "product", key="product", type="relationship", **column),
        one("appwrite_tablesdb_index", "by_customer", key="by_customer", type="key", **column),
        one("appwrite_function", "pay", id="pay", project_id=None),
        one("appwrite_function_variable", "key", id="64f2", function_id="pay", key="KEY", value="secret", secret=True),
        one("appwrite_function_deployment", "code", id="64f3", function_id="pay", activate=True),
        one("appwrite_storage_bucket", "pictures", id="pictures"),
        one("appwrite_auth_team", "staff", id="staff"),
        one("appwrite_messaging_topic", "offers", id="offers"),
        one("appwrite_messaging_provider", "mail", id="mail", type="smtp"),
    )
    assert [str(each) for each in found.named] == [
        "database.shop",
        "collection.shop/orders",
        "attribute.shop/orders/customer",
        "attribute.shop/orders/old",
        "relationship.shop/orders/product",
        "index.shop/orders/by_customer",
        "function.pay",
        "variable.pay/KEY",
        "deployment.pay",
        "bucket.pictures",
        "team.staff",
        "topic.offers",
        "provider.mail",
    ]
    assert found.remarks == ()


def test_instances_are_named_as_terraform_names_them(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        resource(
            "appwrite_auth_team",
            "each",
            {"index_key": "a", "attributes": {"id": "t-a"}},
            {"index_key": 1, "attributes": {"id": "t-1"}},
            {"deposed": "00000001", "attributes": {"id": "t-gone"}},
            module="module.people",
        ),
    )
    assert list(found.named.values()) == [
        'module.people.appwrite_auth_team.each["a"]',
        "module.people.appwrite_auth_team.each[1]",
    ]


def test_what_has_no_counterpart_is_named_with_the_reason(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        one("aws_s3_bucket", "b", id="b"),
        one("appwrite_tablesdb_row", "r", id="r"),
        one("appwrite_backup_policy", "p", id="p"),
        one("appwrite_function", "far", id="far", project_id="another"),
        one("appwrite_function_variable", "broken", id="v", function_id="", key="K"),
        one("appwrite_function", "none", id=None),
        {**one("appwrite_function", "read", id="read"), "mode": "data"},
    )
    assert found.named == {}
    assert {each.subject: each.message for each in found.remarks} == {
        "aws_s3_bucket.b": "not a resource of Appwrite",
        "appwrite_tablesdb_row.r": "it is data, which is not managed",
        "appwrite_backup_policy.p": "raceday-iac has no such kind; it stays as it is",
        "appwrite_function.far": "it belongs to the project another, but this environment is shop",
        "appwrite_function_variable.broken": "the state does not say its function_id and key",
        "appwrite_function.none": "the state does not say its id",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"version": 3, "modules": []}, "is not a Terraform state of format 4"),
        ({"format_version": "1.0", "values": {}}, "is not a Terraform state of format 4"),
        ({"projectId": "shop", "functions": []}, "is not a Terraform state of format 4"),
        ({"version": 4}, "is not a Terraform state of format 4"),
        ({"encrypted_data": "x", "encryption_version": "v0"}, "is encrypted"),
        ({"version": 4, "resources": [{"mode": "managed"}]}, "a resource in it is broken"),
        ({"version": 4, "resources": ["x"]}, "a resource in it is broken"),
        ({"version": 4, "resources": [one("appwrite_function", "f") | {"instances": [{}]}]}, "is broken"),
        ({"version": 4, "resources": [one("appwrite_function", "f") | {"instances": 5}]}, "is broken"),
    ],
)
def test_what_is_no_such_state_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "some.tfstate"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(IacError, match=message):
        read_tfstate(file, "shop")


def test_no_type_stands_for_two_kinds_that_an_instance_cannot_distinguish() -> None:
    for kind in KINDS.values():
        for other in KINDS.values():
            if kind is not other and set(kind.terraform_types) & set(other.terraform_types):
                assert all(kind.is_one(raw) != other.is_one(raw) for raw in ({"type": "x"}, {"type": "relationship"}))
