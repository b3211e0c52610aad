//===- Metadata.cpp - IR facts become a FlatBuffer ------------------------===//
#include "Metadata.h"

#include "mlir/IR/BuiltinTypes.h"
#include "moe/Container/StoredBits.h"
#include "llvm/ADT/SetVector.h"
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

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

namespace {
/// The codes that the module's matrices have, in the order of their use.
using Codes = llvm::SetVector<CodeAttr>;
} // namespace

static Offset<fb::Code> code(FlatBufferBuilder &builder, CodeAttr source) {
  auto name = text(builder, source.getName());
  std::vector<int16_t> window(source.getWindow().begin(),
                              source.getWindow().end());
  std::vector<uint8_t> levels(source.getLevels().begin(),
                              source.getLevels().end());
  auto windowOffset = builder.CreateVector(window);
  auto levelsOffset = builder.CreateVector(levels);
  auto layout = source.getLayout() == CodeLayout::Pairs
                    ? fb::CodeLayout::Pairs
                    : fb::CodeLayout::Planes;
  return fb::CreateCode(builder, name, layout, source.getBits(),
                        source.getColumns(), source.getWeights(),
                        source.getOffset(), source.getZeros(),
                        source.getRotated(), windowOffset, levelsOffset);
}

static Offset<fb::Matrix> matrix(FlatBufferBuilder &builder, WeightSlice slice,
                                 const Codes &codes) {
  WeightOp weight = slice.weight;
  int64_t index = -1;
  if (CodeAttr code = weight.getCodeAttr())
    index = llvm::find(codes, code) - codes.begin();
  return fb::CreateMatrix(builder, weight.getRows(), weight.getColumns(), index,
                          getElement(weight.getTensorType().getElementType()),
                          weight.getColumnRotation().value_or(0),
                          weight.getRowRotation().value_or(0), slice.size);
}

static bool isCoded(const WeightSlice &slice) {
  return bool(WeightOp(slice.weight).getCode());
}

/// Names of the codes of a parameter, each once.
static std::string getScheme(const Parameter &parameter) {
  llvm::SetVector<StringRef> names;
  for (WeightSlice slice : parameter.data)
    names.insert(slice.weight.getCode() ? slice.weight.getCodeAttr().getName()
                                        : "none");
  return llvm::join(names, "+");
}

static Offset<fb::Parameter> parameter(FlatBufferBuilder &builder,
                                       const Parameter &source,
                                       uint64_t checksum, const Codes &codes) {
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
  Offset<flatbuffers::String> scheme;
  Offset<flatbuffers::Vector<Offset<fb::Matrix>>> matricesOffset;
  if (llvm::any_of(source.data, isCoded)) {
    scheme = text(builder, getScheme(source));
    std::vector<Offset<fb::Matrix>> matrices;
    for (WeightSlice slice : source.data)
      matrices.push_back(matrix(builder, slice, codes));
    matricesOffset = builder.CreateVector(matrices);
  }
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
  if (!scheme.IsNull()) {
    result.add_scheme(scheme);
    result.add_matrices(matricesOffset);
  }
  return result.Finish();
}

static Offset<fb::Target> target(FlatBufferBuilder &builder,
                                 const ContainerInput &input,
                                 const CodeObject &code) {
  return fb::CreateTarget(builder, builder.CreateString(input.backend),
                          builder.CreateString(code.driver),
                          text(builder, code.triple), text(builder, code.cpu),
                          texts(builder, code.features), code.context);
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
                                        const CodeObject &codeObject,
                                        const ModelFacts &facts,
                                        llvm::ArrayRef<uint64_t> checksums) {
  FlatBufferBuilder builder;
  Codes codes;
  for (const Parameter &source : input.plan->getParameters())
    for (WeightSlice slice : source.data)
      if (isCoded(slice))
        codes.insert(slice.weight.getCodeAttr());
  std::vector<Offset<fb::Parameter>> parameters;
  for (auto [source, checksum] :
       llvm::zip_equal(input.plan->getParameters(), checksums))
    parameters.push_back(parameter(builder, source, checksum, codes));
  std::vector<Offset<fb::Code>> codeOffsets;
  for (CodeAttr source : codes)
    codeOffsets.push_back(code(builder, source));
  StoredBits stored(*input.plan);
  auto kv = fb::CreateKv(builder, facts.kv.getLayers(), facts.kv.getHeads(),
                         facts.kv.getHeadDim(),
                         getElement(facts.kv.getElementType()));
  builder.Finish(
      fb::CreateModule(builder, text(builder, input.producer),
                       model(builder, input, facts, stored.weights),
                       target(builder, input, codeObject), kv,
                       builder.CreateVector(parameters),
                       text(builder, codeObject.entry),
                       codeObject.workspaceFixed, codeObject.workspacePerRow,
                       texts(builder, codeObject.operations), stored.bits,
                       input.plan->getActiveBytes(), input.plan->getMacs(),
                       codes.empty() ? 0 : builder.CreateVector(codeOffsets),
                       stored.codedWeights, stored.codeBits,
                       buildSchedule(builder, input.model),
                       buildExits(builder, input, getWeightsHash(checksums))),
      fb::ModuleIdentifier());
  return std::vector<uint8_t>(builder.GetBufferPointer(),
                              builder.GetBufferPointer() + builder.GetSize());
}
