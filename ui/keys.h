/*
 * Keys as names: "j", "Down", "C-s", "F2", "Tab". Tables of keys are written in these
 * names, so that help shows what is really bound. Reads what the terminal has, never
 * waits.
 */
#ifndef RLAIF_UI_KEYS_H
#define RLAIF_UI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"

struct key {
    char name[16]; /* of the key */
    char text[5];  /* the character's UTF-8 when it is a printable one, else "" */
};

enum input_kind { INPUT_NONE, INPUT_KEY, INPUT_PASTE, INPUT_END };

struct keys {
    struct buf paste;
    bool pasting;
    bool utf8;
};

/* After newterm: names the paste brackets to curses. */
void keys_init(struct keys *keys, bool utf8);
void keys_release(struct keys *keys);
/* The next key, or a whole paste in keys->paste. INPUT_END: the terminal is gone. */
enum input_kind keys_next(struct keys *keys, struct key *out);
/* A key from its name, for scripts: "C-s", "Down", "x". False: no such key. */
bool key_parse(const char *name, size_t len, struct key *out);
/* Whether a key is in a list of names "j Down". */
bool key_in(const struct key *key, const char *names);
/* What Readline expects from a terminal for this key. */
void key_bytes(const struct key *key, struct buf *out);

#endif
