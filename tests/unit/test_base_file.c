/* Files and options. */
#include "tests/unit/base_fixture.h"

/* ---- files ---- */

static int make_tmp(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = xasprintf("%s/rlaif-base-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");

    if (!mkdtemp(dir)) {
        free(dir);
        return -1;
    }
    *state = dir;
    return 0;
}

static int remove_tmp(void **state)
{
    char *command = xasprintf("rm -rf -- '%s'", (char *)*state);
    int status = system(command);

    free(command);
    free(*state);
    return status;
}

static void put(const char *path, const void *bytes, size_t len)
{
    struct error err;

    if (file_put(path, bytes, len, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_contents(const char *path, const char *expected)
{
    struct error err;
    struct buf out;

    buf_init(&out, 0);
    if (file_read(path, 1000, 0, &out, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(buf_str(&out), expected);
    buf_release(&out);
}

/* Entries of the directory, to see whether temporary files stay behind. */
static int count_entries(const char *dir)
{
    char *command = xasprintf("ls -A '%s' | wc -l", dir);
    FILE *pipe = popen(command, "r");
    int n = -1;

    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    free(command);
    return n;
}

static int mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (int)(st.st_mode & 07777);
}

static void test_file_put(void **state)
{
    const char *dir = *state;
    char *path = path_join(dir, "a"), *link = path_join(dir, "link");
    struct stat st;
    mode_t mask = umask(027);

    put(path, "one", 3);
    assert_contents(path, "one");
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(chmod(path, 0604), 0);
    put(path, "two", 3);
    assert_contents(path, "two");
    assert_int_equal(mode_of(path), 0604);
    put(path, NULL, 0);
    assert_contents(path, "");
    assert_int_equal(symlink("a", link), 0);
    put(link, "three", 5);
    assert_contents(path, "three");
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(count_entries(dir), 2);
    assert_true(file_exists(path));
    umask(mask);
    free(link);
    free(path);
}

static void test_file_put_long_name(void **state)
{
    char name[256], *path;

    memset(name, 'n', 255);
    name[255] = '\0';
    path = path_join(*state, name);
    put(path, "x", 1);
    assert_contents(path, "x");
    free(path);
    assert_int_equal(chdir(*state), 0);
    put("bare", "x", 1);
    assert_contents("bare", "x");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(count_entries(*state), 2);
}

static void assert_put_fails(const char *path, const char *reason)
{
    struct error err;
    char *expected = xasprintf("cannot write %s: %s", path, reason);

    assert_int_equal(file_put(path, "x", 1, &err), -1);
    assert_error(&err, expected);
    assert_int_equal(err.kind, ERROR_FAILED);
    assert_int_equal(file_put(path, "x", 1, NULL), -1);
    free(expected);
}

/* In pieces: until it is closed the old file is there, and giving up leaves nothing. */
static void test_file_out(void **state)
{
    char *path = path_join(*state, "pieces");
    struct file_out out;
    struct error err;

    put(path, "old", 3);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(file_out_open(&out, path, &err), 0);
    assert_int_equal(file_out_add(&out, "one ", 4, &err), 0);
    assert_int_equal(file_out_add(&out, "two", 3, &err), 0);
    assert_contents(path, "old");
    assert_int_equal(count_entries(*state), 2);
    assert_int_equal(file_out_close(&out, &err), 0);
    assert_contents(path, "one two");
    assert_int_equal(count_entries(*state), 1);

    assert_int_equal(file_out_open(&out, path, &err), 0);
    assert_int_equal(file_out_add(&out, "three", 5, &err), 0);
    file_out_drop(&out);
    file_out_drop(&out);
    assert_contents(path, "one two");
    assert_int_equal(count_entries(*state), 1);

    assert_int_equal(file_out_open(&out, *state, &err), -1);
    assert_non_null(strstr(err.text, "it is a directory"));
    file_out_drop(&out);
    free(path);
}

static void test_file_put_refused(void **state)
{
    char *sub = path_join(*state, "sub"), *fifo = path_join(*state, "fifo");
    char *lost = path_join(*state, "none/a"), *slash = path_join(*state, "new/");

    assert_int_equal(mkdir(sub, 0700), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_put_fails(sub, "it is a directory");
    assert_put_fails(fifo, "not a regular file");
    assert_put_fails("/dev/null", "not a regular file");
    assert_put_fails(lost, "No such file or directory");
    assert_put_fails(slash, "Is a directory");
    assert_put_fails("", "No such file or directory");
    assert_int_equal(count_entries(*state), 2);
    free(slash);
    free(lost);
    free(fifo);
    free(sub);
}

/* A limit on the size of files stands in for a full disk. */
static void test_file_put_full(void **state)
{
    char *path = path_join(*state, "a"), *big = xcalloc(200000, 1);
    struct rlimit old, small;
    struct error err;
    int status;

    put(path, "old", 3);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){100000, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    status = file_put(path, big, 200000, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, -1);
    assert_non_null(strstr(err.text, "a: File too large"));
    assert_contents(path, "old");
    assert_int_equal(count_entries(*state), 1);
    free(big);
    free(path);
}

static void test_file_read_refused(void **state)
{
    char *fifo = path_join(*state, "fifo"), *text;
    struct error err;
    struct buf out;
    uint8_t hash[32];

    buf_init(&out, 0);
    buf_adds(&out, "before");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read(fifo, 10, 0, &out, &err), -1);
    text = xasprintf("%s is not a regular file", fifo);
    assert_error(&err, text);
    free(text);
    assert_int_equal(file_read("/dev/zero", 10, 0, &out, &err), -1);
    assert_error(&err, "/dev/zero is not a regular file");
    assert_int_equal(file_read("/", 10, 0, &out, &err), -1);
    assert_error(&err, "/ is a directory");
    assert_int_equal(file_read("/none/a", 10, 0, &out, &err), -1);
    assert_error(&err, "cannot open /none/a: No such file or directory");
    assert_int_equal(file_sha256("/none/a", hash, &err), -1);
    assert_int_equal(file_sha256(fifo, hash, NULL), -1);
    assert_false(file_exists("/none/a"));
    assert_string_equal(buf_str(&out), "before");
    buf_release(&out);
    free(fifo);
}

static void test_file_read_limits(void **state)
{
    char *path = path_join(*state, "a"), *big = xcalloc(200000, 1);
    struct error err;
    struct buf out;
    uint8_t hash[32], expected[32];

    memset(big, 'x', 200000);
    put(path, big, 200000);
    buf_init(&out, 0);
    buf_adds(&out, "ab");
    assert_int_equal(file_read(path, 199999, 0, &out, &err), -1);
    assert_non_null(strstr(err.text, "is larger than 199999 bytes"));
    assert_string_equal(buf_str(&out), "ab");
    assert_int_equal(file_read(path, 200000, FILE_GUNZIP, &out, &err), 0);
    assert_int_equal(out.len, 200002);
    buf_release(&out);
    /* The buffer's own limit counts too. */
    buf_init(&out, 1000);
    assert_int_equal(file_read(path, 200000, 0, &out, &err), -1);
    assert_false(out.full);
    buf_release(&out);
    assert_int_equal(file_sha256(path, hash, &err), 0);
    hash_bytes(big, 200000, expected);
    assert_memory_equal(hash, expected, 32);
    /* /proc tells no size: read to the end all the same. */
    buf_init(&out, 0);
    assert_int_equal(file_read("/proc/self/status", 100000, 0, &out, &err), 0);
    assert_true(out.len > 100);
    buf_clear(&out);
    assert_int_equal(file_read("/proc/self/status", 10, 0, &out, &err), -1);
    buf_release(&out);
    free(big);
    free(path);
}

/* One gzip member of len bytes, added to out. */
static void add_gzip(struct buf *out, const char *bytes, size_t len)
{
    z_stream z = {0};
    unsigned char *space;
    size_t room;

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    room = deflateBound(&z, len) + 64;
    space = xmalloc(room);
    z.next_in = (unsigned char *)(uintptr_t)bytes;
    z.avail_in = (uInt)len;
    z.next_out = space;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_add(out, space, room - z.avail_out);
    deflateEnd(&z);
    free(space);
}

static int read_bytes(const char *path, const struct buf *bytes, size_t len, size_t max,
                      struct buf *out, struct error *err)
{
    put(path, buf_str(bytes), len);
    buf_clear(out);
    return file_read(path, max, FILE_GUNZIP, out, err);
}

static void test_file_gunzip(void **state)
{
    char *path = path_join(*state, "a.gz");
    struct buf zipped, out;
    struct error err;

    buf_init(&zipped, 0);
    buf_init(&out, 0);
    add_gzip(&zipped, "hello ", 6);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 6, &out, &err), 0);
    assert_string_equal(buf_str(&out), "hello ");
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 5, &out, &err), -1);
    assert_non_null(strstr(err.text, "is larger than 5 bytes"));
    /* Without the flag the bytes are as they stand. */
    buf_clear(&out);
    assert_int_equal(file_read(path, 1000, 0, &out, &err), 0);
    assert_int_equal(out.len, zipped.len);
    /* Every truncation is an error at the place where the file ends. */
    for (size_t n = 2; n < zipped.len; n++) {
        assert_int_equal(read_bytes(path, &zipped, n, 1000, &out, &err), -1);
        assert_string_equal(err.text, "the gzip data ends early");
        assert_int_equal(err.byte, n);
        assert_int_equal(out.len, 0);
    }
    add_gzip(&zipped, "", 0);
    add_gzip(&zipped, "world", 5);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 1000, &out, &err), 0);
    assert_string_equal(buf_str(&out), "hello world");
    buf_fill(&zipped, '\0', 100);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 1000, &out, &err), 0);
    assert_string_equal(buf_str(&out), "hello world");
    buf_adds(&zipped, "junk");
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 1000, &out, &err), -1);
    assert_non_null(strstr(err.text, "the gzip data is damaged"));
    assert_true(err.byte > (int64_t)zipped.len - 5);
    buf_release(&zipped);
    buf_release(&out);
    free(path);
}

