#!/usr/bin/env python3
"""rlaif on a pseudo-terminal: what a person types and what the terminal gets. TAP on standard output.

Nothing sleeps: every step waits for the output that shows that it is done, or fails after LIMIT seconds.
"""
import errno
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

LIMIT = float(os.environ.get("RLAIF_TEST_LIMIT", "30"))
HERE = os.path.dirname(os.path.abspath(__file__))
RLAIF = os.path.join(os.environ.get("RLAIF_BUILD", os.path.join(HERE, "..", "..", "build")), "rlaif")
WORK = tempfile.mkdtemp(prefix="rlaif-terminal-")
ENV = {
    "PATH": os.environ["PATH"], "HOME": WORK, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color",
    "XDG_DATA_HOME": WORK + "/data", "XDG_CACHE_HOME": WORK + "/cache", "XDG_CONFIG_HOME": WORK + "/config",
    "PAGER": "cat",
}
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
    if name in os.environ:
        ENV[name] = os.environ[name]
SANITIZED = b"__asan_init" in open(RLAIF, "rb").read() or b"__tsan_init" in open(RLAIF, "rb").read()
SIM = "labeler=sim:gap=1.6,pos=.3,noise=.5"
PROMPT = rb"> $"
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][AB0]|\x1b[=>78]|\x0f|\x0e")


class Gone(Exception):
    pass


class Terminal:
    """A program on a pty of its own, as the leader of its session."""

    def __init__(self, *words, env=None, rows=24, columns=80):
        self.out = b""
        self.seen = 0
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            e = dict(ENV)
            e.update(env or {})
            e = {k: v for k, v in e.items() if v is not None}
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(words[0], words, e)
        self.before = termios.tcgetattr(self.fd)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_some(self, limit):
        if not select.select([self.fd], [], [], limit)[0]:
            return False
        try:
            more = os.read(self.fd, 65536)
        except OSError as e:
            if e.errno == errno.EIO:
                raise Gone() from None
            raise
        if not more:
            raise Gone()
        self.out += more
        return True

    def plain(self):
        return CONTROL.sub(b"", self.out[self.seen:])

    def wait(self, pattern, plain=True):
        """Until what came since the last wait holds the pattern; returns the match."""
        end = time.monotonic() + LIMIT
        while True:
            text = self.plain() if plain else self.out[self.seen:]
            found = re.search(pattern, text, re.S)
            if found:
                self.seen = len(self.out)
                return found
            left = end - time.monotonic()
            try:
                if left <= 0 or not self.read_some(left):
                    raise AssertionError("no %r in %r" % (pattern, text[-600:]))
            except Gone:
                raise AssertionError("ended before %r; last %r" % (pattern, text[-600:])) from None

    def send(self, text):
        data = text.encode() if isinstance(text, str) else text
        while data:
            # What the program prints meanwhile must be taken, or both sides wait.
            readable, writable, _ = select.select([self.fd], [self.fd], [], LIMIT)
            if readable:
                try:
                    self.read_some(0)
                except Gone:
                    return
            if writable:
                data = data[os.write(self.fd, data[:4096]):]

    def quiet(self, seconds=0.6):
        """Bytes that come in so many seconds."""
        n = len(self.out)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read_some(end - time.monotonic())
        return len(self.out) - n

    def end(self, limit=None):
        """Waits for the program's end: (exit code or -signal, seconds)."""
        start = time.monotonic()
        limit = limit or LIMIT
        while time.monotonic() - start < limit:
            try:
                self.read_some(0.05)
            except (Gone, OSError, ValueError):
                pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                return self.status, time.monotonic() - start
        raise AssertionError("it does not end; last %r" % self.out[-300:])

    def same_tty(self):
        """Whether the terminal's settings are those from before."""
        return termios.tcgetattr(self.fd)[:6] == self.before[:6]

    def close(self):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        try:
            os.close(self.fd)
        except OSError:
            pass


open_terminals = []
n_work = 0


def workspace():
    global n_work
    n_work += 1
    return os.path.join(WORK, "w%d" % n_work)


def rlaif(*words, w=None, **more):
    t = Terminal(RLAIF, "-w", w or workspace(), "--no-model", *words, **more)
    open_terminals.append(t)
    return t


def repl(*words, **more):
    t = rlaif(*words, **more)
    t.wait(PROMPT)
    return t


