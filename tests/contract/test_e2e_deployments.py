"""Cases 38 to 53: deployments, builds and activation."""

from __future__ import annotations

from typing import Any

import pytest

from .archives import archive, noise
from .client import Answer, Api, q
from .deploying import HELLO, built, create_function, deploy, deployed_function, run, upload
from .modelling import ids
from .waiting import poll

CHUNK = 5 * 1024 * 1024
SLOW_BUILD = "sleep 20"
READ_STAMP = """
from pathlib import Path

def main(context):
    return context.res.text(Path(__file__).with_name("stamp.txt").read_text().strip())
"""


@pytest.fixture
def function(api: Api) -> str:
    return create_function(api)


def deployments(function: str, deployment: str = "") -> str:
    return f"/functions/{function}/deployments" + (f"/{deployment}" if deployment else "")


def active(api: Api, function: str) -> str:
    return str(api.get(f"/functions/{function}")["deploymentId"])


def activate(api: Api, function: str, deployment: str) -> Answer:
    return api.patch(f"/functions/{function}/deployment", {"deploymentId": deployment})


def cancel(api: Api, function: str, deployment: str) -> Answer:
    return api.patch(deployments(function, deployment) + "/status")


def building(api: Api, function: str) -> str:
    """A deployment whose build takes long."""
    sent = upload(api, function, commands=SLOW_BUILD)
    assert sent.status == 202, sent.body
    path = deployments(function, sent["$id"])
    poll(lambda: api.get(path), lambda answer: answer["status"] == "building")
    return str(sent["$id"])


def test_case_038_an_activated_upload_becomes_the_active_deployment(api: Api, function: str) -> None:
    sent = upload(api, function)
    assert sent.status == 202
    shown = {name: sent[name] for name in ("status", "entrypoint", "resourceId", "resourceType", "type", "activate")}
    assert shown == {
        "status": "waiting", "entrypoint": "main.py", "resourceId": function, "resourceType": "functions",
        "type": "manual", "activate": True,
    }  # fmt: skip
    built(api, function, sent["$id"])
    assert active(api, function) == sent["$id"]


def test_case_039_a_command_line_client_marks_its_deployments(api: Api, function: str) -> None:
    assert upload(api, function, headers={"x-sdk-language": "cli"})["type"] == "cli"


def test_case_040_an_upload_without_activation_changes_nothing(api: Api, function: str) -> None:
    first = deploy(api, function)
    second = deploy(api, function, activate=False)
    assert active(api, function) == first
    assert api.get(f"/functions/{function}")["latestDeploymentId"] == second


def test_case_041_a_deployment_needs_an_entrypoint(api: Api) -> None:
    function = create_function(api, entrypoint="")
    missing = upload(api, function)
    assert (missing.status, missing.kind) == (404, "function_entrypoint_missing")
    assert upload(api, function, entrypoint="main.py")["entrypoint"] == "main.py"


def test_case_042_a_deployment_needs_a_gzip_file(api: Api, function: str) -> None:
    missing = api.post(deployments(function), form={"activate": "true"})
    assert (missing.status, missing.kind) == (400, "storage_file_empty")
    zipped = upload(api, function, filename="code.zip")
    assert (zipped.status, zipped.kind) == (400, "storage_file_type_unsupported")


def send_chunk(api: Api, function: str, content: bytes, start: int, deployment: str = "") -> Answer:
    piece = content[start : start + CHUNK]
    headers = {"content-range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}"}
    if deployment:
        headers["x-appwrite-id"] = deployment
    return upload(api, function, piece, headers=headers)


def test_case_043_a_large_archive_arrives_in_chunks(api: Api, function: str) -> None:
    content = archive({"main.py": HELLO, "noise.bin": noise(CHUNK + 100_000)})
    assert CHUNK < len(content) < 2 * CHUNK
    first = send_chunk(api, function, content, 0)
    assert first.status == 202
    second = send_chunk(api, function, content, CHUNK, first["$id"])
    assert (second.status, second["$id"], second["sourceSize"]) == (202, first["$id"], len(content))
    built(api, function, first["$id"])
    assert run(api, function)["responseBody"] == "hello"


def test_case_043_chunks_may_arrive_out_of_order(api: Api, function: str) -> None:
    content = archive({"main.py": HELLO, "noise.bin": noise(2 * CHUNK + 100_000)})
    deployment = send_chunk(api, function, content, 0)["$id"]
    assert send_chunk(api, function, content, 2 * CHUNK, deployment).status == 202
    assert api.get(deployments(function, deployment))["status"] == "waiting"
    assert send_chunk(api, function, content, CHUNK, deployment).status == 202
    assert built(api, function, deployment)["sourceSize"] == len(content)


def test_case_044_a_ready_deployment_shows_sizes_and_logs(api: Api, function: str) -> None:
    ready = built(api, function, upload(api, function, commands="echo 'made of python'")["$id"])
    assert ready["sourceSize"] > 0
    assert ready["buildSize"] > 0
    assert ready["totalSize"] == ready["sourceSize"] + ready["buildSize"]
    assert "made of python" in ready["buildLogs"]


