/* Tables by group, for stats_bias. Internal to the statistics. */
#ifndef RLAIF_LABEL_STATS_GROUPS_H
#define RLAIF_LABEL_STATS_GROUPS_H

#include "src/label/stats_position.h"

/* Appends one group a value of the key, sorted by the key's rank, then by name. */
void stats_groups_add(const struct judged *rows, size_t n, const struct group_key *by,
                      struct stats_group **list, size_t *n_list);

#endif
