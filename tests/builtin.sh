#!/bin/sh
# Checks the built-in pairs and exemplars: their format, and that neither slot, length nor any plain
# mark of style tells which summary is the preferred one.
if ! command -v python3 >/dev/null 2>&1 || ! python3 -c '' >/dev/null 2>&1; then
	echo "1..0 # SKIP python3 not found"
	exit 0
fi
: "${RLAIF_SRC:=$(cd "$(dirname "$0")/.." && pwd)}"
export RLAIF_SRC
exec python3 - <<'EOF'
import collections, json, os, re, sys, unicodedata

sys.stdout.reconfigure(encoding="utf-8")
folder = os.path.join(os.environ["RLAIF_SRC"], "src", "data", "builtin")
FLAWS = ["drops-the-question", "adds-detail", "wrong-fact", "too-long", "too-vague",
         "misses-the-point", "wrong-person", "bad-grammar"]
results = []


def check(name, faults, note=""):
    """Records a test: it passes when the list of faults is empty."""
    faults = list(faults)
    results.append(not faults)
    print("%s %d - %s%s" % ("not ok" if faults else "ok", len(results), name, note and " (%s)" % note))
    for fault in faults[:10]:
        print("# " + str(fault))


def unless(condition, fault):
    return [] if condition else [fault]


def load(name):
    """Reads a JSONL file; returns its rows and what is wrong with its form."""
    path = os.path.join(folder, name)
    try:
        with open(path, "rb") as f:
            text = f.read().decode("utf-8")
        rows = [json.loads(line) for line in text.split("\n") if line]
    except (OSError, ValueError) as e:
        print("Bail out! %s: %s" % (path, e))
        sys.exit(1)
    faults = []
    if not text.endswith("\n") or "\n\n" in text or "\r" in text:
        faults.append("line ends")
    for row in rows:
        for key, value in row.items():
            if not isinstance(value, str):
                continue
            if value != value.strip() or "  " in value or "{{" in value:
                faults.append("%s %s: blanks or slots" % (row["id"], key))
            if any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn") for c in value):
                faults.append("%s %s: control characters" % (row["id"], key))
            if unicodedata.normalize("NFC", value) != value:
                faults.append("%s %s: not NFC" % (row["id"], key))
    return rows, faults


def words(text):
    return len(text.split())


def sign(x, y):
    return (x > y) - (x < y)


def share(signs):
    """How often the greater one is the preferred one, equal ones counting a half."""
    signs = list(signs)
    return sum((s + 1) / 2 for s in signs) / max(1, len(signs))


def grams(text, n=5):
    w = re.findall(r"\w+", text.lower())
    return {tuple(w[i:i + n]) for i in range(len(w) - n + 1)}


def alike(posts):
    """Pairs of posts that share more than a few phrases of five words."""
    sets = [(name, grams(text)) for name, text in posts]
    return ["%s and %s: %s" % (m, n, sorted(a & b)[:2])
            for i, (m, a) in enumerate(sets) for n, b in sets[:i] if len(a & b) > 2]


pairs, form = load("pairs.jsonl")
n = len(pairs)
check("pairs: UTF-8, one clean object a line", form)
check("pairs: at least 64", unless(n >= 64, n), "%d" % n)
keys = ["id", "title", "group", "context", "a", "b", "choices", "tags", "split"]
check("pairs: keys", [p["id"] for p in pairs if list(p) != keys])
check("pairs: ids count from b001", [p["id"] for i, p in enumerate(pairs, 1) if p["id"] != "b%03d" % i])
check("pairs: no title, post or summary occurs twice",
      [text for text, k in collections.Counter(p[key] for p in pairs for key in ("title", "context", "a", "b")).items() if k > 1])
check("pairs: no two posts alike", alike([(p["id"], p["context"]) for p in pairs]))
lengths = [words(p["context"]) for p in pairs]
check("pairs: posts of 60 to 150 words", ["%s: %d" % (p["id"], k) for p, k in zip(pairs, lengths) if not 60 <= k <= 150],
      "%d to %d" % (min(lengths), max(lengths)))
check("pairs: summaries of 12 to 45 words",
      ["%s %s: %d" % (p["id"], s, words(p[s])) for p in pairs for s in "ab" if not 12 <= words(p[s]) <= 45])
check("pairs: all in the split dev", [p["id"] for p in pairs if p["split"] != "dev"])
groups = collections.Counter(p["group"] for p in pairs)
check("pairs: at least 12 groups, none above an eighth",
      unless(len(groups) >= 12 and max(groups.values()) <= n / 8, groups), "%d groups" % len(groups))


def choice_fault(p):
    c = p["choices"]
    if len(c) != 1 or (c[0]["rater"], c[0]["kind"]) != ("writer", "gold"):
        return "rater"
    if c[0]["confidence"] not in {"a": (6, 7, 8, 9), "b": (1, 2, 3, 4)}.get(c[0]["choice"], ()):
        return "confidence"
    if ("close-call" in p["tags"]) != (c[0]["confidence"] in (4, 6)):
        return "close-call"
    return None


check("pairs: one gold choice that its confidence and tags bear out",
      ["%s: %s" % (p["id"], choice_fault(p)) for p in pairs if choice_fault(p)])
