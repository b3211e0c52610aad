//===- ModelBuilder.cpp - the frame of a model, weights and values --------===//
#include "moe/Model/ModelBuilder.h"

#include "mlir/IR/Verifier.h"
#include "moe/Model/Diagnostics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace moe;
using llvm::APFloat;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;

ModelBuilder::ModelBuilder(MLIRContext &context, const Checkpoint &checkpoint,
                           StringRef family)
    : checkpoint(checkpoint), family(family.str()), declarations(&context),
      body(&context), location(UnknownLoc::get(&context)) {
  context.loadDialect<MoeDialect, func::FuncDialect>();
}

void ModelBuilder::fail(Error error) {
  if (failed())
    llvm::consumeError(std::move(error));
  else
    message = llvm::toString(std::move(error));
}

//===----------------------------------------------------------------------===//
// The frame
//===----------------------------------------------------------------------===//

/// The directory's own name, wherever it was called from.
static std::string modelName(StringRef directory) {
  llvm::SmallString<128> path(directory);
  (void)llvm::sys::fs::make_absolute(path);
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  StringRef name = llvm::sys::path::filename(
      StringRef(path).rtrim(llvm::sys::path::get_separator()));
  return name.empty() || name == "/" ? "model" : name.str();
}

void ModelBuilder::begin(const ModelSignature &signature) {
  module = ModuleOp::create(location);
  body.setInsertionPointToEnd(module->getBody());
  auto model = ModelOp::create(
      body, location, modelName(checkpoint.getDirectory()), family,
      signature.context, signature.vocabulary, checkpoint.getDirectory());
  Block *block = &model.getBody().emplaceBlock();
  body.setInsertionPointToEnd(block);

  auto indices =
      RankedTensorType::get({ShapedType::kDynamic}, body.getI32Type());
  auto state =
      KvType::get(body.getContext(), signature.layers, signature.kvHeads,
                  signature.headSize, body.getF32Type());
  auto type = body.getFunctionType({indices, indices, indices, indices, state},
                                   {rowsType(signature.vocabulary), state});
  forward = func::FuncOp::create(body, location, "forward", type);
  body.setInsertionPointToEnd(forward.addEntryBlock());
  // Weights stand in front of the function, in the order of their use.
  declarations.setInsertionPoint(forward);
  kv = forward.getArgument(4);
}

void ModelBuilder::endForward(Value logits) {
  func::ReturnOp::create(body, location, ValueRange{logits, kv});
}

Expected<OwningOpRef<ModuleOp>> ModelBuilder::finish() {
  if (!module && !failed())
    fail(fileError(checkpoint.getListing(),
                   "family " + quote(family) + " built no model"));
  if (!failed())
    fail(checkAllUsed());
  if (failed())
    return makeError(message);
  std::string problem;
  ScopedDiagnosticHandler handler(module->getContext(),
                                  [&](Diagnostic &diagnostic) {
                                    if (problem.empty())
                                      problem = diagnostic.str();
                                    return success();
                                  });
  if (mlir::failed(verify(*module)))
    return fileError(checkpoint.getListing(),
                     "family " + quote(family) +
                         " built an invalid model: " + problem);
  return std::move(module);
}

