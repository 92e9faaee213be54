"""Counting of HTTP answers, by route and status; no label comes from what a client wrote."""

from flask import Flask, Response, request

from queue_config.counts import ANSWERED, Count, Counts

NO_ROUTE = "none"


def count_answers(app: Flask, counts: Counts) -> None:
    """A stream counts once, by the status that it begins with."""

    @app.after_request
    def count(response: Response) -> Response:
        # Where no route matches, the method may be any word.
        route, method = (request.url_rule.rule, request.method) if request.url_rule else (NO_ROUTE, NO_ROUTE)
        counts.add(Count(ANSWERED, (method, route, str(response.status_code))))
        return response
