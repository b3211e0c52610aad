//===- Metadata.cpp - IR facts become a FlatBuffer ------------------------===//
#include "Metadata.h"

#include "mlir/IR/BuiltinTypes.h"
#include "module_generated.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moe;
namespace fb = moert::fb;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

static fb::ElementType getElement(Type type) {
  if (type.isF16())
    return fb::ElementType::F16;
  if (type.isBF16())
    return fb::ElementType::BF16;
  return fb::ElementType::F32;
}

/// Empty text is an absent field.
static Offset<flatbuffers::String> text(FlatBufferBuilder &builder,
                                        StringRef value) {
  if (value.empty())
    return {};
  return builder.CreateString(value.data(), value.size());
}

template <typename Range>
static Offset<flatbuffers::Vector<Offset<flatbuffers::String>>>
texts(FlatBufferBuilder &builder, const Range &values) {
  std::vector<Offset<flatbuffers::String>> offsets;
  for (const std::string &value : values)
    offsets.push_back(builder.CreateString(value));
  return builder.CreateVector(offsets);
}

static Offset<fb::RopeTable> ropeTable(FlatBufferBuilder &builder,
                                       RopeTableOp table) {
  std::vector<double> frequencies;
  for (Attribute frequency : table.getFrequencies())
    frequencies.push_back(cast<FloatAttr>(frequency).getValueAsDouble());
  return fb::CreateRopeTable(builder, builder.CreateVector(frequencies),
                             table.getGain().convertToDouble());
}

static Offset<fb::Parameter> parameter(FlatBufferBuilder &builder,
                                       const Parameter &source,
                                       uint64_t checksum) {
  Offset<flatbuffers::String> name = builder.CreateString(source.name);
  if (source.kind == Parameter::Kind::RopeTable) {
    Offset<fb::RopeTable> rope = ropeTable(builder, source.table);
    fb::ParameterBuilder result(builder);
    result.add_name(name);
    result.add_kind(fb::ParameterKind::RopeTable);
    result.add_rope(rope);
    return result.Finish();
  }
  bool isExpert = source.kind == Parameter::Kind::Expert;
  // The first slice of an expert is its part of the gates of all experts.
  WeightOp weight = source.data.front().weight;
  RankedTensorType type = weight.getTensorType();
  ArrayRef<int64_t> shape = type.getShape().drop_front(isExpert ? 1 : 0);
  auto shapeOffset = builder.CreateVector(shape.data(), shape.size());
  fb::ParameterBuilder result(builder);
  result.add_name(name);
  result.add_kind(isExpert ? fb::ParameterKind::Expert
                           : fb::ParameterKind::Tensor);
  result.add_element(getElement(type.getElementType()));
  result.add_shape(shapeOffset);
  result.add_offset(source.offset);
  result.add_size(source.size);
  result.add_checksum(checksum);
  result.add_layer(source.layer);
  result.add_expert(source.expert);
  return result.Finish();
}

static Offset<fb::Target> target(FlatBufferBuilder &builder,
                                 const ContainerInput &input,
                                 const CodeObject &code) {
  return fb::CreateTarget(builder, builder.CreateString(input.backend),
                          builder.CreateString(code.driver),
                          text(builder, code.triple), text(builder, code.cpu),
                          texts(builder, code.features));
}

static Offset<fb::Model> model(FlatBufferBuilder &builder,
                               const ContainerInput &input,
                               const ModelFacts &facts,
                               uint64_t storedWeights) {
  ModelOp op = input.model;
  return fb::CreateModel(
      builder, text(builder, op.getSymName()), text(builder, op.getFamily()),
      op.getVocabulary(), op.getContext(), facts.hidden, facts.layers,
      facts.experts, facts.expertsPerToken, storedWeights, input.bosToken,
      input.addBos, builder.CreateVector(input.eosTokens));
}

std::vector<uint8_t> moe::buildMetadata(const ContainerInput &input,
                                        const CodeObject &code,
                                        const ModelFacts &facts,
                                        llvm::ArrayRef<uint64_t> checksums) {
  FlatBufferBuilder builder;
  std::vector<Offset<fb::Parameter>> parameters;
  uint64_t storedWeights = 0, storedBytes = 0;
  for (auto [source, checksum] :
       llvm::zip_equal(input.plan->getParameters(), checksums)) {
    parameters.push_back(parameter(builder, source, checksum));
    storedBytes += source.size;
    for (WeightSlice slice : source.data)
      storedWeights += slice.size * 8 /
                       slice.weight.getTensorType().getElementTypeBitWidth();
  }
  auto kv = fb::CreateKv(builder, facts.kv.getLayers(), facts.kv.getHeads(),
                         facts.kv.getHeadDim(),
                         getElement(facts.kv.getElementType()));
  builder.Finish(
      fb::CreateModule(
          builder, text(builder, input.producer),
          model(builder, input, facts, storedWeights), target(builder, input, code),
          kv, builder.CreateVector(parameters), text(builder, code.entry),
          code.workspaceFixed, code.workspacePerRow,
          texts(builder, code.operations), storedBytes * 8,
          input.plan->getActiveBytes(), input.plan->getMacs()),
      fb::ModuleIdentifier());
  return std::vector<uint8_t>(builder.GetBufferPointer(),
                              builder.GetBufferPointer() + builder.GetSize());
}
