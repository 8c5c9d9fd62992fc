/*
 * Runs a fuzz target over its corpus without a fuzzer, so that `make check` does it
 * everywhere: every file as it is, cut short, and with a few bytes changed (the same ones
 * each time). FUZZ_CORPUS names the folder beside this file.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

#define CHANGED_COPIES 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact copy, so that a sanitizer sees a read past its end. */
static void run(const char *bytes, size_t size)
{
    uint8_t *copy = xmalloc(size ? size : 1);
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* One byte is replaced, left out or doubled. */
static void change(struct buf *text, struct rng_key key, uint64_t index)
{
    static const char odd[] = "\"\\{}[],:\n\r\t\0\xff\xc3 0-'";
    struct buf out;
    size_t at = rng_below(key, 3 * index, text->len ? text->len : 1);
    uint64_t how = rng_below(key, 3 * index + 1, 3);
    char c = odd[rng_below(key, 3 * index + 2, sizeof odd - 1)];
    buf_init(&out, 0);
    buf_add(&out, text->data, at);
    if (how == 0)
        buf_addc(&out, c);
    if (how == 2)
        buf_add(&out, text->data + at, text->len - at < 40 ? text->len - at : 40);
    if (at + (how < 2) < text->len)
        buf_add(&out, text->data + at + (how < 2), text->len - at - (how < 2));
    buf_clear(text);
    buf_add(text, buf_str(&out), out.len);
    buf_release(&out);
}

static size_t replay(const char *path, const char *name)
{
    struct buf file, text;
    struct error err;
    size_t runs = 0;
    buf_init(&file, 0);
    if (file_read(path, (size_t)1 << 20, 0, &file, &err)) {
        buf_release(&file);
        return 0;
    }
    run(file.data, file.len);
    for (size_t cut = 1; cut < file.len; cut += 1 + file.len / 50, runs++)
        run(file.data, cut);
    buf_init(&text, 0);
    for (uint64_t i = 0; i < CHANGED_COPIES; i++, runs++) {
        if (i % 4 == 0) { // up to four changes in one copy
            buf_clear(&text);
            buf_add(&text, file.data, file.len);
        }
        change(&text, rng_key(i / 4, "fuzz", name), i % 4);
        run(buf_str(&text), text.len);
    }
    buf_release(&text);
    buf_release(&file);
    return runs + 1;
}

int main(void)
{
    const char *src = getenv("RLAIF_SRC");
    char *folder = xasprintf("%s/tests/fuzz/%s", src ? src : ".", FUZZ_CORPUS);
    struct dirent **entries = NULL;
    size_t runs = 0, files = 0;
    int n = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char *path = path_join(folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            runs += replay(path, entries[i]->d_name);
            files++;
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    printf("1..1\n%s 1 - %s: %zu files, %zu runs\n", runs > files ? "ok" : "not ok",
           FUZZ_CORPUS, files, runs);
    free(folder);
    return runs <= files;
}
