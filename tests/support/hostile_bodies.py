"""Request bodies of those who mean no good, or whose program is broken; each with the status that it deserves."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from tests.support.api_fakes import MODEL, messages_body

MESSAGES = "/v1/messages"
JSON = "application/json"
DEEP = 70
HUGE = 10**30


class Hostile(NamedTuple):
    name: str
    body: bytes
    status: int = 400
    path: str = MESSAGES
    content_type: str = JSON
    headers: Mapping[str, str] = MappingProxyType({})


def corpus() -> list[Hostile]:
    parts = (_no_json(), _headers(), _shapes(), _fields(), _messages(), _blocks(), _tools(), _openai(), _others())
    return [case for part in parts for case in part]


def _no_json() -> Iterator[Hostile]:
    valid = orjson.dumps(messages_body())
    text = valid.decode()
    raw = {
        "nothing": b"",
        "white space": b" \n\t ",
        "NUL": b"\0",
        "a word": b"hello",
        "an open brace": b"{",
        "cut off": valid[:-5],
        "trailing": valid + b"x",
        "two documents": valid + valid,
        "single quotes": text.replace('"', "'").encode(),
        "a trailing comma": valid[:-1] + b",}",
        "a comment": valid[:-1] + b"/* hi */}",
        "a byte order mark": b"\xef\xbb\xbf" + valid,
        "UTF-16": text.encode("utf-16"),
        "UTF-32": text.encode("utf-32"),
        "Latin-1": text.replace("Hello", "H\xe9llo").encode("latin-1"),
        "overlong UTF-8": valid.replace(b"Hello", b"\xc0\xafHello"),
        "a UTF-8 surrogate": valid.replace(b"Hello", b"\xed\xa0\x80"),
        "cut UTF-8": valid.replace(b"Hello", b"\xf0\x9f\x98"),
        "an escaped lone surrogate": valid.replace(b"Hello", b"\\ud800"),
        "an escaped low surrogate first": valid.replace(b"Hello", b"\\udc00\\ud800"),
        "a wrong escape": valid.replace(b"Hello", b"\\x41"),
        "a raw line end in a string": valid.replace(b"Hello", b"a\nb"),
        "a raw NUL in a string": valid.replace(b"Hello", b"a\0b"),
        "NaN": valid.replace(b"100", b"NaN"),
        "Infinity": valid.replace(b"100", b"Infinity"),
        "minus infinity": valid.replace(b"100", b"-Infinity"),
        "1e400": valid.replace(b"100", b"1e400"),
        "4,000 digits": valid.replace(b"100", b"1" * 4_000),
        "100,000 digits": valid.replace(b"100", b"1" * 100_000),
        "a leading zero": valid.replace(b"100", b"0100"),
        "hexadecimal": valid.replace(b"100", b"0x64"),
        "a repeated key": valid[:-1] + b',"max_tokens":1}',
        "an escaped repeated key": valid[:-1] + b',"\\u006dodel":"x"}',
        "a repeated key further in": valid.replace(b'"role":"user"', b'"role":"user","role":"assistant"'),
        "100,000 open brackets": b"[" * 100_000,
        "50,000 open objects": b'{"a":' * 50_000,
        "closed brackets, deep": b"[" * DEEP + b"]" * DEEP,
        "an unused field, deep": valid[:-1] + b',"x":' + b"[" * DEEP + b"]" * DEEP + b"}",
        "a form": b"model=x&max_tokens=1",
        "XML": b"<model>x</model>",
        "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07os.name\x94.",
        "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    }
    return (Hostile(f"no JSON: {name}", body) for name, body in raw.items())


def _headers() -> Iterator[Hostile]:
    valid = orjson.dumps(messages_body())
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json"):
        yield Hostile(f"content-type {kind!r}", valid, 415, content_type=kind)
    for coding in ("gzip", "br", "deflate", "zstd", "gzip, identity", "x"):
        yield Hostile(f"content-encoding {coding}", valid, 415, headers={"Content-Encoding": coding})
    for version in ("latest", "1", "2023-06-01x", "\xff", "x" * 1_000):
        yield Hostile(f"anthropic-version {version[:10]!r}", valid, headers={"Anthropic-Version": version})
    for key in ("", "x" * 256, "\t"):
        yield Hostile(f"idempotency-key {key[:5]!r}", valid, headers={"Idempotency-Key": key})
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", "file://"):
        yield Hostile(f"origin {origin}", valid, 403, headers={"Origin": origin})
    for host in ("evil.example", "127.0.0.1.nip.io", "localhost@evil.example", "0x7f000001", "2130706433"):
        yield Hostile(f"host {host}", valid, 403, headers={"Host": host})
    yield Hostile("larger than allowed", orjson.dumps(messages_body("x" * 450_000)), 413)


def _shapes() -> Iterator[Hostile]:
    shapes: list[Any] = [None, True, 1, "x", [], [{}]]
    for value in shapes:
        yield Hostile(f"the body is {value}", orjson.dumps(value))
    for left_out in ("model", "max_tokens", "messages"):
        body = messages_body()
        del body[left_out]
        yield Hostile(f"without {left_out}", orjson.dumps(body))


WRONG: dict[str, list[Any]] = {
    "model": [None, 1, [], {}, "", "x" * 257],
    "max_tokens": [None, "1", 1.5, 1.0, True, [], -1, -(10**18), HUGE],
    "temperature": ["1", True, [], -0.1, 1.1, HUGE, -0.0000001],
    "top_p": ["1", True, {}, -1, 2],
    "top_k": ["1", True, 1.5, -1],
    "stream": ["true", 1, [], {}],
    "stop_sequences": ["x", 1, {}, [1], [None], [""], ["  "], ["x"] * 65, ["x" * 257]],
    "system": [1, True, {}, [1], [{"type": "image"}]],
    "tools": ["x", 1, {}, [1], [[]], [{}]],
    "tool_choice": ["auto", 1, [], {}, {"type": "any"}, {"type": "nothing"}],
    "thinking": ["x", 1, [], {}, {"type": "enabled"}, {"type": "enabled", "budget_tokens": "x"}],
    "output_config": [1, "x", [], {"format": {}}, {"format": {"type": "json_schema", "schema": []}}],
    "mcp_servers": [[{"type": "url", "url": "https://evil.example"}]],
    "container": ["x"],
}


def _fields() -> Iterator[Hostile]:
    for field, values in WRONG.items():
        for value in values:
            # Written by hand, since orjson has no integers of this size.
            body = orjson.dumps(messages_body(**{field: "@"})).replace(b'"@"', _written(value))
            yield Hostile(f"{field}={str(value)[:20]}", body)


def _messages() -> Iterator[Hostile]:
    wrong: dict[str, Any] = {
        "null": None,
        "a string": "x",
        "an object": {},
        "none": [],
        "a number in it": [1],
        "null in it": [None],
        "without role": [{"content": "x"}],
        "without content": [{"role": "user"}],
        "an unknown role": [{"role": "root", "content": "x"}],
        "a role of another type": [{"role": ["user"], "content": "x"}],
        "content of another type": [{"role": "user", "content": 1}],
        "content that is an object": [{"role": "user", "content": {}}],
        "an answer to no call": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}],
        "a call without an answer": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "y", "input": {}}]},
            {"role": "user", "content": "z"},
        ],
    }
    return (Hostile(f"messages: {name}", orjson.dumps(messages_body(messages=value))) for name, value in wrong.items())


def _blocks() -> Iterator[Hostile]:
    wrong: list[Any] = [
        None,
        1,
        "x",
        [],
        {},
        {"type": None},
        {"type": 1},
        {"type": "x" * 1_000},
        {"type": "text"},
        {"type": "text", "text": None},
        {"type": "text", "text": 1},
        {"type": "image", "source": {"type": "url", "url": "http://169.254.169.254/latest/meta-data"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "document", "source": {"type": "url", "url": "file:///etc/passwd"}},
        {"type": "document", "source": {"type": "file", "file_id": "../../etc/passwd"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
        {"type": "tool_use", "id": 1, "name": "x", "input": {}},
        {"type": "tool_result", "tool_use_id": 1},
    ]
    for block in wrong:
        body = messages_body(messages=[{"role": "user", "content": [block]}])
        yield Hostile(f"a block: {str(block)[:30]}", orjson.dumps(body))
    many = [{"type": "text", "text": "x"}] * 1_001
    yield Hostile("more blocks than allowed", orjson.dumps(messages_body(messages=[{"role": "user", "content": many}])))


def _tools() -> Iterator[Hostile]:
    schema = {"type": "object", "properties": {}}
    wrong: list[Any] = [
        {"name": "x"},
        {"name": 1, "input_schema": schema},
        {"name": "", "input_schema": schema},
        {"name": "x y", "input_schema": schema},
        {"name": "x" * 129, "input_schema": schema},
        {"name": "x\n", "input_schema": schema},
        {"name": "x", "input_schema": []},
        {"name": "x", "input_schema": {"type": "string"}},
        {"name": "x", "input_schema": {"type": ["object"]}},
        {"name": "x", "input_schema": schema, "description": 1},
        {"name": "x", "input_schema": schema, "strict": "yes"},
        {"name": "x", "input_schema": schema | {"description": "y" * 70_000}},
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "computer_20250124", "name": "computer"},
        {"type": "x" * 5_000, "name": "y"},
    ]
    for tool in wrong:
        yield Hostile(f"a tool: {str(tool)[:40]}", orjson.dumps(messages_body(tools=[tool])))
    tool = {"name": "x", "input_schema": schema}
    yield Hostile("a tool twice", orjson.dumps(messages_body(tools=[tool, tool])))
    many = [tool | {"name": f"t{n}"} for n in range(1_001)]
    yield Hostile("more tools than allowed", orjson.dumps(messages_body(tools=many)))


def _openai() -> Iterator[Hostile]:
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
    wrong: list[dict[str, Any]] = [
        {"messages": []},
        {"n": 2},
        {"n": HUGE},
        {"logit_bias": {"x": 1}},
        {"logit_bias": {"-1": 1}},
        {"logit_bias": {"1": 1_000}},
        {"logit_bias": {str(n): 1 for n in range(1_025)}},
        {"seed": 1.5},
        {"stop": [""]},
        {"stop": ["x"] * 65},
        {"temperature": 3},
        {"logprobs": True},
        {"functions": []},
        {"response_format": {"type": "json_schema"}},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}
            ]
        },
    ]
    for change in wrong:
        body = b"".join([orjson.dumps(chat)[:-1], b",", _written(change)[1:]]) if "messages" not in change else None
        yield Hostile(f"chat: {str(change)[:30]}", body or orjson.dumps(chat | change), path="/v1/chat/completions")
    prompts: list[Any] = [None, 1, {}, [], ["x", "y"], [-1], [1.5], [True], [0x110000], [HUGE]]
    for prompt in prompts:
        yield Hostile(
            f"prompt: {prompt}",
            b'{"model":"%s","prompt":%s}' % (MODEL.encode(), _written(prompt)),
            path="/v1/completions",
        )


def _others() -> Iterator[Hostile]:
    item = {"custom_id": "x", "params": messages_body()}
    wrong: list[Any] = [
        None,
        "x",
        [],
        [1],
        [{}],
        [{"custom_id": "x"}],
        [{"custom_id": "../x", "params": {}}],
        [{"custom_id": "x" * 65, "params": {}}],
        [{"custom_id": "x\n", "params": {}}],
        [{"custom_id": "x", "params": []}],
        [item, item],
    ]
    for requests in wrong:
        yield Hostile(
            f"a batch: {str(requests)[:30]}", orjson.dumps({"requests": requests}), path="/v1/messages/batches"
        )
    yield Hostile(
        "a webhook to the machine itself",
        orjson.dumps(messages_body(webhook={"url": "http://127.0.0.1:6379/"})),
        path="/v1/jobs",
    )
    yield Hostile(
        "a prompt beyond the context", orjson.dumps(messages_body("x" * 150_000)), path=f"{MESSAGES}/count_tokens"
    )
    yield Hostile("an unknown route", b"{}", 404, path="/v1/../etc/passwd")
    yield Hostile("a path with NUL", b"{}", 404, path="/v1/jobs/%00/cancel")
    yield Hostile("a path of dots", b"{}", 404, path="/v1/jobs/..%2f..%2f/cancel")


def _written(value: Any) -> bytes:
    """JSON, with integers of any size."""
    match value:
        case int() if not isinstance(value, bool) and abs(value) > 2**63:
            return str(value).encode()
        case dict():
            return b"{" + b",".join(orjson.dumps(key) + b":" + _written(inner) for key, inner in value.items()) + b"}"
        case list():
            return b"[" + b",".join(map(_written, value)) + b"]"
    return orjson.dumps(value)
