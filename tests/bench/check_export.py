#!/usr/bin/env python3
"""Do the peers open what we export, and see the same network? For each preset a model with random
weights is written by make_export; transformers opens the directory, llama-cpp-python the GGUF
file, `tokenizers` the vocabulary, and their ids and logits are compared with rlaif's.

usage: check_export.py RLAIF MAKE_EXPORT SOURCES [--limit 1e-4] [--model DIR_OR_GGUF ..]

Run it with the peers' python. Prints one JSON object a comparison; exit status 1 when one differs
by more than the limit. A peer that is not installed is named and left out.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

TEXTS = {
    "words": ["the files of a folder are the same when the test reads them .",
              "this is a question that has words of no list , is it not ?", "a"],
    "bpe": ["A text is cut into words, and each word is spelled.\n\nThen it isn't: 1,234 of 5!",
            "naïve café 日本語 \U0001f642 and  blanks\tand tabs", "a"],
}
TOP = 32


def ask(rlaif, model, lines):
    with tempfile.TemporaryDirectory() as work:
        commands = [x for line in lines for x in ("-c", line + " as json")]
        out = subprocess.run([rlaif, "-w", os.path.join(work, "w"), "--model", model, *commands],
                             capture_output=True, text=True, check=False)
        if out.returncode:
            sys.exit(f"check_export: rlaif: {out.stderr.strip()} {out.stdout.strip()}")
        return [json.loads(line) for line in out.stdout.splitlines()]


def ours(rlaif, model, texts, bos):
    """Ids, log-probs of the tokens behind the first, best logits behind the text."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        lines = []
        for i, text in enumerate(texts):
            path = os.path.join(folder, f"{i}.txt")
            with open(path, "w", encoding="utf-8", newline="") as f:
                f.write(text)
            lines += [f"show tokens file={path} bos={bos}",
                      f"show logits file={path} bos={bos} top={TOP}"]
        answers = ask(rlaif, model, lines)
    for tokens, logits in zip(answers[::2], answers[1::2]):
        out.append({"ids": tokens["ids"], "logprobs": logits["logprobs"],
                    "top": {t["id"]: t["logit"] for t in logits["top"]}})
    return out


def log_softmax(row):
    top = max(row)
    total = math.log(sum(math.exp(x - top) for x in row)) + top
    return [x - total for x in row]


def difference(mine, rows):
    """The largest over all logits that we print and all log-probs. rows: n x vocabulary."""
    worst = max(abs(rows[-1][i] - logit) for i, logit in mine["top"].items())
    for i, logprob in enumerate(mine["logprobs"]):
        worst = max(worst, abs(log_softmax(rows[i])[mine["ids"][i + 1]] - logprob))
    return worst


class Report:
    def __init__(self, limit):
        self.limit, self.bad = limit, 0

    def say(self, **row):
        if "max_difference" in row:
            row["ok"] = row["max_difference"] <= self.limit
        self.bad += not row["ok"]
        print(json.dumps(row), flush=True)


def check_transformers(report, name, folder, mine, texts, bos):
    import torch
    import transformers
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    worst, same = 0.0, True
    for text, m in zip(texts, mine):
        same = same and tokenizer(text, add_special_tokens=bos == "on")["input_ids"] == m["ids"]
        with torch.no_grad():
            worst = max(worst, difference(m, model(torch.tensor([m["ids"]])).logits[0].tolist()))
    report.say(name=name, peer="transformers " + transformers.__version__, what="logits",
               texts=len(texts), max_difference=worst)
    report.say(name=name, peer="transformers " + transformers.__version__, what="ids", ok=same)


def check_reward(report, name, folder):
    """Their class opens it, its head is score.weight, and it reads the same row as a batch and alone."""
    import torch
    import transformers
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32).eval()
    pad, eos = model.config.pad_token_id, model.config.eos_token_id
    short, long = [5, 9, 70, eos], [0, 8, 33, 12, 90, 41, eos]
    with torch.no_grad():
        alone = [model(torch.tensor([x])).logits[0, 0].item() for x in (short, long)]
        rows = torch.tensor([short + [pad] * 3, long])
        both = model(rows, attention_mask=(rows != pad).long()).logits[:, 0].tolist()
        hidden = model.model(torch.tensor([long])).last_hidden_state[0, -1]
        by_hand = float(hidden @ model.score.weight[0])
    worst = max(abs(alone[0] - both[0]), abs(alone[1] - both[1]), abs(alone[1] - by_hand))
    report.say(name=name, peer="transformers " + transformers.__version__, what="reward",
               class_=type(model).__name__, pad_is_not_eos=pad != eos, max_difference=worst)


