"""CallIds: names for calls within one prompt, in the form that Mistral's formats want: nine letters and digits."""


class CallIds:
    """Counted in the order of their first mention, so a longer conversation names the same calls the same."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, tool_use_id: str) -> str:
        return self._known.setdefault(tool_use_id, f"call{len(self._known):05d}")