def tui(*words, **more):
    t = rlaif("--tui", *words, **more)
    t.wait(rb"1 Bench.*keys")
    return t


def many_pairs(n):
    path = os.path.join(WORK, "many%d.jsonl" % n)
    if not os.path.exists(path):
        with open(path, "w") as f:
            for i in range(n):
                f.write(json.dumps({"id": "m%d" % i, "context": "post %d" % i, "a": "one %d" % i, "b": "two %d" % i,
                                    "choices": [{"rater": "r", "kind": "human", "choice": "a"}], "split": "dev"}) + "\n")
    return path


# ---- the command line ----

def test_welcome():
    t = rlaif()
    text = t.wait(PROMPT).string
    assert b"workspace" in text and b"no model" in text.lower(), text
    assert b"sim:" in text, text


def test_line_survives_job_lines():
    t = repl()
    t.send("label summary-base %s\r" % SIM)
    t.wait(rb"label summary-base")
    t.send("show agree")
    t.wait(rb"done, .*show agree", )
    t.send("ment as json\r")
    answer = t.wait(rb'(\{"command":"show agreement".*?\})\r\n')
    assert b'"n":64' in answer.group(1), answer.group(1)


def test_completion():
    t = repl()
    t.send("sho\t")
    t.wait(rb"show ")
    t.send("agr\t")
    t.wait(rb"agreement ")
    t.send("\t\t")
    listed = t.wait(rb"usage: show agreement").string
    assert b"summary-detailed-cot" in listed and b"labeler=" in listed, listed


def test_completion_replaces_the_word():
    t = repl()
    t.send("use set bui\t\r")
    t.wait(rb"use set builtin *\r\n.*" + PROMPT)


def test_question_mark():
    t = repl()
    t.send("label ?")
    t.wait(rb"label PROMPT")
    t.send("\x03")
    t.wait(rb"\^C.*" + PROMPT)


def test_did_you_mean():
    t = repl()
    t.send("lable x\r")
    t.wait(rb"error: .*did you mean label.*" + PROMPT)


def test_interrupt_at_prompt():
    t = repl()
    t.send("half a line")
    t.wait(rb"half a line")
    t.send("\x03")
    t.wait(rb"\^C\r\n.*" + PROMPT)
    t.send("list sets\r")
    t.wait(rb"builtin.*64")


def test_interrupt_stops_a_wait():
    t = repl()
    t.send("import pairs %s set=many\r" % many_pairs(20000))
    t.wait(rb"20,?000.*" + PROMPT)
    t.send("label summary-base %s; wait last\r" % SIM)
    t.wait(rb"calls")
    start = time.monotonic()
    t.send("\x03")
    t.wait(rb"stopped.*" + PROMPT)
    assert time.monotonic() - start < 3
    t.send("stop last\r")
    t.wait(rb"cancel.*" + PROMPT)


def test_end_asks_while_jobs_run():
    t = repl()
    t.send("import pairs %s set=many\r" % many_pairs(20000))
    t.wait(rb"20,?000.*" + PROMPT)
    t.send("label summary-base %s\r" % SIM)
    t.wait(rb"calls")
    t.send("\x04")
    t.wait(rb"\(y/n\) $")
    t.send("n\r")
    t.wait(PROMPT)
    t.send("quit\r")
    t.wait(rb"\(y/n\) $")
    t.send("y\r")
    code, seconds = t.end()
    assert code == 0 and seconds < 3, (code, seconds)
    assert t.same_tty()


def test_end_of_input():
    t = repl()
    t.send("\x04")
    assert t.end()[0] == 0
    assert t.same_tty()


def test_history_is_kept_without_doubles():
    w = workspace()
    t = repl(w=w)
    for line in ("list sets", "list prompts", "list sets"):
        t.send(line + "\r")
        t.wait(PROMPT)
    t.send("\x04")
    t.end()
    assert open(w + "/history").read().split("\n")[:-1] == ["list prompts", "list sets"]
    t = repl(w=w)
    t.send("\x1b[A\x1b[A\r")
    t.wait(rb"summary-detailed-cot")


def test_paste_is_one_edit():
    t = repl()
    t.send("\x1b[200~list sets\nlist prompts\x1b[201~")
    t.wait(rb"list sets.*list prompts")
    assert t.quiet(0.3) == 0
    t.send("\r")
    t.wait(rb"builtin.*summary-detailed-cot")


