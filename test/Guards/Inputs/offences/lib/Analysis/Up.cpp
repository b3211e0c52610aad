#include "moe/Driver/Mains.h"
#include "moert/moert.h"
#include "../Dialect/Secret.h"
static llvm::cl::opt<int> Option("x");
