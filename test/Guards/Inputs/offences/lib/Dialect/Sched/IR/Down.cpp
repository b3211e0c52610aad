#include "moe/Dialect/Sched/Transforms/Passes.h"