def test_big_paste():
    t = repl()
    # Ctrl-U is read behind the paste; Ctrl-C would be a signal that overtakes it.
    t.send("\x1b[200~" + "x" * 100 * 1024 + "\x1b[201~\x15list sets\r")
    t.wait(rb"builtin.*64.*" + PROMPT)


def test_editor():
    w = workspace()
    script = os.path.join(WORK, "my editor.py")
    with open(script, "w") as f:
        f.write("import sys, os, termios\nassert len(sys.argv) == 3 and sys.argv[1] == 'two words', sys.argv\n"
                "assert termios.tcgetattr(0)[3] & termios.ICANON\n"
                "s = open(sys.argv[2]).read()\n"
                "open(sys.argv[2], 'w').write(s.replace('Better summary:', 'The better one:'))\n")
    t = repl(w=w, env={"EDITOR": "%s '%s' 'two words'" % (sys.executable, script), "VISUAL": None})
    t.send("edit prompt summary-base\r")
    t.wait(rb"summary-base@2.*" + PROMPT)
    t.send("show prompt summary-base@2\r")
    t.wait(rb"The better one:.*" + PROMPT)
    t.send("\x04")
    t.end()
    assert t.same_tty()


def test_editor_that_is_not_there():
    t = repl(env={"EDITOR": "no-such-editor; touch /tmp/owned", "VISUAL": None})
    t.send("edit prompt summary-base\r")
    t.wait(rb"error: cannot start the editor no-such-editor;")


def test_pager_on_a_terminal_only():
    t = repl(env={"PAGER": "sed s/^/PAGED/"})
    t.send("list pairs\r")
    t.wait(rb"PAGED.*" + PROMPT)
    t.send("list sets\r")
    assert b"PAGED" not in t.wait(rb"builtin.*" + PROMPT).string


def test_dumb_terminals():
    for env in ({"TERM": "dumb"}, {"TERM": None}, {"TERM": "no-such-terminal"}, {"ACCESSIBLE": "1"}):
        t = repl(env=env)
        t.send("list sets\r")
        t.wait(rb"builtin.*64")
        t.send(".tui\r")
        if "ACCESSIBLE" not in env:
            t.wait(rb"cannot show a full screen.*" + PROMPT)
        t.close()


def test_plain_has_no_colours():
    t = repl("--plain")
    t.send("lable\r")
    t.wait(rb"error: .*" + PROMPT)
    assert not re.search(rb"\x1b\[[0-9;]*m", t.out), t.out


def test_stop_and_continue():
    shell = shutil.which("bash")
    if not shell:
        return "no bash"
    for mode in ("repl", "tui"):
        t = Terminal(shell, "--norc", "--noprofile", "-i", env={"PS1": "SH$ "})
        open_terminals.append(t)
        t.wait(rb"SH\$ $")
        t.send("%s -w %s --no-model%s\n" % (RLAIF, workspace(), " --tui" if mode == "tui" else ""))
        t.wait(rb"keys" if mode == "tui" else rb"help lists.*" + PROMPT)
        if mode == "repl":
            t.send("half")
            t.wait(rb"half")
        t.send("\x1a")
        t.wait(rb"Stopped.*SH\$ $")
        t.send("stty -a | tr -s ' ;' '\\n' | grep -x -e icanon -e echo -e isig | tr '\\n' .\n")
        t.wait(rb"isig.icanon.echo.SH\$ $")
        t.send("fg\n")
        t.wait(rb"1 Bench.*keys" if mode == "tui" else rb"half")
        t.send("q" if mode == "tui" else "\x03")
        t.wait(PROMPT)
        t.send("\x04")
        t.wait(rb"SH\$ $")
        t.close()


# ---- ways out ----

def check_way_out(kind, make):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        if SANITIZED and number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
            continue
        t = make()
        os.kill(t.pid, number)
        code, seconds = t.end()
        expected = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGBUS: 3}.get(number, -number)
        assert code == expected, (kind, number, code)
        assert seconds < 2, (kind, number, seconds)
        assert t.same_tty(), (kind, number)
        if kind == "tui":
            assert t.out.rfind(b"\x1b[?1049l") > t.out.rfind(b"\x1b[?1049h"), (number, t.out[-200:])
            assert t.out.rfind(b"\x1b[?2004l") > t.out.rfind(b"\x1b[?2004h"), (number, t.out[-200:])
        t.close()


def test_signals_repl():
    check_way_out("repl", repl)


def test_signals_tui():
    check_way_out("tui", tui)


