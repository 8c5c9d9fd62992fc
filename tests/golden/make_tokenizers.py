#!/usr/bin/env python3
"""Writes tokenizers.json: two small vocabularies and encodings by independent programs.

The byte-level vocabulary is trained, and its texts are encoded, by the PyPI package
`tokenizers` (0.23.3), with the published pre-tokenizers; the SentencePiece one by
`sentencepiece` (0.2.3). The training text is the licence (COPYING) and a few lines below.

    python3 make_tokenizers.py            writes the file beside this script
    python3 make_tokenizers.py 20000 OUT  more cases into OUT, for a longer comparison
"""
import io
import json
import os
import random
import sys

import sentencepiece as spm
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>",
           "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>"]
USER = ["<tool_call>", "<|user|>"]
# A word that no merges make: only a look-up of whole words finds it.
WHOLE = ["Ġzebrafish", "ĊĊĊ"]

LINES = """I don't think we'll know; they've said it's fine, but I'm not sure you'd agree.
日本語の文章 и русский текст, naïve café, über 123 456 7890, ½ Ⅷ ٣٤.
def f(x):\n    return x ** 2  # twice\n\n\n\tTL;DR: SUBREDDIT: r/dogs\r\n\r\n
"""


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
SPLITTERS = {
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), GPT2]),
    "gpt-2": GPT2,
    "llama-bpe": split(LLAMA3),
    "qwen2": split(QWEN2),
}

FIXED = [
    "", "a", " ", "  ", "\n", " a", "a ", "Hello world", "the licence's text",
    "I'LL don't WE'VE they'Re I'M can'T 'D 's'", "x'\u017fy 'll'll", "'", "''s", "' s",
    "12345 1 12 123 1234", "a1b22c333", " 1", "  1", "\t1", "\n\n1", "½¾ Ⅷ ٣٤٥٦", "x²³",
    "a\n\n b\n  c\n", "\r\n\r\nx", " \n \n x", "   \n", "x   ", "\u00a0\u2003\u3000 x",
    "\u0085\u001c\u001fx \u001c", "e\u0301a\u0308", "日本語 テキスト", "한국어", "العربية ١٢",
    "🙂👍🏽👩‍👧", "...!!!\n\n?", " ...\r\n", "#\n#", "a.b,c;d", " zebrafish zebrafish",
    "\n\n\n", "<|im_end|>", "<|im_start|>system\n", "<tool_call>", "\u0000\u0001\u007f",
    "GNU General Public License", "ſ", "\ufeffBOM", "\u200bzw",
]
ALPHABET = ("aabcdeilmnorstuvDLMRST  \t\n\r''\"123456.,-!_#\u00a0\u2003\u0085\u3000"
            "éßſñ½Ⅷ٣²日本語й한🙂\u0301\u200d")


def texts(n, seed):
    rng = random.Random(seed)
    out = list(FIXED)
    words = LINES.split(" ")
    while len(out) < n:
        if rng.random() < 0.3:
            out.append(" ".join(rng.choice(words) for _ in range(rng.randint(1, 8))))
        else:
            out.append("".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, 30))))
    return out


def train_bpe(text):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = GPT2
    trainer = trainers.BpeTrainer(vocab_size=520, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator(text.splitlines(keepends=True), trainer)
    state = json.loads(tok.to_str())["model"]
    trained = sorted(state["vocab"], key=state["vocab"].get)
    tokens = CONTROL + trained + WHOLE + USER
    types = [3] * len(CONTROL) + [1] * (len(trained) + len(WHOLE)) + [4] * len(USER)
    merges = [m if isinstance(m, str) else " ".join(m) for m in state["merges"]]
    return tokens, types, merges


def bpe_cases(tokens, types, merges, n):
    # Plain text: control and added tokens are not there for the reference either.
    vocab = {t: i for i, t in enumerate(tokens) if types[i] == 1}
    cases = {}
    for name, splitter in SPLITTERS.items():
        tok = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m.split(" ")) for m in merges],
                                   ignore_merges=name == "llama-bpe"))
        tok.pre_tokenizer = splitter
        cases[name] = [[t, tok.encode(t).ids] for t in texts(n, name)]
    return cases


def train_spm(text, dummy_prefix):
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()), model_writer=out, vocab_size=480,
        model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=dummy_prefix,
        control_symbols=["<|user|>"], minloglevel=2)
    return spm.SentencePieceProcessor(model_proto=out.getvalue())


def spm_type(sp, i):
    if sp.is_unknown(i):
        return 2
    if sp.is_control(i):
        return 3
    if sp.is_unused(i):
        return 5
    return 6 if sp.is_byte(i) else 1


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 70
    path = sys.argv[2] if len(sys.argv) > 2 else os.path.join(HERE, "tokenizers.json")
    with open(os.path.join(HERE, "../../COPYING"), encoding="utf-8") as f:
        text = f.read()[:20000] + LINES * 20
    tokens, types, merges = train_bpe(text)
    bpe = {"tokens": tokens, "types": types, "merges": merges,
           "cases": bpe_cases(tokens, types, merges, n)}
    spms = {}
    for dummy_prefix in (True, False):
        sp = train_spm(text, dummy_prefix)
        size = sp.get_piece_size()
        # NUL ends sentencepiece's strings in some versions: left out.
        cases = [[t, sp.encode(t)] for t in texts(n, "spm") if "\0" not in t]
        spms["prefix" if dummy_prefix else "plain"] = {
            "tokens": [sp.id_to_piece(i) for i in range(size)],
            "types": [spm_type(sp, i) for i in range(size)],
            "scores": [sp.get_score(i) for i in range(size)],
            "cases": cases}
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"bpe": bpe, "spm": spms}, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")


main()
