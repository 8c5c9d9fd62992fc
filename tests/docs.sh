#!/bin/sh
# The manual pages against the program: they parse without a warning, no command, option, format or
# field is missing or stale, and what they show as an example runs. One TAP test a promise.
: "${RLAIF_SRC:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${RLAIF_BUILD:=$RLAIF_SRC/build}"
export RLAIF_SRC RLAIF_BUILD
if ! command -v python3 >/dev/null 2>&1 || ! python3 -c '' >/dev/null 2>&1; then
    echo "1..0 # SKIP python3 not found"
    exit 0
fi
exec python3 - <<'PY'
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

SRC, BUILD = os.environ["RLAIF_SRC"], os.environ["RLAIF_BUILD"]
RLAIF = os.path.join(BUILD, "rlaif")
MAN = os.path.join(SRC, "man")
PAGES = ["rlaif.1", "rlaif-commands.7", "rlaif-formats.5", "rlaif-prompt.5", "rlaif-tutorial.7"]
SIM = " labeler=sim:gap=.5,pos=1.2,noise=1"
results = []


class Skip(Exception):
    pass


def check(name, test):
    """Runs a test: it returns its faults, or raises Skip with the reason."""
    try:
        faults, note = list(test()), ""
    except Skip as reason:
        faults, note = [], " # SKIP %s" % reason
    results.append(not faults)
    print("%s %d - %s%s" % ("not ok" if faults else "ok", len(results), name, note))
    for fault in faults[:20]:
        print("# " + str(fault).replace("\n", "\n# "))
    sys.stdout.flush()


def read(*path):
    with open(os.path.join(SRC, *path), encoding="utf-8") as f:
        return f.read()


def page(name):
    return read("man", name)


def environment(folder, **more):
    env = dict(os.environ, HOME=folder, XDG_CONFIG_HOME=folder, XDG_DATA_HOME=folder,
               LC_ALL="C.UTF-8", TERM="dumb", EDITOR="true", VISUAL="true")
    env.update(more)
    return env


def rlaif(folder, args, **more):
    done = subprocess.run([RLAIF, *args], cwd=folder, env=environment(folder, **more),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def plain(text):
    """What a page shows: roff's signs as they are typed."""
    for name, sign in (("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ti", "~"), ("\\(ha", "^"),
                       ("\\&", ""), ("\\e", "\\")):
        text = text.replace(name, sign)
    return text


def blocks(name, mark):
    """(words behind the mark, text) of every .EX block that a comment .\\" MARK announces."""
    pattern = r'^\.\\" %s\b *([^\n]*)\n\.EX\n(.*?)\n\.EE' % mark
    return [(m.group(1).split(), plain(m.group(2)))
            for m in re.finditer(pattern, page(name), re.M | re.S)]


def put(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text + "\n")


# ---- the pages as pages ----

def test_parse():
    if not shutil.which("man") or not shutil.which("groff"):
        raise Skip("man or groff is not here")
    for name in PAGES:
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                               os.path.join(MAN, name)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, env=dict(os.environ, LC_ALL="C.UTF-8"),
                              check=False)
        for line in done.stderr.decode("utf-8", "replace").splitlines():
            yield "%s: %s" % (name, line)


def test_references():
    known = {(n.split(".")[0], n.split(".")[1]) for n in PAGES}
    for name in PAGES:
        for ref, section in re.findall(r"(rlaif[a-z\\-]*) \((\d)\)", page(name)):
            if (plain(ref), section) not in known:
                yield "%s names %s(%s)" % (name, plain(ref), section)


# ---- against the program ----

