/* Label rows: append-only, found by key, loaded by set. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/store/owner.h"

#define COLUMNS                                                                          \
    "l.id, l.pair_id, l.prompt_id, l.labeler, l.ord, l.key_hash, l.seed, l.repeat,"      \
    " l.logprobs, l.outside, l.p_first, l.score, l.score_sum, l.score_gain, l.slot, "    \
    "l.top,"                                                                             \
    " l.rationale, l.raw, l.error, l.cut_lines, l.tokens, l.reused, l.ms, l.created_at"

/* ---- columns that hold several numbers ---- */

/* Little-endian doubles: every bit comes back, NaN and infinities too. */
static size_t pack_logprobs(const struct label *label, uint8_t out[LABEL_OPTIONS_MAX * 8])
{
    size_t n = 0;
    for (int i = 0; i < label->n_options && i < LABEL_OPTIONS_MAX; i++) {
        uint64_t bits;
        memcpy(&bits, &label->logprobs[i], 8);
        for (int shift = 0; shift < 64; shift += 8)
            out[n++] = (uint8_t)(bits >> shift);
    }
    return n;
}

static bool unpack_logprobs(struct label *label, const uint8_t *bytes, size_t len)
{
    if (len % 8 || len / 8 > LABEL_OPTIONS_MAX)
        return false;
    label->n_options = (int)(len / 8);
    for (int i = 0; i < label->n_options; i++) {
        uint64_t bits = 0;
        for (int k = 0; k < 8; k++)
            bits |= (uint64_t)bytes[i * 8 + k] << (8 * k);
        memcpy(&label->logprobs[i], &bits, 8);
    }
    return true;
}

/* [[id,"text",logprob],..]; NULL for none. Owned by the caller. */
static char *pack_top(const struct label *label)
{
    struct buf buf;
    if (label->n_top <= 0)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < label->n_top && i < LABEL_TOP; i++) {
        const struct label_top *top = &label->top[i];
        json_t *entry = json_array();
        json_array_append_new(entry, json_integer(top->id));
        json_array_append_new(entry,
                              json_text(top->text, strnlen(top->text, sizeof top->text)));
        json_array_append_new(entry, json_number_or_null(top->logprob));
        json_array_append_new(list, entry);
    }
    buf_init(&buf, 0);
    json_write(&buf, list);
    json_decref(list);
    return buf_take(&buf);
}

static bool unpack_top(struct label *label, const char *text, size_t len)
{
    json_t *list = json_parse(text, len, "labels", 1, NULL);
    bool ok = list && json_is_array(list) && json_array_size(list) <= LABEL_TOP;
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        json_t *id = json_array_get(entry, 0);
        json_t *word = json_array_get(entry, 1);
        json_t *logprob = json_array_get(entry, 2);
        struct label_top *top = &label->top[label->n_top];
        ok = json_is_integer(id) && json_is_string(word) &&
             json_string_length(word) < sizeof top->text &&
             (json_is_number(logprob) || json_is_null(logprob));
        if (!ok)
            break;
        top->id = (int32_t)json_integer_value(id);
        memcpy(top->text, json_string_value(word), json_string_length(word) + 1);
        top->logprob = json_is_null(logprob) ? NAN : json_number_value(logprob);
        label->n_top++;
    }
    json_decref(list);
    return ok;
}

/* ---- in ---- */

/*
 * A row whose key is there stays as it is; only a row that holds a failure gives way to
 * an answer, since a failure is never kept as a verdict.
 */
