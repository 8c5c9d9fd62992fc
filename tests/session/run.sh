#!/bin/sh
# Runs every *.session of this folder: one TAP test a file. A session is a transcript:
#
#     # what it shows
#     @ small.csv               a file that the session finds in its folder, its lines behind |
#     | context,a,b,choice
#     $ rlaif -k                starts the program; without such a line: rlaif alone
#     > import pairs small.csv  a line of the script, and exactly what it printed
#     [exit 1]                  the exit code of a start, when it is not 0
#     > list sets               behind it: a line that was not reached
#
# Each session has a fresh folder and workspace; every start is
# `rlaif --echo -w W --no-model ARGS -f SCRIPT` on that workspace. What differs from run to run is
# made equal first:
#     12.3 s, 5 ms, 2 min  ->  T          2026-01-02, 2026-01-02 03:04(:05)  ->  DATE
#     the folders of the session, of the sources and of the build  ->  DIR, SRC, BUILD
#     numbers with 10 decimals and more  ->  9 digits
#     "ms": 7, "seconds": 7.5, "..._at": 7, "pid 7"  ->  0         the version  ->  VERSION
#
#     RLAIF_ACCEPT=1 tests/session/run.sh [NAME..]    writes what the program prints into the files
: "${RLAIF_SRC:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${RLAIF_BUILD:=$RLAIF_SRC/build}"
export RLAIF_SRC RLAIF_BUILD
if ! command -v python3 >/dev/null 2>&1 || ! python3 -c '' >/dev/null 2>&1; then
    echo "1..0 # SKIP python3 not found"
    exit 0
fi
exec python3 - "$@" <<'PY'
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile

SRC, BUILD = os.environ["RLAIF_SRC"], os.environ["RLAIF_BUILD"]
ACCEPT = os.environ.get("RLAIF_ACCEPT") == "1"
FOLDER = os.path.join(SRC, "tests", "session")
TIMEOUT = 300



def rounded(number):
    return "%.9g" % number if abs(number) > 1e-12 else "0"


EQUAL = [
    (r"\b\d+(\.\d+)?( |-)?(ms|s|min|h)\b(?!=)", "T"),
    (r"\bT to T\b|\bT-T\b", "T"),
    (r"\b20\d\d-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?\b", "DATE"),
    (r'("(?:ms|seconds|eta_low|eta_high|\w+_at|at|latency_\w+)": ?)-?[\d.e+-]+', r"\g<1>0"),
    (r"\bpid \d+", "pid 0"),
    # The last digits depend on the C library's exp and log for this processor.
    (r"-?\d+\.\d{10,}(?:e[-+]?\d+)?", lambda m: rounded(float(m.group()))),
]


def version():
    with open(os.path.join(BUILD, "config.h"), encoding="utf-8") as f:
        return re.search(r'PACKAGE_VERSION "(.*)"', f.read()).group(1)


def equal(text, folder, names):
    """Text without what differs from run to run."""
    for path, name in [(folder, "DIR")] + names:
        text = text.replace(path, name)
    for pattern, by in EQUAL:
        text = re.sub(pattern, by, text)
    return text


def parse(text):
    """The head (comments and files, as written), the files, and the starts: [args, lines]."""
    head, files, starts = [], {}, []
    lines = text.split("\n")
    i = 0
    while i < len(lines) and not lines[i].startswith(("> ", "$ ")):
        head.append(lines[i])
        if lines[i].startswith("@ "):
            files[lines[i][2:]] = []
        elif lines[i].startswith("|"):
            list(files.values())[-1].append(lines[i][2:])
        i += 1
    for line in lines[i:]:
        if line.startswith("$ "):
            starts.append([line, []])
        elif line.startswith("> ") or line == ">":
            if not starts:
                starts.append([None, []])
            starts[-1][1].append(line[2:])
    return head, files, starts


def environment(folder):
    keep = {k: v for k, v in os.environ.items()
            if k in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                     "LSAN_OPTIONS", "RLAIF_SIMD", "BLIS_ARCH_TYPE", "GCOV_PREFIX")}
    keep.update({"HOME": folder, "XDG_DATA_HOME": folder + "/.data", "TERM": "dumb", "TZ": "UTC",
                 "XDG_CONFIG_HOME": folder + "/.config", "XDG_CACHE_HOME": folder + "/.cache",
                 "LC_ALL": "C.UTF-8"})
    return keep


def run(text, names):
    """The transcript that the program makes of a session's text, and what went wrong."""
    head, files, starts = parse(text)
    out, problem = head, None
    with tempfile.TemporaryDirectory(prefix="rlaif-session-") as folder:
        for name, rows in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as f:
                f.write("".join(row + "\n" for row in rows))
        for shown, lines in starts:
            script = os.path.join(folder, ".script")
            with open(script, "w", encoding="utf-8") as f:
                f.write("".join(line + "\n" for line in lines))
            args = shlex.split(shown[2:])[1:] if shown else []
            command = [os.path.join(BUILD, "rlaif"), "--echo", "-w", "W", "--no-model", *args,
                       "-f", ".script"]
            try:
                done = subprocess.run(command, cwd=folder, env=environment(folder),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                return out, "no end after %d s: %s" % (TIMEOUT, shown or "rlaif")
            if shown:
                out.append(shown)
            said = equal(done.stdout.decode("utf-8", "backslashreplace"), folder, names)
            said = said[:-1].split("\n") if said.endswith("\n") else said.split("\n")
            out += said
            left = lines[sum(line.startswith("> ") for line in said):]
            if done.returncode != 0 or left:
                out.append("[exit %d]" % done.returncode)
            out += ["> " + line for line in left]
            if done.stderr:
                problem = equal(done.stderr.decode("utf-8", "backslashreplace"), folder, names)
    return out, problem


def main():
    names = [(BUILD, "BUILD"), (SRC, "SRC"), (version(), "VERSION")]
    wanted = sys.argv[1:]
    sessions = sorted(n for n in os.listdir(FOLDER) if n.endswith(".session")
                      and (not wanted or n[:-len(".session")] in wanted))
    failed = 0
    print("1..%d" % len(sessions))
    for number, name in enumerate(sessions, 1):
        path = os.path.join(FOLDER, name)
        with open(path, encoding="utf-8", newline="") as f:
            text = f.read()
        out, problem = run(text, names)
        new = "\n".join(out).rstrip("\n") + "\n"
        if ACCEPT and new != text:
            with open(path, "w", encoding="utf-8", newline="") as f:
                f.write(new)
            print("# wrote " + path)
            text = new
        ok = new == text and not problem
        print("%s %d - %s" % ("ok" if ok else "not ok", number, name[:-len(".session")]))
        if not ok:
            failed += 1
            for line in (problem or "").split("\n")[:40]:
                print("# standard error: " + line)
            for line in difflib.unified_diff(text.split("\n"), new.split("\n"), name, "printed",
                                             lineterm="", n=2):
                print("# " + line)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


main()
PY
