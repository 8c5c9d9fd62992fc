#!/bin/sh
# `make check-valgrind`: the small unit tests under valgrind, without the model; last line counts.
# Leaks, bad reads and uninitialised values fail a program. Not part of make check: it takes minutes.
cd "${RLAIF_BUILD:-.}" || exit 1
programs="test_base_text test_base_json test_base_file test_data test_data_import test_data_verdicts
 test_stats_small test_stats_judged test_prompt test_prompt_render test_labeler test_label_run
 test_cmd test_store test_job test_engine_ops test_engine_forward test_tokenizer"
passed=0 failed=0
for name in $programs; do
    [ -x "tests/unit/$name" ] || continue
    if RLAIF_QUICK=1 XDG_DATA_HOME=/nonexistent CMOCKA_MESSAGE_OUTPUT=TAP \
        valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        --child-silent-after-fork=yes "tests/unit/$name" >"tests/unit/$name.valgrind" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        grep -E '^==|^not ok' "tests/unit/$name.valgrind" | head -30
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
