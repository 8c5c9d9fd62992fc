/* The command line with Readline, by its callback interface: it never waits for a key. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/readline.h>

#include "src/base/clock.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "ui/complete.h"
#include "ui/history.h"
#include "ui/loop.h"
#include "ui/signals.h"
#include "ui/term.h"
#include "ui/welcome.h"

struct repl {
    struct front *front;
    struct sink sink;
    bool installed; /* Readline has the terminal */
    bool welcomed;
    bool asking; /* "leave while jobs run?" waits for y or n */
    char *kept;  /* a half-typed line while the TUI is on */
    int kept_point;
    double last_interrupt; /* when Ctrl-C was pressed on an empty line */
};

/* Readline calls back without an argument. */
static struct repl *repl;

/* ---- what is printed ---- */

/* Lines that arrive while a command is being typed go above it; the typed text stays
 * whole. */
static void print_above(const char *bytes, size_t len)
{
    bool editing = repl->installed && !RL_ISSTATE(RL_STATE_DONE);

    fflush(stdout);
    if (editing && repl->front->plain)
        write_all(STDOUT_FILENO, "\n", 1);
    else if (editing)
        rl_clear_visible_line();
    fflush(rl_outstream);
    write_all(STDOUT_FILENO, bytes, len);
    if (editing) {
        rl_on_new_line();
        rl_redisplay();
    }
}

static void on_talk(void *ctx, const char *line)
{
    struct buf text;
    (void)ctx;
    buf_init(&text, 0);
    buf_addf(&text, "%s\n", line);
    print_above(buf_str(&text), text.len);
    buf_release(&text);
}

static void on_error(void *ctx, const char *line)
{
    struct front *front = repl->front;
    struct buf text;
    (void)ctx;
    buf_init(&text, 0);
    if (front->file)
        buf_addf(&text, "%s:%ld: ", front->file, front->line);
    if (front->color)
        buf_addf(&text, "\033[1merror:\033[0m %s\n", line);
    else
        buf_addf(&text, "error: %s\n", line);
    print_above(buf_str(&text), text.len);
    buf_release(&text);
}

/* Screen rows that the text takes. */
static int count_rows(const char *text, size_t len, int columns)
{
    int rows = 0;
    size_t i = 0;
    while (i < len) {
        const char *end = memchr(text + i, '\n', len - i);
        size_t n = end ? (size_t)(end - (text + i)) : len - i;
        int width = n > 100000 ? 100000 : text_width(text + i, n);
        rows += width > columns ? (width + columns - 1) / columns : 1;
        i += n + 1;
    }
    return rows;
}

static void show_data(const char *bytes, size_t len)
{
    struct term_size size = term_size();
    struct buf clean;

    /* JSON escapes for itself; everything else is made harmless once more on its way out.
     */
    buf_init(&clean, (size_t)1 << 30);
    text_sanitise(&clean, bytes, len, TEXT_LINES);
    if (repl->front->plain ||
        count_rows(buf_str(&clean), clean.len, size.columns) < size.rows ||
        repl->installed || child_page(buf_str(&clean), clean.len) < 0)
        print_above(buf_str(&clean), clean.len);
    buf_release(&clean);
}

static void on_data(void *ctx, const char *bytes, size_t len)
{
    (void)ctx;
    show_data(bytes, len);
}

static int on_edit(void *ctx, const char *path, struct error *err)
{
    (void)ctx;
    return child_edit(path, err);
}

static int on_shell(void *ctx, const char *word, struct error *err)
{
    (void)ctx;
    return shell_word(repl->front, &repl->sink, word, err);
}

/* Completions and hints, as lines above what is being typed. */
static void on_list(void *ctx, char *const *lines, size_t n)
{
    struct buf text;
    struct term_size size = term_size();
    size_t most = size.rows > 6 ? (size_t)size.rows - 4 : 2;

    (void)ctx;
    buf_init(&text, 0);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(lines[i]);
        if (n > most && i == most - 1) {
            buf_addf(&text, "... %zu more: type a letter or two\n", n - i);
            break;
        }
        buf_add(&text, lines[i], text_fit(lines[i], len, size.columns - 1));
        buf_addc(&text, '\n');
    }
    print_above(buf_str(&text), text.len);
    buf_release(&text);
}

/* ---- prompt and keys ---- */