static int add_label(struct db *db, struct label *label, struct error *err)
{
    uint8_t logprobs[LABEL_OPTIONS_MAX * 8];
    size_t logprobs_len = pack_logprobs(label, logprobs);
    char *top = pack_top(label);
    if (!label->created_at)
        label->created_at = clock_wall_ms();
    sqlite3_set_last_insert_rowid(db->handle, 0);
    int rc = db_run(
        db, err,
        "INSERT INTO labels(pair_id, prompt_id, labeler, ord, key_hash, seed, repeat,"
        " logprobs, outside, p_first, score, score_sum, score_gain, slot, top, rationale,"
        " raw, error, cut_lines, tokens, reused, ms, created_at)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
        " ?17, ?18, ?19, ?20, ?21, ?22, ?23)"
        " ON CONFLICT(key_hash) DO UPDATE SET logprobs=?8, outside=?9, p_first=?10,"
        " score=?11, score_sum=?12, score_gain=?13, slot=?14, top=?15, rationale=?16,"
        " raw=?17, error=NULL, cut_lines=?19, tokens=?20, reused=?21, ms=?22,"
        " created_at=?23 WHERE labels.error IS NOT NULL AND excluded.error IS NULL",
        "iztikiibrrrrrittttiiiri", label->pair_id, label->prompt_id,
        label->labeler ? label->labeler : "", (int64_t)label->order, label->key,
        (int64_t)label->seed, (int64_t)label->repeat, logprobs_len ? logprobs : NULL,
        logprobs_len, label->outside, label->p_first, label->score, label->score_sum,
        label->score_gain, (int64_t)label->slot, top, label->rationale, label->raw,
        label->error, (int64_t)label->cut_lines, label->tokens, label->reused, label->ms,
        label->created_at);
    free(top);
    if (rc)
        return -1;
    label->id = sqlite3_last_insert_rowid(db->handle);
    if (label->id)
        return 0;
    return db_number(db, err, &label->id, "SELECT id FROM labels WHERE key_hash=?1", "k",
                     label->key);
}

struct labels_call {
    struct label *labels;
    size_t n;
};

static int run_add_labels(struct db *db, void *arg, struct error *err)
{
    struct labels_call *call = arg;
    for (size_t i = 0; i < call->n; i++)
        if (add_label(db, &call->labels[i], err))
            return -1;
    return 0;
}

static size_t label_bytes(const struct label *label)
{
    return 512 + (label->rationale ? strlen(label->rationale) : 0) +
           (label->raw ? strlen(label->raw) : 0);
}

