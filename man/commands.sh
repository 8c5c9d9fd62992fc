#!/bin/sh
# commands.sh RLAIF: writes rlaif-commands.7, the man page of all commands, from the program's own
# tables. Only the order of the sections and the prose between them are written here.
#
#     man/commands.sh build/rlaif > man/rlaif-commands.7
set -eu
rlaif=${1:?usage: commands.sh RLAIF}
exec python3 - "$rlaif" <<'PY'
import json
import os
import subprocess
import sys
import tempfile

RLAIF = os.path.abspath(sys.argv[1])

# Sections in the order of work, each with its commands; the rest of a verb is found by the table.
SECTIONS = [
    ("DATA", None, ["import pairs", "import verdicts", "import posts", "use set", "list sets",
                    "list pairs", "show pair", "tag", "drop set", "export pairs", "new world"]),
    ("PROMPTS", None, ["list prompts", "list versions", "show prompt", "show diff", "new prompt",
                       "edit prompt", "save prompt", "drop prompt", "watch prompt"]),
    ("LABELLING", None, ["label", "probe", "ablate prompt", "score direct", "score likelihood"]),
    ("FIGURES", "Pairs without a choice, ties, pairs without a majority and pairs with two equal "
     "responses are left out of an agreement and counted. The pairs of the test split are left out "
     "unless they are asked for; every look at them is counted, and the count is shown.",
     ["show agreement", "show bias", "show matrix", "list labelers", "compare", "explain", "list metrics", "assert",
      "show report", "export report", "export labels"]),
    ("MODELS", None, ["model open", "model info", "model list", "list models", "show tokens",
                      "show logits", "show config"]),
    ("RUNS", "A run is sft-1, rm-2, rl-3, recipe-1, or last.",
     ["list runs", "show run", "plot", "compare runs", "export run"]),
    ("JOBS", "Labelling and scoring run in the background, one job at a time; probes run beside "
     "them. A job is %5, or last.", ["list jobs", "wait", "stop", "pause", "resume"]),
    ("THE PROGRAM", None, ["help", "set", "list journal", "undo", "redo", "quit"]),
    ("THE SHELL", "These are not written into the journal.",
     [".help", ".read", ".mode", ".readonly", ".tui", ".plain", ".debug", ".quit"]),
]

HEAD = r""".\" Made by man/commands.sh from the program's tables; edit those.
.TH RLAIF\-COMMANDS 7 "" rlaif "Commands"
.SH NAME
rlaif\-commands \- all commands of rlaif
.SH DESCRIPTION
A command is a verb, often with a noun, then what it is about:
.PP
.EX
verb [noun] [refs] [key=value ..] [where FILTER] [by KEY,..] [as FORMAT] [> FILE]
.EE
.PP
A set is
.B builtin
or the name that its import gave.
A pair is
.B #17
in the current set,
.B NAME#17
elsewhere.
A prompt is
.B summary\-base
(its newest version),
.B summary\-base@1
or
.BR p1 .
A labeler is
.B model
(the open one),
.BR model:NAME ,
.BR likelihood ,
.BR direct ,
the name of an imported judge, or
.BR sim:gap=1.6,pos=.3,len=0,noise=.5 ,
which is simulated and says so:
gap is the weight of the known truth, pos the pull towards the first slot, len the weight of length,
noise that of chance, taste that of an opinion of its own.
.BR sim:L ,
.B sim:S
and
.B sim:XS
are three strengths of it, made for the pocket world.
.B last
is the newest thing of the kind.
.PP
Every answer can be had
.BR "as text" ", " "as json" ", " "as jsonl" ", " "as tsv" " or " "as md" ,
and written to a file by
.BR "> FILE" .
.PP
The words of these lists are the program's own:
.B help
lists the commands,
.BI help " VERB"
says all about one.
"""

TAIL = r""".SH SEE ALSO
.BR rlaif (1),
.BR rlaif\-tutorial (7),
.BR rlaif\-prompt (5),
.BR rlaif\-formats (5)
"""


