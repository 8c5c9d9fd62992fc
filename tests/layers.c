/*
 * A layer links without those above it: each program of this source holds one whole library and
 * the libraries below, nothing else (tests.am). A function that calls upward is an "undefined
 * reference" when make check links; running it only says so.
 */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

    printf("1..1\nok 1 - %s links without the layers above it\n", name ? name + 1 : "a layer");
    return 0;
}