def check_llama(report, name, path, mine, texts, bos, blank):
    import llama_cpp
    # Keys and values in F32 as ours; its default keeps them in F16.
    model = llama_cpp.Llama(model_path=path, n_ctx=256, n_threads=2, logits_all=True, verbose=False,
                            type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32)
    worst, same = 0.0, True
    for text, m in zip(texts, mine):
        # A word vocabulary puts a blank in front, which llama.cpp does not.
        ids = model.tokenize(((" " if blank else "") + text).encode(), add_bos=bos == "on",
                             special=False)
        same = same and ids == m["ids"]
        model.reset()
        model.eval(m["ids"])
        worst = max(worst, difference(m, model.scores[:len(m["ids"])].tolist()))
    report.say(name=name, peer="llama-cpp-python " + llama_cpp.__version__, what="logits",
               texts=len(texts), max_difference=worst)
    report.say(name=name, peer="llama-cpp-python " + llama_cpp.__version__, what="ids", ok=same)


def check_tokenizers(report, name, folder, mine, texts, bos):
    import tokenizers
    t = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    same = all(t.encode(text, add_special_tokens=bos == "on").ids == m["ids"]
               for text, m in zip(texts, mine))
    report.say(name=name, peer="tokenizers " + tokenizers.__version__, what="ids", ok=same)


def check_safetensors(report, name, folder):
    import safetensors
    from safetensors import safe_open
    with safe_open(os.path.join(folder, "model.safetensors"), framework="np") as f:
        keys, notes = list(f.keys()), f.metadata()
        total = sum(f.get_tensor(k).size for k in keys)
    version = getattr(safetensors, "__version__", "")
    report.say(name=name, peer="safetensors " + version, what="file", tensors=len(keys),
               params=total, ok=notes["format"] == "pt" and "lm_head.weight" not in keys)


def run(report, name, check, *arguments):
    try:
        check(report, name, *arguments)
    except ImportError as e:
        print(json.dumps({"name": name, "left_out": str(e)}), flush=True)


def check_preset(report, args, preset, folder):
    made = subprocess.run([args.make_export, os.path.join(args.sources, "models", preset + ".yaml"),
                           os.path.join(args.sources, "HACKING.md"), folder],
                          capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit("check_export: " + made.stderr.strip())
    words = preset in ("pocket-xs", "pocket-s")
    texts = TEXTS["words" if words else "bpe"]
    hf, gguf = os.path.join(folder, "hf"), os.path.join(folder, "pocket.gguf")
    mine, by_gguf = ours(args.rlaif, hf, texts, "on"), ours(args.rlaif, gguf, texts, "on")
    worst = max(abs(a["top"].get(i, 1e9) - x) for a, b in zip(mine, by_gguf)
                for i, x in b["top"].items())
    report.say(name=preset, peer="our own reader", what="directory and GGUF", max_difference=worst)
    run(report, preset, check_safetensors, hf)
    run(report, preset, check_tokenizers, hf, mine, texts, "on")
    run(report, preset, check_transformers, hf, mine, texts, "on")
    run(report, preset, check_reward, os.path.join(folder, "rm"))
    run(report, preset, check_llama, gguf, mine, texts, "on", words)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rlaif")
    parser.add_argument("make_export")
    parser.add_argument("sources")
    parser.add_argument("--limit", type=float, default=1e-4)
    parser.add_argument("--model", action="append", default=[],
                        help="an exported directory or GGUF file to compare as well")
    args = parser.parse_args()
    report = Report(args.limit)
    for preset in ("pocket-xs", "pocket-s", "pocket-m", "pocket-l"):
        with tempfile.TemporaryDirectory() as folder:
            check_preset(report, args, preset, folder)
    for model in args.model:
        texts = TEXTS["words"]
        mine = ours(args.rlaif, model, texts, "on")
        if os.path.isdir(model):
            run(report, model, check_transformers, model, mine, texts, "on")
        else:
            run(report, model, check_llama, model, mine, texts, "on", False)
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
