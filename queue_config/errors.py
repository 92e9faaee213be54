"""The errors that Pensieve raises on purpose; `kind` is the wire's error type, `status` its HTTP status."""

LONGEST_MESSAGE = 1_000
"""Characters. Some messages repeat a name or an id, as Anthropic's do, and clients may choose those at will."""


class PensieveError(Exception):
    """An error that a client may see: `str(error)` is the message it gets."""

    kind = "api_error"
    status = 500
    should_retry: bool | None = None
    """What `x-should-retry` tells the SDKs; None leaves the decision to their own rules."""
    retry_after_s: int | None = None
    """What `retry-after` tells them."""

    ends_connection = False
    """What comes next over this connection may be the rest of what was not read."""

    def __str__(self) -> str:
        message = super().__str__()
        return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"


class InvalidRequest(PensieveError):
    """The caller's mistake; the message names the field."""

    kind = "invalid_request_error"
    status = 400
    should_retry = False


class PromptTooLong(InvalidRequest):
    """Claude Code reads this wording, and compacts its conversation."""

    def __init__(self, tokens: int, maximum: int) -> None:
        super().__init__(f"prompt is too long: {tokens} tokens > {maximum} maximum")
        self.tokens = tokens
        self.maximum = maximum


class Unauthenticated(PensieveError):
    kind = "authentication_error"
    status = 401


class Forbidden(PensieveError):
    kind = "permission_error"
    status = 403


class NotFound(PensieveError):
    kind = "not_found_error"
    status = 404


class Conflict(PensieveError):
    kind = "conflict_error"
    status = 409
    should_retry = False


class TooLarge(PensieveError):
    kind = "request_too_large"
    status = 413
    ends_connection = True


class DeadlinePassed(PensieveError):
    kind = "timeout_error"
    status = 504


class Overloaded(PensieveError):
    """No room, or no way to the queue; the caller may try again after `retry_after_s`."""

    kind = "overloaded_error"
    status = 529
    retry_after_s = 5


class RateLimited(PensieveError):
    """The key has had its share; it may go on after `retry_after_s`."""

    kind = "rate_limit_error"
    status = 429

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Stalled(PensieveError):
    """The client began to send something and did not go on."""

    kind = "invalid_request_error"
    status = 408
    should_retry = False
    ends_connection = True


class NoWorker(Overloaded):
    """There is such a model, and nobody just now who could answer with it; the message says why."""

    retry_after_s = 10


class GenerationFailed(PensieveError):
    """The worker gave up on this request; `kind` and the message are the worker's."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = {"timeout_error": 504, "overloaded_error": 529, "invalid_request_error": 400}.get(kind, 500)


class BadSetting(Exception):
    """A PENSIEVE_ variable is unknown or does not parse; stops the start."""
