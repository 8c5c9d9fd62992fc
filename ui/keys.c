/* Keys. */
#include "config.h"

#include "ui/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <curses.h>

#include "src/base/text.h"

/* Codes behind curses' own, for the brackets around a paste. */
enum { PASTE_BEGIN = KEY_MAX + 1, PASTE_END };

static const struct {
    int code;
    const char *name;
    const char *bytes; /* as Readline knows it; NULL: it does not */
} specials[] = {
    {KEY_UP, "Up", "\033[A"},       {KEY_DOWN, "Down", "\033[B"},
    {KEY_RIGHT, "Right", "\033[C"}, {KEY_LEFT, "Left", "\033[D"},
    {KEY_HOME, "Home", "\033[H"},   {KEY_END, "End", "\033[F"},
    {KEY_PPAGE, "PgUp", NULL},      {KEY_NPAGE, "PgDn", NULL},
    {KEY_DC, "Del", "\033[3~"},     {KEY_BACKSPACE, "Backspace", "\177"},
    {KEY_BTAB, "S-Tab", NULL},      {KEY_ENTER, "Enter", "\r"},
    {KEY_F(1), "F1", NULL},         {KEY_F(2), "F2", NULL},
    {KEY_F(3), "F3", NULL},         {KEY_F(4), "F4", NULL},
    {KEY_F(5), "F5", NULL},         {KEY_F(6), "F6", NULL},
    {KEY_F(7), "F7", NULL},         {KEY_F(8), "F8", NULL},
    {KEY_F(9), "F9", NULL},         {KEY_F(10), "F10", NULL},
    {KEY_RESIZE, "Resize", NULL},   {KEY_SLEFT, "S-Left", NULL},
    {KEY_SRIGHT, "S-Right", NULL},  {KEY_IC, "Ins", NULL},
};
#define N_SPECIALS (sizeof specials / sizeof *specials)

void keys_init(struct keys *keys, bool utf8)
{
    static const char begin[] = "\033[200~", end[] = "\033[201~";

    *keys = (struct keys){.utf8 = utf8};
    buf_init(&keys->paste, (size_t)1 << 20);
    define_key(begin, PASTE_BEGIN);
    define_key(end, PASTE_END);
}

void keys_release(struct keys *keys)
{
    buf_release(&keys->paste);
}

static void set_name(struct key *out, const char *name)
{
    snprintf(out->name, sizeof out->name, "%s", name);
}

static void name_char(struct key *out, uint32_t code)
{
    *out = (struct key){0};
    if (code == '\r' || code == '\n') {
        set_name(out, "Enter");
    } else if (code == '\t') {
        set_name(out, "Tab");
    } else if (code == 0x1b) {
        set_name(out, "Esc");
    } else if (code == 0x7f || code == 8) {
        set_name(out, "Backspace");
    } else if (code == ' ') {
        set_name(out, "Space");
        out->text[0] = ' ';
    } else if (code == 0) {
        set_name(out, "C-Space");
    } else if (code < 0x20) {
        char letter = code == 0x1f ? '_' : (char)(code + 0x60);
        snprintf(out->name, sizeof out->name, "C-%c", letter);
    } else if (code >= 0x80 && code < 0xa0) {
        set_name(out, "Unknown");
    } else {
        out->text[utf8_encode(code, out->text)] = '\0';
        set_name(out, out->text);
    }
}

static void name_special(struct key *out, int code)
{
    *out = (struct key){0};
    set_name(out, "Unknown");
    for (size_t i = 0; i < N_SPECIALS; i++)
        if (specials[i].code == code)
            set_name(out, specials[i].name);
}

/* The newline of a paste comes as a carriage return. */
static void paste_char(struct keys *keys, wint_t code)
{
    char bytes[4];
    if (code == '\r')
        code = '\n';
    buf_add(&keys->paste, bytes, utf8_encode((uint32_t)code, bytes));
}

enum input_kind keys_next(struct keys *keys, struct key *out)
{
    for (;;) {
        wint_t code;
        errno = 0;
        int kind = get_wch(&code);
        if (kind == ERR)
            return errno == EIO ? INPUT_END : INPUT_NONE;
        bool special = kind == KEY_CODE_YES;
        if (special && code == PASTE_BEGIN) {
            keys->pasting = true;
            buf_clear(&keys->paste);
        } else if (special && code == PASTE_END) {
            if (keys->pasting) {
                keys->pasting = false;
                return INPUT_PASTE;
            }
        } else if (keys->pasting) {
            if (!special)
                paste_char(keys, code);
        } else if (special) {
            name_special(out, (int)code);
            return INPUT_KEY;
        } else {
            name_char(out, (uint32_t)code);
            return INPUT_KEY;
        }
    }
}

bool key_parse(const char *name, size_t len, struct key *out)
{
    static const char *const named[] = {"Enter", "Tab", "Esc", "Backspace", "Space"};
    static const uint32_t codes[] = {'\r', '\t', 0x1b, 0x7f, ' '};
    uint32_t code;

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strlen(named[i]) == len && strncmp(named[i], name, len) == 0) {
            name_char(out, codes[i]);
            return true;
        }
    for (size_t i = 0; i < N_SPECIALS; i++)
        if (strlen(specials[i].name) == len &&
            strncmp(specials[i].name, name, len) == 0) {
            name_special(out, specials[i].code);
            return true;
        }
    if (len == 3 && name[0] == 'C' && name[1] == '-') {
        name_char(out, (uint32_t)name[2] & 0x1f);
        return true;
    }
    if (len > 0 && utf8_decode(name, len, &code) == len) {
        name_char(out, code);
        return true;
    }
    return false;
}

bool key_in(const struct key *key, const char *names)
{
    size_t len = strlen(key->name);

    while (*names) {
        size_t n = strcspn(names, " ");
        if (n == len && strncmp(names, key->name, n) == 0)
            return true;
        names += n + (names[n] == ' ');
    }
    return false;
}

void key_bytes(const struct key *key, struct buf *out)
{
    if (key->text[0]) {
        buf_adds(out, key->text);
        return;
    }
    for (size_t i = 0; i < N_SPECIALS; i++)
        if (strcmp(specials[i].name, key->name) == 0 && specials[i].bytes)
            buf_adds(out, specials[i].bytes);
    if (strcmp(key->name, "Tab") == 0)
        buf_addc(out, '\t');
    if (strncmp(key->name, "C-", 2) == 0 && key->name[2] && !key->name[3])
        buf_addc(out, (char)(key->name[2] & 0x1f));
}
