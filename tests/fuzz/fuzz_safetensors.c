/*
 * The header of a safetensors file. To search:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -I. -Ibuild tests/fuzz/fuzz_safetensors.c \
 *       models/{safetensors,quant,quant_k,quant_avx2,gguf,gguf_get,gguf_kind}.c \
 *       src/base/{buf,error,mem,reader,text}.c -lutf8proc
 *   ./a.out -max_len=1000 -rss_limit_mb=300 -timeout=2 /tmp/found tests/fuzz/safetensors.corpus
 */
#include <stdlib.h>
#include <string.h>

#include "models/safetensors.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors st;
    struct error err = {0};
    char line[1024];
    if (safetensors_parse(&st, data, size, "fuzz.safetensors", &err)) {
        error_format(&err, line, sizeof line);
        for (const char *c = line; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                abort(); /* a message that is not printable */
        if (!err.text[0] || err.byte < 0 || (uint64_t)err.byte > size)
            abort();
        return 0;
    }
    for (size_t i = 0; i < st.n_tensors; i++) {
        const struct st_tensor *t = &st.tensors[i];
        struct weight w;
        if (safetensors_find(&st, t->name) != t || t->bytes != t->count * st_type_bytes(t->type))
            abort();
        if (t->data + t->bytes > data + size)
            abort();
        if (safetensors_weight(&st, t, &w, NULL) == 0 && w.rows * w.cols != t->count)
            abort();
    }
    for (size_t i = 0; i < st.n_notes; i++)
        if (strcmp(safetensors_note(&st, st.notes[i].key), st.notes[i].value) != 0)
            abort();
    (void)safetensors_check_finite(&st, NULL);
    safetensors_release(&st);
    return 0;
}
