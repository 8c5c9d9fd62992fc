#!/bin/sh
# The program on a pseudo-terminal, by Python's pty module.
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v python3 >/dev/null 2>&1 || ! python3 -c 'import pty, os; os.close(pty.openpty()[0])' 2>/dev/null; then
	echo "1..0 # SKIP no python3 with pseudo-terminals"
	exit 0
fi
exec python3 "$here/terminal.py" "$@"