/* "builtin summary-base@1> ": what the next command means when it names nothing. */
static char *make_prompt(void)
{
    struct workbench *wb = repl->front->wb;
    struct buf text, clean;

    buf_init(&text, 0);
    buf_init(&clean, 200);
    if (repl->asking)
        return xstrdup("jobs run; leave and stop them? what is done is kept (y/n) ");
    buf_addf(&text, "%s%s%s", wb->current_set ? wb->current_set : "",
             wb->last_prompt ? " " : "", wb->last_prompt ? wb->last_prompt : "");
    text_sanitise(&clean, buf_str(&text), text.len, 0);
    buf_clear(&text);
    if (repl->front->color)
        buf_addf(&text, "\001\033[1m\002%s>\001\033[0m\002 ", buf_str(&clean));
    else
        buf_addf(&text, "%s> ", buf_str(&clean));
    buf_release(&clean);
    return buf_take(&text);
}

static int key_tui(int count, int key)
{
    (void)count;
    (void)key;
    repl->front->want = FRONT_TUI;
    return 0;
}

/* The usage of the command that is half typed. */
static int key_hint(int count, int key)
{
    struct buf hint;
    (void)count;
    (void)key;
    buf_init(&hint, 0);
    command_hint(repl->front->wb, rl_line_buffer, &hint);
    char *line = xasprintf("%s", hint.len ? buf_str(&hint)
                                          : "help lists the commands, Tab completes");
    on_list(NULL, &line, 1);
    free(line);
    buf_release(&hint);
    return 0;
}

/* `?` asks for help on an empty line and behind a blank; inside a word it is a letter. */
static int key_question(int count, int key)
{
    if (rl_point == rl_end && (rl_point == 0 || rl_line_buffer[rl_point - 1] == ' '))
        return key_hint(count, key);
    return rl_insert(count, key);
}

static void prepare_terminal(int meta)
{
    rl_prep_terminal(meta);
    term_flow_off();
}

static void on_line(char *line);

static void install(void)
{
    char *prompt = make_prompt();
    rl_callback_handler_install(prompt, on_line);
    free(prompt);
    repl->installed = true;
    signals_catch_stop(true);
}

static void uninstall(void)
{
    if (!repl->installed)
        return;
    repl->installed = false;
    rl_callback_handler_remove();
    fflush(stdout);
}

/* ---- a line ---- */

static void leave(void)
{
    repl->front->done = true;
}

/* End of input: Ctrl-D on an empty line. */
static void on_end(void)
{
    if (!repl->asking)
        write_all(STDOUT_FILENO, "\n", 1);
    if (!repl->asking && jobs_active(repl->front->wb->jobs) && isatty(STDIN_FILENO))
        repl->asking = true;
    else
        leave();
}

static void run_line(const char *line)
{
    struct front *front = repl->front;

    cancel_clear(front->wb);
    signals_force_after(3);
    int code = front_run(front, line, &repl->sink, front->args->keep_going);
    signals_force_after(0);
    if (code == ERROR_CANCELLED && !front->done)
        on_talk(NULL, "stopped; what was done is kept");
    cancel_clear(front->wb);
    /* `quit` asks too. */
    if (front->done && front->wb->quit && jobs_active(front->wb->jobs) &&
        !signals_exit_code()) {
        front->done = front->wb->quit = false;
        repl->asking = true;
    }
}

static void on_line(char *line)
{
    /* Readline has given the terminal back: commands, editors and pagers find it as it
     * was. */
    repl->installed = false;
    signals_catch_stop(false);
    if (!line) {
        on_end();
    } else if (repl->asking) {
        repl->asking = false;
        if (line[0] == 'y' || line[0] == 'Y')
            leave();
    } else if (line[strspn(line, " \t\n")]) {
        history_take(repl->front->wb, line);
        run_line(line);
    }
    free(line);
    if (repl->front->done || repl->front->want != FRONT_REPL) {
        rl_callback_handler_remove();
        return;
    }
    install();
}

/* ---- the front end ---- */

