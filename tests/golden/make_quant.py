#!/usr/bin/env python3
"""Writes quant.bin: blocks of every number format we read, with the float32 values that the
PyPI package `gguf` (0.19.0) gives for them. Blocks are random bytes with finite scales, so all
bit patterns of numbers, signs and scales occur, among them subnormal halves and negative scales.

File: per format, u32 type number, u32 weights, u32 bytes, the blocks, the values (f32), all
little-endian.

    python3 make_quant.py
"""
import os
import struct

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

# Type, where the half-precision scales stand in a block, blocks.
FORMATS = [
    (T.F32, [], 64), (T.F16, [0], 256), (T.BF16, [], 256),
    (T.Q8_0, [0], 12), (T.Q4_0, [0], 12), (T.Q4_1, [0, 2], 12), (T.Q5_0, [0], 12),
    (T.Q5_1, [0, 2], 12), (T.IQ4_NL, [0], 12), (T.Q4_K, [0, 2], 4), (T.Q5_K, [0, 2], 4),
    (T.Q6_K, [208], 4),
]
SPECIAL = [0x0001, 0x03ff, 0x8001, 0x0400, 0x7bff, 0xfbff, 0x0000, 0x8000, 0x3c00]


def main():
    rng = np.random.default_rng(20)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quant.bin")
    with open(path, "wb") as f:
        for kind, scales, n_blocks in FORMATS:
            block, size = gguf.GGML_QUANT_SIZES[kind]
            raw = rng.integers(0, 256, (n_blocks, size), dtype=np.uint8)
            for at in scales:
                half = rng.integers(0, 1 << 16, n_blocks, dtype=np.uint16)
                half = np.where((half & 0x7c00) == 0x7c00, half & 0x83ff, half)
                # Some of ordinary size, and in the last ones each special value once.
                half[: n_blocks // 3] = (half[: n_blocks // 3] & 0x83ff) | 0x2000
                for i, v in enumerate(SPECIAL[: n_blocks // 2]):
                    half[n_blocks - 1 - i] = v
                raw[:, at: at + 2] = half.astype("<u2").view(np.uint8).reshape(-1, 2)
            if kind in (T.F32, T.BF16):  # the exponent is in the last byte and a bit
                top = raw[:, -1]
                raw[:, -1] = np.where((top & 0x7f) == 0x7f, top & 0xbf, top)
            values = gguf.quants.dequantize(raw.reshape(1, -1) if block > 1 else
                                            raw.reshape(-1).view({4: "<f4", 2: "<f2"}[size])
                                            if kind in (T.F32, T.F16) else raw.reshape(1, -1),
                                            kind)
            values = np.asarray(values, dtype="<f4").reshape(-1)
            assert len(values) == n_blocks * block and np.isfinite(values).all()
            f.write(struct.pack("<III", int(kind), len(values), raw.size))
            f.write(raw.tobytes())
            f.write(values.tobytes())


main()
