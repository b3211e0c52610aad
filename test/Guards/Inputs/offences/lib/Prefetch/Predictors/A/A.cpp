#include "moe/Prefetch/Predictors/B/B.h"
