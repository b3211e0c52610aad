//===- Schedule.h - whether a schedule can be what it says ------*- C++ -*-===//
#ifndef MOERT_CONTAINER_SCHEDULE_H
#define MOERT_CONTAINER_SCHEDULE_H

#include "container/Metadata.h"

namespace moert {

/// Checks Module.schedule where there is one: its layers are layers of the
/// model and have each expert exactly once, and no number is out of range.
/// Parameters and model have been checked before.
Status checkSchedule(const fb::Module &module, const std::string &origin);

} // namespace moert

#endif // MOERT_CONTAINER_SCHEDULE_H
