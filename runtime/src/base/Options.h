//===- Options.h - what C callers hand in and get filled --------*- C++ -*-===//
//
// Structs start with their size. A caller that was built against an older
// header passes a smaller struct; the fields that it does not know keep their
// defaults. A newer caller passes a larger one; what we do not know is ignored.
//===----------------------------------------------------------------------===//
#ifndef MOERT_BASE_OPTIONS_H
#define MOERT_BASE_OPTIONS_H

#include "base/Status.h"
#include <algorithm>
#include <cstring>
#include <initializer_list>

namespace moert {

/// An argument of a C function, by its name in the header.
struct Argument {
  const char *name;
  const void *value;
};

/// Refuses the first of them that is NULL.
inline Status refuseNull(const char *function,
                         std::initializer_list<Argument> arguments) {
  for (const Argument &argument : arguments)
    if (!argument.value)
      return makeStatus(MOERT_INVALID_ARGUMENT, function, ": ", argument.name,
                        " is null");
  return Status();
}

/// Lays the caller's fields over `defaults`; NULL leaves them as they are.
template <typename T>
Status readOptions(const char *what, const T *from, T *defaults) {
  if (!from)
    return Status();
  if (from->size < sizeof(from->size))
    return makeStatus(MOERT_INVALID_ARGUMENT, what, " has size ", from->size,
                      ", must be at least ", sizeof(from->size));
  std::memcpy(static_cast<void *>(defaults), from,
              std::min<size_t>(from->size, sizeof(T)));
  defaults->size = sizeof(T);
  return Status();
}

/// Fills as much of the caller's struct as it has room for.
template <typename T>
Status writeResult(const char *what, const T &result, T *to) {
  if (!to || to->size < sizeof(to->size))
    return makeStatus(MOERT_INVALID_ARGUMENT, what,
                      " needs its size in its first field");
  uint32_t size = to->size;
  std::memcpy(static_cast<void *>(to), &result,
              std::min<size_t>(size, sizeof(T)));
  to->size = size;
  return Status();
}

} // namespace moert

#endif // MOERT_BASE_OPTIONS_H