def test_case_045_a_select_query_picks_fields_of_deployments(api: Api, function: str) -> None:
    deploy(api, function)
    picked = api.get(deployments(function), q("select", None, "status"))["deployments"][0]
    assert picked["status"] == "ready"
    assert "sourceSize" not in picked
    logs = api.get(deployments(function), q("select", None, "buildLogs"))["deployments"][0]
    assert logs["buildLogs"]
    assert "sourceSize" not in logs


def test_case_046_deployments_are_filtered_by_type_and_size(api: Api, function: str) -> None:
    deploy(api, function)
    deploy(api, function)
    assert api.get(deployments(function), q("equal", "type", "manual"))["total"] == 2
    assert api.get(deployments(function), q("equal", "type", "vcs"))["total"] == 0
    assert api.get(deployments(function), q("greaterThan", "sourceSize", 0))["total"] == 2


def test_case_047_an_unknown_deployment_is_not_found(api: Api, function: str) -> None:
    answer = api.get(deployments(function, "x"))
    assert (answer.status, answer.kind) == (404, "deployment_not_found")


def test_case_048_an_older_deployment_can_be_activated_again(api: Api, function: str) -> None:
    older, newer = deploy(api, function), deploy(api, function)
    answer = activate(api, function, older)
    assert (answer.status, answer["deploymentId"], answer["latestDeploymentId"]) == (200, older, newer)


def test_case_049_only_a_ready_deployment_can_be_activated(api: Api, function: str) -> None:
    deployment = building(api, function)
    answer = activate(api, function, deployment)
    assert (answer.status, answer.kind) == (400, "build_not_ready")
    cancel(api, function, deployment)


def test_case_050_a_build_can_be_canceled_until_it_is_ready(api: Api, function: str) -> None:
    deployment = building(api, function)
    answer = cancel(api, function, deployment)
    assert (answer.status, answer["status"]) == (200, "canceled")
    path = deployments(function, deployment)
    later = poll(lambda: api.get(path), lambda answer: "canceled" in answer["buildLogs"])
    assert later["status"] == "canceled"
    too_late = cancel(api, function, deploy(api, function))
    assert (too_late.status, too_late.kind) == (400, "build_already_completed")


def test_case_051_a_duplicate_is_built_with_the_current_commands(api: Api) -> None:
    function = create_function(api, commands="echo one > stamp.txt")
    original = deploy(api, function, READ_STAMP)
    assert run(api, function)["responseBody"] == "one"
    fields = {"name": "Test", "entrypoint": "main.py", "commands": "echo two > stamp.txt"}
    assert api.put(f"/functions/{function}", fields).status == 200
    copy = api.post(deployments(function) + "/duplicate", {"deploymentId": original})
    assert (copy.status, copy["buildSize"]) == (202, 0)
    assert copy["sourceSize"] > 0
    assert copy["$id"] != original
    built(api, function, copy["$id"])
    if active(api, function) != copy["$id"]:
        assert activate(api, function, copy["$id"]).status == 200
    assert run(api, function)["responseBody"] == "two"


def test_case_052_deleting_deployments_moves_latest_and_clears_active(api: Api, function: str) -> None:
    older = deploy(api, function)
    newest = deploy(api, function, activate=False)
    assert api.delete(deployments(function, newest)).status == 204
    assert api.get(f"/functions/{function}")["latestDeploymentId"] == older
    assert active(api, function) == older
    assert api.delete(deployments(function, older)).status == 204
    assert active(api, function) == ""


def test_case_053_source_and_output_can_be_downloaded(api: Api, function: str) -> None:
    content = archive({"main.py": HELLO})
    sent = upload(api, function, content)
    built(api, function, sent["$id"])
    path = deployments(function, sent["$id"]) + "/download"
    source = api.get(path)
    assert (source.status, source.headers["content-type"]) == (200, "application/gzip")
    assert source.content == content
    part = api.get(path, query=[("type", "source")], headers={"Range": "bytes=2-9"})
    assert (part.status, part.content) == (206, content[2:10])
    output = api.get(path, query=[("type", "output")])
    assert (output.status, output.content[:2]) == (200, b"\x1f\x8b")


def test_deployments_are_listed_in_creation_order(api: Api, function: str) -> None:
    made: list[Any] = [deploy(api, function), deploy(api, function)]
    assert ids(api.get(deployments(function))) == made
    assert ids(api.get(deployments(function), q("orderDesc", "$createdAt"))) == made[::-1]


def test_a_bundle_with_requirements_is_built_by_its_commands(api: Api) -> None:
    """Nothing is installed unless the commands say so; then they run in an environment of the deployment's own."""
    shows = "import sys\n\ndef main(context):\n    return context.res.text(sys.prefix)\n"
    function = deployed_function(api, shows, commands="python -c 'import sys; print(sys.prefix)'")
    assert run(api, function)["responseBody"]


def test_a_failing_build_leaves_the_active_deployment_alone(api: Api, function: str) -> None:
    good = deploy(api, function)
    bad = upload(api, function, commands="echo broken; exit 3")
    failed = built(api, function, bad["$id"], "failed")
    assert "broken" in failed["buildLogs"]
    assert active(api, function) == good
