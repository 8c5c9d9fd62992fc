/* Values of a GGUF file by key and type. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "models/gguf.h"
#include "models/quant.h"

static int name_compare(struct gguf_string a, const char *name, size_t len)
{
    const size_t n = a.len < len ? a.len : len;
    const int c = memcmp(a.data, name, n);
    return c ? c : (a.len > len) - (a.len < len);
}

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key)
{
    const size_t len = strlen(key);
    for (size_t low = 0, high = gguf->n_values; low < high;) {
        const size_t mid = low + (high - low) / 2;
        const struct gguf_value *v = &gguf->values[gguf->by_key[mid]];
        const int c = name_compare(v->key, key, len);
        if (c == 0)
            return v;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *gguf, const char *name)
{
    const size_t len = strlen(name);
    for (size_t low = 0, high = gguf->n_tensors; low < high;) {
        const size_t mid = low + (high - low) / 2;
        const struct gguf_tensor *t = &gguf->tensors[gguf->by_name[mid]];
        const int c = name_compare(t->name, name, len);
        if (c == 0)
            return t;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static int wrong_type(const struct gguf *gguf, const struct gguf_value *v, const char *wanted,
                      struct error *err)
{
    const bool array = v->type == GGUF_ARRAY;
    return error_at_byte(err, gguf->file, (int64_t)v->at, "%s is of type %s%s (allowed: %s)",
                         SHOW(v->key), array ? "array of " : "",
                         gguf_type_name(array ? v->element : v->type), wanted);
}

int gguf_get_u32(const struct gguf *gguf, const char *key, uint32_t *out, struct error *err)
{
    const struct gguf_value *v = gguf_find(gguf, key);
    if (!v)
        return 0;
    const uint8_t *p = gguf->data + v->data_at;
    uint64_t u = 0;
    int64_t i = 0;
    switch (v->type) {
    case GGUF_U8:
        u = *p;
        break;
    case GGUF_U16:
        u = load_u16(p);
        break;
    case GGUF_U32:
        u = load_u32(p);
        break;
    case GGUF_U64:
        memcpy(&u, p, sizeof u);
        break;
    case GGUF_I8:
        i = (int8_t)*p;
        break;
    case GGUF_I16:
        i = (int16_t)load_u16(p);
        break;
    case GGUF_I32:
        i = (int32_t)load_u32(p);
        break;
    case GGUF_I64:
        memcpy(&i, p, sizeof i);
        break;
    default:
        return wrong_type(gguf, v, "an integer", err);
    }
    if (i < 0)
        return error_at_byte(err, gguf->file, (int64_t)v->data_at,
                             "%s is %" PRId64 " (allowed 0..%" PRIu32 ")", key, i, UINT32_MAX);
    if (i > 0)
        u = (uint64_t)i;
    if (u > UINT32_MAX)
        return error_at_byte(err, gguf->file, (int64_t)v->data_at,
                             "%s is %" PRIu64 " (allowed 0..%" PRIu32 ")", key, u, UINT32_MAX);
    *out = (uint32_t)u;
    return 1;
}

int gguf_get_f32(const struct gguf *gguf, const char *key, double *out, struct error *err)
{
    const struct gguf_value *v = gguf_find(gguf, key);
    if (!v)
        return 0;
    if (v->type == GGUF_F64) {
        memcpy(out, gguf->data + v->data_at, sizeof *out);
        return 1;
    }
    if (v->type != GGUF_F32)
        return wrong_type(gguf, v, "f32", err);
    *out = (double)float_from_bits(load_u32(gguf->data + v->data_at));
    return 1;
}

int gguf_get_bool(const struct gguf *gguf, const char *key, bool *out, struct error *err)
{
    const struct gguf_value *v = gguf_find(gguf, key);
    if (!v)
        return 0;
    if (v->type != GGUF_BOOL)
        return wrong_type(gguf, v, "bool", err);
    *out = gguf->data[v->data_at] != 0;
    return 1;
}

int gguf_get_string(const struct gguf *gguf, const char *key, struct gguf_string *out,
                    struct error *err)
{
    const struct gguf_value *v = gguf_find(gguf, key);
    if (!v)
        return 0;
    if (v->type != GGUF_STRING)
        return wrong_type(gguf, v, "string", err);
    size_t at = v->data_at;
    *out = gguf_next_string(gguf, &at);
    return 1;
}

int gguf_get_array(const struct gguf *gguf, const char *key, enum gguf_type element,
                   const struct gguf_value **out, struct error *err)
{
    const struct gguf_value *v = gguf_find(gguf, key);
    if (!v)
        return 0;
    if (v->type != GGUF_ARRAY || v->element != element) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "array of %s", gguf_type_name(element));
        return wrong_type(gguf, v, wanted, err);
    }
    *out = v;
    return 1;
}

struct gguf_string gguf_next_string(const struct gguf *gguf, size_t *at)
{
    uint64_t len;
    memcpy(&len, gguf->data + *at, sizeof len);
    const struct gguf_string s = {(const char *)gguf->data + *at + 8, (size_t)len};
    *at += 8 + (size_t)len;
    return s;
}
