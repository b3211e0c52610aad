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

} // namespace moe

#endif // MOE_LIB_CONTAINER_METADATA_H