static int repl_on(void *end, struct error *err)
{
    (void)end;
    (void)err;
    repl->front->wb->front = &repl->sink;
    rl_getc_function = rl_getc;
    rl_input_available_hook = NULL;
    rl_redisplay_function = rl_redisplay;
    rl_prep_term_function = prepare_terminal;
    rl_deprep_term_function = rl_deprep_terminal;
    complete_init(repl->front->wb, on_list, NULL);
    if (!repl->welcomed)
        welcome(repl->front, &repl->sink);
    repl->welcomed = true;
    install();
    if (repl->kept) {
        rl_insert_text(repl->kept);
        rl_point = repl->kept_point;
        free(repl->kept);
        repl->kept = NULL;
        rl_redisplay();
    }
    return 0;
}

static void repl_off(void *end)
{
    (void)end;
    if (repl->installed && rl_end > 0 && !repl->front->done) {
        repl->kept = xstrdup(rl_line_buffer);
        repl->kept_point = rl_point;
    }
    if (repl->installed && !repl->front->plain)
        rl_clear_visible_line();
    uninstall();
    signals_catch_stop(false);
    repl->front->wb->front = NULL;
}

static void repl_input(void *end)
{
    (void)end;
    rl_callback_read_char();
}

/* Ctrl-C: the typed line goes; on an empty line, twice, the newest running job. */
static void on_interrupt(void)
{
    struct workbench *wb = repl->front->wb;
    bool empty = rl_end == 0;

    cancel_clear(wb);
    if (repl->asking) {
        repl->asking = false;
        char *prompt = make_prompt();
        rl_set_prompt(prompt);
        free(prompt);
    }
    rl_callback_sigcleanup();
    write_all(STDOUT_FILENO, "^C\n", 3);
    rl_replace_line("", 0);
    rl_point = rl_mark = 0;
    rl_on_new_line();
    rl_redisplay();
    if (!empty || !jobs_active(wb->jobs))
        return;
    double now = clock_seconds();
    int last = jobs_last(wb->jobs);
    if (now - repl->last_interrupt < 2) {
        jobs_cancel(wb->jobs, last, NULL);
        workbench_say(wb, "stopping %%%d; what it has done is kept", last);
        repl->last_interrupt = 0;
    } else {
        workbench_say(wb, "%%%d goes on; Ctrl-C once more stops it", last);
        repl->last_interrupt = now;
    }
}

static void on_stop(void)
{
    rl_deprep_terminal();
    signals_stop_now();
    rl_prep_term_function(1);
    rl_resize_terminal();
    rl_on_new_line();
    rl_forced_update_display();
}

static void repl_signals(void *end, unsigned bits)
{
    (void)end;
    if (bits & SIGNAL_INT)
        on_interrupt();
    if (bits & SIGNAL_RESIZE)
        rl_resize_terminal();
    if (bits & SIGNAL_STOP)
        on_stop();
}

static int repl_timeout(void *end)
{
    (void)end;
    return -1;
}

static void repl_round(void *end)
{
    (void)end;
}

static void repl_free(void *end)
{
    (void)end;
    history_close(repl->front->wb);
    complete_init(NULL, NULL, NULL);
    free(repl->kept);
    free(repl);
    repl = NULL;
}

static const struct end_ops ops = {
    .on = repl_on,
    .off = repl_off,
    .input = repl_input,
    .signals = repl_signals,
    .timeout_ms = repl_timeout,
    .round = repl_round,
    .free = repl_free,
};

struct end repl_new(struct front *front)
{
    repl = xcalloc(1, sizeof *repl);
    repl->front = front;
    repl->sink = (struct sink){.data = on_data,
                               .talk = on_talk,
                               .error = on_error,
                               .edit = on_edit,
                               .shell = on_shell,
                               .ctx = repl};
    rl_readline_name = "rlaif";
    /* LINES and COLUMNS in the environment would stop curses from following a resize. */
    rl_change_environment = 0;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_outstream = stdout;
    rl_instream = stdin;
    rl_initialize();
    if (front->plain || !term_can_edit())
        rl_variable_bind("enable-bracketed-paste", "off");
    else
        rl_variable_bind("enable-bracketed-paste", "on");
    rl_bind_keyseq("\\C-xt", key_tui);
    rl_bind_keyseq("\\C-x?", key_hint);
    rl_bind_keyseq("\\eOP", key_hint);
    rl_bind_keyseq("\\e[11~", key_hint);
    rl_bind_key('?', key_question);
    history_open(front->wb);
    return (struct end){&ops, repl};
}
