"""Paths of our own: jobs, the WebSocket, health, and this document."""

from api.openapi.anthropic_paths import AFTER, BEFORE, DEADLINE, IDEMPOTENCY, LIMIT, VERSION
from api.openapi.jobs import JOB_STATUSES
from api.openapi.operations import Operation, answer, errors, event, operation, parameter
from api.openapi.words import ANY_OBJECT, enum, ref

_JOBS, _SERVICE = "Jobs", "Service"
_JOB_ID = parameter("path", "job_id", {"type": "string", "minLength": 1}, "`msg_...`, the id of any message.")
_STATUS = parameter("query", "status", enum(*JOB_STATUSES), "Only jobs that stand so.")
_FRAME = {"type": "string", "pattern": r"^[0-9]{1,9}-[0-9]{1,12}\.[0-9]{1,9}$"}
_LAST_IN_HEADER = parameter("header", "last-event-id", _FRAME, "The last event that the reader has.")
_LAST_IN_QUERY = parameter("query", "last_event_id", _FRAME, "The same, for those who can't set headers.")


PATHS: dict[str, dict[str, Operation]] = {
    "/v1/jobs": {
        "post": operation(
            "createJob",
            _JOBS,
            "A message without waiting",
            {"202": answer("The job", json=ref("Job"))} | errors(404, 409, 413, 415, 529),
            body="JobRequest",
            parameters=(VERSION, IDEMPOTENCY, DEADLINE),
        ),
        "get": operation(
            "listJobs",
            _JOBS,
            "All jobs, newest first",
            {"200": answer("A page of them", json=ref("JobPage"))} | errors(529),
            parameters=(LIMIT, AFTER, BEFORE, _STATUS),
        ),
    },
    "/v1/jobs/{job_id}": {
        "get": operation(
            "getJob",
            _JOBS,
            "How far it is, and its result",
            {"200": answer("The job", json=ref("Job"))} | errors(404, 529),
            parameters=(_JOB_ID,),
        )
    },
    "/v1/jobs/{job_id}/cancel": {
        "post": operation(
            "cancelJob",
            _JOBS,
            "End it; harmless where it has ended",
            {"200": answer("The job", json=ref("Job"))} | errors(404, 529),
            parameters=(_JOB_ID,),
        )
    },
    "/v1/jobs/{job_id}/retry": {
        "post": operation(
            "retryJob",
            _JOBS,
            "The same again, as another job, where it ended without an answer",
            {"202": answer("The new job", json=ref("Job"))} | errors(404, 529),
            parameters=(_JOB_ID,),
        )
    },
    "/v1/jobs/{job_id}/events": {
        "get": operation(
            "followJob",
            _JOBS,
            "Its stream, from any point; every event has an id",
            {
                "200": answer("The events", events=event(ref("MessageStreamEvent"))),
                "204": answer("The reader has them all"),
            }
            | errors(404, 529),
            parameters=(_JOB_ID, _LAST_IN_HEADER, _LAST_IN_QUERY),
        )
    },
    "/v1/stream": {
        "get": operation(
            "openSocket",
            _JOBS,
            "A WebSocket: create, resume and cancel, many streams over one connection",
            {"101": answer("The connection is a WebSocket now")} | errors(),
            parameters=(VERSION,),
        )
    },
    "/health": {
        "get": operation("isAlive", _SERVICE, "The process answers", {"200": answer("It does", json=ref("Health"))})
        | {"security": []}
    },
    "/health/ready": {
        "get": operation(
            "isReady",
            _SERVICE,
            "The service works, with the evidence",
            {"200": answer("It does", json=ref("Readiness")), "503": answer("It doesn't", json=ref("Readiness"))}
            | errors(),
        )
    },
    "/api/hello": {
        "get": operation(
            "greet",
            _SERVICE,
            "What clients ask first; HEAD does as well",
            {"204": answer("Somebody is there")} | errors(),
        )
    },
    "/metrics": {
        "get": operation(
            "getMetrics",
            _SERVICE,
            "The whole service in numbers, in Prometheus's text format",
            {"200": answer("All metrics", text={"type": "string"})} | errors(),
        )
    },
    "/openapi.json": {
        "get": operation(
            "getDocument", _SERVICE, "This document", {"200": answer("OpenAPI 3.1", json=ANY_OBJECT)} | errors()
        )
    },
}
