"""CudaAttention: attention_cuda.cu, which reads each row's own columns once and stores the new token in place."""

from pathlib import Path
from typing import Any

import mlx.core as mx

from workers.mlx_engine.attention import NewTokens

_HEADS = 8
"""Query heads that a block of the kernel takes at once."""
_BLOCKS = 264
"""That fill the device: two for each of an H100's processors."""
_WIDEST = 256
_TYPES = (mx.bfloat16, mx.float16)


class CudaAttention:
    """For float16 and bfloat16, and widths that are multiples of 32.

    The kernel writes into buffers that MLX believes to be unchanging. That is safe because whatever reads them later
    is launched after the step in which they were written: a step is launched as a whole before anything else is.
    """

    def __init__(self) -> None:
        header, source = kernel_source("attention_cuda.cu")
        self._kernel: Any = mx.fast.cuda_kernel(
            name="pensieve_decode_attention",
            input_names=["queries", "new_keys", "new_values", "keys", "values", "padding", "offsets", "counters",
                         "scale"],
            output_names=["out", "partial"],
            source=source,
            header=header,
            ensure_row_contiguous=False,
        )  # fmt: skip
        self._scales: dict[float, mx.array] = {}

    def attend(self, queries: mx.array, tokens: NewTokens, scale: float) -> mx.array:
        slots = tokens.slots
        rows, heads, _, width = queries.shape
        kv_heads = tokens.keys.shape[1]
        if width % 32 or width > _WIDEST or width != tokens.values.shape[-1] or queries.dtype not in _TYPES:
            raise ValueError(f"no kernel for heads of {width} {queries.dtype}")
        sets = kv_heads * -(-heads // kv_heads // _HEADS)
        splits = _splits(rows * sets, slots.keys.shape[2])
        # Few blocks need many warps each to keep the memory busy, many fit better if they are small; a wide head's
        # outputs of 8 warps don't fit at all.
        warps = 8 if rows * sets * splits < _BLOCKS and width <= 128 else 4
        out: mx.array = self._kernel(
            inputs=[queries, tokens.keys, tokens.values, slots.keys, slots.values, slots.padding, slots.offsets,
                    slots.zeros(rows * sets), self._scale(scale)],
            output_shapes=[queries.shape, (rows * sets, splits, _HEADS * (width + 2)) if splits > 1 else (1,)],
            output_dtypes=[queries.dtype, mx.float32],
            grid=(splits * warps * 32, sets, rows),
            threadgroup=(warps * 32, 1, 1),
            template=[("T", queries.dtype), ("D", width), ("G", heads // kv_heads), ("WARPS", warps)],
        )[0]  # fmt: skip
        return out

    def _scale(self, scale: float) -> mx.array:
        if scale not in self._scales:
            self._scales[scale] = mx.array([scale], mx.float32)
        return self._scales[scale]


def _splits(blocks: int, columns: int) -> int:
    """Into how many parts the columns are split. The parts of a row are added up in 8 us, the time of 300 columns.

    So there are several only to fill the device, or lest a few long rows run on when all others are done.
    """
    to_fill = min(-(-_BLOCKS // blocks), columns // 512)
    return max(1, to_fill, -(-columns // 2048))


def kernel_source(name: str) -> tuple[str, str]:
    """The part above the kernel's function and the part in it; without comments, since MLX hashes it at each launch."""
    lines = (Path(__file__).parent / name).read_text().splitlines()
    cut = lines.index("// ----") if "// ----" in lines else 0
    above, inside = (
        "\n".join(line for line in part if not line.lstrip().startswith("//")) for part in (lines[:cut], lines[cut:])
    )
    return above, inside
