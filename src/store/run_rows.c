/* What runs leave beside their metrics: samples, events, checkpoints. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/store/owner.h"
#include "src/store/runs.h"

/* ---- samples ---- */

void run_samples_release(struct run_samples *samples)
{
    for (size_t i = 0; i < samples->n; i++) {
        struct run_sample *sample = &samples->rows[i];
        free(sample->kind);
        free(sample->prompt);
        free(sample->ids);
        free(sample->text);
        free(sample->advantages);
    }
    free(samples->rows);
    *samples = (struct run_samples){0};
}

/* n numbers of 32 bits as little-endian bytes, and back. */
static uint8_t *pack_words(const void *words, size_t n)
{
    uint8_t *bytes = xmalloc(4 * n + 1);
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, (const char *)words + 4 * i, 4);
        for (int k = 0; k < 4; k++)
            bytes[4 * i + (size_t)k] = (uint8_t)(word >> (8 * k));
    }
    return bytes;
}

static void unpack_words(const uint8_t *bytes, size_t n, void *words)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word = 0;
        for (int k = 0; k < 4; k++)
            word |= (uint32_t)bytes[4 * i + (size_t)k] << (8 * k);
        memcpy((char *)words + 4 * i, &word, 4);
    }
}

struct samples_call {
    int64_t run_id, step;
    const char *kind;
    size_t n;
    struct run_sample *rows;
    struct run_samples *out;
};

static int add_sample(struct db *db, int64_t run_id, struct run_sample *sample, struct error *err)
{
    uint8_t *ids = sample->ids ? pack_words(sample->ids, sample->n_ids) : NULL;
    uint8_t *advantages = sample->advantages ? pack_words(sample->advantages, sample->n_ids) : NULL;
    int rc = db_run(
        db, err,
        "INSERT INTO samples(run_id, step, kind, pair_id, post_id, seed, prompt, ids, text, score,"
        " kl, reward, advantages, length)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        "iitzzitbtrrrbi", run_id, sample->step, sample->kind ? sample->kind : "rollout",
        sample->pair_id, sample->post_id, (int64_t)sample->seed, sample->prompt, ids,
        ids ? 4 * sample->n_ids : 0, sample->text ? sample->text : "", sample->score, sample->kl,
        sample->reward, advantages, advantages ? 4 * sample->n_ids : 0, sample->length);
    free(ids);
    free(advantages);
    sample->id = rc ? 0 : sqlite3_last_insert_rowid(db->handle);
    return rc;
}

static int run_add_samples(struct db *db, void *arg, struct error *err)
{
    struct samples_call *call = arg;
    for (size_t i = 0; i < call->n; i++)
        if (add_sample(db, call->run_id, &call->rows[i], err))
            return -1;
    return 0;
}

int store_add_samples(struct store *store, int64_t run_id, struct run_sample *samples, size_t n,
                      struct error *err)
{
    struct samples_call call = {.run_id = run_id, .rows = samples, .n = n};
    size_t bytes = 0;
    if (!n)
        return 0;
    for (size_t i = 0; i < n; i++)
        bytes += 96 + 8 * samples[i].n_ids + (samples[i].text ? strlen(samples[i].text) : 0);
    if (owner_call(store, REQUEST_WRITE, run_add_samples, &call, bytes, err) == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        samples[i].id = 0;
    return -1;
}

static int read_sample(struct db *db, sqlite3_stmt *stmt, struct run_sample *sample,
                       struct error *err)
{
    *sample = (struct run_sample){.id = sqlite3_column_int64(stmt, 0),
                                  .step = sqlite3_column_int64(stmt, 1),
                                  .kind = db_text(stmt, 2),
                                  .pair_id = sqlite3_column_int64(stmt, 3),
                                  .post_id = sqlite3_column_int64(stmt, 4),
                                  .seed = (uint64_t)sqlite3_column_int64(stmt, 5),
                                  .prompt = db_text(stmt, 6),
                                  .text = db_text(stmt, 8),
                                  .score = db_real(stmt, 9),
                                  .kl = db_real(stmt, 10),
                                  .reward = db_real(stmt, 11),
                                  .length = sqlite3_column_int64(stmt, 13)};
    const uint8_t *ids = sqlite3_column_blob(stmt, 7);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 7);
    const uint8_t *advantages = sqlite3_column_blob(stmt, 12);
    size_t advantages_len = (size_t)sqlite3_column_bytes(stmt, 12);
    if (!sample->kind || !sample->text || len % 4 || (advantages && advantages_len != len))
        return db_damaged(db, "samples", err);
    sample->n_ids = len / 4;
    if (ids) {
        sample->ids = xmalloc(len);
        unpack_words(ids, sample->n_ids, sample->ids);
    }
    if (advantages) {
        sample->advantages = xmalloc(len);
        unpack_words(advantages, sample->n_ids, sample->advantages);
    }
    return 0;
}

