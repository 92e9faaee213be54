"""StopSequences: where an answer's text must end, and what of it is certain not to lie beyond. Pure."""


class StopSequences:
    """Fed one block of text at a time; a stop sequence never spans two."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        """Text that may yet turn out to begin a stop sequence."""

    def push(self, text: str) -> tuple[str, str | None]:
        """The text that became certain, and the stop sequence that ends it, the first to begin, if one does."""
        if not self._stops:
            return text, None
        self._held += text
        found = [(at, stop) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            at, stop = min(found, key=lambda hit: hit[0])
            text, self._held = self._held[:at], ""
            return text, stop
        return self._release(), None

    def flush(self) -> str:
        """What is left at the end of a block."""
        text, self._held = self._held, ""
        return text

    def _release(self) -> str:
        """Let go of all text but the longest tail that a stop sequence could begin with."""
        longest = max(len(stop) for stop in self._stops) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            tail = self._held[-size:]
            if any(stop.startswith(tail) for stop in self._stops):
                certain, self._held = self._held[:-size], tail
                return certain
        return self.flush()
