#!/usr/bin/env python3
"""Writes vocab.json: vocabularies trained and used by the `tokenizers` library, as the reference
for models/vocab*.c. Needs: pip install tokenizers.

    python3 make_vocab.py
"""
import json
import os

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))

CORPUS = [
    "my sister anna broke my phone last week and now i cannot sleep . should i call the police ?",
    "My boss took the car that I bought in 2019, and he won't give it back. It's 3,500 pounds!",
    "my brother anna's friend sold my bicycle yesterday . now we cannot pay the rent . what can i do ?",
    "The rain in Leeds didn't stop; we ate soup, and soup, and soup again...\n\nThen I slept.",
    "naïve café, größer, 日本語のテキスト, emoji 🙂🙂, and a\ttab",
    "aaaa aaaaaaa aaa aaaaaaaaaaaa banana bananas bandana",
    "my neighbour lost the keys of my house . now i sleep at my sister's . should i change the lock ?",
]
TEXTS = [
    "", " ", "my sister", " my sister anna broke the lock .", "My boss won't pay 2019 pounds!\n",
    "  two  blanks\n\n\nand lines \t", "größer 日本語 🙂", "bananarama aaaaaaaaaaaaaaaaaaaaa",
    "can't CAN'T it's", "<eos> <pad> is only text", "\u0000\u0001\u007f", "x" * 200,
]


def byte_level(whole_words, blank):
    t = Tokenizer(models.BPE(ignore_merges=whole_words))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=blank, use_regex=True)
    t.decoder = decoders.ByteLevel()
    t.encode_special_tokens = True
    return t


def encoded(t):
    return [{"text": text, "ids": t.encode(text, add_special_tokens=False).ids} for text in TEXTS]


def trained(size, min_count, control):
    t = byte_level(False, False)
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=size, min_frequency=min_count, show_progress=False,
        special_tokens=["<bos>", "<eos>", "<pad>"] + control,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.encode_special_tokens = True
    model = json.loads(t.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return {"size": size, "min_count": min_count, "control": control, "tokens": tokens,
            "merges": model["merges"], "encoded": encoded(t)}


def words(words_):
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    spell = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
    tokens = ["<bos>", "<eos>", "<pad>"] + letters
    tokens += [spell.pre_tokenize_str(w)[0][0] for w in words_]
    t = byte_level(True, True)
    t.model = models.BPE(vocab={w: i for i, w in enumerate(tokens)}, merges=[], ignore_merges=True)
    t.add_special_tokens([AddedToken(c, special=True) for c in tokens[:3]])
    t.encode_special_tokens = True
    return {"words": words_, "tokens": tokens, "encoded": encoded(t)}


def main():
    out = {"corpus": CORPUS,
           "bpe": [trained(300, 1, []), trained(420, 2, ["<sep>"]), trained(2000, 1, [])],
           "words": words(["my", "sister", "anna", "broke", "the", ".", "?", "pay", "2019", "größer", "is", "text"])}
    with open(os.path.join(HERE, "vocab.json"), "w", encoding="utf-8") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
