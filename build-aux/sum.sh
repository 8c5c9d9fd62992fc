#!/bin/sh
# sum.sh BUILD STATUS: adds up the results of make check in BUILD and prints
# "N passed, N failed, N skipped" as the last line. STATUS: make's own exit code.
dir=$1
status=${2:-0}
find "$dir" -name '*.trs' -exec cat {} + | awk -v status="$status" '
    $1 == ":test-result:" && ($2 == "PASS" || $2 == "XFAIL") { passed++ }
    $1 == ":test-result:" && ($2 == "FAIL" || $2 == "ERROR" || $2 == "XPASS") { failed++ }
    $1 == ":test-result:" && $2 == "SKIP" { skipped++ }
    END {
        # A make that failed without a failed test did not get as far as the tests.
        if (status != 0 && failed == 0) { print "make check did not get through"; failed = 1 }
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit (failed > 0 || status != 0 || passed == 0)
    }'
