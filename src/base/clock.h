/* Time: monotonic for durations, wall clock for records. */
#ifndef RLAIF_BASE_CLOCK_H
#define RLAIF_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void); /* since 1970 */
double clock_seconds(void);  /* monotonic */

#endif
