#include "config.h"

#include "models/chat.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

/* clang-format off */
/* The order is that of recognition: the more special signs first. */
static const struct chat_format formats[] = {
    {"chatml", 0,
     {"<|im_start|>", "<|im_end|>"}, NULL,
     {"<|im_start|>", "<|im_end|>"},
     {"<|im_start|>system\n", "<|im_end|>\n"},
     {"<|im_start|>user\n", "<|im_end|>\n"},
     {"<|im_start|>assistant\n", "<|im_end|>\n"},
     "<|im_start|>assistant\n"},
    {"llama-3", CHAT_BOS | CHAT_TRIM,
     {"<|start_header_id|>", "<|eot_id|>"}, NULL,
     {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
     {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
     "<|start_header_id|>assistant<|end_header_id|>\n\n"},
    {"gemma", CHAT_BOS | CHAT_TRIM | CHAT_FOLD_SYSTEM,
     {"<start_of_turn>", "<end_of_turn>"}, NULL,
     {"<start_of_turn>", "<end_of_turn>"},
     {"", "\n\n"},
     {"<start_of_turn>user\n", "<end_of_turn>\n"},
     {"<start_of_turn>model\n", "<end_of_turn>\n"},
     "<start_of_turn>model\n"},
    {"zephyr", 0,
     {"<|user|>", "<|assistant|>", "+ eos_token"}, "<|end|>", /* Phi-3 */
     {"<|system|>", "<|user|>", "<|assistant|>"},
     {"<|system|>\n", "{eos}\n"},
     {"<|user|>\n", "{eos}\n"},
     {"<|assistant|>\n", "{eos}\n"},
     "<|assistant|>\n"},
    {"llama-2", CHAT_BOS | CHAT_TRIM | CHAT_FOLD_SYSTEM | CHAT_BOS_TURNS,
     {"[INST]", "<<SYS>>"}, NULL,
     {NULL},
     {"<<SYS>>\n", "\n<</SYS>>\n\n"},
     {"[INST] ", " [/INST]"},
     {" ", " {eos}"},
     ""},
    {"mistral", CHAT_BOS | CHAT_FOLD_SYSTEM,
     {"[INST]", "[/INST]"}, "[SYSTEM_PROMPT]", /* the format of 2025 */
     {"[INST]", "[/INST]"},
     {"", "\n\n"},
     {"[INST] ", " [/INST]"},
     {" ", "{eos}"},
     ""},
};
/* clang-format on */
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

const char *const *chat_formats(void)
{
    static const char *const names[] = {"chatml", "llama-2", "llama-3", "gemma",
                                        "zephyr", "mistral", NULL};
    return names;
}

const struct chat_format *chat_format_find(const char *name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

/* ---- what a template says ---- */

static const char *find(struct gguf_string s, size_t from, const char *what)
{
    return from < s.len ? memmem(s.data + from, s.len - from, what, strlen(what)) : NULL;
}

static bool has_signs(struct gguf_string template, const struct chat_format *f)
{
    for (size_t i = 0; i < sizeof f->signs / sizeof f->signs[0] && f->signs[i]; i++)
        if (!find(template, 0, f->signs[i]))
            return false;
    return !f->others || !find(template, 0, f->others);
}

enum { MAX_SYSTEM = 4096 };

/*
 * ChatML templates often hold a system message of their own, written out as one literal
 * from
 * "<|im_start|>system" and a line end (as it is, or as \n) to "<|im_end|>". A quote or a
 * brace in between means that it is put together by the template: then there is none for
 * us.
 */
static char *literal_system(struct gguf_string template)
{
    static const char *const begins[] = {"<|im_start|>system\n", "<|im_start|>system\\n"};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        for (size_t from = 0;;) {
            const char *at = find(template, from, begins[i]);
            if (!at)
                break;
            const char *text = at + strlen(begins[i]);
            from = (size_t)(text - template.data);
            /* near: a search to the end for each of many beginnings would take the square
             */
            const struct gguf_string near = {
                template.data,
                template.len - from < MAX_SYSTEM ? template.len : from + MAX_SYSTEM};
            const char *end = find(near, from, "<|im_end|>");
            if (!end)
                continue;
            const size_t len = (size_t)(end - text);
            if (len > 0 && !memchr(text, '{', len) && !memchr(text, '\'', len) &&
                !memchr(text, '"', len) && !memchr(text, '\\', len) &&
                !memchr(text, 0, len))
                return xstrndup(text, len);
        }
    }
    return NULL;
}

/*
 * Llama 3.1 to 3.3 put two dates in front of the system message. The second is today's
 * where their template has a clock, and this one where it has none: a label must not hang
 * on the day.
 */
static const char llama31_dates[] = "Cutting Knowledge Date: December 2023\n"
                                    "Today Date: 26 Jul 2024\n\n";

static bool has_llama31_dates(const struct chat_format *format,
                              struct gguf_string template)
{
    return strcmp(format->name, "llama-3") == 0 &&
           find(template, 0, "Cutting Knowledge Date: December 2023") &&
           find(template, 0, "26 Jul 2024");
}

int chat_style_load(struct chat_style *out, const struct gguf *gguf, struct error *err)
{
    *out = (struct chat_style){0};
    struct gguf_string template;
    const int got = gguf_get_string(gguf, "tokenizer.chat_template", &template, err);
    if (got <= 0)
        return got;
    for (size_t i = 0; i < N_FORMATS && !out->format; i++)
        if (has_signs(template, &formats[i]))
            out->format = &formats[i];
    if (!out->format)
        return 0;
    out->bos = find(template, 0, "bos_token") != NULL;
    if (strcmp(out->format->name, "chatml") == 0)
        out->default_system = literal_system(template);
    if (has_llama31_dates(out->format, template))
        out->preamble = llama31_dates;
    return 0;
}

void chat_style_release(struct chat_style *style)
{
    free(style->default_system);
    *style = (struct chat_style){0};
}

/* ---- writing a conversation ---- */

/*
 * Plain text gathers in `plain` until a control token or the end comes, and is encoded as
 * one piece: where a format's marker is no token of this vocabulary it merges with its
 * neighbours, as in the model's training.
 */
struct writer {
    const struct tokenizer *t;
    const struct chat_format *format;
    const char *preamble; /* of system messages, "" for none */
    struct buf plain;
    struct tokens *out;
    struct buf *text; /* or NULL */
};

static int write_plain(struct writer *w, struct error *err)
{
    if (w->plain.full)
        return error_set(err, ERROR_DATA, "the conversation is too long");
    const int status =
        tokenizer_encode(w->t, buf_str(&w->plain), w->plain.len, w->out, err);
    buf_clear(&w->plain);
    return status;
}

static int write_id(struct writer *w, int32_t id, struct error *err)
{
    if (id < 0)
        return 0;
    if (write_plain(w, err))
        return -1;
    tokens_add(w->out, id);
    if (w->text)
        tokenizer_decode(w->t, id, true, w->text);
    return 0;
}

/* A message's text: never looked at for markers. */
static void write_text(struct writer *w, const char *text, size_t len)
{
    buf_add(&w->plain, text, len);
    if (w->text)
        buf_add(w->text, text, len);
}

/* The length of the marker at s, or 0. */
static size_t marker_at(const struct chat_format *f, const char *s)
{
    for (size_t i = 0; i < CHAT_MAX_MARKERS && f->markers[i]; i++)
        if (strncmp(s, f->markers[i], strlen(f->markers[i])) == 0)
            return strlen(f->markers[i]);
    return 0;
}

/* A text of the format's row. */
static int write_frame(struct writer *w, const char *s, struct error *err)
{
    static const char eos[] = "{eos}";
    while (*s) {
        if (strncmp(s, eos, sizeof eos - 1) == 0) {
            if (write_id(w, w->t->eos, err))
                return -1;
            s += sizeof eos - 1;
            continue;
        }
        const size_t len = marker_at(w->format, s);
        const int32_t id = len ? tokenizer_special(w->t, s, len) : -1;
        if (id >= 0 && write_id(w, id, err))
            return -1;
        if (id < 0)
            write_text(w, s, len ? len : 1);
        s += len ? len : 1;
    }
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void write_message(struct writer *w, const char *text, size_t len)
{
    if (w->format->flags & CHAT_TRIM) {
        while (len > 0 && is_blank(text[len - 1]))
            len--;
        while (len > 0 && is_blank(*text)) {
            text++;
            len--;
        }
    }
    write_text(w, text, len);
}

static int write_framed(struct writer *w, const char *const frame[2], const char *text,
                        size_t len, struct error *err)
{
    if (write_frame(w, frame[0], err))
        return -1;
    write_message(w, text, len);
    return write_frame(w, frame[1], err);
}

static int write_system(struct writer *w, const char *text, size_t len, struct error *err)
{
    if (write_frame(w, w->format->system[0], err))
        return -1;
    write_text(w, w->preamble, strlen(w->preamble));
    write_message(w, text, len);
    return write_frame(w, w->format->system[1], err);
}

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT };

static int find_role(const char *role, enum role *out, struct error *err)
{
    static const char *const names[] = {"system", "user", "assistant"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(role, names[i]) == 0) {
            *out = (enum role)i;
            return 0;
        }
    }
    return error_set(err, ERROR_USAGE,
                     "the role '%.40s' is not known (allowed: system, user, assistant)",
                     role);
}

/* `folded` is the system message that stands inside this user message, or NULL. */
static int write_turn(struct writer *w, enum role role,
                      const struct chat_message *message,
                      const struct chat_message *folded, bool first, struct error *err)
{
    const struct chat_format *f = w->format;
    switch (role) {
    case ROLE_SYSTEM:
        return write_system(w, message->text, message->len, err);
    case ROLE_USER:
        if (f->flags & CHAT_BOS_TURNS && !first && write_id(w, w->t->bos, err))
            return -1;
        if (!folded)
            return write_framed(w, f->user, message->text, message->len, err);
        if (write_frame(w, f->user[0], err) ||
            write_framed(w, f->system, folded->text, folded->len, err))
            return -1;
        write_message(w, message->text, message->len);
        return write_frame(w, f->user[1], err);
    case ROLE_ASSISTANT:
        return write_framed(w, f->assistant, message->text, message->len, err);
    }
    return 0;
}

static int write_all(struct writer *w, const struct chat_style *style,
                     const struct chat_message *messages, size_t n, bool open_assistant,
                     struct error *err)
{
    const struct chat_format *f = w->format;
    const struct chat_message *folded = NULL;
    bool first = true;
    if ((f->flags & CHAT_BOS || (f == style->format && style->bos)) &&
        write_id(w, w->t->bos, err))
        return -1;
    const char *system = f == style->format ? style->default_system : NULL;
    if ((system || w->preamble[0]) &&
        (n == 0 || strcmp(messages[0].role, "system") != 0) &&
        write_system(w, system ? system : "", system ? strlen(system) : 0, err))
        return -1;
    for (size_t i = 0; i < n; i++) {
        enum role role = ROLE_USER;
        if (find_role(messages[i].role, &role, err))
            return -1;
        if (role == ROLE_SYSTEM && f->flags & CHAT_FOLD_SYSTEM) {
            folded = &messages[i];
            continue;
        }
        if (write_turn(w, role, &messages[i], role == ROLE_USER ? folded : NULL, first,
                       err))
            return -1;
        if (role == ROLE_USER)
            folded = NULL;
        first = false;
    }
    if (folded)
        return error_set(err, ERROR_USAGE,
                         "the format %s needs a user message behind the system message",
                         f->name);
    if (open_assistant && write_frame(w, f->open, err))
        return -1;
    return write_plain(w, err);
}

int chat_encode(const struct tokenizer *t, const struct chat_style *style,
                const struct chat_format *format, const struct chat_message *messages,
                size_t n, bool open_assistant, struct tokens *out, struct buf *text,
                struct error *err)
{
    const bool own = format == style->format;
    struct writer w = {.t = t,
                       .format = format,
                       .preamble = own && style->preamble ? style->preamble : "",
                       .out = out,
                       .text = text};
    buf_init(&w.plain, 0);
    const size_t before = out->n;
    const int status = write_all(&w, style, messages, n, open_assistant, err);
    if (status)
        out->n = before;
    buf_release(&w.plain);
    return status;
}
