//===- OpenReader.cpp - the best reader that this machine has -------------===//
#include "experts/ExpertReader.h"

using namespace moert;

/// As many as the store has reads under way.
static constexpr int fallbackThreads = 4;

Status moert::openExpertReader(const std::string &path,
                               std::unique_ptr<ExpertReader> *out) {
  Status status = openUringReader(path, out);
  if (status.code() != MOERT_UNAVAILABLE)
    return status;
  return openThreadReader(path, fallbackThreads, out, status.message());
}

Status moert::openExpertReader(int descriptor,
                               std::unique_ptr<ExpertReader> *out) {
  return openExpertReader("/proc/self/fd/" + std::to_string(descriptor), out);
}