def test_commands():
    done = subprocess.run([os.path.join(MAN, "commands.sh"), RLAIF], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        yield done.stderr.decode()
    elif done.stdout.decode("utf-8") != page("rlaif-commands.7"):
        yield "rlaif-commands.7 is stale: make update-man, and read the difference"


def test_options():
    with tempfile.TemporaryDirectory() as folder:
        code, usage = rlaif(folder, ["--help"])
    if code != 0:
        yield "rlaif --help ends with %d" % code
    text = plain(page("rlaif.1"))
    head, _, config = usage.partition("config file:")
    for option in re.findall(r"^  (?:-\w, )?(-\w|--[a-z-]+)", head, re.M):
        if not re.search(r"^\.(?:BR|BI|B) .*%s\b" % re.escape(option), text, re.M):
            yield "rlaif.1 does not have " + option
    for option in re.findall(r"^  (--?[a-z-]+)", text, re.M):
        if option not in head:
            yield "rlaif.1 has %s, --help does not" % option
    for name in re.findall(r"^  (\w+)", config, re.M):
        if not re.search(r"\b%s\b" % name, text[text.index("rlaif/config"):]):
            yield "rlaif.1 does not name %s of the config file" % name
    names = set(re.findall(r'getenv\("(\w+)"\)', "".join(
        read(os.path.relpath(os.path.join(at, name), SRC))
        for top in ("src", "models", "ui") for at, _, files in os.walk(os.path.join(SRC, top))
        for name in files if name.endswith(".c"))))
    for name in sorted(names - {"HOME", "TERM"}):
        if name not in text:
            yield "rlaif.1 does not have the variable " + name


def test_fields():
    fields = re.findall(r'^    \{"([a-z_.]+)", PROMPT_', read("src", "label", "prompt.c"), re.M)
    if len(fields) < 15:
        yield "the fields of a prompt are not found in src/label/prompt.c"
    shown = re.findall(r"^\.B ([a-z_.]+)$", page("rlaif-prompt.5"), re.M)
    for name in fields:
        if name not in shown:
            yield "rlaif-prompt.5 does not have " + name


def test_format_names():
    known = []
    for row in re.split(r"\n    \{(?=\.known)", read("src", "data", "formats.c"))[1:]:
        if ".refuse" not in row:
            known.append(re.search(r'\.known\s*=\s*\{\s*"(\w+)"', row).group(1))
    shown = re.findall(r"^\.SS (\w+)", page("rlaif-formats.5"), re.M)
    for name in dict.fromkeys(known):
        if name not in shown:
            yield "rlaif-formats.5 does not have " + name
    for name in shown:
        if name not in known:
            yield "rlaif-formats.5 has %s, which is no format" % name
    verdicts = re.findall(r'^    \{\{"(\w+)"', read("src", "data", "verdict_formats.c"), re.M)
    section = page("rlaif-formats.5").split(".SH ANSWERS OF JUDGES")[1].split(".SH ")[0]
    for name in verdicts:
        if name not in section:
            yield "rlaif-formats.5 does not have the answers of " + name


# ---- examples ----

def joined(name, text):
    """Lines that begin with a blank belong to the record before, but in a JSON array."""
    return re.sub(r"\n +", " ", text) if not text.startswith("[") else text


def test_formats():
    source = page("rlaif-formats.5")
    found = re.findall(r'^\.\\" (example|part) ([^\n]*)\n\.EX\n(.*?)\n\.EE', source, re.M | re.S)
    sets = []
    for kind, rest, text in found:
        words = plain(rest).split()
        if kind == "example":
            sets.append((words[0], words[2:], [(words[1], plain(text))]))
        else:
            sets[-1][2].append((words[0], plain(text)))
    for name in re.findall(r"^\.SS (\w+)", source, re.M):
        if name not in [s[0] for s in sets]:
            yield "%s has no example" % name
    with tempfile.TemporaryDirectory() as folder:
        script = ""
        for name, keys, files in sets:
            for file, text in files:
                put(folder, file, joined(name, text))
            script += "import pairs %s set=x-%s %s as json\n" % (" ".join(f for f, _ in files), name,
                                                            " ".join(keys))
        put(folder, "script", script)
        code, out = rlaif(folder, ["-w", "w", "--no-model", "-k", "-f", "script"])
        answers = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        if code != 0 or len(answers) != len(sets):
            yield out
        for (name, _, _), answer in zip(sets, answers):
            if answer.get("format") != name or not answer.get("imported") or answer.get("bad"):
                yield "%s: %s" % (name, json.dumps(answer))


def test_prompt():
    (_, text), = blocks("rlaif-prompt.5", "prompt")
    with tempfile.TemporaryDirectory() as folder:
        put(folder, "mine.yaml", text)
        code, out = rlaif(folder, ["-w", "w", "--no-model", "-c",
                                   "save prompt mine.yaml; label mine n=4%s; wait last" % SIM])
        if code != 0:
            yield out


def test_page_lines():
    for words, text in blocks("rlaif.1", "run"):
        with tempfile.TemporaryDirectory() as folder:
            for file in words:
                put(folder, file, "context,a,b,choice\nSalt?,Less.,More.,a\nRain?,Yes.,No.,b")
            for line in text.split("\n"):
                command = line.replace("rlaif ", "'%s' --no-model " % RLAIF, 1)
                done = subprocess.run(command, shell=True, cwd=folder, env=environment(folder),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, check=False)
                if done.returncode != 0:
                    yield "%s: %s" % (line, done.stdout.decode())


# What a new workspace does not have: files and things that an example speaks of.
FILES = {
    "comparisons.jsonl": '{"prompt": "Name a colour.", "chosen": "Blue.", "rejected": "A colour."}',
    "dataset.json": '[{"input": "Name a colour.", "output_1": "Blue.", "output_2": "A colour.", "label": 1}]',
    "result.json": '[{"input": "", "output_1": "Blue.", "output_2": "A colour.", "label": 1, "results": '
                   '[{"swap = False": {"winner": "1"}, "swap = True": {"winner": "2"}}]}]',
    "tldr_filtered.jsonl": '{"id": "1", "subreddit": "cats", "title": "Cat", "post": "My cat sleeps.", '
                           '"summary": "Cat sleeps."}',
    "mine.yaml": "name: mine\nsample: \"{{context}} {{first}} {{second}}\"\nending: \"Better:\"",
}
BEFORE = {
    "import verdicts": ["import pairs dataset.json set=natural"],
    "drop set": ["import pairs comparisons.jsonl set=tldr", "use set builtin"],
    "list pairs": ["use set builtin"],
    "show diff": ["edit prompt p1 ending='Better:'"],
    "drop prompt": ["new prompt mine from=summary-base"],
    "compare": ["label summary-base" + SIM, "wait last", "label summary-detailed" + SIM, "wait last"],
    "undo": ["tag #5 add x"],
    "redo": ["tag #5 add x", "undo"],
}
# Commands that judge with the open model take the simulated labeler here; others need the model.
JUDGE = ["label", "probe", "ablate prompt"]
MODEL = ["score direct", "score likelihood", "show tokens", "show logits", "model info"]
NOT_RUN = {
    "model open": "other.gguf is the reader's own file",
    "stop": "the job of the example has ended", "pause": "the same", "resume": "the same",
    "quit": "ends the script",
    "show run": "a new workspace has no run", "plot": "the same", "export run": "the same",
}


def example_rows():
    with tempfile.TemporaryDirectory() as folder:
        code, out = rlaif(folder, ["-w", "w", "--no-model", "-c", "help as json"])
        if code != 0:
            raise Skip(out)
        return [(r["usage"], r["example"]) for r in json.loads(out)["rows"] if r["example"]]


def is_command(usage, names):
    return next((n for n in names if (usage + " ").startswith(n + " ")), None)


def run_examples(rows, model_home):
    """Each example in a workspace of its own, after what it needs."""
    for usage, example in rows:
        name = " ".join(w for w in usage.split(" ")[:2] if re.fullmatch(r"[a-z]+", w))
        lines = list(BEFORE.get(name, []))
        if is_command(usage, ["show agreement", "show bias", "show matrix", "show report", "assert",
                              "export report", "export labels", "wait"]):
            lines += ["label summary-base" + SIM] + (["wait last"] if name != "wait" else [])
        if is_command(usage, JUDGE):
            example += SIM
        if example.startswith("score"):
            example += " n=1"
        args = ["-w", "w", "--echo"] + ([] if model_home else ["--no-model"])
        with tempfile.TemporaryDirectory() as folder:
            for file, text in FILES.items():
                put(folder, file, text)
            put(folder, "script", "\n".join(lines + [example]))
            more = {"XDG_DATA_HOME": model_home} if model_home else {}
            code, out = rlaif(folder, args + ["-f", "script"], **more)
            if code != 0:
                yield "%s: exit %d\n%s" % (example, code, out)


def test_examples():
    rows = example_rows()
    for name in list(NOT_RUN) + JUDGE + MODEL + list(BEFORE):
        if not any(is_command(usage, [name]) for usage, _ in rows):
            yield "%s is named here and is no command with an example" % name
    yield from run_examples([r for r in rows if not is_command(r[0], list(NOT_RUN) + MODEL)], None)


def test_examples_model():
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    if not os.path.isfile(os.path.join(home, "rlaif", "models",
                                       "SmolLM2-135M-Instruct.Q4_1.gguf")):
        raise Skip("the default model is not here")
    if os.environ.get("RLAIF_QUICK"):
        raise Skip("RLAIF_QUICK is set")
    yield from run_examples([r for r in example_rows() if is_command(r[0], MODEL)], home)


def test_tutorial():
    """All lines behind "> ", in order, in one workspace, with the simulated labeler."""
    lines = [plain(line)[2:] for line in page("rlaif-tutorial.7").split("\n")
             if line.startswith("> ")]
    if len(lines) < 10:
        yield "only %d lines" % len(lines)
    script = []
    for line in lines:
        word = line.split(" ")[0]
        if "n=null" in line:
            continue # reads texts, which the simulated labeler does not
        if line.startswith("score likelihood"):
            line = "label summary-base labeler=sim:gap=1"
        elif word in ("label", "probe", "ablate") and "labeler=" not in line:
            line += SIM
        line = line.replace("labeler=likelihood", "labeler=sim:gap=1")
        script.append(line.replace("to=likelihood", "to=sim:gap=1").replace("from=model", "from=sim"))
    with tempfile.TemporaryDirectory() as folder:
        put(folder, "script", "\n".join(script))
        code, out = rlaif(folder, ["-w", "w", "--no-model", "--echo", "-f", "script"])
        if code != 0:
            yield out[-3000:]


check("manual pages parse without a warning", test_parse)
check("pages name pages that are there", test_references)
check("rlaif-commands.7 is what the tables say", test_commands)
check("rlaif.1 has every option, name of the config file and variable", test_options)
check("rlaif-prompt.5 has every field", test_fields)
check("rlaif-formats.5 has every format", test_format_names)
check("rlaif-formats.5: every example is imported as its format", test_formats)
check("rlaif-prompt.5: the example is a prompt", test_prompt)
check("rlaif.1: the examples run", test_page_lines)
check("every command's example runs", test_examples)
check("every command's example runs, with the model", test_examples_model)
check("rlaif-tutorial.7: the walk can be walked", test_tutorial)
print("1..%d" % len(results))
sys.exit(0 if all(results) else 1)
PY
