/* What the tests of src/base share. */
#ifndef RLAIF_TESTS_BASE_FIXTURE_H
#define RLAIF_TESTS_BASE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "src/base/buf.h"
#include "src/base/cancel.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/option.h"
#include "src/base/pool.h"
#include "src/base/reader.h"
#include "src/base/rng.h"
#include "src/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A literal that may hold NUL bytes, and its length. */
#define BYTES(literal) (literal), (sizeof(literal) - 1)

static inline void assert_error(const struct error *err, const char *expected)
{
    char text[1024];

    error_format(err, text, sizeof(text));
    assert_string_equal(text, expected);
}

#endif
