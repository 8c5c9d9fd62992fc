#!/usr/bin/env python3
"""The peers of `make bench-peers`: the same questions put to llama-cpp-python and transformers.

usage: peers.py MODEL.gguf QUESTIONS.json THREADS

QUESTIONS.json is a list of {"pair", "order", "text", "logprobs": [l1, l2]}, as rlaif rendered and
answered them, both orders of a pair one after the other. Prints one JSON object a line and a peer:
pairs per second and the largest difference of its log-probs from ours.
"""
import json
import math
import sys
import time


def log_softmax_pair(logits, ids):
    top = max(logits)
    total = math.log(sum(math.exp(x - top) for x in logits)) + top
    return [logits[i] - total for i in ids]


def report(name, seconds, questions, differences):
    print(json.dumps({"peer": name, "pairs_per_second": len(questions) / 2 / seconds,
                      "seconds": seconds, "questions": len(questions),
                      "max_difference": max(differences)}), flush=True)


def run_llama(model, questions, threads, reuse):
    import llama_cpp
    llm = llama_cpp.Llama(model_path=model, n_ctx=2048, n_batch=512, n_threads=threads,
                          n_threads_batch=threads, logits_all=False, verbose=False)

    def tokens(text):
        return llm.tokenize(text.encode(), add_bos=False, special=False)

    def ask(text):
        ids = tokens(text)
        if not reuse:
            llm.reset()
            llm._ctx.kv_cache_clear() if hasattr(llm._ctx, "kv_cache_clear") else None
            llm.eval(ids)
        else:
            # The longest prefix of the last prompt stays, as its own generate() does it.
            keep = 0
            old = list(llm.input_ids[:llm.n_tokens])
            while keep < min(len(old), len(ids) - 1) and old[keep] == ids[keep]:
                keep += 1
            llm._ctx.kv_cache_seq_rm(-1, keep, -1)
            llm.n_tokens = keep
            llm.eval(ids[keep:])
        if hasattr(llm, "_scores") and len(llm._scores):
            return list(map(float, llm._scores[-1]))
        logits = llm._ctx.get_logits()
        return [float(logits[i]) for i in range(llm.n_vocab())]

    def option_ids(text):
        base = tokens(text)
        return [tokens(text + option)[len(base)] for option in (" 1", " 2")]

    ids = option_ids(questions[0]["text"])
    ask(questions[0]["text"])  # warm
    llm.reset()
    start = time.time()
    answers = [log_softmax_pair(ask(q["text"]), ids) for q in questions]
    seconds = time.time() - start
    differences = [abs(a - b) for q, answer in zip(questions, answers)
                   for a, b in zip(answer, q["logprobs"])]
    version = llama_cpp.__version__
    report(f"llama-cpp-python {version}" + (" reuse" if reuse else ""), seconds, questions, differences)


def run_transformers(model, questions, threads):
    import os
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    torch.set_num_threads(threads)
    folder, name = os.path.split(model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name)
    net = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    net.eval()

    def tokens(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    base = tokens(questions[0]["text"])
    ids = [tokens(questions[0]["text"] + option)[len(base)] for option in (" 1", " 2")]

    def ask(text):
        with torch.inference_mode():
            out = net(torch.tensor([tokens(text)]), logits_to_keep=1)
        row = torch.log_softmax(out.logits[0, -1].double(), -1)
        return [float(row[i]) for i in ids]

    ask(questions[0]["text"])
    start = time.time()
    answers = [ask(q["text"]) for q in questions]
    seconds = time.time() - start
    differences = [abs(a - b) for q, answer in zip(questions, answers)
                   for a, b in zip(answer, q["logprobs"])]
    report(f"transformers {transformers.__version__} float32", seconds, questions, differences)


def main():
    model, questions, threads = sys.argv[1], json.load(open(sys.argv[2])), int(sys.argv[3])
    for run in (lambda: run_llama(model, questions, threads, True),
                lambda: run_llama(model, questions, threads, False),
                lambda: run_transformers(model, questions, threads)):
        try:
            run()
        except Exception as error:  # a peer that does not run is said, the others go on
            print(json.dumps({"peer": "failed", "error": repr(error)}), flush=True)


main()
