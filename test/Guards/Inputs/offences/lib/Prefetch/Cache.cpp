#include "experts/ExpertStore.h"
#include "cache/CachePolicy.h"
