#!/usr/bin/env python3
"""Writes arch_llama, arch_qwen2 and arch_qwen3 (.gguf and .json): tiny networks with random
weights in the formats of the field, and their logits by a plain float64 forward pass.

The files are written by the PyPI package `gguf` (0.19.0), which also quantises and gives the
float32 values that each block means; the forward pass is numpy (2.4.6), written out below.
Between them: Q8_0, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, F32; grouped queries; biases; q/k norms;
a head width other than width / heads; both RoPE layouts; Llama 3's RoPE divisors; tied and own
head. The vocabulary is that of tokenizers.json.

    python3 make_arch.py
"""
import json
import os

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

HERE = os.path.dirname(os.path.abspath(__file__))
ARCHS = {
    "llama": dict(C=32, L=2, H=4, K=2, D=8, F=64, base=10000.0, eps=1e-5, tied=False,
                  freqs=[1.0, 1.0, 2.5, 8.0], pre="llama-bpe"),
    "qwen2": dict(C=32, L=2, H=4, K=2, D=8, F=64, base=1000000.0, eps=1e-6, tied=True,
                  freqs=None, pre="qwen2"),
    "qwen3": dict(C=32, L=2, H=4, K=1, D=16, F=64, base=1000000.0, eps=1e-6, tied=True,
                  freqs=None, pre="qwen2"),
}
TYPES = {"attn_q": T.Q8_0, "attn_k": T.F16, "attn_v": T.BF16, "attn_output": T.Q4_1,
         "ffn_gate": T.Q5_1, "ffn_up": T.Q4_0, "ffn_down": T.Q5_0}
SEQUENCES = [[42], [9, 300, 12, 12, 77], [101, 202, 303, 404, 505, 6, 7, 8, 9, 10, 11, 12, 13]]


