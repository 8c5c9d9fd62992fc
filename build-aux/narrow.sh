#!/bin/sh
# narrow.sh [FILE..]: wraps the lines of C files that have more than 100 columns, by clang-format and
# .clang-format, and leaves all other lines as they are. Without files: the whole tree.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- $(find src models ui tests -name '*.[ch]' | sort)
for file; do
    # A wrapped line can push the next one over; three rounds settle that.
    for round in 1 2 3; do
        lines=$(LC_ALL=C awk '{ gsub(/[\200-\277]/, "") }
            length($0) > 100 { printf " --lines=%d:%d", FNR, FNR }' "$file")
        [ -n "$lines" ] || break
        clang-format -i $lines "$file"
        [ $round != 1 ] || echo "$file"
    done
done