def test_hangup():
    for make in (repl, tui):
        t = make()
        os.close(t.fd)
        code, seconds = t.end()
        assert seconds < 2, (make, code, seconds)


def test_hangup_while_a_job_runs():
    w = workspace()
    t = repl(w=w)
    t.send("import pairs %s set=many\r" % many_pairs(20000))
    t.wait(rb"20,?000.*" + PROMPT)
    t.send("label summary-base %s\r" % SIM)
    t.wait(rb"calls")
    os.close(t.fd)
    code, seconds = t.end()
    assert seconds < 2.5, (code, seconds)


def test_hangup_that_nobody_signals():
    # As a child of a shell that ignores SIGHUP: only the end of the terminal tells.
    for words in ((), ("--tui",)):
        t = Terminal("sh", "-c", "trap '' HUP; '%s' -w '%s' --no-model %s; exit 7" %
                     (RLAIF, workspace(), " ".join(words)))
        open_terminals.append(t)
        t.wait(rb"keys" if words else PROMPT)
        os.close(t.fd)
        code, seconds = t.end()
        assert code == 7 and seconds < 2.5, (words, code, seconds)


# ---- the full screen ----

def test_there_and_back():
    t = repl()
    t.send("show agr\x18t")
    t.wait(rb"1 Bench.*keys")
    t.send("q")
    t.wait(rb"> show agr$")
    t.send("\x15.tui\r")
    t.wait(rb"1 Bench.*keys")
    t.send("\x18t")
    t.wait(PROMPT)
    t.send("\x04")
    assert t.end()[0] == 0
    assert t.same_tty()


def test_place_is_kept():
    t = tui()
    t.send("jjjj")
    t.wait(rb">   5 ")
    t.send("q")
    t.wait(PROMPT)
    t.send(".tui\r")
    t.wait(rb">   5 .*keys")


def test_idle_is_silent():
    t = tui()
    t.send("j")
    t.wait(rb">   2 ")
    t.quiet(0.3)
    assert t.quiet(0.8) == 0


def test_one_key_few_bytes():
    t = tui()
    t.quiet(0.3)
    n = len(t.out)
    t.send("j")
    t.wait(rb">   2 ")
    t.quiet(0.2)
    assert len(t.out) - n < 10000, len(t.out) - n


def test_control_keys():
    t = tui()
    # Ctrl-S must not freeze it, Ctrl-L repaints all, Ctrl-C and Ctrl-\ do not end it.
    t.send("\x13\x11\x1c\x03j")
    t.wait(rb">   2 ")
    n = len(t.out)
    t.send("\x0c")
    t.wait(rb"1 Bench.*keys")
    assert len(t.out) - n > 1000


def test_command_line_in_the_tui():
    t = tui()
    t.send(":label summary-base %s\r" % SIM)
    t.wait(rb"> label summary-base.*agree \d.*done, ")
    t.send(":sho\t")
    t.wait(rb"show ")
    t.send("sets\x1b")
    t.wait(rb"keys")
    t.send(":list sets\r")
    t.wait(rb"builtin")


def test_editor_in_the_tui():
    script = os.path.join(WORK, "ed.py")
    with open(script, "w") as f:
        f.write("import sys, termios\nassert termios.tcgetattr(0)[3] & termios.ICANON\n"
                "s = open(sys.argv[1]).read()\nopen(sys.argv[1], 'w').write('Edited. ' + s)\n")
    t = tui(env={"EDITOR": "%s %s" % (sys.executable, script), "VISUAL": None})
    t.send("e")
    t.wait(rb"as sent")
    t.send("\x1bOQ")
    t.wait(rb"Edited\. You compare")
    t.send("\x13")
    t.wait(rb"> label summary-base@2|summary-base@2")
    t.send("\x1b")
    t.wait(rb"filter")
    t.send("q")
    t.wait(PROMPT)
    t.send("show prompt summary-base@2\r")
    t.wait(rb"Edited\. You compare.*" + PROMPT)
    t.send("undo\r")
    t.wait(PROMPT)


def test_unsaved_draft_is_kept():
    w = workspace()
    t = tui(w=w)
    t.send("e")
    t.wait(rb"as sent")
    t.send("Unsaved words. ")
    t.wait(rb"words")
    os.kill(t.pid, signal.SIGTERM)
    assert t.end()[0] == 143
    assert b"Unsaved words. You compare" in open(w + "/edit/summary-base.yaml", "rb").read()


