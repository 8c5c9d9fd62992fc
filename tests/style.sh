#!/bin/sh
# The budgets and habits of HACKING.md, checked by machine over src models ui tests. One TAP test
# a rule; a failure lists file:line and what to do. Reads C by the layout that we use: a function
# begins with `{` and ends with `}`, both alone in column 1.
#
#   sh tests/style.sh          from the top of the sources, or with RLAIF_SRC set
set -u
export LC_ALL=C
cd "${RLAIF_SRC:-$(dirname "$0")/..}" || exit 1

columns=${RLAIF_COLUMNS:-160}

# Files that a rule does not bind yet: RULE FILE, or RULE FOLDER/*. A file that obeys must go.
excused='
9 tests/screen/driver.c
12 src/base/option.c
12 src/base/pool.c
'

# Functions that may be longer than 100 lines, with the reason. FILE:FUNCTION.
long_functions='
'
# Variables of a file that may change, with the reason. FILE:NAME.
changing='
ui/signals.c:*       a handler can reach nothing else
ui/term.c:*          the terminal is one, and a handler puts it back
ui/complete.c:*      Readline calls back without an argument of ours
ui/repl.c:*          Readline calls back without an argument of ours
ui/cmdline.c:*       Readline calls back without an argument of ours
'

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
found=$work/found
exec 2>"$work/errors" # a check that cannot run is a failure too: the last test
files=$(find src models ui tests -type f \( -name '*.c' -o -name '*.h' \) | sort)
scripts=$(find tests build-aux -type f \( -name '*.sh' -o -name '*.py' \) \
    ! -name tap-driver.sh ! -name '*[!-a-z_.]*' 2>/dev/null | grep -v '/install-sh$' | sort)

