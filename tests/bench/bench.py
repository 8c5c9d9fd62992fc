#!/usr/bin/env python3
"""`make bench` and `make bench-peers`: figures as ratios of one run, one JSON object a line.

usage: bench.py RLAIF BENCH_ENGINE SOURCE_DIR [--peers PYTHON]

Needs the default model; the labelling figures need the judged TL;DR pairs of ../shared/data (or
RLAIF_SHARED) and are skipped, with a line that says so, without them.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

RLAIF, ENGINE, SOURCE = sys.argv[1:4]
PEERS = sys.argv[5] if len(sys.argv) > 5 and sys.argv[4] == "--peers" else None
SHARED = os.environ.get("RLAIF_SHARED", os.path.join(SOURCE, "..", "shared"))
TLDR = os.path.join(SHARED, "data", "tldr_gpt4_judged", "oai1b.csv_judged.csv")
DATA_HOME = os.environ.get("XDG_DATA_HOME", os.path.expanduser("~/.local/share"))
MODEL = os.path.join(DATA_HOME, "rlaif", "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
# Multiply-adds of one token in the layers of SmolLM2-135M: 106 M weights.
FLOP_A_TOKEN = 2 * 30 * (576 * 576 * 2 + 576 * 192 * 2 + 3 * 576 * 1536)


def say(name, value, unit, **more):
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def rlaif(workspace, line, *options):
    start = time.time()
    out = subprocess.run([RLAIF, "-w", workspace, *options, "-c", line], capture_output=True,
                         text=True)
    if out.returncode:
        sys.exit(f"bench: {line}: {out.stderr}")
    return [json.loads(l) for l in out.stdout.splitlines() if l.startswith("{")], time.time() - start


def engine_figures():
    """Peak of the micro-kernel and shares of it, from the engine's own bench."""
    peak = None
    out = subprocess.run([ENGINE, MODEL], capture_output=True, text=True)
    for line in out.stdout.splitlines():
        if line.startswith("{"):
            print(line, flush=True)
            figure = json.loads(line)
            if figure["name"] == "micro_kernel_peak_f32":
                peak = figure["value"]
    return peak


def label_figures(folder, peak):
    workspace = os.path.join(folder, "label")
    lines, _ = rlaif(workspace, f"import pairs {TLDR} set=t as json; "
                                "label summary-base n=32 split=all where -unlabelled; wait last; "
                                "list jobs as json; show config as json; "
                                f"export labels summary-base split=all to={folder}/labels.jsonl")
    job = next(l for l in lines if l["command"] == "list jobs")["rows"][-1]
    config = next(l for l in lines if l["command"] == "show config")
    labels = [json.loads(l) for l in open(f"{folder}/labels.jsonl")]
    computed = sum(l["tokens"] - l["reused"] for l in labels)
    reused = sum(l["reused"] for l in labels)
    seconds = sum(l["ms"] for l in labels) / 1000
    share = computed * FLOP_A_TOKEN / job["seconds"] / 1e9 / peak if peak else None
    say("label_pairs_f32", 32 / job["seconds"], "pairs/s", tokens_computed=computed,
        tokens_reused=reused, peak_share=share, peak_memory=config["memory"]["peak"],
        kernel=config["blis"]["kernel"], threads=config["threads"], engine_seconds=seconds)
    return workspace, labels, job["seconds"]