static void test_file_gunzip_large(void **state)
{
    enum { SIZE = 700000 };
    struct rng_key key = rng_key(1, "test", "gzip");
    char *path = path_join(*state, "a.gz"), *noise = xmalloc(SIZE), *zeros;
    struct buf zipped, out;
    struct error err;

    for (size_t i = 0; i < SIZE; i++)
        noise[i] = (char)rng_bits(key, i);
    buf_init(&zipped, 0);
    buf_init(&out, 0);
    add_gzip(&zipped, noise, SIZE / 2);
    add_gzip(&zipped, noise + SIZE / 2, SIZE / 2);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, SIZE, &out, &err), 0);
    assert_int_equal(out.len, SIZE);
    assert_memory_equal(out.data, noise, SIZE);
    /* A damaged byte in the middle shows at the latest by the checksum. */
    zipped.data[zipped.len / 4] ^= 0x55;
    assert_int_equal(read_bytes(path, &zipped, zipped.len, SIZE, &out, &err), -1);
    assert_true(err.byte > 0 && err.byte < (int64_t)zipped.len);
    /* A bomb: 32 MiB of zeros in a few KiB, stopped at the limit. */
    zeros = xcalloc(32, 1 << 20);
    buf_clear(&zipped);
    add_gzip(&zipped, zeros, 32 << 20);
    assert_true(zipped.len < 40000);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 100000, &out, &err), -1);
    assert_non_null(strstr(err.text, "is larger than 100000 bytes"));
    assert_true(out.cap < 2000000);
    assert_int_equal(read_bytes(path, &zipped, zipped.len, 32 << 20, &out, &err), 0);
    assert_int_equal(out.len, 32 << 20);
    free(zeros);
    buf_release(&zipped);
    buf_release(&out);
    free(noise);
    free(path);
}

