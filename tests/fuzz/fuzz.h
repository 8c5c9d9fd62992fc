/*
 * A fuzz target is one function over bytes. Built with clang's -fsanitize=fuzzer it searches;
 * built with replay.c it runs the committed corpus in `make check`.
 */
#ifndef RLAIF_TESTS_FUZZ_H
#define RLAIF_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
