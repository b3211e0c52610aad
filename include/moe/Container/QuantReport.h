//===- QuantReport.h - what codes cost, how far they are off ----*- C++ -*-===//
#ifndef MOE_CONTAINER_QUANTREPORT_H
#define MOE_CONTAINER_QUANTREPORT_H

#include "moe/Container/CodedWeights.h"
#include "llvm/Support/raw_ostream.h"

namespace moe {

/// JSON: one entry for each stored weight, a bank of experts being one, with
/// the errors of its experts behind it.
void printQuantReport(llvm::raw_ostream &os, const ParameterPlan &plan,
                      const CodedWeights &coded);

} // namespace moe

#endif // MOE_CONTAINER_QUANTREPORT_H
