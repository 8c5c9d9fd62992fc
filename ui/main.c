/* rlaif: the program. Parses the command line and hands over to a front end. */
#include "config.h"

#include <stdio.h>

int main(void)
{
    printf("%s\n", PACKAGE_STRING);
    return 0;
}
