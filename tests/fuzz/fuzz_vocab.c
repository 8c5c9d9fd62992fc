/*
 * tokenizer.json: read, and when that works, used and written again. To search:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -I. -Ibuild tests/fuzz/fuzz_vocab.c \
 *       models/{vocab,vocab_json,vocab_read,gguf_write,gguf,gguf_get,gguf_kind,tensors}.c \
 *       models/{tokenizer,tokenizer_encode,tokenizer_split,quant,quant_k,quant_avx2}.c \
 *       src/base/{buf,error,file,file_put,hash,json,mem,reader,text}.c \
 *       -ljansson -lm -lutf8proc -lnettle -lz
 *   ./a.out -max_len=3000 -rss_limit_mb=300 -timeout=2 /tmp/found tests/fuzz/vocab.corpus
 */
#include <stdlib.h>
#include <string.h>

#include "models/vocab.h"
#include "tests/fuzz/fuzz.h"

static void use_text(const struct tokenizer *t)
{
    static const char text[] = "Hello hello  don't 123\r\n\n<eos> \xff\xe6\x97\xa5 abababab";
    struct tokens ids = {0};
    struct buf back;
    buf_init(&back, 1 << 20);
    (void)tokenizer_encode(t, text, sizeof text - 1, &ids, NULL);
    for (size_t i = 0; i < ids.n; i++) {
        const uint8_t type = t->pieces[ids.ids[i]].type;
        if (type == PIECE_CONTROL || type == PIECE_USER)
            abort(); /* text gave a control token */
        tokenizer_decode(t, ids.ids[i], true, &back);
    }
    tokens_release(&ids);
    buf_release(&back);
}

/* What was read is written and read again: the same vocabulary. */
static void write_again(const struct vocab *v)
{
    struct buf json;
    struct vocab again;
    uint8_t want[32], got[32];
    buf_init(&json, 1 << 24);
    if (vocab_write_json(v, &json, NULL) == 0) {
        if (vocab_read_json(&again, json.data, json.len, "again", NULL))
            abort();
        vocab_hash(v, want);
        vocab_hash(&again, got);
        if (v->n_pieces != again.n_pieces || v->n_merges != again.n_merges)
            abort();
        if (v->bos == again.bos && v->eos == again.eos && v->pad == again.pad &&
            v->add_bos == again.add_bos && memcmp(want, got, 32) != 0)
            abort();
        vocab_release(&again);
    }
    buf_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vocab v;
    struct error err = {0};
    char line[1024];
    if (vocab_read_json(&v, (const char *)data, size, "fuzz.json", &err)) {
        error_format(&err, line, sizeof line);
        for (const char *c = line; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                abort(); /* a message that is not printable */
        if (!err.text[0])
            abort();
        return 0;
    }
    struct tokenizer *t = vocab_tokenizer(&v, NULL);
    if (t)
        use_text(t);
    tokenizer_free(t);
    write_again(&v);
    vocab_release(&v);
    return 0;
}
