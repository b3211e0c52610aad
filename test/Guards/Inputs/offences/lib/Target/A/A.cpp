#include "moe/Target/B/B.h"
