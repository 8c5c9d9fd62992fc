/* Charts: ticks, smoothing, pictures in three glyph sets, any size, SVG. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/plot.h"
#include "src/base/text.h"

static void ticks_are_round_and_few(void **state)
{
    static const struct {
        double low, high;
        size_t max, n;
        double first, step;
        int digits;
    } rows[] = {
        {0, 1, 6, 6, 0, .2, 1},
        {0, 1, 5, 5, 0, .25, 2},
        {0, 1, 3, 3, 0, .5, 1},
        {-3, 7, 6, 5, -2, 2, 0},
        {0.65, 1.72, 4, 4, .75, .25, 2},
        {1990, 2010, 5, 5, 1990, 5, 0},
        {0, 12345, 4, 3, 0, 5000, 0},
        {1e-6, 5e-6, 5, 5, 1e-6, 1e-6, 6},
        {-1e-9, 1e-9, 3, 3, -1e-9, 1e-9, 9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double out[16];
        int digits = -1;
        size_t n = plot_ticks(rows[i].low, rows[i].high, rows[i].max, out, &digits);
        assert_int_equal(n, rows[i].n);
        assert_int_equal(digits, rows[i].digits);
        for (size_t k = 0; k < n; k++)
            assert_true(fabs(out[k] - rows[i].first - (double)k * rows[i].step) <
                        1e-9 * rows[i].step);
    }
    double out[16];
    int digits;
    assert_int_equal(plot_ticks(1, 1, 5, out, &digits), 0);
    assert_int_equal(plot_ticks(0, INFINITY, 5, out, &digits), 0);
    assert_int_equal(plot_ticks(NAN, 1, 5, out, &digits), 0);
}

/* Never more than asked for, always inside, over many magnitudes. */
static void ticks_of_any_range(void **state)
{
    (void)state;
    for (int power = -12; power <= 12; power++)
        for (int i = 1; i < 40; i++)
            for (size_t max = 2; max <= 16; max++) {
                double size = pow(10, power) * i, low = -size / 3, high = size, out[16];
                int digits;
                size_t n = plot_ticks(low, high, max, out, &digits);
                assert_true(n >= 1 && n <= max);
                assert_true(out[0] >= low - size * 1e-6 && out[n - 1] <= high + size * 1e-6);
                for (size_t k = 1; k < n; k++)
                    assert_true(out[k] > out[k - 1]);
            }
}

/* m_k is the mean of y_1..y_k with weights w^(k-i): the definition, without the recursion. */
static void smoothing_is_a_weighted_mean(void **state)
{
    double y[20], out[20];
    (void)state;
    for (int i = 0; i < 20; i++)
        y[i] = sin(i * 1.7) + 3;
    plot_smooth(y, 20, .9, out);
    for (int k = 0; k < 20; k++) {
        double sum = 0, weights = 0;
        for (int i = 0; i <= k; i++) {
            sum += pow(.9, k - i) * y[i];
            weights += pow(.9, k - i);
        }
        assert_true(fabs(out[k] - sum / weights) < 1e-12);
    }
    assert_true(out[0] == y[0]); /* no pull towards 0 */
    double gaps[] = {1, NAN, 1, INFINITY, 1};
    plot_smooth(gaps, 5, .6, gaps);
    assert_true(isnan(gaps[1]) && isnan(gaps[3]));
    assert_true(fabs(gaps[2] - 1) < 1e-15 && fabs(gaps[4] - 1) < 1e-15);
}