def edit_figures(folder, workspace):
    """Re-judging pairs after an edit of the ending and of the top, in one process."""
    script = os.path.join(folder, "edit.rlaif")
    with open(script, "w") as f:
        # The first probe is answered from the store and leaves no keys and values; the second
        # computes everything, the third only what follows the summaries.
        f.write("use set t\nprobe summary-base n=16\n"
                "edit prompt summary-base ending='The better summary:'\nprobe n=16\n"
                "edit prompt summary-base ending='The better one:'\nprobe n=16\n"
                "edit prompt summary-base preamble='Which summary of the text is better? Say 1 or 2.'\n"
                "probe n=16\nlist jobs as json\n")
    out = subprocess.run([RLAIF, "-w", workspace, "-f", script], capture_output=True, text=True)
    jobs = [json.loads(l) for l in out.stdout.splitlines() if l.startswith('{"command":"list jobs"')]
    rows = jobs[0]["rows"]
    cold, ending, top = (r["seconds"] for r in rows[-3:])
    say("probe_cold", cold / 16 * 1000, "ms/pair")
    say("rejudge_ending_edit", ending / 16 * 1000, "ms/pair", ratio=cold / ending)
    say("rejudge_top_edit", top / 16 * 1000, "ms/pair", ratio=top / cold)


def start_figures(folder):
    workspace = os.path.join(folder, "start")
    rlaif(workspace, "help")
    say("start", min(rlaif(workspace, "quit")[1] for _ in range(5)), "s")
    say("start_and_show_config", min(rlaif(workspace, "show config as json")[1] for _ in range(3)), "s")


def store_figures(folder):
    path = os.path.join(folder, "big.jsonl")
    with open(path, "w") as f:
        for i in range(100000):
            f.write(json.dumps({"id": str(i), "context": f"post {i} " + "word " * 60,
                                "a": f"summary {i} " + "a " * 15, "b": f"other {i} " + "b " * 17,
                                "choices": [{"rater": "r", "kind": "human", "choice": "ab"[i % 2]}]}) + "\n")
    workspace = os.path.join(folder, "big")
    _, seconds = rlaif(workspace, f"import pairs {path} as json", "--no-model")
    say("import_100k_pairs", seconds, "s")
    lines, both = rlaif(workspace, "list pairs where dlen>1000 as json; "
                                   "list pairs where dlen>1000 as json", "--no-model")
    _, once = rlaif(workspace, "list pairs where dlen>1000 as json", "--no-model")
    say("filter_100k_pairs", both - once, "s")


def peer_figures(folder, workspace, labels, ours):
    by_key = {(l["pair"], l["order"]): l["logprobs"] for l in labels}
    questions = []
    pairs = sorted({l["pair"] for l in labels})
    line = "; ".join(f"show prompt summary-base@1 pair=t#{p} order={o} as json"
                     for p in pairs for o in ("ab", "ba"))
    lines, _ = rlaif(workspace, line)
    for answer in lines:
        pair = int(answer["pair"].split("#")[1])
        questions.append({"pair": pair, "order": answer["order"], "text": answer["text"],
                          "logprobs": by_key[(pair, answer["order"])]})
    path = os.path.join(folder, "questions.json")
    json.dump(questions, open(path, "w"))
    here = os.path.dirname(os.path.abspath(__file__))
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    out = subprocess.run([PEERS, os.path.join(here, "peers.py"), MODEL, path, "2"],
                         capture_output=True, text=True, env=env)
    for line in out.stdout.splitlines():
        if not line.startswith("{"):
            continue
        peer = json.loads(line)
        if "error" in peer:
            say("peer_failed", None, "", error=peer["error"])
            continue
        say("label_pairs_f32", 32 / ours, "pairs/s", peer=peer["peer"],
            peer_value=peer["pairs_per_second"], ratio=32 / ours / peer["pairs_per_second"],
            max_difference=peer["max_difference"])


def main():
    folder = tempfile.mkdtemp(prefix="rlaif-bench-")
    try:
        start_figures(folder)
        store_figures(folder)
        if not os.path.exists(MODEL):
            return say("skipped", None, "", why="the default model is not there: ./bootstrap model")
        peak = engine_figures()
        if not os.path.exists(TLDR):
            return say("skipped", None, "", why=f"no {os.path.basename(TLDR)} beside the tree")
        workspace, labels, seconds = label_figures(folder, peak)
        edit_figures(folder, workspace)
        if PEERS:
            peer_figures(folder, workspace, labels, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