check("pairs: every pair has a flaw, and only known tags",
      [p["id"] for p in pairs if not set(p["tags"]) & set(FLAWS) or not set(p["tags"]) <= set(FLAWS) | {"close-call"}])
if not all(results):
    print("1..%d" % len(results))
    sys.exit(1)

slot = [p["choices"][0]["choice"] for p in pairs]
good = [p[s] for p, s in zip(pairs, slot)]
bad = [p["ab".replace(s, "")] for p, s in zip(pairs, slot)]

check("balance: a is preferred in exactly half", unless(2 * slot.count("a") == n, slot.count("a")),
      "%d of %d" % (slot.count("a"), n))
check("balance: no choice more than four times in a row", re.findall("a{5,}|b{5,}", "".join(slot)))
for unit, size in (("characters", len), ("words", words)):
    signs = [sign(size(g), size(b)) for g, b in zip(good, bad)]
    check("balance: the one with more %s is preferred in 45 to 55 %%" % unit,
          unless(.45 <= share(signs) <= .55, share(signs)), "%.1f %%" % (100 * share(signs)))
    for s in "ab":
        part = share(d for d, t in zip(signs, slot) if t == s)
        check("balance: more %s, where %s is preferred: 40 to 60 %%" % (unit, s),
              unless(.4 <= part <= .6, part), "%.1f %%" % (100 * part))
mean = sum(len(g) - len(b) for g, b in zip(good, bad)) / n
check("balance: mean lengths differ by at most 8 characters", unless(abs(mean) <= 8, mean), "%+.1f" % mean)
for flaw in FLAWS + ["close-call"]:
    at = collections.Counter("ab".replace(s, "") for p, s in zip(pairs, slot) if flaw in p["tags"])
    check("balance: %s is spread over the slots" % flaw,
          unless(sum(at.values()) >= 4 and abs(at["a"] - at["b"]) <= 1, dict(at)), "%d in a, %d in b" % (at["a"], at["b"]))
for s, strong in (("a", (7, 8, 9)), ("b", (3, 2, 1))):
    kinds = collections.Counter(p["choices"][0]["confidence"] for p, t in zip(pairs, slot) if t == s)
    check("balance: %s is preferred with every confidence" % s, [c for c in strong if not kinds[c]], dict(kinds))

MARKS = {
    "question marks": lambda t: t.count("?"),
    "sentences": lambda t: len(re.findall(r"[.!?](?:\s|$)", t)),
    "commas": lambda t: t.count(","),
    "other punctuation": lambda t: len(re.findall(r"[;:!()\"-]", t)),
    "digits": lambda t: len(re.findall(r"\d", t)),
    "words in I, my, me": lambda t: len(re.findall(r"\b(?:I|[Mm]y|[Mm]e)\b", t)),
    "contractions": lambda t: len(re.findall(r"\w'\w", t)),
    "letters a word": lambda t: len(t) / words(t),
    "capitals": lambda t: len(re.findall(r"[A-Z]", t)),
    "no capital at the start": lambda t: t[0].islower(),
    "no full stop at the end": lambda t: t[-1] not in ".?!",
}
for name, mark in MARKS.items():
    part = share(sign(mark(g), mark(b)) for g, b in zip(good, bad))
    check("balance: more %s: preferred in 35 to 65 %%" % name, unless(.35 <= part <= .65, part), "%.1f %%" % (100 * part))

shots, form = load("exemplars.jsonl")
check("exemplars: UTF-8, one clean object a line", form)
check("exemplars: 8, with their keys and ids",
      unless(len(shots) == 8, len(shots)) + [x["id"] for i, x in enumerate(shots, 1)
      if list(x) != ["id", "title", "context", "a", "b", "rationale", "label"] or x["id"] != "x%d" % i])
labels = [x["label"] for x in shots]
check("exemplars: labels 4 and 4, in no plain alternation",
      unless(labels.count(1) == 4 and labels.count(2) == 4 and labels not in ([1, 2] * 4, [2, 1] * 4), labels), labels)
check("exemplars: posts of 50 to 90 words",
      ["%s: %d" % (x["id"], words(x["context"])) for x in shots if not 50 <= words(x["context"]) <= 90])
check("exemplars: summaries of 12 to 45 words",
      ["%s %s: %d" % (x["id"], s, words(x[s])) for x in shots for s in "ab" if not 12 <= words(x[s]) <= 45])
for unit, size in (("characters", len), ("words", words)):
    part = share(sign(size(x["a"]), size(x["b"])) * (3 - 2 * x["label"]) for x in shots)
    check("exemplars: the one with more %s is preferred in 3 to 5" % unit, unless(3 / 8 <= part <= 5 / 8, part),
          "%g of 8" % (8 * part))
check("exemplars: a rationale of two to four sentences names both and ends in the label",
      [x["id"] for x in shots if not x["rationale"].endswith(" Summary %d is better." % x["label"])
       or "Summary 1" not in x["rationale"] or "Summary 2" not in x["rationale"]
       or not 2 <= len(re.findall(r"\.(?:\s|$)", x["rationale"])) <= 4])
everything = [(r["id"], r["context"]) for r in pairs + shots]
check("exemplars: no post equals one of the pairs, or is like one", alike(everything))

print("1..%d" % len(results))
sys.exit(0 if all(results) else 1)
EOF
