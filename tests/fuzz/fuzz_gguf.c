/*
 * A model file: parsed, loaded, and when it opens, used: weights, some text, a chat. To search:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -I. -Ibuild tests/fuzz/fuzz_gguf.c \
 *       models/{gguf,gguf_get,gguf_kind,network,tensors,quant,quant_k,quant_avx2}.c \
 *       models/{tokenizer,tokenizer_encode,tokenizer_split,chat,model,model_hash}.c \
 *       models/{safetensors,safetensors_write,hf_read,hf_write,gguf_write}.c \
 *       models/{vocab,vocab_json,vocab_read}.c \
 *       src/base/{buf,error,file,file_put,hash,json,mem,reader,text}.c \
 *       -ljansson -lm -lutf8proc -lnettle -lz -lpthread
 *   ./a.out -max_len=9000 -rss_limit_mb=300 -timeout=2 /tmp/found tests/fuzz/gguf.corpus
 */
#include <stdlib.h>

#include "models/model.h"
#include "src/base/mem.h"
#include "tests/fuzz/fuzz.h"

static void use_weights(const struct model *m)
{
    const struct tf_weights *w = model_weights(m);
    const struct tf_layer *last = &w->layers[model_config(m)->n_layers - 1];
    const struct weight *some[] = {&w->embed, &w->out_norm, &w->head, &last->wq, &last->wk,
                                   &last->bq, &last->bk,    &last->down};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        if (!some[i]->data)
            continue;
        float *row = xmalloc(some[i]->cols * sizeof *row);
        weight_row(some[i], 0, row);
        weight_row(some[i], some[i]->rows - 1, row);
        free(row);
    }
}

static void use_text(const struct model *m)
{
    static const char text[] = "Hello hello  don't 123\r\n\n<|im_end|> \xff\xe6\x97\xa5 "
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct tokens ids = {0};
    struct buf back;
    buf_init(&back, 1 << 20);
    (void)model_encode(m, text, sizeof text - 1, &ids, NULL);
    for (size_t i = 0; i < ids.n; i++) {
        const uint8_t type = m->tokenizer->pieces[ids.ids[i]].type;
        if (type == PIECE_CONTROL || type == PIECE_USER)
            abort(); /* text gave a control token */
        model_decode(m, ids.ids[i], true, &back);
    }
    const struct chat_message message = {"user", text, sizeof text - 1};
    (void)model_chat(m, NULL, &message, 1, true, &ids, &back, NULL);
    for (const char *const *name = chat_formats(); *name; name++)
        (void)model_chat(m, *name, &message, 1, true, &ids, NULL, NULL);
    tokens_release(&ids);
    buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    char line[1024];
    struct model *m = model_from_memory(data, size, "fuzz.gguf", &err);
    if (!m) {
        error_format(&err, line, sizeof line);
        for (const char *c = line; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                abort(); /* a message that is not printable */
        if (!err.text[0] || err.byte < 0 || (uint64_t)err.byte > size)
            abort();
        return 0;
    }
    (void)model_check_weights(m, NULL);
    use_weights(m);
    use_text(m);
    model_close(m);
    return 0;
}
