//===- LightHead.cpp - a few rows of the head, and bounds of the others ---===//
#include "LightHead.h"

#include "moe/Driver/Registry.h"
#include "moe/Model/WeightData.h"
#include "moe/Quant/Encoder.h"
#include "moe/Quant/RowBounds.h"

using namespace mlir;
using namespace moe;

/// What the others' rows are stored as. Codes of this scheme depend on nothing but
/// the values, so that those of the module are those that were looked at here.
static constexpr llvm::StringLiteral restScheme = "q4";

static llvm::Error cannot(const llvm::Twine &why) {
  return llvm::createStringError("a light head is not possible: " + why);
}

//===----------------------------------------------------------------------===//
// Rows of the head
//===----------------------------------------------------------------------===//

/// Rows [first, first + count) of a matrix whose values lie in files.
static void addExtents(WeightOp weight, uint64_t first, uint64_t count,
                       SmallVectorImpl<Attribute> &extents) {
  uint64_t rowBytes =
      weight.getByteSize() / weight.getTensorType().getDimSize(0);
  uint64_t begin = first * rowBytes, end = begin + count * rowBytes;
  uint64_t at = 0; // of the extent's first byte
  for (ExtentAttr extent : weight.getSources().getAsRange<ExtentAttr>()) {
    uint64_t from = std::max(begin, at);
    uint64_t to = std::min(end, at + extent.getLength());
    if (from < to)
      extents.push_back(ExtentAttr::get(weight.getContext(), extent.getFile(),
                                        extent.getOffset() + from - at,
                                        to - from));
    at += extent.getLength();
  }
}

/// A weight of some rows of another, which ascend.
static WeightOp addRows(StringRef name, WeightOp weight,
                        ArrayRef<int32_t> rows) {
  SmallVector<Attribute> extents;
  for (size_t i = 0; i < rows.size();) {
    size_t end = i + 1;
    while (end < rows.size() && rows[end] == rows[end - 1] + 1)
      ++end;
    addExtents(weight, rows[i], end - i, extents);
    i = end;
  }
  OpBuilder builder(weight->getContext());
  builder.setInsertionPointAfter(weight);
  RankedTensorType type = weight.getTensorType();
  return WeightOp::create(
      builder, weight.getLoc(), name,
      RankedTensorType::get({int64_t(rows.size()), type.getDimSize(1)},
                            type.getElementType()),
      builder.getArrayAttr(extents));
}

//===----------------------------------------------------------------------===//
// How far estimates may be off
//===----------------------------------------------------------------------===//

