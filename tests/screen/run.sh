#!/bin/sh
# The full screen without a terminal: every *.screen is run by the driver, which writes it again
# with the cells; it must come out as it is. `RLAIF_UPDATE=1 run.sh` writes them anew.
here=$(cd "$(dirname "$0")" && pwd)
driver=${RLAIF_BUILD:-$here/../../build}/tests/screen/driver
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export XDG_DATA_HOME="$work/data" XDG_CACHE_HOME="$work/cache" XDG_CONFIG_HOME="$work/config"
export TERM=xterm-256color
unset NO_COLOR ESCDELAY LINES COLUMNS
cd "$here" || exit 1
if ! infocmp xterm-256color >/dev/null 2>&1; then
	echo "1..0 # SKIP no terminal description of xterm-256color"
	exit 0
fi
set -- *.screen
echo "1..$#"
n=0
for session; do
	n=$((n + 1))
	if ! "$driver" "$work/w$n" <"$session" >"$work/out" 2>"$work/err"; then
		echo "not ok $n - $session (the driver failed)"
		sed 's/^/# /' "$work/err"
	elif cmp -s "$session" "$work/out"; then
		echo "ok $n - $session"
	elif [ -n "$RLAIF_UPDATE" ]; then
		cp "$work/out" "$session"
		echo "ok $n - $session # written anew"
	else
		echo "not ok $n - $session"
		diff "$session" "$work/out" | head -40 | sed 's/^/# /'
	fi
done
