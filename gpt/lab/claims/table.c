// table.c: the groups of claims, in the order in which they are listed. A group is a file.

#include "gpt/lab/claims/claims.h"

#include <stddef.h>

extern const Claim claims_depth[], claims_mean_field[], claims_rules[], claims_transformer[], claims_paths[], claims_landscape[];

const Claim *const claim_groups[] = {claims_depth, claims_mean_field, claims_rules, claims_transformer, claims_paths, claims_landscape, NULL};
