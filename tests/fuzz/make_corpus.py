#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: the smallest sound model of each architecture and
tokenizer kind into gguf.corpus, texts into tokenizer.corpus (first byte: the pre-tokenizer).
What a search finds is added beside them under its own name.

    python3 make_corpus.py
"""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5


def text(s):
    raw = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, v):
    if kind == STRING:
        return text(v)
    return struct.pack({U32: "<I", F32: "<f", BOOL: "<B", I32: "<i"}[kind], v)


def key(name, kind, v):
    out = text(name)
    if isinstance(v, list):
        out += struct.pack("<IIQ", ARRAY, kind, len(v))
        return out + b"".join(value(kind, x) for x in v)
    return out + struct.pack("<I", kind) + value(kind, v)


def model(arch, spm=False, head_dim=None, more=(), tensors=(), version=3):
    c, heads, kv, ffn = 32, 2, 1, 32
    d = head_dim or c // heads
    tokens = ["<s>", "</s>", "a", "b", "ab", "Ġ", "Ġa", "é"]
    if spm:
        tokens = ["<unk>", "<s>", "</s>", "<0x61>", "a", "b", "ab", "▁"]
    keys = [("general.architecture", STRING, arch), ("general.alignment", U32, 8)]
    for name, v in (("block_count", 1), ("context_length", 16), ("embedding_length", c),
                    ("feed_forward_length", ffn), ("attention.head_count", heads),
                    ("attention.head_count_kv", kv)):
        keys.append((f"{arch}.{name}", U32, v))
    if head_dim:
        keys.append((f"{arch}.attention.key_length", U32, head_dim))
    keys += [(f"{arch}.attention.layer_norm_rms_epsilon", F32, 1e-5),
             (f"{arch}.rope.freq_base", F32, 10000.0),
             ("tokenizer.ggml.model", STRING, "llama" if spm else "gpt2"),
             ("tokenizer.ggml.tokens", STRING, tokens),
             ("tokenizer.ggml.token_type", I32,
              [2, 3, 3, 6, 1, 1, 1, 1] if spm else [3, 3, 1, 1, 1, 1, 1, 4])]
    if spm:
        keys.append(("tokenizer.ggml.scores", F32, [0.0, 0, 0, 0, -1, -2, -3, -4]))
    else:
        keys.append(("tokenizer.ggml.merges", STRING, ["a b", "Ġ a"]))
    keys += [("tokenizer.ggml.bos_token_id", U32, 0), ("tokenizer.ggml.eos_token_id", U32, 1)]
    keys += list(more)
    rows = [("token_embd.weight", 2, c, len(tokens)), ("blk.0.attn_norm.weight", 0, c, 1),
            ("blk.0.attn_q.weight", 3, c, heads * d), ("blk.0.attn_k.weight", 8, c, kv * d),
            ("blk.0.attn_v.weight", 6, c, kv * d), ("blk.0.attn_output.weight", 20, heads * d, c),
            ("blk.0.ffn_norm.weight", 1, c, 1), ("blk.0.ffn_gate.weight", 7, c, ffn),
            ("blk.0.ffn_up.weight", 2, c, ffn), ("blk.0.ffn_down.weight", 2, ffn, c),
            ("output_norm.weight", 30, c, 1)] + list(tensors)
    blocks = {0: (1, 4), 1: (1, 2), 30: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22),
              7: (32, 24), 8: (32, 34), 20: (32, 18)}
    head = struct.pack("<4sIQQ", b"GGUF", version, len(rows), len(keys))
    head += b"".join(key(*k) for k in keys)
    at, data = 0, b""
    for name, kind, cols, n in rows:
        dims = [cols] if n == 1 else [cols, n]
        head += text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        head += struct.pack("<IQ", kind, at)
        block, size = blocks[kind]
        raw = bytes(0x20 + i % 9 for i in range(cols // block * size * n))
        raw += bytes(-len(raw) % 8)
        data += raw
        at += len(raw)
    return head + bytes(-len(head) % 8) + data


def main():
    models = {
        "llama": model("llama", more=[("tokenizer.chat_template", STRING,
                                       "<|im_start|>system\nBe.<|im_end|>")],
                       tensors=[("rope_freqs.weight", 0, 8, 1)]),
        "llama-spm": model("llama", spm=True, tensors=[("output.weight", 8, 32, 8)]),
        "llama-bias": model("llama", version=2, tensors=[
            ("blk.0.attn_q.bias", 0, 32, 1), ("blk.0.attn_k.bias", 1, 16, 1)],
            more=[("llama.rope.scaling.type", STRING, "linear"),
                  ("llama.rope.scaling.factor", F32, 2.0),
                  ("tokenizer.ggml.pre", STRING, "llama-bpe")]),
        "qwen2": model("qwen2", more=[("tokenizer.ggml.pre", STRING, "qwen2")], tensors=[
            ("blk.0.attn_q.bias", 0, 32, 1), ("blk.0.attn_k.bias", 0, 16, 1),
            ("blk.0.attn_v.bias", 30, 16, 1)]),
        "qwen3": model("qwen3", head_dim=32, more=[("tokenizer.ggml.pre", STRING, "smollm")],
                       tensors=[("blk.0.attn_q_norm.weight", 0, 32, 1),
                                ("blk.0.attn_k_norm.weight", 0, 32, 1)]),
    }
    texts = {
        "words": "Hello hello the hell, don't I'LL 123 4567\r\n\n  x",
        "spaces": " \t\n\u00a0\u2003\u3000 \u0085 a  b   ", "runs": "a" * 70 + "!" * 40 + " " * 40,
        "markers": "<|im_end|><|im_start|><tool></s><s><unk><0x0A>", "blank": "\u2581a\u2581 \u2581",
        "unicode": "日本語 한국어 e\u0301 ½Ⅷ 🙂👩\u200d👧 ſ'ſ 'ſ",
    }
    for folder in ("gguf", "tokenizer"):
        os.makedirs(os.path.join(HERE, folder + ".corpus"), exist_ok=True)
    for name, raw in models.items():
        with open(os.path.join(HERE, "gguf.corpus", name), "wb") as f:
            f.write(raw)
    for i, (name, s) in enumerate(texts.items()):
        with open(os.path.join(HERE, "tokenizer.corpus", name), "wb") as f:
            f.write(bytes([i % 5]) + s.encode() + (b"\xff\xe6\x97" if i % 2 else b""))


main()