def ask(line, folder):
    env = dict(os.environ, XDG_CONFIG_HOME=folder, XDG_DATA_HOME=folder, LC_ALL="C.UTF-8")
    done = subprocess.run([RLAIF, "-w", os.path.join(folder, "w"), "--no-model", "-c",
                           line + " as json"], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit("%s: %s" % (line, done.stderr.decode() + done.stdout.decode()))
    return json.loads(done.stdout)


def code(text):
    """Text that a person types: every sign as it is."""
    for sign, name in (("\\", "\\e"), ("-", "\\-"), ("~", "\\(ti"), ("^", "\\(ha"), ("'", "\\(aq"),
                       ("`", "\\(ga")):
        text = text.replace(sign, name)
    return "\\&" + text if text.startswith(".") else text


def words(text):
    """Prose: a hyphen stays one."""
    text = text.replace("\\", "\\e").replace("'", "\\(aq").replace("`", "\\(ga")
    return "\\&" + text if text.startswith(".") else text


def bold_usage(usage, name):
    rest = usage[len(name):]
    return "\\fB%s\\fR%s" % (code(name), code(rest))


def command(row, name):
    out = [".TP", bold_usage(row["usage"], name), words(row["text"]) + "."]
    if row["keys"]:
        out.append(".RS")
        for key in row["keys"]:
            out += [".TP", "\\fB%s=\\fR\\fI%s\\fR" % (code(key["name"]), code(key["value"])),
                    words(key["text"])]
        out.append(".RE")
    if row["example"]:
        out += [".IP", ".EX", code(row["example"]), ".EE"]
    if row["tui_keys"]:
        keys = ", ".join("%s on the screen %s" % (k.split(":", 1)[1], k.split(":", 1)[0])
                         for k in row["tui_keys"].split(" "))
        out += [".IP", "Keys: " + words(keys) + "."]
    return out


def main():
    with tempfile.TemporaryDirectory() as folder:
        short = ask("help", folder)["rows"]
        whole = {}
        for verb in dict.fromkeys(r["usage"].split(" ")[0] for r in short):
            for row in ask("help " + verb, folder)["rows"]:
                whole[row["usage"]] = row
        filters = ask("help filter", folder)["rows"]
        settings = ask("set", folder)["rows"]
        metrics = ask("list metrics", folder)["metrics"]
    out = [HEAD.rstrip("\n")]
    left = dict(whole)

    def take(name):
        found = [u for u in left if (u + " ").startswith(name + " ")]
        if not found:
            sys.exit("man/commands.sh: there is no command \"%s\" any more" % name)
        # "label" must not take "label prompt": the shortest usage that goes on with no noun.
        return left.pop(found[0])

    for title, prose, names in SECTIONS:
        out.append(".SH " + title)
        if prose:
            out.append(words(prose))
        for name in names:
            out += command(take(name), name)
    if left:
        sys.exit("man/commands.sh: in no section: " + ", ".join(left))
    out += [".SH FILTERS", "Terms with a blank between them must all hold;",
            ".B |", "is or;", ".B \\-", "before a term is not.", "A number is compared by",
            ".BR < \", \" <= \", \" > \", \" >= \", \" = \" or \" != ,",
            "a text by", ".BR = \" or \" : ,", "and by", ".BR ~ ,", "which takes a pattern.",
            ".PP", ".EX", "list pairs where disagree margin<.2 \\-tag:close\\-call | flip", ".EE"]
    for row in filters:
        out += [".TP", "\\fB%s\\fR (%s)" % (code(row["field"]), row["kind"]), words(row["text"])]
    out.append(".SH SETTINGS")
    for row in settings:
        out += [".TP", "\\fB%s=\\fR" % code(row["name"]), words(row["text"])]
    out += [".SH METRICS", "What", ".BR explain \" and \" assert", "know.",
            ".B explain", "says how each is computed and what misleads."]
    for row in metrics:
        out += [".TP", "\\fB%s\\fR" % code(row["metric"]),
                words("%s: %s (%s)" % (row["shown_by"], row["formula"], row["unit"]))]
    out.append(TAIL.rstrip("\n"))
    print("\n".join(out))


main()
PY
