/* The terminal's state. */
#include "config.h"

#include "ui/term.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

/* Written by main before any handler can read them. */
static struct termios saved;
static volatile bool is_saved;
static char exit_bytes[128];
static volatile size_t n_exit_bytes;

void term_save(void)
{
    if (tcgetattr(STDIN_FILENO, &saved) == 0)
        is_saved = true;
}

void term_restore(void)
{
    if (is_saved)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

/* A terminal's string, "" when it has none. */
static const char *capability(const char *name)
{
    char copy[16];
    snprintf(copy, sizeof copy, "%s", name);
    const char *text = tigetstr(copy);
    return text && text != (char *)-1 ? text : "";
}

void term_screen(bool on)
{
    n_exit_bytes = 0;
    if (!on)
        return;
    int n = snprintf(exit_bytes, sizeof exit_bytes, "\033[?2004l%s%s%s",
                     capability("sgr0"), capability("cnorm"), capability("rmcup"));
    n_exit_bytes = n > 0 && (size_t)n < sizeof exit_bytes ? (size_t)n : 0;
}

void term_emergency(void)
{
    size_t n = n_exit_bytes;

    n_exit_bytes = 0;
    if (n > 0) {
        ssize_t done = write(STDOUT_FILENO, exit_bytes, n);
        (void)done;
    }
    /* Not "drain": a dead terminal would never take the rest. */
    if (is_saved)
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

struct term_size term_size(void)
{
    struct winsize size;
    struct term_size out = {24, 80};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
        size.ws_col > 0)
        out = (struct term_size){size.ws_row, size.ws_col};
    return out;
}

void term_flow_off(void)
{
    struct termios now;
    if (tcgetattr(STDIN_FILENO, &now) == 0 && now.c_iflag & IXON) {
        now.c_iflag &= ~(tcflag_t)IXON;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
    }
}

bool term_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* The terminal's entry is asked for a way to move the cursor: newterm succeeds on `dumb`
 * too. */
static bool can_move(void)
{
    int status;
    const char *name = getenv("TERM");

    if (!name || !*name || strcmp(name, "dumb") == 0)
        return false;
    if (setupterm(name, STDOUT_FILENO, &status) != 0)
        return false;
    char cup[] = "cup";
    const char *move = tigetstr(cup);
    bool can = move && move != (char *)-1;
    del_curterm(cur_term);
    return can;
}

bool term_can_tui(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && can_move();
}

bool term_can_edit(void)
{
    return can_move();
}