static int run_load_samples(struct db *db, void *arg, struct error *err)
{
    struct samples_call *call = arg;
    struct run_samples *out = call->out;
    sqlite3_stmt *stmt =
        db_query(db,
                 "SELECT id, step, kind, pair_id, post_id, seed, prompt, ids, text, score, kl,"
                 " reward, advantages, length FROM samples WHERE run_id=?1"
                 " AND (?3 IS NULL OR kind=?3) AND step=CASE WHEN ?2 >= 0 THEN ?2 ELSE"
                 " (SELECT max(step) FROM samples WHERE run_id=?1 AND (?3 IS NULL OR kind=?3)) END"
                 " ORDER BY id LIMIT ?4",
                 err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "iiti", call->run_id, call->step, call->kind,
            call->n > INT32_MAX ? (int64_t)INT32_MAX : (int64_t)call->n);
    while ((row = db_step(db, stmt, err)) > 0) {
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        if (read_sample(db, stmt, &out->rows[out->n++], err)) {
            sqlite3_reset(stmt);
            return -1;
        }
    }
    return row;
}

int store_load_samples(struct store *store, int64_t run_id, int64_t step, const char *kind,
                       size_t max, struct run_samples *out, struct error *err)
{
    struct samples_call call = {
        .run_id = run_id, .step = step, .kind = kind, .n = max, .out = out};
    *out = (struct run_samples){0};
    if (owner_call(store, REQUEST_READ, run_load_samples, &call, 0, err) == 0)
        return 0;
    run_samples_release(out);
    return -1;
}

/* ---- events ---- */

void run_events_release(struct run_events *events)
{
    for (size_t i = 0; i < events->n; i++) {
        free(events->rows[i].kind);
        free(events->rows[i].name);
        free(events->rows[i].text);
    }
    free(events->rows);
    *events = (struct run_events){0};
}

struct events_call {
    int64_t run_id;
    const struct run_event *event;
    struct run_events *out;
};

static int run_add_event(struct db *db, void *arg, struct error *err)
{
    struct events_call *call = arg;
    const struct run_event *event = call->event;
    return db_run(db, err,
                  "INSERT INTO events(run_id, step, at, kind, name, value, text)"
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                  "iiittrt", call->run_id, event->step, event->at ? event->at : clock_wall_ms(),
                  event->kind, event->name, event->value, event->text ? event->text : "");
}

int store_add_event(struct store *store, int64_t run_id, const struct run_event *event,
                    struct error *err)
{
    struct events_call call = {.run_id = run_id, .event = event};
    return owner_call(store, REQUEST_WRITE, run_add_event, &call, 128, err);
}

static int run_load_events(struct db *db, void *arg, struct error *err)
{
    struct events_call *call = arg;
    struct run_events *out = call->out;
    sqlite3_stmt *stmt =
        db_query(db,
                 "SELECT step, at, kind, name, value, text FROM events WHERE run_id=?1 ORDER BY id",
                 err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "i", call->run_id);
    while ((row = db_step(db, stmt, err)) > 0) {
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        struct run_event *event = &out->rows[out->n++];
        *event = (struct run_event){.step = sqlite3_column_int64(stmt, 0),
                                    .at = sqlite3_column_int64(stmt, 1),
                                    .kind = db_text(stmt, 2),
                                    .name = db_text(stmt, 3),
                                    .value = db_real(stmt, 4),
                                    .text = db_text(stmt, 5)};
        if (!event->kind || !event->text) {
            sqlite3_reset(stmt);
            return db_damaged(db, "events", err);
        }
    }
    return row;
}

