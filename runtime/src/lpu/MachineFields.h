//===- MachineFields.h - members of a machine file and their bounds -------===//
#ifndef MOERT_SRC_LPU_MACHINEFIELDS_H
#define MOERT_SRC_LPU_MACHINEFIELDS_H

#include "lpu/Machine.h"

#include <variant>

namespace moert::lpu {

/// A machine as it is written, before anything is derived from it.
struct MachineFile {
  Machine machine;
  std::string description, source;
  std::vector<int64_t> large;       ///< numbers of ALUs
  int64_t row = 0;                  ///< ALUs that read the same groups
  int64_t reach = 0, reachStep = 0; ///< groups of a row; from row to row
};

/// One member: a name, where it goes and, if it is a number, its bounds.
struct MachineField {
  const char *section; ///< empty: a member of the file itself
  const char *name;
  std::variant<int64_t *, double *, bool *, std::string *,
               std::vector<int64_t> *>
      place;
  int64_t least = 0, most = 0;

  std::string path() const {
    return *section ? std::string(section) + "." + name : name;
  }
};

/// All members that a file has, each of them required.
std::vector<MachineField> machineFields(MachineFile &file);

/// What members contradict each other; empty if none do. Bounds of single
/// members hold already.
std::string checkMachine(const MachineFile &file);

} // namespace moert::lpu

#endif // MOERT_SRC_LPU_MACHINEFIELDS_H
