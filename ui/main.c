/* rlaif: the program. Reads the command line, opens the workspace, hands over to a front
 * end. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/lm.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/text.h"
#include "ui/args.h"
#include "ui/front.h"
#include "ui/signals.h"
#include "ui/term.h"

static int fail(const struct error *err)
{
    char line[1200];
    struct buf clean;

    buf_init(&clean, 0);
    error_format(err, line, sizeof line);
    text_sanitise(&clean, line, strlen(line), 0);
    fprintf(stderr, "rlaif: %s\n", buf_str(&clean));
    buf_release(&clean);
    return (int)err->kind;
}

/* What was to be printed is printed, or the exit code says that it was not. */
static int print_and_end(const char *text)
{
    if (write_all(STDOUT_FILENO, text, strlen(text)) == 0)
        return 0;
    if (errno != EPIPE)
        fprintf(stderr, "rlaif: cannot write to standard output: %s\n", strerror(errno));
    return ERROR_FAILED;
}

static int say_version(void)
{
    struct engine_info info = {0};
    char *cache = path_cache_home(), text[400];

    if (cache && file_make_dirs(cache, NULL) < 0) {
        free(cache);
        cache = NULL;
    }
    engine_build_info(cache, &info);
    free(cache);
    snprintf(text, sizeof text, "rlaif %s\nBLIS %s, kernel %s (%s), SIMD %s\n",
             PACKAGE_VERSION, info.blis_version, info.kernel, info.chosen_by, info.simd);
    return print_and_end(text);
}

static int say_help(void)
{
    struct buf text;
    buf_init(&text, 0);
    args_usage(&text);
    int code = print_and_end(buf_str(&text));
    buf_release(&text);
    return code;
}

/* Descriptors 0 to 2 must be open, or the store's file would become one of them. */
static void open_standard_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (lseek(fd, 0, SEEK_CUR) < 0 && errno == EBADF &&
            !freopen("/dev/null", fd ? "w" : "r",
                     fd == 0   ? stdin
                     : fd == 1 ? stdout
                               : stderr))
            _exit(ERROR_FAILED);
}

static int run(const struct args *args)
{
    struct front front = {
        .args = args, .plain = args->plain, .utf8 = term_is_utf8() && !args->ascii};
    bool interactive =
        args->n_steps == 0 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    struct workbench_options options = {
        .dir = *args->workspace ? args->workspace : NULL,
        .model_path = *args->model ? args->model : NULL,
        .threads = (int)args->threads,
        .readonly = args->readonly,
        .no_model = args->no_model,
    };
    struct error err = {0};

    front.color = args->color == 0 && !args->plain;
    /* Threads take over the mask that main has when they start. */
    signals_block();
    front.wb = workbench_open(&options, &err);
    if (!front.wb)
        return fail(&err);
    term_save();
    atexit(term_emergency);
    signals_start(&front.wb->interrupt);
    int code = interactive ? loop_run(&front) : batch_run(&front);
    signals_interrupts(&front.no_interrupt);
    workbench_close(front.wb);
    return code;
}

int main(int argc, char **argv)
{
    struct args args;
    struct error err = {0};
    int code;

    open_standard_streams();
    /* Characters only: numbers are written with a point whatever the language. */
    setlocale(LC_CTYPE, "");
    if (args_read(argc, argv, &args, &err) < 0)
        code = fail(&err);
    else if (args.help)
        code = say_help();
    else if (args.version)
        code = say_version();
    else
        code = run(&args);
    args_release(&args);
    return code;
}