Error ModelBuilder::checkAllUsed() const {
  for (const SafetensorsTensor &tensor : checkpoint.getTensors()) {
    // Old exports store the table that rope_theta describes.
    if (used.contains(tensor.name) ||
        StringRef(tensor.name).ends_with(".rotary_emb.inv_freq"))
      continue;
    return fileError(checkpoint.getListing(),
                     "tensor " + quote(tensor.name) + " of shape " +
                         shapeText(tensor.shape) +
                         " has no place in a model of family " + quote(family) +
                         " with this config.json");
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

bool ModelBuilder::hasTensor(StringRef tensor) const {
  return checkpoint.find(tensor) != nullptr;
}

std::string ModelBuilder::firstOf(ArrayRef<std::string> tensors) const {
  for (const std::string &tensor : tensors)
    if (hasTensor(tensor))
      return tensor;
  return tensors.front();
}

void ModelBuilder::allowUnused(StringRef tensor) { used.insert(tensor); }

const SafetensorsTensor *ModelBuilder::find(StringRef tensor,
                                            ArrayRef<int64_t> shape) {
  Expected<const SafetensorsTensor *> found = checkpoint.get(tensor, shape);
  if (!found) {
    fail(found.takeError());
    return nullptr;
  }
  used.insert(tensor);
  return *found;
}

Type ModelBuilder::elementType(StringRef dtype) {
  if (dtype == "F32")
    return declarations.getF32Type();
  return dtype == "F16" ? Type(declarations.getF16Type())
                        : Type(declarations.getBF16Type());
}

FlatSymbolRefAttr ModelBuilder::weight(StringRef symbol, StringRef tensor,
                                       ArrayRef<int64_t> shape) {
  const SafetensorsTensor *found = find(tensor, shape);
  if (!found)
    return FlatSymbolRefAttr::get(declarations.getContext(), symbol);
  return weight(symbol, TensorSlice{found, 0, found->length}, shape);
}

FlatSymbolRefAttr ModelBuilder::weight(StringRef symbol,
                                       ArrayRef<TensorSlice> slices,
                                       ArrayRef<int64_t> shape) {
  auto reference = FlatSymbolRefAttr::get(declarations.getContext(), symbol);
  if (failed() || slices.empty())
    return reference;
  const SafetensorsTensor *first = slices.front().tensor;
  SmallVector<Attribute> extents;
  for (const TensorSlice &slice : slices) {
    if (slice.tensor->dtype != first->dtype) {
      fail(fileError(checkpoint.getListing(),
                     "tensor " + quote(slice.tensor->name) + " has dtype " +
                         slice.tensor->dtype + ", but " + quote(first->name) +
                         " has " + first->dtype));
      return reference;
    }
    extents.push_back(
        ExtentAttr::get(declarations.getContext(), slice.tensor->file,
                        slice.tensor->offset + slice.offset, slice.length));
  }
  WeightOp::create(
      declarations, NameLoc::get(declarations.getStringAttr(first->name)),
      symbol, RankedTensorType::get(shape, elementType(first->dtype)),
      declarations.getArrayAttr(extents));
  return reference;
}

FlatSymbolRefAttr ModelBuilder::ropeTable(StringRef symbol, RopeLayout layout,
                                          const RopeFrequencies &rope) {
  RopeTableOp::create(declarations, location, symbol, layout,
                      declarations.getF64ArrayAttr(rope.frequencies),
                      APFloat(rope.gain));
  return FlatSymbolRefAttr::get(declarations.getContext(), symbol);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void ModelBuilder::setLocation(const Twine &name) {
  location = NameLoc::get(body.getStringAttr(name));
}

Value ModelBuilder::argument(unsigned index) const {
  return const_cast<func::FuncOp &>(forward).getArgument(index);
}

RankedTensorType ModelBuilder::rowsType(int64_t features, Type element) {
  return RankedTensorType::get({ShapedType::kDynamic, features},
                               element ? element : body.getF32Type());
}

Value ModelBuilder::embed(FlatSymbolRefAttr table, int64_t features) {
  return EmbedOp::create(body, location, rowsType(features), getTokens(),
                         table);
}

Value ModelBuilder::pickWanted(Value rows) {
  return PickOp::create(body, location, rows.getType(), rows, getWanted());
}

Value ModelBuilder::rmsNorm(Value rows, FlatSymbolRefAttr scale, double epsilon,
                            int64_t groups) {
  return NormOp::create(body, location, NormKind::Rms, rows, scale.getValue(),
                        APFloat(epsilon), groups);
}

Value ModelBuilder::linear(Value rows, FlatSymbolRefAttr weight,
                           FlatSymbolRefAttr bias, int64_t features) {
  return LinearOp::create(body, location, rowsType(features), rows, weight,
                          bias);
}

Value ModelBuilder::add(Value lhs, Value rhs) {
  return AddOp::create(body, location, lhs, rhs);
}

Value ModelBuilder::clamp(Value rows, double limit) {
  return ClampOp::create(body, location, rows, APFloat(limit));
}

Value ModelBuilder::rope(Value rows, StringRef table, int64_t heads) {
  return RopeOp::create(body, location, rows.getType(), rows, getPositions(),
                        table, heads);
}

Value ModelBuilder::attention(Value queries, Value keys, Value values,
                              int64_t layer, int64_t heads, double scale,
                              std::optional<int64_t> window) {
  kv = KvAppendOp::create(body, location, kv.getType(), keys, values, kv, layer,
                          getSequences(), getPositions());
  IntegerAttr limit = window ? body.getI64IntegerAttr(*window) : IntegerAttr();
  return AttentionOp::create(body, location, queries.getType(), queries, kv,
                             layer, getSequences(), getPositions(), heads,
                             APFloat(scale), limit);
}
