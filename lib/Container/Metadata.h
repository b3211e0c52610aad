//===- Metadata.h - section METADATA of a container -------------*- C++ -*-===//
#ifndef MOE_LIB_CONTAINER_METADATA_H
#define MOE_LIB_CONTAINER_METADATA_H

#include "module_generated.h"
#include "moe/Analysis/ModelFacts.h"
#include "moe/Container/ContainerWriter.h"

namespace moe {

/// The FlatBuffer of runtime/schema/module.fbs. `checksums` has one value for
/// each parameter of the plan.
std::vector<uint8_t> buildMetadata(const ContainerInput &input,
                                   const CodeObject &code,
                                   const ModelFacts &facts,
                                   llvm::ArrayRef<uint64_t> checksums);

/// What the fetches of a model say; null if all experts are taken from memory.
flatbuffers::Offset<moert::fb::Schedule>
buildSchedule(flatbuffers::FlatBufferBuilder &builder, ModelOp model);

/// XXH3-64 of the checksums of all parameters, in ascending order.
uint64_t getWeightsHash(llvm::ArrayRef<uint64_t> checksums);

/// Where tokens may leave; null if they may not.
flatbuffers::Offset<moert::fb::Exits>
buildExits(flatbuffers::FlatBufferBuilder &builder, const ContainerInput &input,
           uint64_t weightsHash);

/// Fails unless the certificate is of these weights and this model, and of its
/// exits and their thresholds.
llvm::Error verifyCertificate(const ExitCertificate &certificate,
                              const ContainerInput &input,
                              uint64_t weightsHash);

} // namespace moe

#endif // MOE_LIB_CONTAINER_METADATA_H
