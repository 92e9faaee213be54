"""A worker process whose model says what a script lets it say: `python -m tests.support.scripted_worker`.

Everything but the engine is as it is served: the model's own tokenizer, prompt format and way to call tools.
"""

import json
import re
import sys

import workers.__main__
import workers.build
from models.prompt import Markup
from models.resolve import ModelSpec
from models.tokenizer import Tokenizer
from queue_config.settings import Settings
from workers.engine import Engine
from workers.fake_engine import FakeEngine
from workers.sequence import Sequence

READ_THIS = re.compile(r"Please read the file (\S+\.txt)")


def answer(prompt: str) -> str:
    """ChatML: asks for the file that the user names, and says what came back."""
    *_, result = prompt.rpartition("<tool_response>")
    if "<tool_response>" in prompt:
        return f"The file says: {result.partition('</tool_response>')[0].strip()}"
    if named := READ_THIS.search(prompt):
        call = {"name": "Read", "arguments": {"file_path": named[1]}}
        return f"I look into it.\n<tool_call>\n{json.dumps(call)}\n</tool_call>"
    return "There is nothing to read."


class ScriptedEngine(FakeEngine):
    """Echoes the script's answer instead of the prompt."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(min(tokenizer.eos_ids), 0.005)
        self._tokenizer = tokenizer

    def add(self, sequence: Sequence) -> int:
        cached = super().add(sequence)
        text = answer(self._tokenizer.decode(sequence.prompt))
        self._rows[sequence.id].tokens = list(self._tokenizer.encode([Markup(text)]))
        return cached


def _engine(settings: Settings, spec: ModelSpec, tokenizer: Tokenizer) -> Engine:
    return ScriptedEngine(tokenizer)


if __name__ == "__main__":
    workers.build.make_engine = _engine
    sys.exit(workers.__main__.main())
