//===- ParallelFor.h - the parallel loops of compiled code ------*- C++ -*-===//
#ifndef MOERT_DRIVERS_CPU_PARALLELFOR_H
#define MOERT_DRIVERS_CPU_PARALLELFOR_H

#include "moert/abi/module.h"

namespace moert::cpu {

/// moert_abi_env_t::parallel_for with OpenMP: one contiguous slice for each
/// worker. A loop inside a loop runs on the worker that meets it, under that
/// worker's number.
void parallelFor(const moert_abi_env_t *env, moert_abi_body_t body,
                 void *closure, int64_t count);

} // namespace moert::cpu

#endif // MOERT_DRIVERS_CPU_PARALLELFOR_H
