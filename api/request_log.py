"""Every line that is logged while a request is answered names it."""

import logging

from flask import g, has_request_context


class RequestIds(logging.Filter):
    """Adds `request_id` where the caller gave none."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id") and has_request_context() and "request_id" in g:
            record.request_id = g.request_id
        return True
