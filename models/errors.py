"""The errors of models; `str(error)` is shown to users and says what to do."""


class ModelError(Exception):
    """Something about a model stops us. Raise the subclasses."""


class ModelNotFound(ModelError):
    """No such model here; the message says how to get it."""


class ModelRefused(ModelError):
    """The folder or file is there, but we won't load it: incomplete, of an unsafe kind, or one we can't read."""


class PullFailed(ModelError):
    """Downloading or checking a model failed; nothing half-made was left behind."""


class PromptRejected(ModelError, ValueError):
    """This conversation can't be made into a prompt for this model: the caller's mistake."""
