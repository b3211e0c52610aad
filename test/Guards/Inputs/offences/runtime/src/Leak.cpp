#include "llvm/ADT/StringRef.h"
// TODO: remove
const char *path = "/home/somebody/model";