int store_load_events(struct store *store, int64_t run_id, struct run_events *out,
                      struct error *err)
{
    struct events_call call = {.run_id = run_id, .out = out};
    *out = (struct run_events){0};
    if (owner_call(store, REQUEST_READ, run_load_events, &call, 0, err) == 0)
        return 0;
    run_events_release(out);
    return -1;
}

/* ---- checkpoints ---- */

void checkpoint_rows_release(struct checkpoint_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        free(rows->rows[i].file);
    free(rows->rows);
    *rows = (struct checkpoint_rows){0};
}

struct checkpoint_call {
    int64_t run_id, step;
    const struct checkpoint_row *row;
    struct checkpoint_rows *out;
};

static int run_add_checkpoint(struct db *db, void *arg, struct error *err)
{
    struct checkpoint_call *call = arg;
    const struct checkpoint_row *row = call->row;
    return db_run(db, err,
                  "INSERT INTO checkpoints(run_id, step, file, hash, bytes, created_at)"
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(run_id, step) DO UPDATE SET"
                  " file=?3, hash=?4, bytes=?5, created_at=?6",
                  "iitkii", call->run_id, row->step, row->file, row->hash, row->bytes,
                  row->created_at ? row->created_at : clock_wall_ms());
}

int store_add_checkpoint(struct store *store, int64_t run_id,
                         const struct checkpoint_row *checkpoint, struct error *err)
{
    struct checkpoint_call call = {.run_id = run_id, .row = checkpoint};
    return owner_call(store, REQUEST_WRITE, run_add_checkpoint, &call, 256, err);
}

static int run_drop_checkpoint(struct db *db, void *arg, struct error *err)
{
    struct checkpoint_call *call = arg;
    return db_run(db, err, "DELETE FROM checkpoints WHERE run_id=?1 AND step=?2", "ii",
                  call->run_id, call->step);
}

int store_drop_checkpoint(struct store *store, int64_t run_id, int64_t step, struct error *err)
{
    struct checkpoint_call call = {.run_id = run_id, .step = step};
    return owner_call(store, REQUEST_WRITE, run_drop_checkpoint, &call, 0, err);
}

static int run_checkpoints(struct db *db, void *arg, struct error *err)
{
    struct checkpoint_call *call = arg;
    struct checkpoint_rows *out = call->out;
    sqlite3_stmt *stmt = db_query(db,
                                  "SELECT step, file, hash, bytes, created_at FROM checkpoints"
                                  " WHERE run_id=?1 ORDER BY step",
                                  err);
    int row;
    if (!stmt)
        return -1;
    db_bind(stmt, "i", call->run_id);
    while ((row = db_step(db, stmt, err)) > 0) {
        const void *hash = sqlite3_column_blob(stmt, 2);
        bool ok = hash && sqlite3_column_bytes(stmt, 2) == 32;
        out->rows = array_grow(out->rows, out->n, &out->cap, sizeof *out->rows);
        struct checkpoint_row *checkpoint = &out->rows[out->n++];
        *checkpoint = (struct checkpoint_row){.step = sqlite3_column_int64(stmt, 0),
                                              .file = db_text(stmt, 1),
                                              .bytes = sqlite3_column_int64(stmt, 3),
                                              .created_at = sqlite3_column_int64(stmt, 4)};
        if (ok)
            memcpy(checkpoint->hash, hash, 32);
        if (!ok || !checkpoint->file) {
            sqlite3_reset(stmt);
            return db_damaged(db, "checkpoints", err);
        }
    }
    return row;
}

int store_checkpoints(struct store *store, int64_t run_id, struct checkpoint_rows *out,
                      struct error *err)
{
    struct checkpoint_call call = {.run_id = run_id, .out = out};
    *out = (struct checkpoint_rows){0};
    if (owner_call(store, REQUEST_READ, run_checkpoints, &call, 0, err) == 0)
        return 0;
    checkpoint_rows_release(out);
    return -1;
}
