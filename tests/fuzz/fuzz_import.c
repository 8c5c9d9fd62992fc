/*
 * Fuzz target of the imports. The first byte says what reads the rest: pairs, verdicts or
 * posts by content, or one format of pairs by name. What comes through must be whole: the
 * counts agree and every pair survives export and import again.
 *
 *   clang -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz_import.c
 * src/data/[a-z]*.c src/base/[a-z]*.c ...
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // memfd_create
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/data/export.h"
#include "src/data/import.h"
#include "src/data/post.h"
#include "src/data/verdicts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct kept {
    struct buf text;
    int64_t n;
};

static int keep_pairs(void *ctx, struct pair *pairs, size_t n, struct error *err)
{
    struct kept *kept = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        free(pairs[i].key); /* ids may repeat over what was once several files */
        pairs[i].key = NULL;
        export_pair_jsonl(&kept->text, &pairs[i]);
        kept->n++;
    }
    return 0;
}

static int keep_verdicts(void *ctx, const struct verdict_row *rows, size_t n,
                         struct error *err)
{
    struct kept *kept = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++, kept->n++) {
        if (!rows[i].key || rows[i].order < 0 || rows[i].order > 1 || rows[i].slot < 0 ||
            rows[i].slot > 3)
            abort();
    }
    return 0;
}

static int keep_posts(void *ctx, const struct post *posts, size_t n, struct error *err)
{
    struct kept *kept = ctx;
    (void)err;
    for (size_t i = 0; i < n; i++, kept->n++) {
        if (!posts[i].context)
            abort();
    }
    return 0;
}

/* A file in memory that has a name. */
static int make_file(const void *bytes, size_t size, char name[32])
{
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    snprintf(name, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static void read_pairs(const char *name, const struct import_options *options)
{
    struct kept first = {0}, again = {0};
    struct import_report report;
    struct error err;
    char copy[32];
    const char *files[] = {name};
    buf_init(&first.text, 0);
    buf_init(&again.text, 0);
    int bad = import_pairs(files, 1, options, keep_pairs, &first, &report, &err);
    if (!bad && (first.n != report.imported || first.n == 0))
        abort();
    import_report_release(&report);
    if (!bad && !first.text.full) {
        struct import_options own = {.format = "rlaif"};
        int fd = make_file(first.text.data, first.text.len, copy);
        files[0] = copy;
        if (import_pairs(files, 1, &own, keep_pairs, &again, &report, &err) ||
            report.bad || again.text.len != first.text.len ||
            memcmp(again.text.data, first.text.data, first.text.len))
            abort();
        import_report_release(&report);
        close(fd);
    }
    buf_release(&first.text);
    buf_release(&again.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[32];
    struct kept kept = {0};
    struct error err;
    if (size < 1)
        return 0;
    int fd = make_file(data + 1, size - 1, name);
    const char *files[] = {name}, *format, *what;
    if (data[0] == 'v') {
        struct verdict_report report;
        import_verdicts(files, 1, NULL, keep_verdicts, &kept, &report, &err);
        if (kept.n > report.rows.imported)
            abort();
        verdict_report_release(&report);
    } else if (data[0] == 'p') {
        struct import_report report;
        import_posts(files, 1, NULL, keep_posts, &kept, &report, &err);
        if (kept.n > report.imported)
            abort();
        import_report_release(&report);
    } else {
        struct import_options options = {0};
        if (import_format_info((size_t)data[0] - 'A', &format,
                               &what)) /* "A" is the first format */
            options.format = format;
        read_pairs(name, &options);
    }
    close(fd);
    return 0;
}