/// The slack of moe.surplus for a weight that is stored as a code. Who writes the
/// codes compares them with it.
static llvm::Expected<std::vector<double>> getSlack(ModelOp model,
                                                    WeightOp weight) {
  MatrixInput input;
  input.rows = weight.getRows();
  input.columns = weight.getColumns();
  std::vector<float> values(input.rows * input.columns);
  WeightData data(model.getDirectory());
  if (llvm::Error error = data.readElements(weight, 0, values))
    return std::move(error);
  input.values = values;
  CodeAttr code = weight.getCodeAttr();
  std::vector<char> codes(code.getMatrixBytes(input.rows, input.columns));
  auto scheme = getRegistry().schemes.at(restScheme.str())();
  auto errors = encodeMatrix(*scheme, code, input, EncodeOptions(), codes);
  if (!errors)
    return errors.takeError();

  StoredMatrix stored(code, input.rows, input.columns, codes);
  // IR is printed with 7 digits.
  const double printed = 1 + 0x1p-20;
  std::vector<double> slack;
  for (RowBound bound :
       getRowBounds(values, stored, input.rows, input.columns)) {
    slack.push_back(bound.error * printed);
    slack.push_back(bound.length * printed);
  }
  return slack;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

static llvm::Error verifyHead(LinearOp head, WeightOp weight) {
  if (!head)
    return cannot("logits are not the result of a moe.linear");
  if (weight.getCode())
    return cannot("weight @" + weight.getSymName() + " is stored as a code");
  if (head.getBias())
    return cannot("weight @" + weight.getSymName() + " has a bias beside it");
  if (!llvm::all_of(weight.getSources(), llvm::IsaPred<ExtentAttr>))
    return cannot("values of weight @" + weight.getSymName() +
                  " lie in no file");
  return llvm::Error::success();
}

static llvm::Error verifyWords(ArrayRef<int64_t> words, int64_t vocabulary) {
  int64_t before = -1;
  for (int64_t word : words) {
    if (word < 0 || word >= vocabulary)
      return llvm::createStringError(
          "word " + llvm::Twine(word) + " in the shortlist, the model has " +
          llvm::Twine(vocabulary) + " words");
    if (word <= before)
      return llvm::createStringError("word " + llvm::Twine(word) + " after " +
                                     llvm::Twine(before) +
                                     " in the shortlist, expected ascending "
                                     "numbers");
    before = word;
  }
  if (int64_t(words.size()) >= vocabulary)
    return llvm::createStringError(llvm::Twine(words.size()) +
                                   " words in the shortlist, expected fewer "
                                   "than the model has: " +
                                   llvm::Twine(vocabulary));
  return llvm::Error::success();
}

llvm::Expected<LightHead> LightHead::add(DecoderStack &stack, ModelOp model,
                                         ArrayRef<int64_t> words) {
  LightHead light;
  light.head = stack.getLogits().getDefiningOp<LinearOp>();
  auto weight = light.head
                    ? model.lookupSymbol<WeightOp>(light.head.getWeightAttr())
                    : WeightOp();
  if (llvm::Error error = verifyHead(light.head, weight))
    return std::move(error);
  int64_t vocabulary = weight.getTensorType().getDimSize(0);
  if (llvm::Error error = verifyWords(words, vocabulary))
    return std::move(error);
  light.words.assign(words.begin(), words.end());
  for (int64_t word = 0; words.empty() && word < (vocabulary + 3) / 4; ++word)
    light.words.push_back(int32_t(word));
  std::vector<int32_t> others;
  for (int32_t word = 0; word < vocabulary; ++word)
    if (!llvm::binary_search(light.words, word))
      others.push_back(word);
  if (others.empty())
    return cannot("the model has " + llvm::Twine(vocabulary) + " words");
  light.others = others.size();

  WeightOp rest = addRows("exits.rest", weight, others);
  WeightOp inside = addRows("exits.shortlist", weight, light.words);
  rest.setCodeAttr(getRegistry().schemes.at(restScheme.str())()->getCode(
      model->getContext()));
  auto slack = getSlack(model, rest);
  if (!slack)
    return slack.takeError();
  OpBuilder builder(model->getContext());
  builder.setInsertionPointAfter(rest);
  auto bounds = WeightOp::create(
      builder, rest.getLoc(), "exits.slack",
      RankedTensorType::get({light.others, 2}, builder.getF32Type()),
      builder.getArrayAttr({ValuesAttr::get(
          model->getContext(), builder.getDenseF64ArrayAttr(*slack))}));
  light.shortlist = FlatSymbolRefAttr::get(inside);
  light.rest = FlatSymbolRefAttr::get(rest);
  light.slack = FlatSymbolRefAttr::get(bounds);
  return light;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static Type getRows(OpBuilder &builder, int64_t columns) {
  return RankedTensorType::get({ShapedType::kDynamic, columns},
                               builder.getF32Type());
}

static Value pick(ImplicitLocOpBuilder &builder, Value table, Value rows) {
  auto type = cast<RankedTensorType>(table.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = ShapedType::kDynamic;
  return PickOp::create(builder, type.clone(shape), table, rows);
}

LightHead::Rows LightHead::build(ImplicitLocOpBuilder &builder,
                                 DecoderStack &stack, Value rows) const {
  IRMapping made;
  made.map(stack.output, rows);
  for (Operation *op : stack.head) {
    if (op == stack.pick)
      made.map(stack.pick.getResult(), made.lookup(stack.pick.getInput()));
    else if (op != head)
      builder.clone(*op, made);
  }
  LinearOp last = head;
  Value features = made.lookup(last.getInput());
  return {features,
          LinearOp::create(builder, getRows(builder, words.size()), features,
                           shortlist, /*bias=*/FlatSymbolRefAttr())};
}

Value LightHead::place(ImplicitLocOpBuilder &builder, DecoderStack &stack,
                       Rows rows, Value entries, Value table) const {
  LinearOp last = head;
  auto type = cast<RankedTensorType>(rows.features.getType());
  Value levels = QuantizeOp::create(
      builder, type.clone(QuantizedType::get(builder.getContext(), 0)),
      rows.features, /*arrived_rotated=*/false);
  Value near = DequantizeOp::create(builder, type, levels);
  Value outside = LinearOp::create(builder, getRows(builder, others), levels,
                                   rest, /*bias=*/FlatSymbolRefAttr());
  Value surplus =
      SurplusOp::create(builder, getRows(builder, 1), rows.inside, outside,
                        slack, rows.features, near);
  auto certain = CertainOp::create(builder, surplus);

  Value known =
      SpreadOp::create(builder, table.getType(),
                       pick(builder, rows.inside, certain.getCertain()),
                       builder.getDenseI32ArrayAttr(words));
  table = PlaceOp::create(builder, table.getType(), known,
                          pick(builder, entries, certain.getCertain()), table);
  Value logits = LinearOp::create(
      builder, table.getType(),
      pick(builder, rows.features, certain.getUnsure()), last.getWeightAttr(),
      /*bias=*/FlatSymbolRefAttr());
  return PlaceOp::create(builder, table.getType(), logits,
                         pick(builder, entries, certain.getUnsure()), table);
}