# Code without comments and without the text of strings and characters: FILE:LINE:code.
# shellcheck disable=SC2086
awk '
FNR == 1 { in_comment = 0 }
{
    line = $0; out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (!at) { line = ""; break }
            line = substr(line, at + 2); in_comment = 0
            continue
        }
        if (!match(line, /\/\*|\/\/|"|\047/)) { out = out line; break }
        out = out substr(line, 1, RSTART - 1)
        mark = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (mark == "//") break
        if (mark == "/*") { in_comment = 1; out = out " "; continue }
        # Behind the opening quote: up to the closing one.
        if (mark == "\"") {
            name = out ~ /^[ \t]*#[ \t]*include[ \t]*$/ ? 1 : 0
            match(line, /^([^"\\]|\\.)*"/)
            out = out "\"" (name ? substr(line, 1, RLENGTH - 1) : "") "\""
        } else {
            match(line, /^([^\047\\]|\\.)*\047/)
            out = out "0"
        }
        line = RLENGTH > 0 ? substr(line, RLENGTH + 1) : ""
    }
    sub(/[ \t]+$/, "", out)
    print FILENAME ":" FNR ":" out
}' $files >"$work/code"

# FILE:LINE:LINES:NAME of every function.
awk -F: '
{
    file = $1; number = $2; code = substr($0, length($1) + length($2) + 3)
    if (file != last) { inside = 0; head = ""; last = file }
    if (!inside && code == "{" && head ~ /\)[ a-z_]*$/) {
        inside = 1; start = first
    } else if (inside && code == "}") {
        print file ":" start ":" number - start + 1 ":" name
        inside = 0; head = ""
    } else if (!inside) {
        if (code ~ /^[A-Za-z_].*\(/) {
            first = number
            name = code
            # The word before the first parenthesis, or the argument of a template macro.
            sub(/[ ]*\(.*/, "", name)
            sub(/.*[ *]/, "", name)
        }
        if (code != "") head = code
    }
}' "$work/code" >"$work/functions"

n=0 failed=0
result() { # NAME: a test; its findings are the lines of $found
    n=$((n + 1))
    echo "$excused" | awk -v rule=$n '$1 == rule { print $2 }' >"$work/excused"
    sort -u "$found" | awk -F: -v list="$work/excused" '
        BEGIN { while ((getline file < list) > 0) left[file] = 1 }
        $1 in left { seen[$1] = 1; next }
        { folder = $1; sub(/\/.*/, "/*", folder) }
        folder in left { next }
        { print }
        END {
            for (file in left)
                if (!(file in seen) && file !~ /\*$/)
                    print file ": obeys by now; drop its row in tests/style.sh"
        }' >"$work/binding"
    mv "$work/binding" "$found"
    if [ -s "$found" ]; then
        failed=$((failed + 1))
        echo "not ok $n - $1"
        sed 's/^/# /' "$found"
    else
        echo "ok $n - $1"
    fi
}

allowed() { # LIST: drops the findings FILE:..:NAME whose FILE:NAME or FILE:* stands in the list
    awk -F: -v list="$1" '
    BEGIN { m = split(list, rows, "\n"); for (i = 1; i <= m; i++) { split(rows[i], w, " "); ok[w[1]] = 1 } }
    !(($1 ":" $NF) in ok) && !(($1 ":*") in ok)'
}

code() { # PATTERN [FILES]: lines of code that hold it, as FILE:LINE: code
    awk -v pattern="$1" -v only="${2:-.}" '
    { match($0, /^[^:]*:[0-9]*:/); where = substr($0, 1, RLENGTH); text = substr($0, RLENGTH + 1)
      file = substr(where, 1, index(where, ":") - 1)
      if (file ~ only && text ~ pattern) { sub(/^[ ]+/, "", text); print where " " text } }' "$work/code"
}

echo "1..18"

# ---- budgets ----

awk -F: '$3 > 100 { print $1 ":" $2 ": " $3 " lines:" $4 }' "$work/functions" |
    allowed "$long_functions" >"$found"
result "functions have 100 lines at most"

# shellcheck disable=SC2086
wc -l $files $scripts | awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines; a second subject is a second file" }' >"$found"
result "files have 800 lines at most"

# shellcheck disable=SC2086
wc -l $files | awk '$2 ~ /\.h$/ && $2 !~ /_template\.h$|_real\.h$|^tests/ && $1 > 200 { print $2 ": " $1 " lines" }' >"$found"
result "headers have 200 lines at most (templates are code)"

# Characters, not bytes: what continues a UTF-8 sequence is not counted. Scripts may have 130.
# shellcheck disable=SC2086
awk '{ gsub(/[\200-\277]/, ""); most = FILENAME ~ /[.][ch]$/ ? columns : 130 }
length($0) > most { print FILENAME ":" FNR ": " length($0) " columns (build-aux/narrow.sh wraps C)" }' \
    columns=$columns $files $scripts >"$found"
result "lines have $columns columns at most (90 aimed at)"

# ---- habits ----

# shellcheck disable=SC2086
awk '/\t/ && FILENAME !~ /\.sh$/ { print FILENAME ":" FNR ": a tab" }
/[ \t]$/ { print FILENAME ":" FNR ": a blank at the end" }
/\r/ { print FILENAME ":" FNR ": a carriage return" }' $files $scripts >"$found"
result "four spaces, no tabs, no blanks at the end of a line"

code '^typedef +(struct|union)' | sed 's/$/  (say struct x)/' >"$found"
result "structs have no second name"

code '^[a-z][^=;]*\)[ ]*\{$' | grep -vE ': (struct|union|enum|typedef) [^{]*\{$' >"$found"
result "a function's brace stands on a line of its own"

# shellcheck disable=SC2086
for file in $files; do
    case $file in
    *_template.h | *_real.h | */real.h) continue ;; # included more than once
    *.h)
        head -n 1 "$file" | grep -q '^/\*' || echo "$file:1: say first what it owns and who may call"
        case $file in tests/*) continue ;; esac
        guard="RLAIF_$(echo "${file#src/}" | tr 'a-z/.-' 'A-Z___')"
        grep -q "^#ifndef $guard\$" "$file" || echo "$file:1: the guard should be $guard"
        ;;
    esac
done >"$found"
result "headers begin with what they own, and have a guard by their name"

# ---- what must not be called ----

before='(^|[^A-Za-z0-9_.>])'
unsafe='strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|alloca'
unsafe="$unsafe|tmpnam|mktemp|asctime|ctime|rand|srand"
code "$before($unsafe) *\\(" >"$found"
result "no function that cannot say how much it may write, or that hides an error"

code "$before"'(system|popen) *\(' '^(src|models|ui)/' >"$found"
result "no command lines for a shell, but in tests"

code "$before"'(printf|vprintf|puts|putchar|perror|putc|fputs|fputc|fprintf|vfprintf) *\(' '^(src|models)/' |
    grep -vE '^src/base/mem\.c:' >"$found"
result "only ui/ prints (base/mem.c says so when memory is out)"

{
    code "$before"'(exit|quick_exit|_exit|_Exit|abort|raise) *\(' '^(src|models)/' |
        grep -vE '^src/base/mem\.c:'
    code "$before"'(exit|quick_exit|abort) *\(' '^ui/' | grep -v '^ui/main\.c:'
} >"$found"
result "only main ends the program (base/mem.c when memory is out)"

# shellcheck disable=SC2086
grep -nE "(^|[^A-Za-z0-9_])(TO""DO|FIX""ME|X""XX|HA""CK)([^A-Za-z0-9_]|\$)" $files $scripts /dev/null >"$found"
result "what is not done is not in the tree"

# Folders of the machine on which a file was written mean nothing elsewhere.
# shellcheck disable=SC2086
grep -nE '(^|[^A-Za-z0-9_.>$}~])/(wo''rk|ro''ot|ho''me)/' $files $scripts *.md man/* prompts/* bootstrap \
    Makefile.am configure.ac */*.am src/*/*.am .ci/run tests/session/* /dev/null 2>/dev/null >"$found"
result "no paths of one machine"

# ---- layers ----

awk '
BEGIN {
    n = split("src/base models src/data src/label src/store src/job src/cmd ui", order, " ")
    for (i = 1; i <= n; i++) rank[order[i]] = i
    rank["src/train"] = 4
    # Libraries that one folder wraps.
    home["blis.h"] = "^models/(blas|panels|kernel)[a-z_]*[.][ch]$"
    home["sqlite3.h"] = "^src/store/"
    home["yaml.h"] = "^src/base/"
    home["zlib.h"] = "^src/(base|data)/"
    home["pcre2.h"] = "^models/|^src/cmd/filter"
    home["curses.h"] = "^ui/"; home["ncurses.h"] = "^ui/"; home["term.h"] = "^ui/"
    home["readline/readline.h"] = "^ui/"; home["readline/history.h"] = "^ui/"
}
function room(path) {
    if (path !~ /^src\//) return substr(path, 1, index(path, "/") - 1)
    return substr(path, 1, index(substr(path, 5), "/") + 3)
}
{
    match($0, /^[^:]*:[0-9]*:/)
    where = substr($0, 1, RLENGTH); text = substr($0, RLENGTH + 1)
    file = substr(where, 1, index(where, ":") - 1)
    if (text !~ /^[ ]*#[ ]*include/ || file ~ /^tests\//) next
    name = text
    sub(/^[^<"]*[<"]/, "", name); sub(/[>"].*/, "", name)
    if (name in home && file !~ home[name]) print where " <" name "> is for " home[name] " only"
    if (text ~ /</ || name == "config.h") next
    if (!(room(name) in rank)) print where " \"" name "\": name it from the top: \"src/..\", \"models/..\", \"ui/..\""
    else if (rank[room(name)] > rank[room(file)]) print where " " room(file) " must not know " room(name) " (" name ")"
}' "$work/code" >"$found"
result "includes point downwards: base, models, data, label, store, job, cmd, ui"

