//===- CpuFeatures.h - what this processor can execute ----------*- C++ -*-===//
#ifndef MOERT_NATIVE_CPUFEATURES_H
#define MOERT_NATIVE_CPUFEATURES_H

#include <string>
#include <string_view>

namespace moert {

enum class Feature { Present, Absent, Unknown };

/// Asks for a feature by LLVM's name, "avx512bf16". Present means that the
/// processor has it and that the operating system saves its registers.
Feature lookUpFeature(std::string_view name);

/// "AMD EPYC"; empty when the processor does not say.
std::string processorName();

} // namespace moert

#endif // MOERT_NATIVE_CPUFEATURES_H
