#include "models/gguf_kind.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "models/gguf.h"

struct magic {
    const char *bytes;
    size_t len;
    const char *kind, *hint;
};

static const struct magic magics[] = {
    {"version https://git-lfs", 23, "a Git LFS pointer",
     "the repository holds only a reference: fetch the file itself (git lfs pull)"},
    {"FUGG", 4, "a big-endian GGUF file", "convert it to little-endian"},
    {"lmgg", 4, "an old GGML file", "convert it to GGUF"},
    {"fmgg", 4, "an old GGML file", "convert it to GGUF"},
    {"tjgg", 4, "an old GGML file", "convert it to GGUF"},
    {"PK\x03\x04", 4, "a zip archive (a PyTorch file?)", "convert the model to GGUF"},
    {"\x1f\x8b", 2, "a gzip file", "unpack it first"},
    {"\x28\xb5\x2f\xfd", 4, "a zstd file", "unpack it first"},
};

static bool is_html(const uint8_t *data, size_t size)
{
    size_t i = 0;
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        i = 3;
    while (i < size && i < 256 && (data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r')))
        i++;
    const char *at = (const char *)data + i;
    return (size - i >= 14 && strncasecmp(at, "<!doctype html", 14) == 0) ||
           (size - i >= 5 && strncasecmp(at, "<html", 5) == 0);
}

/* A header length below the file's size, then a JSON object. */
static bool is_safetensors(const uint8_t *data, size_t size)
{
    uint64_t len;
    if (size < 9 || data[8] != '{')
        return false;
    memcpy(&len, data, sizeof len);
    return len >= 2 && len <= size - 8;
}

int gguf_kind_check(const uint8_t *data, size_t size, const char *file, struct error *err)
{
    if (size == 0)
        return error_at_byte(err, file, 0, "the file is empty, not a GGUF model");
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0)
        return 0;
    if (is_html(data, size)) {
        error_at_byte(err, file, 0, "this is an HTML page, not a GGUF model");
        return error_hint(err, "the download gave a web page: fetch the file itself");
    }
    if (is_safetensors(data, size)) {
        error_at_byte(err, file, 0, "this is a safetensors file, not a GGUF model");
        return error_hint(err, "convert the model to GGUF");
    }
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        if (size < magics[i].len || memcmp(data, magics[i].bytes, magics[i].len) != 0)
            continue;
        error_at_byte(err, file, 0, "this is %s, not a GGUF model", magics[i].kind);
        return error_hint(err, "%s", magics[i].hint);
    }
    const struct gguf_string start = {(const char *)data, size < 8 ? size : 8};
    if (size < 4)
        return error_at_byte(err, file, 0,
                             "the file has only %zu bytes ('%s'); a GGUF model begins with 'GGUF'",
                             size, SHOW(start));
    return error_at_byte(err, file, 0, "the file begins with '%s', a GGUF model with 'GGUF'",
                         SHOW(start));
}