static const double x10[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void assert_picture(const struct plot *plot, int width, int height, const char *want)
{
    struct buf out;
    buf_init(&out, 0);
    plot_text(plot, width, height, &out);
    if (strcmp(buf_str(&out), want) != 0)
        fail_msg("wanted\n%sgot\n%s", want, buf_str(&out));
    buf_release(&out);
}

static void pictures(void **state)
{
    static const double line[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static const double gap[] = {0, 1, 2, 3, NAN, NAN, NAN, 7, 8, 9, 10};
    static const double powers[] = {1, 2, 5, 10, 20, 50, 100, 0, -3, 500, 1000};
    const struct plot_series series[] = {{"a", x10, line, 11}, {"g", x10, gap, 11}, {"p", x10, powers, 11}};
    const struct {
        struct plot plot;
        int width, height;
        const char *want;
    } rows[] = {
        {{.series = series + 0, .n_series = 1, .glyphs = PLOT_ASCII, .bare = true},
         11, 2,
         "      ..-''\n"
         "..--''\n"},
        {{.series = series + 0, .n_series = 1, .glyphs = PLOT_BLOCK, .bare = true},
         11, 2,
         "      ▄▄▄▀▀\n"
         "▄▄▀▀▀▀\n"},
        {{.series = series + 0, .n_series = 1, .glyphs = PLOT_BRAILLE, .bare = true},
         6, 3,
         "    ⡠⠊\n"
         "  ⡠⠜\n"
         "⡠⠊\n"},
        {{.series = series + 1, .n_series = 1, .glyphs = PLOT_ASCII, .bare = true},
         11, 4,
         "        .-'\n"
         "       '\n"
         "   .\n"
         ".-'\n"},
        {{.series = series + 0, .n_series = 1, .glyphs = PLOT_ASCII, .x_label = "step"},
         24, 7,
         "10+                 .-''\n"
         "  |             .-''\n"
         " 5+        .--''\n"
         "  |    .--'\n"
         " 0+.--'\n"
         "  ++---------+---------+\n"
         "   0         5      step\n"},
        {{.series = series + 2, .n_series = 1, .glyphs = PLOT_BRAILLE, .title = "p", .log_y = true},
         24, 8,
         "p\n"
         "   │                 ⠠⠒⠉\n"
         "100┤          ⢀⡠\n"
         "   │       ⢀⡠⠒⠁\n"
         "   │   ⢀⡠⠔⠊⠁\n"
         "  1┤⡠⠔⠊⠁\n"
         "   └┬─────────┬────────┬\n"
         "    0         5       10\n"},
        {{.series = series + 0, .n_series = 2, .glyphs = PLOT_BRAILLE, .legend = true},
         24, 9,
         "a a 10.0  b g 10.0\n"
         "10┤                 ⢀⡠⠒b\n"
         "  │              ⣀⠤⠒⠁\n"
         "  │           ⡠⠔⠉\n"
         " 5┤      ⢀⡠⠤⠒⠉\n"
         "  │   ⣀⠔⠊⠁\n"
         " 0┤b⠔⠊\n"
         "  └┬─────────┬─────────┬\n"
         "   0         5        10\n"},
        {{.series = series + 0, .n_series = 2, .glyphs = PLOT_ASCII, .legend = true, .smooth = .6},
         24, 9,
         "a a 8.54  b g 8.29\n"
         "10+                  b b\n"
         "  |              b babbb\n"
         "  |            aaabbb\n"
         " 5+        aaaaa bb\n"
         "  |    bbbaa\n"
         " 0+bbbbb\n"
         "  ++---------+---------+\n"
         "   0         5        10\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_picture(&rows[i].plot, rows[i].width, rows[i].height, rows[i].want);
}

static void any_size_is_drawn(void **state)
{
    static const double y[] = {5, 1, NAN, 3, 4, INFINITY, 2, -1e300, 1e300, 0, 2};
    struct plot_series series[] = {{"one", x10, y, 11}, {"two", x10 + 1, y, 10}, {NULL, x10, y, 0}};
    (void)state;
    for (int glyphs = 0; glyphs < 3; glyphs++)
        for (int w = 0; w < 45; w++)
            for (int h = 0; h < 14; h++) {
                struct plot plot = {.title = "T\xc3\xa4\x1b[2J", .x_label = "step", .legend = true,
                                    .series = series, .n_series = 3, .smooth = w % 2 ? .5 : 0,
                                    .glyphs = (enum plot_glyphs)glyphs, .log_y = h % 2};
                struct buf out;
                int lines = 0;
                buf_init(&out, 0);
                plot_text(&plot, w, h, &out);
                for (const char *at = buf_str(&out), *end; (end = strchr(at, '\n')); at = end + 1) {
                    assert_true(text_width(at, (size_t)(end - at)) <= w);
                    lines++;
                }
                assert_int_equal(lines, w ? h : 0);
                assert_null(strchr(buf_str(&out), '\x1b'));
                buf_release(&out);
            }
}

static void svg_stands_alone(void **state)
{
    static const double y[] = {1, 2, NAN, 4, 5, 6, 7, 8, 9, 8, 7};
    struct plot_series series[] = {{"<rl-1>", x10, y, 11}, {"b & c", x10, x10, 11}};
    struct plot plot = {.title = "a \"quoted\" </svg>", .x_label = "step", .legend = true,
                        .series = series, .n_series = 2, .smooth = .5};
    struct buf out;
    int depth = 0, paths = 0;
    (void)state;

    buf_init(&out, 0);
    plot_svg(&plot, 400, 300, &out);
    for (const char *at = buf_str(&out); (at = strchr(at, '<')); at++) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        paths += strncmp(at, "<path", 5) == 0;
        if (at[1] == '/')
            depth--;
        else if (end[-1] != '/')
            depth++;
        assert_true(depth >= 0);
    }
    assert_int_equal(depth, 0);
    assert_int_equal(paths, 4); /* raw and smoothed of both */
    assert_non_null(strstr(buf_str(&out), "&lt;rl-1&gt;"));
    assert_non_null(strstr(buf_str(&out), "b &amp; c"));
    assert_null(strstr(buf_str(&out), "script"));
    assert_null(strstr(buf_str(&out), "nan"));
    assert_null(strstr(buf_str(&out), "href"));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round_and_few),
        cmocka_unit_test(ticks_of_any_range),
        cmocka_unit_test(smoothing_is_a_weighted_mean),
        cmocka_unit_test(pictures),
        cmocka_unit_test(any_size_is_drawn),
        cmocka_unit_test(svg_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