def test_watch():
    w = workspace()
    t = repl(w=w)
    path = os.path.join(WORK, "watched.yaml")
    source = os.path.join(HERE, "..", "..", "prompts", "summary-base.yaml")
    shutil.copy(source, path)
    t.send("watch prompt %s\r" % path)
    t.wait(PROMPT)
    with open(path, "a") as f:
        f.write("nonsense: 1\n")
    t.wait(rb"nonsense")


def test_escape_is_fast():
    t = tui()
    t.send("/")
    t.wait(rb"/ _")
    start = time.monotonic()
    t.send("\x1b")
    t.wait(rb"64 pairs")
    assert time.monotonic() - start < 1


def test_resize_storm():
    t = tui()
    for i in range(300):
        t.resize(1 + i * 7 % 60, 1 + i * 13 % 200)
        t.send("j" if i % 10 == 0 else "")
    t.resize(1, 1)
    t.send("k")
    t.resize(24, 80)
    t.send("\x0c")
    t.wait(rb"1 Bench.*keys")
    t.send("q")
    t.wait(PROMPT)
    t.resize(400, 200)
    t.send("list sets\r")
    t.wait(rb"builtin")


def test_paste_into_the_tui():
    t = tui()
    t.send("\x1b[200~q\nq\n\x1b[201~")
    t.wait(rb"no text field is open")
    t.send("/\x1b[200~tag:close-call\n\x1b[201~\r")
    t.wait(rb"tag:close-call")


def test_no_colour():
    t = tui(env={"NO_COLOR": "1"})
    t.send("jx")
    t.wait(rb">   2 ")
    assert not re.search(rb"\x1b\[(\d+;)*[34]\d[;m]", t.out)


def test_hostile_text_stays_text():
    for make in (repl, tui):
        t = make()
        start = b":" if make is tui else b""
        t.send(start + b"import pairs %s set=evil\r" % os.path.join(HERE, "hostile.jsonl").encode())
        t.wait(rb"set evil")
        t.send("\x1b" if make is tui else "")
        t.send(start + b"show pair #1\r")
        t.wait(rb"\^\[\]0;owned\^G")
        for bad in (b"\x1b]0;owned", b"\x1b]8;", b"\x1bP1$r", "\u202e".encode(), "\u200b".encode(), "\u009b".encode(),
                    b"\xf3\xa0\x81\x81", b"\x07own"):
            assert bad not in t.out, bad
        t.close()


# ---- batch ----

def batch(*words, w=None, **more):
    return subprocess.run([RLAIF, "-w", w or workspace(), "--no-model", *words], env=ENV, capture_output=True,
                          timeout=LIMIT * 2, **more)


def test_batch_streams():
    run = batch("-c", "label summary-base %s; wait last; show agreement as json" % SIM)
    assert run.returncode == 0, run
    assert json.loads(run.stdout)["n"] == 64
    assert b"\x1b" not in run.stdout + run.stderr
    run = batch(input=b"list sets as json\nlist nothing\n")
    assert run.returncode == 2 and b"stdin:2: " in run.stderr, run
    assert json.loads(run.stdout)
    run = batch("-k", "-c", "show x as json; list sets as json")
    lines = run.stdout.decode().splitlines()
    assert run.returncode == 2 and len(lines) == 2 and "hint" in json.loads(lines[0]), run


def test_script_errors_name_the_line():
    path = os.path.join(WORK, "s.rlaif")
    with open(path, "w") as f:
        f.write("# a comment\n\nlist sets as json\nshow nothing\nlist sets as json\n")
    run = batch("-f", path)
    assert run.returncode == 2 and run.stderr.startswith(path.encode() + b":4: "), run
    assert len(run.stdout.splitlines()) == 1
    with open(path, "wb") as f:
        f.write(b"list sets\0\n")
    run = batch("-f", path)
    assert run.returncode == 3 and b":1:10: " in run.stderr, run
    with open(path, "wb") as f:
        f.write(b"list " + b"x" * (1 << 20) + b"\n")
    run = batch("-f", path)
    assert run.returncode == 3 and b"1 MiB" in run.stderr, run
    assert batch("-f", path + ".none").returncode == 1


