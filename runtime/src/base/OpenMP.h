//===- OpenMP.h - threads of loops, where the compiler has them -*- C++ -*-===//
#ifndef MOERT_BASE_OPENMP_H
#define MOERT_BASE_OPENMP_H

#ifdef _OPENMP
#include <omp.h>
#else
// A compiler without it runs every loop on one thread.
inline int omp_get_thread_num() { return 0; }
inline int omp_get_num_threads() { return 1; }
inline int omp_get_num_procs() { return 1; }
#endif

#endif // MOERT_BASE_OPENMP_H