# ---- what changes ----

code '^extern +[^(]*;' '\.h$' | grep -v 'const' >"$found"
result "no header shows a variable that changes"

# At file scope, outside functions: definitions without const and without parentheses.
awk -F: '
NR == FNR { start[$1, $2] = $3; next }
{
    file = $1; number = $2; code = substr($0, length($1) + length($2) + 3)
    if ((file, number) in start) skip = number + start[file, number]
    if (file != last) { skip = 0; last = file; if ((file, number) in start) skip = number + start[file, number] }
    if (number < skip || file ~ /^tests\/|[.]h$/) next
    if (code ~ /^static const [a-z_ ]+\*[a-z_]+(\[|;| =)/) {
        name = code; sub(/(\[|;| =).*/, "", name); sub(/.*\*/, "", name)
        print file ":" number ": the pointers are not const:" name
    }
    variable = "^(static +)?(_Thread_local +|_Atomic +|volatile +)*[a-z_][a-z0-9_ ]*[ *]+[a-z_][a-z0-9_]*"
    if (code ~ (variable "(\\[[^]]*\\])*( *=.*|;|, .*;)$") &&
        code !~ /(^|[^a-z_])(const|typedef|extern|return|goto|struct [a-z_]+;|enum [a-z_]+;)/) {
        name = code; sub(/[ ]*(=|;|,|\[).*/, "", name); sub(/.*[ *]/, "", name)
        print file ":" number ": a variable that lives as long as the program:" name
    }
}' "$work/functions" "$work/code" | allowed "$changing" >"$found"
result "no variables of a file that change, but those named in this script"

cp "$work/errors" "$found"
result "every check could run"

[ $failed = 0 ]