def test_usage():
    for words, text in ((["--modle", "x"], b"--model"), (["list"], b"not an option"), (["-w"], b"wants a value"),
                        (["--help=1"], b"takes no value"), (["--threads", "x"], b"threads")):
        run = subprocess.run([RLAIF, *words], env=ENV, capture_output=True, timeout=LIMIT)
        assert run.returncode == 2 and text in run.stderr and not run.stdout, run
    run = subprocess.run([RLAIF, "--help"], env=ENV, capture_output=True, timeout=LIMIT)
    assert run.returncode == 0 and b"--readonly" in run.stdout
    run = subprocess.run([RLAIF, "--version"], env=ENV, capture_output=True, timeout=LIMIT)
    assert run.returncode == 0 and b"BLIS" in run.stdout and b"SIMD" in run.stdout, run


def test_closed_output():
    w = workspace()
    batch("-c", "list sets", w=w)
    p = subprocess.Popen([RLAIF, "-w", w, "--no-model", "-c", "list pairs as json; list pairs as json"], env=ENV,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.close()
    said = p.stderr.read()
    assert p.wait(LIMIT) in (0, 1) and said == b"", said
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            run = subprocess.run([RLAIF, "-w", w, "--no-model", "-c", "list sets"], env=ENV, stdout=full,
                                 stderr=subprocess.PIPE, timeout=LIMIT)
        assert run.returncode == 1 and b"No space" in run.stderr, run
    run = subprocess.run(["sh", "-c", "'%s' -w '%s' --no-model -c 'list sets' >&- 2>&- <&-" % (RLAIF, w)], env=ENV)
    assert run.returncode in (0, 1), run


def test_batch_interrupted():
    for line in ("label summary-base %s; wait last" % SIM, "label summary-base %s" % SIM):
        p = subprocess.Popen([RLAIF, "-w", workspace(), "--no-model", "-c",
                              "import pairs %s set=many; %s" % (many_pairs(20000), line)],
                             env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        text = b""
        while b"calls" not in text:
            more = p.stderr.readline()
            assert more, text
            text += more
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=LIMIT)
        assert p.returncode == 130, (line, p.returncode)


def test_a_tag_while_a_job_runs():
    run = batch("-c", "import pairs %s set=many; label summary-base %s; tag #1 add x; tag #2 add y; wait last; "
                "list pairs n=2 as json; list sets as json" % (many_pairs(5000), SIM))
    assert run.returncode == 0 and b"done" in run.stderr, run


def test_readonly():
    w = workspace()
    batch("-c", "list sets", w=w)
    run = batch("--readonly", "-c", "tag #1 add x", w=w)
    assert run.returncode == 1 and b"read-only" in run.stderr, run


def test_config_file():
    os.makedirs(WORK + "/config/rlaif", exist_ok=True)
    path = WORK + "/config/rlaif/config"
    try:
        with open(path, "w") as f:
            f.write("# mine\nworkspace = %s/from-config\n" % WORK)
        run = subprocess.run([RLAIF, "--no-model", "-c", "show config as json"], env=ENV, capture_output=True,
                             timeout=LIMIT)
        assert json.loads(run.stdout)["paths"]["workspace"] == WORK + "/from-config", run
        with open(path, "w") as f:
            f.write("\nthread = 2\n")
        run = subprocess.run([RLAIF, "-c", "list sets"], env=ENV, capture_output=True, timeout=LIMIT)
        assert run.returncode != 0 and b"config:2:1: " in run.stderr and b"threads" in run.stderr, run
    finally:
        os.unlink(path)


def main():
    wanted = sys.argv[1:]
    tests = [(n, f) for n, f in list(globals().items()) if n.startswith("test_") and (not wanted or n in wanted)]
    print("1..%d" % len(tests), flush=True)
    failed = 0
    for i, (name, test) in enumerate(tests, 1):
        start = time.monotonic()
        try:
            skip = test()
            print("ok %d - %s%s" % (i, name[5:].replace("_", " "), " # SKIP " + skip if skip else ""), flush=True)
        except Exception as e:  # a test that breaks is a test that fails
            failed += 1
            print("not ok %d - %s" % (i, name[5:].replace("_", " ")), flush=True)
            for line in ("%s: %s" % (type(e).__name__, e)).splitlines():
                print("# " + line[:1500], flush=True)
        if os.environ.get("RLAIF_TEST_TIMES"):
            print("# %.2f s" % (time.monotonic() - start), flush=True)
        for t in open_terminals:
            t.close()
        open_terminals.clear()
    shutil.rmtree(WORK, ignore_errors=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
