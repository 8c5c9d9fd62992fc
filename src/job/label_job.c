/* A labelling run as a job: what it tells goes to main as messages. */
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/job/label_run.h"

struct label_job {
    struct label_run_config config;
    const struct pair **pairs;
    struct job *job;
};

void label_message_free(void *message)
{
    struct label_message *m = message;
    if (!m)
        return;
    label_list_release(&m->rows);
    free(m);
}

static struct label_message *message_new(const struct label_job *j, enum label_message_kind kind)
{
    struct label_message *m = xcalloc(1, sizeof *m);
    m->magic = LABEL_MESSAGE_MAGIC;
    m->kind = kind;
    m->ctx = j->config.ctx;
    m->probe = j->config.probe;
    return m;
}

static void tell_estimate(void *ctx, const struct label_estimate *estimate)
{
    struct label_job *j = ctx;
    struct label_message *m = message_new(j, LABEL_MESSAGE_ESTIMATE);
    m->estimate = *estimate;
    job_post(j->job, m, label_message_free);
}

static void tell_labels(void *ctx, const struct label *labels, size_t n, bool reused)
{
    struct label_job *j = ctx;
    struct label_message *m = message_new(j, LABEL_MESSAGE_ROWS);
    for (size_t i = 0; i < n; i++)
        label_copy(label_list_add(&m->rows), &labels[i]);
    m->reused = reused;
    job_post(j->job, m, label_message_free);
}

static void tell_progress(void *ctx, uint64_t done, uint64_t total, const char *note)
{
    job_progress(((struct label_job *)ctx)->job, done, total, note);
}

static bool checkpoint(void *ctx)
{
    return job_checkpoint(((struct label_job *)ctx)->job);
}

static int run(struct job *job, void *arg, struct error *err)
{
    struct label_job *j = arg;
    struct label_run_events events = {.estimate = tell_estimate,
                                      .labels = tell_labels,
                                      .progress = tell_progress,
                                      .checkpoint = checkpoint,
                                      .ctx = j};
    struct label_summary summary;
    j->job = job;
    int rc = label_run(&j->config, &events, job_cancel(job), &summary, err);
    struct label_message *m = message_new(j, LABEL_MESSAGE_DONE);
    m->summary = summary;
    job_post(job, m, label_message_free);
    return rc;
}

static void label_job_free(void *arg)
{
    struct label_job *j = arg;
    labeler_free(j->config.labeler);
    free(j->pairs);
    free(j);
}

int label_run_start(struct jobs *jobs, const struct label_run_config *config, const char *line)
{
    struct label_job *j = xcalloc(1, sizeof *j);
    j->config = *config;
    j->pairs = xcalloc(config->n + 1, sizeof *j->pairs);
    for (size_t i = 0; i < config->n; i++)
        j->pairs[i] = config->pairs[i];
    j->config.pairs = j->pairs;
    struct job_work work = {.kind = config->probe ? "probe" : "label",
                            .probe = config->probe,
                            .run = run,
                            .free = label_job_free,
                            .arg = j};
    return jobs_start(jobs, &work, line);
}
