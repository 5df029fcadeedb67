"""Sites: what their builds make, and what this server cannot build."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.devserver.ages import V1_8, V1_9

from .functions_server import Client, archive, serving

PAGE = {"index.html": "<p>shop"}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One server for all tests, each of which has a site of its own."""
    folder = tmp_path_factory.mktemp("sites")
    with serving(folder / "data", folder / "venvs", age=V1_9) as running:
        yield Client(running)


def made(client: Client, site: str, **fields: Any) -> str:
    body = {"siteId": site, "name": site, "framework": "other", "buildRuntime": "static-1", **fields}
    client.ok("POST", "/sites", body)
    return f"/sites/{site}"


def uploaded(client: Client, site: str, files: Mapping[str, str], **form: str) -> str:
    sent = client.ok(
        "POST", f"{site}/deployments", data={"activate": "true", **form}, files={"code": ("c.tar.gz", archive(files))}
    )
    return f"{site}/deployments/{sent['$id']}"


def output(client: Client, deployment: str) -> dict[str, str]:
    content = client.call("GET", f"{deployment}/download", params={"type": "output"}).content
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = [each for each in tar.getmembers() if each.isfile()]
        return {each.name.removeprefix("./"): tar.extractfile(each).read().decode() for each in members}  # type: ignore[union-attr]


def failed(client: Client, site: str, files: Mapping[str, str] = PAGE, **form: str) -> str:
    deployment = uploaded(client, site, files, **form)
    return str(client.until(deployment, status="failed")["buildLogs"])


def test_commands_make_what_the_output_directory_holds(sites: Client) -> None:
    build = 'mkdir out && sed "s/shop/$SHOP/" index.html > out/index.html'
    site = made(sites, "made", installCommand="touch installed", buildCommand=build, outputDirectory="./out")
    sites.ok("POST", f"{site}/variables", {"variableId": "v", "key": "SHOP", "value": "sold out"})
    deployment = uploaded(sites, site, PAGE)
    sites.until(deployment, status="ready")
    assert output(sites, deployment) == {"index.html": "<p>sold out"}
    assert sites.ok("GET", site)["deploymentId"] == deployment.rpartition("/")[2]


def test_an_adapter_is_found_by_the_first_build_and_never_changed(sites: Client) -> None:
    one, two, said = made(sites, "one"), made(sites, "two"), made(sites, "said", adapter="static")
    for site, files in ((one, PAGE), (two, {**PAGE, "other.html": "<p>"}), (said, PAGE)):
        sites.until(uploaded(sites, site, files), status="ready")
    found = [sites.ok("GET", each) for each in (one, two, said)]
    assert [(each["adapter"], each["fallbackFile"]) for each in found] == [
        ("static", "index.html"),
        ("static", ""),
        ("static", ""),
    ]


def test_a_build_that_makes_no_output_fails(sites: Client) -> None:
    site = made(sites, "nothing", outputDirectory="dist")
    assert "output directory 'dist' was not made" in failed(sites, site)
    assert "'../..' was not made" in failed(sites, site, outputDirectory="../..")


def test_what_this_server_cannot_build_says_so(sites: Client) -> None:
    assert "renders on the server" in failed(sites, made(sites, "ssr", adapter="ssr"))
    bun = made(sites, "bun", buildRuntime="bun-1.1", buildCommand="bun run build")
    assert "bun is not installed on this machine" in failed(sites, bun)


def test_a_site_and_a_function_of_one_name_keep_apart(sites: Client) -> None:
    site, function = made(sites, "twin"), f"/functions/{sites.create('twin')}"
    for number, path in enumerate((site, function)):
        sites.ok("POST", f"{path}/variables", {"variableId": f"twin{number}", "key": "A", "value": "x"})
    sites.until(uploaded(sites, site, PAGE), status="ready")
    assert sites.ok("GET", f"{function}/deployments")["total"] == 0
    sites.ok("DELETE", function)
    assert [each["resourceType"] for each in sites.ok("GET", site)["vars"]] == ["site"]
    assert sites.ok("GET", f"{site}/deployments")["total"] == 1


def test_before_1_9_a_site_has_one_specification_and_no_start_command(tmp_path: Path) -> None:
    with serving(tmp_path / "data", tmp_path / "venvs", age=V1_8) as running:
        client = Client(running)
        site = made(client, "old", specification="s-1vcpu-1gb", startCommand="npm start")
        found = client.ok("GET", site)
        assert found["specification"] == "s-1vcpu-1gb"
        assert not {"startCommand", "scopes", "buildSpecification", "deploymentRetention"} & found.keys()
        client.ok("PUT", site, {"name": "n", "framework": "other"})
        assert client.ok("GET", site)["buildRuntime"] == ""


def test_a_deployed_site_is_shown_at_a_host_of_its_own(sites: Client) -> None:
    site = made(sites, "Shown", adapter="static", fallbackFile="index.html", outputDirectory="./out")
    files = {"out/index.html": "<p>shop", "out/a/b.css": "p {}", "secret.txt": "not served"}
    sites.until(uploaded(sites, site, files), status="ready")
    host, server = f"shown.{sites.running.project}.sites.localhost:1", sites.running.endpoint.removesuffix("/v1")

    def got(path: str, host: str = host) -> tuple[int, str, str]:
        answer = requests.get(server + path, headers={"Host": host}, timeout=10)
        return answer.status_code, answer.headers["content-type"], answer.text

    assert got("/") == got("/index.html") == got("/no/such/page") == (200, "text/html", "<p>shop")
    assert got("/a/b.css") == (200, "text/css", "p {}")
    assert "not served" not in got("/../secret.txt")[2] + got("/..%2Fsecret.txt")[2]
    assert got("/", "other.sites.localhost")[0] == 404
    sites.ok("PUT", site, {"name": "n", "framework": "other", "enabled": False})
    assert got("/")[0] == 404
    assert requests.get(f"{server}/", headers={"Host": "evil.example"}, timeout=10).status_code == 401
