"""Doubts: what the prompt cache holds before it is known whether a NaN or an infinity went in."""

import mlx.core as mx


class Doubts:
    """Finding out waits until the device has come so far, so it is put off until it has, or until it matters."""

    def __init__(self) -> None:
        self._older: list[tuple[str, mx.array]] = []
        self._newer: list[tuple[str, mx.array]] = []

    def add(self, writer: str, is_sound: mx.array) -> None:
        """Of something that this sequence brought."""
        self._newer.append((writer, is_sound))

    def settled(self, *, all_of_them: bool = False) -> list[str]:
        """The sequences of which something proves to be wrong; without `all_of_them`, among what was there at the last
        call already."""
        if all_of_them:
            self._older += self._newer
            self._newer = []
        looked_at, self._older, self._newer = self._older, self._newer, []
        return [writer for writer, is_sound in looked_at if not is_sound.item()]
