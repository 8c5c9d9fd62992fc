/*
 * Runs the full screen without a terminal: reads a session from standard input, writes it
 * again with the screen's cells in it. A session is its own expected output (see run.sh).
 * Lines: locale NAME          before anything else; else C.UTF-8 size COLUMNSxROWS
 * begins, or resizes run COMMAND          a command line key NAME..           keys by
 * their names; `type TEXT` characters; `paste TEXT` with \n wait                 until no
 * job runs and nothing is due runs                 puts runs into the store, as
 * training would dump                 the cells, each row behind a | storm N
 * / mash N     N sizes / N keys from a fixed generator; what is shown is not looked at
 */
#include "config.h"

#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "tests/unit/run_fixture.h"
#include "ui/tui.h"

struct driver {
    struct args args;
    struct front front;
    struct tui *tui;
    FILE *in, *out; /* curses' terminal: /dev/null */
    bool started;
};

static void die(const char *what)
{
    fprintf(stderr, "driver: %s\n", what);
    exit(1);
}

static void begin(struct driver *driver, const char *dir)
{
    struct workbench_options options = {.dir = dir, .threads = 1, .no_model = true};
    struct error err = {0};

    driver->front =
        (struct front){.args = &driver->args, .now = FRONT_TUI, .want = FRONT_TUI};
    driver->front.wb = workbench_open(&options, &err);
    if (!driver->front.wb)
        die(err.text);
    driver->in = fopen("/dev/null", "r");
    driver->out = fopen("/dev/null", "w");
    driver->tui = tui_make(&driver->front);
}

static void set_size(struct driver *driver, int columns, int rows)
{
    struct error err = {0};

    if (driver->started) {
        tui_resize(driver->tui, rows, columns);
    } else if (tui_start(driver->tui, driver->in, driver->out, rows, columns, &err) < 0) {
        die(err.text);
    }
    driver->started = true;
    tui_frame(driver->tui);
}

static void settle(struct driver *driver)
{
    struct jobs *jobs = driver->front.wb->jobs;
    for (;;) {
        int due = tui_timeout(driver->tui);
        if (due < 0 && !jobs_active(jobs))
            break;
        struct pollfd wake = {.fd = jobs_wake_fd(jobs), .events = POLLIN};
        poll(&wake, 1, due >= 0 ? due : 1000);
        workbench_poll(driver->front.wb);
        tui_notice(driver->tui);
        tui_tick(driver->tui);
    }
    workbench_poll(driver->front.wb);
    tui_notice(driver->tui);
    tui_frame(driver->tui);
}

static void press(struct driver *driver, const char *names)
{
    while (*names) {
        struct key key;
        size_t n = strcspn(names, " ");
        if (n > 0 && !key_parse(names, n, &key))
            die(names);
        if (n > 0)
            tui_key(driver->tui, &key);
        names += n + (names[n] == ' ');
    }
    tui_frame(driver->tui);
}

static void type(struct driver *driver, const char *text)
{
    while (*text) {
        struct key key;
        size_t n = 1;
        while (((unsigned char)text[n] & 0xc0) == 0x80)
            n++;
        if (key_parse(text, n, &key))
            tui_key(driver->tui, &key);
        text += n;
    }
    tui_frame(driver->tui);
}

static void paste(struct driver *driver, const char *text)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    for (; *text; text++) {
        if (text[0] == '\\' && text[1] == 'n') {
            buf_addc(&bytes, '\n');
            text++;
        } else {
            buf_addc(&bytes, *text);
        }
    }
    tui_paste(driver->tui, buf_str(&bytes), bytes.len);
    buf_release(&bytes);
    tui_frame(driver->tui);
}

static void dump(struct driver *driver)
{
    struct buf cells;
    buf_init(&cells, 0);
    tui_frame(driver->tui);
    draw_dump(&driver->tui->draw, &cells);
    for (char *line = cells.data; line && *line;) {
        size_t n = strcspn(line, "\n");
        printf("|%.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    buf_release(&cells);
}

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

static void storm(struct driver *driver, int n)
{
    unsigned state = 1;
    for (int i = 0; i < n; i++) {
        int columns = 1 + (int)(next_random(&state) % (i % 3 ? 200 : 12));
        set_size(driver, columns, 1 + (int)(next_random(&state) % (i % 2 ? 60 : 8)));
    }
}

static void mash(struct driver *driver, int n)
{
    static const char *const names[] = {
        "j",     "k",         "Down", "Up",    "PgUp",  "PgDn", "Home", "End", "Tab",
        "x",     "/",         "t",    "r",     "e",     "?",    ":",    "Esc", "Esc",
        "Enter", "Backspace", "Del",  "Left",  "Right", "C-a",  "C-e",  "C-k", "C-u",
        "C-w",   "C-_",       "C-o",  "C-l",   "F1",    "F3",   "F4",   "F5",  "1",
        "2",     "3",         "a",    "Space", "é",     "C-x",  "C-r",  "J",   "u",
        "U",     "C-p",       "-",    "=",     "\"",    "#",    "世",
    };
    unsigned state = 7;
    for (int i = 0; i < n; i++) {
        struct key key;
        const char *name = names[next_random(&state) % (sizeof names / sizeof *names)];
        if (!key_parse(name, strlen(name), &key))
            die(name);
        tui_key(driver->tui, &key);
        if (i % 7 == 0)
            tui_frame(driver->tui);
        if (i % 50 == 0)
            set_size(driver, 1 + (int)(next_random(&state) % 120),
                     1 + (int)(next_random(&state) % 50));
        driver->front.want = FRONT_TUI;
    }
    for (int i = 0; i < 4; i++)
        press(driver, "Esc");
    settle(driver);
}

static void run_line(struct driver *driver, char *line)
{
    size_t n = strcspn(line, " ");
    char *rest = line + n + (line[n] == ' ');
    int columns, rows;

    line[n] = '\0';
    if (strcmp(line, "size") == 0 && sscanf(rest, "%dx%d", &columns, &rows) == 2)
        set_size(driver, columns, rows);
    else if (strcmp(line, "run") == 0)
        tui_run(driver->tui, false, "%s", rest);
    else if (strcmp(line, "key") == 0)
        press(driver, rest);
    else if (strcmp(line, "type") == 0)
        type(driver, rest);
    else if (strcmp(line, "paste") == 0)
        paste(driver, rest);
    else if (strcmp(line, "wait") == 0)
        settle(driver);
    else if (strcmp(line, "dump") == 0)
        dump(driver);
    else if (strcmp(line, "runs") == 0)
        run_fixture_add(driver->front.wb->store);
    else if (strcmp(line, "storm") == 0)
        storm(driver, atoi(rest));
    else if (strcmp(line, "mash") == 0)
        mash(driver, atoi(rest));
    else if (*line && *line != '#' && strcmp(line, "locale") != 0)
        die(line);
}

int main(int argc, char **argv)
{
    struct driver driver = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (argc != 2)
        die("usage: driver WORKSPACE <session");
    while ((n = getline(&line, &cap, stdin)) > 0) {
        if (line[0] == '|')
            continue;
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        printf("%s\n", line);
        if (!driver.tui) {
            if (!setlocale(LC_CTYPE,
                           strncmp(line, "locale ", 7) == 0 ? line + 7 : "C.UTF-8"))
                die("no such locale");
            begin(&driver, argv[1]);
        }
        run_line(&driver, line);
        fflush(stdout);
    }
    free(line);
    tui_stop(driver.tui);
    tui_free(driver.tui);
    workbench_close(driver.front.wb);
    fclose(driver.in);
    fclose(driver.out);
    return 0;
}
