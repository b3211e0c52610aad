//===- Wide.h - loops compiled for several vector widths --------*- C++ -*-===//
#ifndef MOE_LIB_QUANT_WIDE_H
#define MOE_LIB_QUANT_WIDE_H

/// Before a function whose loops gain from wide vectors: it is compiled for
/// AVX-512, AVX2 and any processor, and the widest that fits is called.
/// Products and sums are never fused here (-ffp-contract=off), so all give the
/// same bits.
#if defined(__x86_64__) && defined(__linux__) && defined(__clang__)
#define MOE_WIDE                                                               \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MOE_WIDE
#endif

#endif // MOE_LIB_QUANT_WIDE_H
