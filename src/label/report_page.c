#include "src/label/report_page.h"

#include <math.h>
#include <string.h>

#include "src/base/text.h"

static bool is_html(const struct page *page)
{
    return page->format == REPORT_HTML;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A character that Markdown would read as markup here. An underscore inside a word is none. */
static bool is_markup(const char *s, bool first, bool begins_line)
{
    if (*s == '_')
        return first || !is_word(s[-1]) || !is_word(s[1]);
    if (*s == '#' || *s == '-' || *s == '+')
        return first && begins_line;
    return strchr("\\`*[]|~$", *s) != NULL;
}

enum place {
    PLACE_LINE,  /* may begin a line: no list, no heading of its own */
    PLACE_CELL,  /* of a table */
    PLACE_LINES, /* verbatim HTML: newlines stay */
};

/* Sanitised text escaped. */
static void add_escaped(struct page *page, const char *text, size_t len, enum place place)
{
    struct buf clean;
    buf_init(&clean, 0);
    text_sanitise(&clean, text, len, place == PLACE_LINES ? TEXT_LINES : 0);
    const char *start = buf_str(&clean);
    for (const char *s = start; *s != '\0'; s++) {
        switch (*s) {
        case '<': buf_adds(page->out, "&lt;"); continue;
        case '>': buf_adds(page->out, "&gt;"); continue;
        case '&': buf_adds(page->out, "&amp;"); continue;
        case '"': buf_adds(page->out, is_html(page) ? "&quot;" : "\""); continue;
        default: break;
        }
        if (!is_html(page) && is_markup(s, s == start, place == PLACE_LINE))
            buf_addc(page->out, '\\');
        buf_addc(page->out, *s);
    }
    buf_release(&clean);
}

static void add_line(struct page *page, const char *text)
{
    add_escaped(page, text, strlen(text), PLACE_LINE);
}

void page_begin(struct page *page, const char *title)
{
    if (is_html(page)) {
        buf_adds(
            page->out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            "style-src 'unsafe-inline'\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, "
            "initial-scale=1\">\n<title>");
        add_line(page, title);
        buf_adds(page->out,
                 "</title>\n<style>\n"
                 "body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; "
                 "padding: 0 1em; "
                 "color: #222; background: #fff; }\n"
                 "table { border-collapse: collapse; margin: 1em 0; }\n"
                 "th, td { padding: .2em .8em; border-bottom: 1px solid #ccc; "
                 "text-align: right; }\n"
                 "th:first-child, td:first-child { text-align: left; }\n"
                 "pre { background: #f4f4f4; padding: .6em; white-space: pre-wrap; "
                 "overflow-wrap: anywhere; }\n"
                 "meter { width: 6em; }\n"
                 "</style>\n</head>\n<body>\n");
    }
    page_heading(page, 1, title);
}

void page_end(struct page *page)
{
    if (is_html(page))
        buf_adds(page->out, "</body>\n</html>\n");
}

void page_heading(struct page *page, int level, const char *text)
{
    if (is_html(page)) {
        buf_addf(page->out, "<h%d>", level);
        add_line(page, text);
        buf_addf(page->out, "</h%d>\n", level);
        return;
    }
    buf_fill(page->out, '#', (size_t)level);
    buf_addc(page->out, ' ');
    add_line(page, text);
    buf_adds(page->out, "\n\n");
}

void page_text(struct page *page, const char *text)
{
    buf_adds(page->out, is_html(page) ? "<p>" : "");
    add_line(page, text);
    buf_adds(page->out, is_html(page) ? "</p>\n" : "\n\n");
}

void page_list_begin(struct page *page)
{
    if (is_html(page))
        buf_adds(page->out, "<ul>\n");
}

void page_item(struct page *page, const char *text)
{
    buf_adds(page->out, is_html(page) ? "<li>" : "- ");
    add_line(page, text);
    buf_adds(page->out, is_html(page) ? "</li>\n" : "\n");
}

void page_list_end(struct page *page)
{
    buf_adds(page->out, is_html(page) ? "</ul>\n" : "\n");
}

static void add_cells(struct page *page, const char *const *cells, size_t n, const char *tag,
                      double share)
{
    if (!is_html(page)) {
        for (size_t i = 0; i < n; i++) {
            buf_adds(page->out, "| ");
            add_escaped(page, cells[i], strlen(cells[i]), PLACE_CELL);
            buf_addc(page->out, ' ');
        }
        buf_adds(page->out, "|\n");
        return;
    }
    buf_adds(page->out, "<tr>");
    for (size_t i = 0; i < n; i++) {
        buf_addf(page->out, "<%s>", tag);
        add_escaped(page, cells[i], strlen(cells[i]), PLACE_CELL);
        if (i + 1 == n && share >= 0 && share <= 1)
            buf_addf(page->out, " <meter min=\"0\" max=\"1\" value=\"%.4f\"></meter>", share);
        buf_addf(page->out, "</%s>", tag);
    }
    buf_adds(page->out, "</tr>\n");
}

void page_table_begin(struct page *page, const char *const *heads, size_t n)
{
    if (is_html(page))
        buf_adds(page->out, "<table>\n");
    add_cells(page, heads, n, "th", NAN);
    if (is_html(page))
        return;
    for (size_t i = 0; i < n; i++)
        buf_adds(page->out, i == 0 ? "| --- " : "| ---: ");
    buf_adds(page->out, "|\n");
}

void page_row(struct page *page, const char *const *cells, size_t n, double share)
{
    add_cells(page, cells, n, "td", share);
}

void page_table_end(struct page *page)
{
    buf_adds(page->out, is_html(page) ? "</table>\n" : "\n");
}

/* Bytes of the first `chars` characters. */
static size_t prefix_of(const char *text, size_t len, size_t chars)
{
    size_t at = 0;
    for (; at < len && chars > 0; chars--) {
        uint32_t code;
        size_t n = utf8_decode(text + at, len - at, &code);
        at += n > 0 ? n : 1;
    }
    return at;
}

static size_t longest_backticks(const char *text)
{
    size_t longest = 0;
    while (*text != '\0') {
        size_t n = strspn(text, "`");
        longest = n > longest ? n : longest;
        text += n > 0 ? n : 1;
    }
    return longest;
}

void page_verbatim(struct page *page, const char *text, size_t max_chars)
{
    size_t len = strlen(text);
    size_t keep = max_chars > 0 ? prefix_of(text, len, max_chars) : len;
    if (is_html(page)) {
        buf_adds(page->out, "<pre>");
        add_escaped(page, text, keep, PLACE_LINES);
        buf_adds(page->out, keep < len ? " [cut]</pre>\n" : "</pre>\n");
        return;
    }
    struct buf clean;
    buf_init(&clean, 0);
    text_sanitise(&clean, text, keep, TEXT_LINES);
    /* The fence is longer than any inside, so the text cannot end it. */
    size_t ticks = longest_backticks(buf_str(&clean));
    ticks = ticks < 3 ? 3 : ticks + 1;
    buf_fill(page->out, '`', ticks);
    buf_adds(page->out, "text\n");
    buf_add(page->out, buf_str(&clean), clean.len);
    if (keep < len)
        buf_adds(page->out, " [cut]");
    if (clean.len == 0 || keep < len || clean.data[clean.len - 1] != '\n')
        buf_addc(page->out, '\n');
    buf_fill(page->out, '`', ticks);
    buf_adds(page->out, "\n\n");
    buf_release(&clean);
}
