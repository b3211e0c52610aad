//===- Machine.cpp - machine files read and checked -----------------------===//
#include "lpu/Machine.h"

using namespace moert::lpu;

const std::vector<NamedMachine> &moert::lpu::machines() {
  static const std::vector<NamedMachine> all = {
#include "Machines.inc"
  };
  return all;
}
