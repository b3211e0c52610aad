//===- OpenReader.cpp - the best reader that this machine has -------------===//
#include "experts/ExpertReader.h"

using namespace moert;

Status moert::openExpertReader(const std::string &path,
                               std::unique_ptr<ExpertReader> *out) {
  return openThreadReader(path, 4, out);
}
