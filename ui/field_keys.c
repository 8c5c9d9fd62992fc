/* The keys of a text field: Readline's, where it has one for the purpose. */
#include "config.h"

#include <string.h>

#include "ui/field.h"
#include "ui/keys.h"

static void undo(struct field *field)
{
    field_undo(field);
}

static void redo(struct field *field)
{
    field_redo(field);
}

static const struct {
    const char *keys;
    void (*run)(struct field *field);
} plain[] = {
    {"Left C-b", field_left},
    {"Right C-f", field_right},
    {"S-Left", field_word_left},
    {"S-Right", field_word_right},
    {"Backspace", field_backspace},
    {"Del C-d", field_delete},
    {"C-k", field_kill_to_end},
    {"C-u", field_kill_to_start},
    {"C-w", field_kill_word},
    {"C-_", undo},
    {"C-r", redo},
};

bool field_key(struct field *field, const struct key *key, int width, int page)
{
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (key_in(key, plain[i].keys)) {
            plain[i].run(field);
            return true;
        }
    if (key->text[0])
        field_insert(field, key->text, strlen(key->text), true);
    else if (key_in(key, "Enter") && !field->single)
        field_insert(field, "\n", 1, true);
    else if (key_in(key, "Home C-a"))
        field_home(field, width);
    else if (key_in(key, "End C-e"))
        field_end(field, width);
    else if (key_in(key, "Up C-p") && !field->single)
        field_up(field, width, 1);
    else if (key_in(key, "Down C-n") && !field->single)
        field_down(field, width, 1);
    else if (key_in(key, "PgUp") && !field->single)
        field_up(field, width, page);
    else if (key_in(key, "PgDn") && !field->single)
        field_down(field, width, page);
    else
        return false;
    return true;
}