def interleave(rows, heads):
    """Split-half rows (head, half, i) to llama's file order (head, i, half)."""
    d = rows.shape[0] // heads
    return rows.reshape(heads, 2, d // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def make(arch, c, vocab, rng):
    """Tensors by GGUF name: (type, array to store, float64 values in split-half order)."""
    out = {}

    def add(name, shape, kind, scale=1.0, ones=False, heads=0):
        x = rng.standard_normal(shape).astype(np.float32) * np.float32(scale)
        if ones:
            x = np.float32(1) + x
        stored = interleave(x, heads) if heads and arch == "llama" else x
        if kind == T.F32:
            raw, values = stored, stored
        elif kind == T.F16:
            raw = stored.astype(np.float16)
            values = raw.astype(np.float32)
        else:
            raw = gguf.quants.quantize(stored, kind)
            values = gguf.quants.dequantize(raw, kind)
        values = values.reshape(shape)
        if heads and arch == "llama":
            d = shape[0] // heads
            values = values.reshape(heads, d // 2, 2, -1).swapaxes(1, 2).reshape(shape)
        out[name] = (kind, raw, values.astype(np.float64))

    C, D, HD, KD, F = c["C"], c["D"], c["H"] * c["D"], c["K"] * c["D"], c["F"]
    add("token_embd.weight", (vocab, C), T.Q8_0)
    for i in range(c["L"]):
        b = f"blk.{i}."
        add(b + "attn_norm.weight", (C,), T.F32, 0.2, True)
        add(b + "attn_q.weight", (HD, C), TYPES["attn_q"], 0.4, heads=c["H"])
        add(b + "attn_k.weight", (KD, C), TYPES["attn_k"], 0.4, heads=c["K"])
        add(b + "attn_v.weight", (KD, C), TYPES["attn_v"], 0.3)
        if arch == "qwen2":
            add(b + "attn_q.bias", (HD,), T.F32, 0.5)
            add(b + "attn_k.bias", (KD,), T.F32, 0.5)
            add(b + "attn_v.bias", (KD,), T.F32, 0.5)
        if arch == "qwen3":
            add(b + "attn_q_norm.weight", (D,), T.F32, 0.3, True)
            add(b + "attn_k_norm.weight", (D,), T.F32, 0.3, True)
        add(b + "attn_output.weight", (C, HD), TYPES["attn_output"], 0.3)
        add(b + "ffn_norm.weight", (C,), T.F32, 0.2, True)
        add(b + "ffn_gate.weight", (F, C), TYPES["ffn_gate"], 0.3)
        add(b + "ffn_up.weight", (F, C), TYPES["ffn_up"], 0.3)
        add(b + "ffn_down.weight", (C, F), TYPES["ffn_down"], 0.3)
    add("output_norm.weight", (C,), T.F32, 0.2, True)
    if not c["tied"]:
        add("output.weight", (vocab, C), T.Q4_0, 0.5)
    return out


def norm(x, w, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * w


def rope(x, c):
    """x: positions x heads x D, split halves."""
    half = c["D"] // 2
    inv = np.asarray([c["base"] ** (-2.0 * i / c["D"]) for i in range(half)])
    if c["freqs"]:
        inv = inv / np.asarray(c["freqs"], dtype=np.float64)
    a = np.arange(x.shape[0])[:, None, None] * inv[None, None, :]
    u, v = x[..., :half], x[..., half:]
    return np.concatenate([u * np.cos(a) - v * np.sin(a), v * np.cos(a) + u * np.sin(a)], -1)


def forward(arch, c, w, ids):
    """Logits after every position, all in float64."""
    g = {k: v[2] for k, v in w.items()}
    x = g["token_embd.weight"][ids]
    n, D, rep = len(ids), c["D"], c["H"] // c["K"]
    for i in range(c["L"]):
        b = f"blk.{i}."
        h = norm(x, g[b + "attn_norm.weight"], c["eps"])
        q, k, v = (h @ g[b + f"attn_{s}.weight"].T for s in "qkv")
        if arch == "qwen2":
            q, k, v = (t + g[b + f"attn_{s}.bias"] for t, s in ((q, "q"), (k, "k"), (v, "v")))
        q, k, v = (t.reshape(n, -1, D) for t in (q, k, v))
        if arch == "qwen3":
            q = norm(q, g[b + "attn_q_norm.weight"], c["eps"])
            k = norm(k, g[b + "attn_k_norm.weight"], c["eps"])
        q, k = rope(q, c), rope(k, c)
        out = np.zeros((n, c["H"], D))
        for head in range(c["H"]):
            s = q[:, head] @ k[:, head // rep].T / np.sqrt(D)
            s = np.where(np.tril(np.ones((n, n))) > 0, s, -np.inf)
            p = np.exp(s - s.max(-1, keepdims=True))
            out[:, head] = p / p.sum(-1, keepdims=True) @ v[:, head // rep]
        x = x + out.reshape(n, -1) @ g[b + "attn_output.weight"].T
        h = norm(x, g[b + "ffn_norm.weight"], c["eps"])
        gate, up = h @ g[b + "ffn_gate.weight"].T, h @ g[b + "ffn_up.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ g[b + "ffn_down.weight"].T
    x = norm(x, g["output_norm.weight"], c["eps"])
    return x @ g["token_embd.weight" if c["tied"] else "output.weight"].T


def write(arch, c, w, bpe, path):
    out = gguf.GGUFWriter(path, arch)
    out.add_name(f"tiny {arch}")
    out.add_block_count(c["L"])
    out.add_context_length(128)
    out.add_embedding_length(c["C"])
    out.add_feed_forward_length(c["F"])
    out.add_head_count(c["H"])
    out.add_head_count_kv(c["K"])
    if c["D"] * c["H"] != c["C"]:
        out.add_key_length(c["D"])
        out.add_value_length(c["D"])
    out.add_rope_freq_base(c["base"])
    out.add_layer_norm_rms_eps(c["eps"])
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(c["pre"])
    out.add_token_list(bpe["tokens"])
    out.add_token_types(bpe["types"])
    out.add_token_merges(bpe["merges"])
    out.add_bos_token_id(3)
    out.add_eos_token_id(2)
    out.add_add_bos_token(False)
    out.add_chat_template("{{ '<|im_start|>' + role + '\n' + content + '<|im_end|>' }}")
    if c["freqs"]:
        out.add_tensor("rope_freqs.weight", np.asarray(c["freqs"], dtype=np.float32))
    for name, (kind, raw, _) in w.items():
        if kind in (T.F32, T.F16):
            out.add_tensor(name, raw)
        else:
            out.add_tensor(name, raw, raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main():
    with open(os.path.join(HERE, "tokenizers.json"), encoding="utf-8") as f:
        bpe = json.load(f)["bpe"]
    for seed, (arch, c) in enumerate(ARCHS.items()):
        w = make(arch, c, len(bpe["tokens"]), np.random.default_rng(seed + 1))
        write(arch, c, w, bpe, os.path.join(HERE, f"arch_{arch}.gguf"))
        rows = []
        for ids in SEQUENCES:
            logits = forward(arch, c, w, ids)
            last = logits[-1]
            top = last.max()
            lse = top + np.log(np.exp(last - top).sum())
            each = [float(logits[i][ids[i + 1]] - logits[i].max() -
                          np.log(np.exp(logits[i] - logits[i].max()).sum()))
                    for i in range(len(ids) - 1)]
            rows.append({"ids": ids, "logits_last": [float(f"{v:.9g}") for v in last],
                         "logsumexp": float(lse), "next_logprobs": each})
        with open(os.path.join(HERE, f"arch_{arch}.json"), "w", encoding="utf-8") as f:
            json.dump({"file": f"arch_{arch}.gguf", "note": "logits_last: behind the last id; "
                       "next_logprobs[i]: log P(ids[i+1] | ids[0..i]). Float64 forward.",
                       "sequences": rows}, f)
            f.write("\n")


main()
