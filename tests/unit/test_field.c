/* The text field and the rows that text is broken into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/text.h"
#include "ui/field.h"
#include "ui/keys.h"
#include "ui/wrap.h"

/* ---- rows ---- */

static void rows_are_broken(void **state)
{
    static const struct {
        const char *text;
        int width;
        const char *rows; /* joined by | */
    } cases[] = {
        {"", 10, ""},
        {"one two three", 20, "one two three"},
        {"one two three", 8, "one two |three"},
        {"one two three", 7, "one two |three"}, /* the blank hangs over the edge */
        {"abcdefghij", 4, "abcd|efgh|ij"},
        {"a\nb\n", 10, "a|b|"},
        {"\n\n", 5, "||"},
        {"ab cdefghij", 4, "ab |cdef|ghij"},
        {"世界世界", 5, "世界|世界"},     /* two columns each */
        {"世", 1, "世"},                  /* wider than the row: alone in it */
        {"a\033b", 2, "a|\033|b"},        /* ^[ is two columns */
        {"e\xcc\x81x", 1, "e\xcc\x81|x"}, /* a mark goes with its letter */
        {"\xff\xfe", 4, "\xff|\xfe"},     /* bad bytes are <FF> */
        {"x", 0, "x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wrap wrap = {0};
        struct buf rows;
        buf_init(&rows, 0);
        wrap_text(&wrap, cases[i].text, strlen(cases[i].text), cases[i].width);
        for (size_t r = 0; r < wrap.n; r++) {
            if (r > 0)
                buf_addc(&rows, '|');
            buf_add(&rows, cases[i].text + wrap.rows[r].begin,
                    wrap.rows[r].end - wrap.rows[r].begin);
        }
        assert_string_equal(buf_str(&rows), cases[i].rows);
        buf_release(&rows);
        wrap_release(&wrap);
    }
}

/* Rows follow each other without a gap or an overlap, and each fits. */
static void rows_cover_the_text(void **state)
{
    static const char alphabet[] = "ab \n\t\033\xff\xc3\xa9\xe4\xb8\x96";
    unsigned seed = 1;
    (void)state;
    for (int round = 0; round < 300; round++) {
        char text[200];
        size_t len = 0;
        for (size_t n = (size_t)round % 190; len < n;) {
            seed = seed * 1103515245u + 12345u;
            text[len++] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        int width = 1 + round % 17;
        struct wrap wrap = {0};
        wrap_text(&wrap, text, len, width);
        size_t at = 0;
        for (size_t r = 0; r < wrap.n; r++) {
            assert_int_equal(wrap.rows[r].begin, at);
            size_t end = wrap.rows[r].end;
            while (end > at && (text[end - 1] == ' ' || text[end - 1] == '\t'))
                end--;
            int columns, first = 0;
            if (end > at)
                shown_char(text + at, end - at, &first);
            columns = shown_width(text + at, end - at);
            assert_true(columns <= width || columns == first);
            assert_int_equal(wrap_row_of(&wrap, at), r);
            at = wrap.rows[r].end;
            at += at < len && text[at] == '\n';
        }
        assert_int_equal(at, len);
        wrap_release(&wrap);
    }
}

static void columns_and_bytes(void **state)
{
    (void)state;
    assert_int_equal(shown_width("a世\033", 5), 5);
    assert_int_equal(shown_at("a世b", 5, 0), 0);
    assert_int_equal(shown_at("a世b", 5, 1), 1);
    assert_int_equal(shown_at("a世b", 5, 2),
                     1); /* in the middle of a wide one: at its start */
    assert_int_equal(shown_at("a世b", 5, 3), 4);
    assert_int_equal(shown_at("a世b", 5, 9), 5);
}

/* ---- the field, by keys ---- */

static void press(struct field *field, const char *names)
{
    while (*names) {
        struct key key;
        size_t n = strcspn(names, " ");
        assert_true(key_parse(names, n, &key));
        assert_true(field_key(field, &key, 10, 3));
        names += n + (names[n] == ' ');
    }
}

/* keys on a text with the cursor at its end; the result has | where the cursor is. */
static void keys_edit(void **state)
{
    static const struct {
        const char *text, *keys, *after;
    } cases[] = {
        {"", "a b c", "abc|"},
        {"abc", "Left Left x", "ax|bc"},
        {"abc", "Home Del", "|bc"},
        {"abc", "Backspace Backspace", "a|"},
        {"", "Backspace Del Left Right Up Down", "|"},
        {"one two", "C-w", "one |"},
        {"one two", "C-w C-w C-w", "|"},
        {"one two", "S-Left x", "one x|two"},
        {"one two", "Home S-Right", "one| two"},
        {"one\ntwo", "Up x", "onex|\ntwo"},
        {"one\ntwo", "Up Home C-k", "|\ntwo"},
        {"one\ntwo", "Up Home C-k C-k", "|two"},
        {"one\ntwo", "C-u", "one\n|"},
        {"one\ntwo", "Home Backspace", "one|two"},
        {"aé世", "Backspace", "aé|"},
        {"aé世", "Left Left Backspace", "|é世"},
        {"e\xcc\x81", "Backspace", "|"},
        {"x", "Enter y", "x\ny|"},
        {"long\na\nlonger", "Up Up x",
         "longx|\na\nlonger"}, /* up keeps the column it came from */
        {"0123456789abc", "Home x", "0123456789x|abc"}, /* home of the shown row */
        {"0123456789abc", "Up Home x", "x|0123456789abc"},
        {"0123456789abc", "Up End x", "012345678x|9abc"}, /* the end stays on its row */
        {"a\nb\nc\nd\ne", "PgUp x", "a\nbx|\nc\nd\ne"},
        {"a\nb\nc\nd\ne", "PgUp PgUp PgDn x", "a\nb\nc\ndx|\ne"},
        {"", "a b C-_", "|"},                /* typing is one step */
        {"", "a b Left Right c C-_", "ab|"}, /* moving ends the step */
        {"abc", "Backspace Backspace C-_ C-_", "abc|"},
        {"abc", "Backspace C-_ C-r", "ab|"},
        {"abc", "Backspace C-_ x C-r",
         "abcx|"}, /* a new edit forgets what could be redone */
        {"abc", "C-_ C-_", "abc|"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct field field;
        struct buf shown;
        field_init(&field, false);
        field_set(&field, cases[i].text, strlen(cases[i].text));
        press(&field, cases[i].keys);
        buf_init(&shown, 0);
        buf_add(&shown, field_text(&field), field.cursor);
        buf_addc(&shown, '|');
        buf_adds(&shown, field_text(&field) + field.cursor);
        assert_string_equal(buf_str(&shown), cases[i].after);
        buf_release(&shown);
        field_release(&field);
    }
}

static void paste_is_one_step(void **state)
{
    struct field field;
    (void)state;
    field_init(&field, false);
    field_insert(&field, "a", 1, true);
    field_insert(&field, "x\r\ny\rz\0!", 8, false);
    assert_string_equal(field_text(&field), "ax\ny\nz!");
    field_insert(&field, "b", 1, true);
    assert_true(field_undo(&field));
    assert_string_equal(field_text(&field), "ax\ny\nz!");
    assert_true(field_undo(&field));
    assert_string_equal(field_text(&field), "a");
    field_release(&field);

    field_init(&field, true);
    field_insert(&field, "two\nlines", 9, false);
    assert_string_equal(field_text(&field), "two lines");
    field_release(&field);
}

static void text_has_a_limit(void **state)
{
    struct field field;
    char *big = malloc(FIELD_BYTES_MAX + 10);
    (void)state;
    memset(big, 'x', FIELD_BYTES_MAX + 10);
    field_init(&field, false);
    field_set(&field, big, FIELD_BYTES_MAX + 10);
    assert_int_equal(field.text.len, FIELD_BYTES_MAX - 1);
    field_insert(&field, "y", 1, true);
    assert_int_equal(field.text.len, FIELD_BYTES_MAX - 1);
    field_backspace(&field);
    assert_int_equal(field.text.len, FIELD_BYTES_MAX - 2);
    field_release(&field);
    free(big);
}

/* Whatever is done can be taken back, step by step, to the bytes that were there. */
static void undo_takes_all_back(void **state)
{
    static const char *const keys[] = {
        "a",  "é",    "Space", "Enter", "Backspace", "Del", "Left", "Right",
        "Up", "Down", "Home",  "End",   "C-k",       "C-u", "C-w",  "S-Left"};
    static const char start[] = "first line\nsecond 世\n\nlast";
    unsigned seed = 3;
    struct field field;
    (void)state;
    field_init(&field, false);
    field_set(&field, start, strlen(start));
    for (int i = 0; i < 600; i++) {
        seed = seed * 1103515245u + 12345u;
        press(&field, keys[(seed >> 16) % (sizeof keys / sizeof *keys)]);
        assert_true(field.cursor <= field.text.len);
        assert_true(utf8_valid(field_text(&field), field.text.len, &(size_t){0}));
    }
    size_t len = field.text.len;
    char *after = strdup(field_text(&field));
    while (field_undo(&field))
        ;
    assert_string_equal(field_text(&field), start);
    while (field_redo(&field))
        ;
    assert_int_equal(field.text.len, len);
    assert_string_equal(field_text(&field), after);
    free(after);
    field_release(&field);
}

static void cursor_is_kept_in_view(void **state)
{
    struct field field;
    struct wrap wrap = {0};
    int row, column;
    (void)state;
    field_init(&field, false);
    field_set(&field, "1\n2\n3\n4\n5\n6", 11);
    field_scroll(&field, &wrap, 10, 3, &row, &column);
    assert_int_equal(field.top, 3);
    assert_int_equal(row, 2);
    assert_int_equal(column, 1);
    field_first(&field);
    field_scroll(&field, &wrap, 10, 3, &row, &column);
    assert_int_equal(field.top, 0);
    assert_int_equal(row, 0);
    field_scroll(&field, &wrap, 10, 0, &row, &column);
    assert_int_equal(row, 0);
    wrap_release(&wrap);
    field_release(&field);
}

/* ---- key names ---- */

static void keys_have_names(void **state)
{
    static const char *const names[] = {"a",     "é",    "世",    "C-s",      "C-_",
                                        "Enter", "Tab",  "Esc",   "Space",    "F2",
                                        "Down",  "PgUp", "S-Tab", "Backspace"};
    struct key key;
    struct buf bytes;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(key_parse(names[i], strlen(names[i]), &key));
        assert_string_equal(key.name, names[i]);
        assert_true(key_in(&key, names[i]));
    }
    assert_false(key_parse("Nope", 4, &key));
    assert_true(key_parse("j", 1, &key));
    assert_true(key_in(&key, "Down j"));
    assert_false(key_in(&key, "Down jj J"));
    buf_init(&bytes, 0);
    assert_true(key_parse("Up", 2, &key));
    key_bytes(&key, &bytes);
    assert_string_equal(buf_str(&bytes), "\033[A");
    buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_broken),     cmocka_unit_test(rows_cover_the_text),
        cmocka_unit_test(columns_and_bytes),   cmocka_unit_test(keys_edit),
        cmocka_unit_test(paste_is_one_step),   cmocka_unit_test(text_has_a_limit),
        cmocka_unit_test(undo_takes_all_back), cmocka_unit_test(cursor_is_kept_in_view),
        cmocka_unit_test(keys_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