int store_add_labels(struct store *store, struct label *labels, size_t n,
                     struct error *err)
{
    struct labels_call call = {labels, n};
    size_t bytes = 0;
    if (!n)
        return 0;
    for (size_t i = 0; i < n; i++)
        bytes += label_bytes(&labels[i]);
    if (owner_call(store, REQUEST_WRITE, run_add_labels, &call, bytes, err) == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        labels[i].id = 0;
    return -1;
}

/* ---- out ---- */

static int read_label(struct db *db, sqlite3_stmt *stmt, struct label *label,
                      struct error *err)
{
    label->id = sqlite3_column_int64(stmt, 0);
    label->pair_id = sqlite3_column_int64(stmt, 1);
    label->prompt_id = sqlite3_column_int64(stmt, 2);
    label->labeler = db_text(stmt, 3);
    label->order = sqlite3_column_int(stmt, 4) ? ORDER_BA : ORDER_AB;
    const void *key = sqlite3_column_blob(stmt, 5);
    bool ok = key && sqlite3_column_bytes(stmt, 5) == 32 && label->labeler;
    if (ok)
        memcpy(label->key, key, 32);
    label->seed = (uint64_t)sqlite3_column_int64(stmt, 6);
    label->repeat = sqlite3_column_int(stmt, 7);
    const void *logprobs = sqlite3_column_blob(stmt, 8);
    ok = ok && unpack_logprobs(label, logprobs, (size_t)sqlite3_column_bytes(stmt, 8));
    label->outside = db_real(stmt, 9);
    label->p_first = db_real(stmt, 10);
    label->score = db_real(stmt, 11);
    label->score_sum = db_real(stmt, 12);
    label->score_gain = db_real(stmt, 13);
    int slot = sqlite3_column_int(stmt, 14);
    ok = ok && slot >= SLOT_NONE && slot <= SLOT_TIE;
    label->slot = ok ? (enum slot)slot : SLOT_NONE;
    const char *top = (const char *)sqlite3_column_text(stmt, 15);
    ok = ok && (!top || unpack_top(label, top, (size_t)sqlite3_column_bytes(stmt, 15)));
    label->rationale = db_text(stmt, 16);
    label->raw = db_text(stmt, 17);
    label->error = db_text(stmt, 18);
    label->cut_lines = sqlite3_column_int(stmt, 19);
    label->tokens = sqlite3_column_int64(stmt, 20);
    label->reused = sqlite3_column_int64(stmt, 21);
    label->ms = db_real(stmt, 22);
    label->created_at = sqlite3_column_int64(stmt, 23);
    return ok ? 0 : db_damaged(db, "labels", err);
}

struct find_call {
    const uint8_t (*keys)[32];
    size_t n;
    struct label *out;
    bool *found;
};

static int run_find(struct db *db, void *arg, struct error *err)
{
    struct find_call *call = arg;
    sqlite3_stmt *stmt =
        db_query(db, "SELECT " COLUMNS " FROM labels l WHERE l.key_hash=?1", err);
    if (!stmt)
        return -1;
    for (size_t i = 0; i < call->n; i++) {
        db_bind(stmt, "k", call->keys[i]);
        int row = db_step(db, stmt, err);
        if (row < 0)
            return -1;
        if (row) {
            label_init(&call->out[i]);
            call->found[i] = true;
            int rc = read_label(db, stmt, &call->out[i], err);
            sqlite3_reset(stmt);
            if (rc)
                return -1;
        }
    }
    return 0;
}

int store_find_labels(struct store *store, const uint8_t (*keys)[32], size_t n,
                      struct label *out, bool *found, struct error *err)
{
    struct find_call call = {keys, n, out, found};
    memset(found, 0, n * sizeof *found);
    if (!n || owner_call(store, REQUEST_READ, run_find, &call, 0, err) == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (found[i]) {
            label_release(&out[i]);
            found[i] = false;
        }
    return -1;
}

struct load_call {
    int64_t set_id, prompt_id;
    const char *labeler;
    struct label_list *out;
};

static int run_load(struct db *db, void *arg, struct error *err)
{
    struct load_call *call = arg;
    sqlite3_stmt *stmt =
        db_query(db,
                 "SELECT " COLUMNS " FROM pairs p CROSS JOIN labels l ON l.pair_id=p.id"
                 " WHERE p.set_id=?1 AND (?2 < 0 OR l.prompt_id IS nullif(?2, 0))"
                 " AND (?3 IS NULL OR l.labeler=?3) ORDER BY p.num, l.id",
                 err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "iit", call->set_id, call->prompt_id, call->labeler);
    while ((row = db_step(db, stmt, err)) > 0)
        if (read_label(db, stmt, label_list_add(call->out), err)) {
            sqlite3_reset(stmt);
            return -1;
        }
    return row;
}

int store_load_labels(struct store *store, int64_t set_id, int64_t prompt_id,
                      const char *labeler, struct label_list *out, struct error *err)
{
    struct load_call call = {set_id, prompt_id, labeler, out};
    *out = (struct label_list){0};
    if (owner_call(store, REQUEST_READ, run_load, &call, 0, err) == 0)
        return 0;
    label_list_release(out);
    *out = (struct label_list){0};
    return -1;
}

/* ---- who has labelled ---- */

void labeler_rows_release(struct labeler_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        free(rows->rows[i].labeler);
    free(rows->rows);
    *rows = (struct labeler_rows){0};
}

struct labelers_call {
    int64_t set_id;
    struct labeler_rows *out;
};

static int run_labelers(struct db *db, void *arg, struct error *err)
{
    struct labelers_call *call = arg;
    /* All but the newest row's date comes from the index labels_by_pair. */
    sqlite3_stmt *stmt = db_query(
        db,
        "SELECT prompt_id, labeler, n, pairs, (SELECT created_at FROM labels WHERE "
        "id=newest)"
        " FROM (SELECT l.prompt_id AS prompt_id, l.labeler AS labeler, count(*) AS n,"
        " count(DISTINCT l.pair_id) AS pairs, max(l.id) AS newest"
        " FROM pairs p CROSS JOIN labels l ON l.pair_id=p.id WHERE p.set_id=?1"
        " GROUP BY l.prompt_id, l.labeler) ORDER BY newest",
        err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "i", call->set_id);
    while ((row = db_step(db, stmt, err)) > 0) {
        struct labeler_rows *out = call->out;
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        struct labeler_row *labeler = &out->rows[out->n++];
        *labeler = (struct labeler_row){.prompt_id = sqlite3_column_int64(stmt, 0),
                                        .labeler = db_text(stmt, 1),
                                        .n_rows = sqlite3_column_int64(stmt, 2),
                                        .n_pairs = sqlite3_column_int64(stmt, 3),
                                        .last_at = sqlite3_column_int64(stmt, 4)};
        if (!labeler->labeler) {
            sqlite3_reset(stmt);
            return db_damaged(db, "labels", err);
        }
    }
    return row;
}

int store_labelers(struct store *store, int64_t set_id, struct labeler_rows *out,
                   struct error *err)
{
    struct labelers_call call = {set_id, out};
    *out = (struct labeler_rows){0};
    if (owner_call(store, REQUEST_READ, run_labelers, &call, 0, err) == 0)
        return 0;
    labeler_rows_release(out);
    return -1;
}
