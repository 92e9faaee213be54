"""Jobs and the WebSocket: the same requests, left alone and taken up again."""

import json
import urllib.request
from typing import Any

import simple_websocket

from tests.support.service import Service

MODEL = "smollm2-135m-instruct"
BODY = {
    "model": MODEL,
    "max_tokens": 30,
    "temperature": 0,
    "messages": [{"role": "user", "content": "What is the capital of France? Answer in one short sentence."}],
}


def events(service: Service, job_id: str, last_event_id: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Read a job's events to their end, as (id, data)."""
    request = urllib.request.Request(f"{service.url}/v1/jobs/{job_id}/events", headers={"Last-Event-ID": last_event_id})
    found, event_id = [], ""
    with urllib.request.urlopen(request, timeout=60) as response:
        for line in response.read().decode().splitlines():
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = value
            elif name == "data" and json.loads(value)["type"] != "ping":
                found.append((event_id, json.loads(value)))
    return found


def text_of(frames: list[dict[str, Any]]) -> str:
    return "".join(frame["delta"]["text"] for frame in frames if frame["type"] == "content_block_delta")


def test_a_job_is_polled_to_its_result(service: Service) -> None:
    status, job = service.post("/v1/jobs", BODY)
    done = service.wait_for(f"/v1/jobs/{job['id']}", "status", "succeeded")

    assert status == 202
    assert job["status"] in {"queued", "running"}
    assert "Paris" in done["result"]["content"][0]["text"]
    assert done["result"]["id"] == job["id"]


def test_a_streams_rest_follows_any_event_that_a_client_saw_last(service: Service) -> None:
    _, job = service.post("/v1/jobs", BODY)
    whole = events(service, job["id"])

    assert whole[0][1]["type"] == "message_start"
    assert whole[-1][1]["type"] == "message_stop"
    for seen in range(1, len(whole)):
        assert events(service, job["id"], whole[seen - 1][0]) == whole[seen:]


def test_a_canceled_job_says_so(service: Service) -> None:
    _, job = service.post("/v1/jobs", {**BODY, "max_tokens": 3000, "temperature": 1})
    status, canceled = service.post(f"/v1/jobs/{job['id']}/cancel", {})
    service.wait_for(f"/v1/jobs/{job['id']}", "status", "canceled")

    assert status == 200
    assert canceled["id"] == job["id"]


def test_an_unknown_job_is_not_found(service: Service) -> None:
    status, error = service.get("/v1/jobs/msg_unknown")

    assert (status, error["error"]["type"]) == (404, "not_found_error")


def test_a_killed_worker_costs_a_stream_nothing_but_time(service: Service) -> None:
    body = {**BODY, "max_tokens": 40, "messages": [{"role": "user", "content": "Tell me a story about a fox."}]}
    _, undisturbed = service.post("/v1/messages", body)
    _, job = service.post("/v1/jobs", body)
    request = urllib.request.Request(f"{service.url}/v1/jobs/{job['id']}/events")
    with urllib.request.urlopen(request, timeout=60) as response:
        for line in response:
            if b"content_block_delta" in line:
                break
        service.kill("worker")
        response.read()
    frames = [frame for _, frame in events(service, job["id"])]

    assert text_of(frames) == undisturbed["content"][0]["text"]
    assert frames[-1]["type"] == "message_stop"


def test_two_requests_share_a_socket_and_one_is_canceled(service: Service) -> None:
    socket = simple_websocket.Client(f"ws://127.0.0.1:{service.port}/v1/stream")
    socket.send(json.dumps({"type": "create", "ref": "short", "request": BODY}))
    long = {**BODY, "max_tokens": 3000, "temperature": 1}
    socket.send(json.dumps({"type": "create", "ref": "long", "request": long}))
    frames: dict[str, list[dict[str, Any]]] = {"short": [], "long": []}
    canceled = False
    while not (frames["short"] and frames["short"][-1]["type"] == "message_stop") or not (
        frames["long"] and frames["long"][-1]["type"] == "error"
    ):
        data = socket.receive(timeout=60)
        assert data is not None, f"the socket fell silent after {frames}"
        frame = json.loads(data)
        if frame["ref"] is not None:  # the answer to the cancel itself has none
            frames[frame["ref"]].append(frame)
        if frame.get("ref") == "long" and not canceled:
            canceled = True
            socket.send(json.dumps({"type": "cancel", "id": frame["id"]}))
    socket.close()

    assert "Paris" in text_of(frames["short"])
    assert [frame["type"] for frame in frames["short"]][:2] == ["message_start", "content_block_start"]
