/*
 * One page in Markdown or HTML: headings, sentences, tables, verbatim texts. Every text that goes
 * in is taken as plain text and escaped for the format; nothing of it can become markup or a
 * script. Internal to the report.
 */
#ifndef RLAIF_LABEL_REPORT_PAGE_H
#define RLAIF_LABEL_REPORT_PAGE_H

#include <stddef.h>

#include "src/label/report.h"

struct page {
    struct buf *out;
    enum report_format format;
};

void page_begin(struct page *page, const char *title);
void page_end(struct page *page);
void page_heading(struct page *page, int level, const char *text);
void page_text(struct page *page, const char *text); /* one paragraph */
void page_list_begin(struct page *page);
void page_item(struct page *page, const char *text);
void page_list_end(struct page *page);
/* The first column is left-aligned, the others right-aligned. */
void page_table_begin(struct page *page, const char *const *heads, size_t n);
/* share in 0..1 is drawn as a bar behind the last cell in HTML; NaN: none. */
void page_row(struct page *page, const char *const *cells, size_t n, double share);
void page_table_end(struct page *page);
/* Verbatim with its lines; at most max_chars characters, then a mark that says so; 0: all. */
void page_verbatim(struct page *page, const char *text, size_t max_chars);

#endif
