// table.c: the groups of claims.

#include "gpt/lab/claims/claims.h"

#include <stddef.h>

const Claim *const claim_groups[] = {NULL};
