/*
 * The probe: a few pairs judged in both orders, to see what an edit does. The pairs are picked
 * hard (flips and small margins of the version before, a few that were right), so its counts are
 * no estimate. Main's thread; the judging itself is a probe job.
 */
#ifndef RLAIF_CMD_PROBE_H
#define RLAIF_CMD_PROBE_H

#include "src/cmd/command.h"
#include "src/cmd/workbench.h"
#include "src/label/labeler.h"

#define PROBE_PAIRS 16
#define PROBE_PAIRS_MAX 256

/*
 * Picks at most n pairs of a set for a probe against `before` (NULL: seeded order): first
 * (NULL: none) stands first, then pairs that flip, small margins, and right ones, none of
 * the test split. Returns how many.
 */
size_t probe_pick(const struct set_index *set, const struct judging *before,
                  const struct pair *first, size_t n, const struct pair **out);

/* How a pair's verdict changed against its reference. */
enum probe_change { PROBE_SAME, PROBE_FIXED, PROBE_BROKE, PROBE_CHANGED, PROBE_NEW };
const char *probe_change_name(
    enum probe_change change); /* "same", "fixed", "BROKE", "changed", "new" */
enum probe_change probe_compare(const struct judged *before, const struct judged *after);

/* Judges n pairs now with this prompt (owned by it from now on) and waits; rows: n, the
 * caller's. Ctrl-C cancels. */
int probe_run(struct workbench *wb, struct prompt *prompt, int64_t prompt_id, const char *labeler,
              const struct pair *const *pairs, size_t n, struct judged *rows, struct error *err);
/* Probes a prompt (taken over) on n pairs of the current set against the version
 * before_id (0: none): the answer's object with n, right, fixed, broke, rows. prompt_id
 * 0: a draft. */
json_t *probe_answer(struct workbench *wb, struct prompt *prompt, int64_t prompt_id,
                     int64_t before_id, const char *labeler, size_t n, struct error *err);
void probe_print(const json_t *answer, struct buf *out);
/* The object's rows and counts from judged rows. */
json_t *probe_json(const struct judged *before, const struct judged *after, size_t n,
                   const char *set_name);
/* Adds "probe" to the call's answer: the newest prompt against the version `before`. */
int probe_after_edit(struct call *call, const struct prompt_row *before, struct error *err);

/* Name of the workspace setting that keeps the last null test (a JSON list). Owned by the
 * caller. */
char *null_setting(const struct set_index *set, int64_t prompt_id, const char *labeler);

/* A labeler by name: NULL or "model" the open model with the prompt, "direct",
 * "likelihood", "sim:...". Takes prompt over. */
struct labeler *labeler_by_name(struct workbench *wb, const char *name, struct prompt *prompt,
                                enum pool_priority priority, uint64_t seed, struct error *err);

#endif