static void test_file_dirs(void **state)
{
    char *deep = path_join(*state, "x//y/z/"), *file = path_join(*state, "file");
    char *under = path_join(file, "sub");
    struct error err;

    assert_int_equal(file_make_dirs(deep, &err), 0);
    assert_int_equal(file_make_dirs(deep, &err), 0);
    assert_int_equal(mode_of(deep), 0700);
    put(file, "x", 1);
    assert_int_equal(file_make_dirs(file, &err), -1);
    assert_non_null(strstr(err.text, "Not a directory"));
    assert_int_equal(file_make_dirs(under, &err), -1);
    assert_int_equal(file_make_dirs("/", &err), 0);
    assert_int_equal(file_make_dirs("", &err), -1);
    free(under);
    free(file);
    free(deep);
}

static void assert_path(char *path, const char *expected)
{
    if (expected)
        assert_string_equal(path, expected);
    else
        assert_null(path);
    free(path);
}

static void test_paths(void **state)
{
    (void)state;
    assert_path(path_join("a", "b"), "a/b");
    assert_path(path_join("a/", "b"), "a/b");
    assert_path(path_join("/", "b"), "/b");
    assert_path(path_join("", "b"), "b");
    assert_string_equal(path_base("a/b/c"), "c");
    assert_string_equal(path_base("c"), "c");
    assert_string_equal(path_base("a/"), "");
    setenv("HOME", "/h", 1);
    unsetenv("XDG_DATA_HOME");
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("XDG_CONFIG_HOME", "/conf/", 1);
    assert_path(path_data_home(), "/h/.local/share/rlaif");
    assert_path(path_cache_home(), "/h/.cache/rlaif");
    assert_path(path_config_home(), "/conf/rlaif");
    unsetenv("HOME");
    assert_path(path_data_home(), NULL);
    assert_path(path_config_home(), "/conf/rlaif");
}

/* ---- options ---- */

struct fields {
    int64_t epochs;
    double beta;
    double rate;
    bool quiet;
    char *name;
    int precision;
    int64_t any;
    char *note;
};

static const struct option options[] = {
    {"epochs", OPTION_INT, offsetof(struct fields, epochs), 1, 100, NULL, "3", "passes"},
    {"beta", OPTION_REAL, offsetof(struct fields, beta), 0, 1, NULL, "0.1", "strength"},
    {"rate", OPTION_REAL, offsetof(struct fields, rate), 0, INFINITY, NULL, NULL,
     "speed"},
    {"quiet", OPTION_BOOL, offsetof(struct fields, quiet), 0, 0, NULL, "true",
     "say less"},
    {"name", OPTION_TEXT, offsetof(struct fields, name), 0, 0, NULL, "run", "a name"},
    {"precision", OPTION_CHOICE, offsetof(struct fields, precision), 0, 0,
     "f32|bf16|int8", "int8", "weights"},
    {"any", OPTION_INT, offsetof(struct fields, any), 0, 0, NULL, NULL, "a number"},
    {"note", OPTION_TEXT, offsetof(struct fields, note), 0, 0, NULL, NULL, "a note"},
    {NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static void test_option_defaults(void **state)
{
    struct fields fields;
    struct buf out;

    (void)state;
    memset(&fields, 0xA5, sizeof(fields));
    options_init(options, &fields);
    assert_int_equal(fields.epochs, 3);
    assert_true(fields.beta == 0.1);
    assert_true(fields.rate == 0);
    assert_true(fields.quiet);
    assert_string_equal(fields.name, "run");
    assert_string_equal(fields.note, "");
    assert_int_equal(fields.precision, 2);
    buf_init(&out, 0);
    for (const struct option *o = options; o->name; o++) {
        option_get(o, &fields, &out);
        buf_addc(&out, ' ');
    }
    assert_string_equal(buf_str(&out), "3 0.1 0 true run int8 0  ");
    buf_release(&out);
    options_release(options, &fields);
    assert_null(fields.name);
    options_release(options, &fields);
}

static void test_option_set(void **state)
{
    /* name, value, what option_get says afterwards; NULL: the value itself */
    static const char *const cases[][3] = {
        {"epochs", "100", NULL},
        {"epochs", "007", "7"},
        {"any", "-9223372036854775808", NULL},
        {"any", "9223372036854775807", NULL},
        {"beta", "1", NULL},
        {"beta", ".5", "0.5"},
        {"beta", "5e-1", "0.5"},
        {"beta", "+0.25", "0.25"},
        {"rate", "1e300", "1e+300"},
        {"quiet", "no", "false"},
        {"quiet", "on", "true"},
        {"quiet", "0", "false"},
        {"name", "", NULL},
        {"name", "gr\xC3\xBC\xC3\237e 2", NULL},
        {"precision", "f32", NULL},
        {"precision", "bf16", NULL},
    };
    struct fields fields;
    struct error err;
    struct buf out;

    (void)state;
    options_init(options, &fields);
    buf_init(&out, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const *c = cases[i];

        assert_int_equal(option_set(options, &fields, c[0], c[1], &err), 0);
        buf_clear(&out);
        option_get(option_find(options, c[0]), &fields, &out);
        assert_string_equal(buf_str(&out), c[2] ? c[2] : c[1]);
    }
    assert_int_equal(option_set(options, &fields, "name", fields.name, &err), 0);
    assert_string_equal(fields.name, "gr\xC3\xBC\xC3\237e 2");
    buf_release(&out);
    options_release(options, &fields);
}

static void test_option_errors(void **state)
{
    static const char *const cases[][3] = {
        {"beta", "3", "beta must be 0..1, not 3"},
        {"beta", "-0.1", "beta must be 0..1, not -0.1"},
        {"beta", "nan", "beta must be a number 0..1, not nan"},
        {"beta", "0.5x", "beta must be a number 0..1, not 0.5x"},
        {"beta", " 0.5", "beta must be a number 0..1, not \" 0.5\""},
        {"beta", "", "beta must be a number 0..1, not \"\""},
        {"beta", "0x1p-1", "beta must be a number 0..1, not 0x1p-1"},
        {"beta", ".", "beta must be a number 0..1, not ."},
        {"beta", "1e", "beta must be a number 0..1, not 1e"},
        {"beta", "--1", "beta must be a number 0..1, not --1"},
        {"rate", "inf", "rate must be a number at least 0, not inf"},
        {"rate", "1e999", "rate must be at least 0, not 1e999"},
        {"rate", "-1", "rate must be at least 0, not -1"},
        {"epochs", "0", "epochs must be 1..100, not 0"},
        {"epochs", "1.5", "epochs must be a whole number 1..100, not 1.5"},
        {"epochs", "99999999999999999999",
         "epochs must be 1..100, not 99999999999999999999"},
        {"any", "1\x1b[2J", "any must be a whole number, not 1^[[2J"},
        {"quiet", "maybe", "quiet must be true or false, not maybe"},
        {"precision", "int9",
         "precision must be f32, bf16 or int8, not int9 (did you mean int8?)"},
        {"precision", "f", "precision must be f32, bf16 or int8, not f"},
        {"precision", "", "precision must be f32, bf16 or int8, not \"\""},
        {"precision", "f32|bf16", "precision must be f32, bf16 or int8, not f32|bf16"},
        {"name", "a\xFF", "name must be UTF-8 text, not a<FF>"},
        {"betta", "1", "there is no option betta (did you mean beta?)"},
        {"precison", "1", "there is no option precison (did you mean precision?)"},
        {"xyzzy", "1", "there is no option xyzzy"},
    };
    struct fields fields;
    struct error err;

    (void)state;
    options_init(options, &fields);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(option_set(options, &fields, cases[i][0], cases[i][1], &err),
                         -1);
        assert_error(&err, cases[i][2]);
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_int_equal(option_set(options, &fields, cases[i][0], cases[i][1], NULL),
                         -1);
    }
    assert_true(fields.beta == 0.1);
    assert_int_equal(fields.epochs, 3);
    options_release(options, &fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file_put, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_out, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_put_long_name, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_put_full, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_put_refused, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_read_refused, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_read_limits, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_gunzip, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_gunzip_large, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(test_file_dirs, make_tmp, remove_tmp),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_option_defaults),
        cmocka_unit_test(test_option_set),
        cmocka_unit_test(test_option_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
