//===- CodedWeights.cpp - encodes matrix by matrix ------------------------===//
#include "moe/Container/CodedWeights.h"

#include "CodeCache.h"
#include "WeightStream.h"
#include "moe/Driver/Registry.h"
#include "moe/Model/WeightData.h"
#include "moe/Quant/RowBounds.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;

CodedWeights::CodedWeights() = default;
CodedWeights::~CodedWeights() = default;

void CodedWeights::discard() {
  if (cache)
    cache->remove();
}

//===----------------------------------------------------------------------===//
// What is encoded
//===----------------------------------------------------------------------===//

static uint64_t getMatrixBytes(WeightOp weight) {
  return weight.getStoredSize() / weight.getMatrices();
}

/// Every matrix of the plan's coded weights, once.
static std::vector<CodedMatrix> listMatrices(const ParameterPlan &plan) {
  std::vector<CodedMatrix> matrices;
  llvm::DenseSet<std::pair<Operation *, int64_t>> listed;
  uint64_t end = 0;
  for (const Parameter &parameter : plan.getParameters())
    for (WeightSlice slice : parameter.data) {
      if (!slice.weight.getCode())
        continue;
      uint64_t size = getMatrixBytes(slice.weight);
      for (uint64_t at = 0; at < slice.size; at += size) {
        CodedMatrix matrix;
        matrix.weight = slice.weight;
        matrix.index = (slice.offset + at) / size;
        if (!listed.insert({slice.weight, matrix.index}).second)
          continue;
        matrix.offset = end;
        matrix.size = size;
        end += size;
        matrices.push_back(matrix);
      }
    }
  return matrices;
}

/// The scheme that chooses the bits of a weight's code. IR may come with codes
/// that no scheme of this build makes.
static llvm::Expected<std::unique_ptr<QuantScheme>>
createScheme(WeightOp weight, const Registry &registry) {
  CodeAttr code = weight.getCodeAttr();
  auto found = registry.schemes.find(code.getName().str());
  if (found != registry.schemes.end()) {
    std::unique_ptr<QuantScheme> scheme = found->second();
    if (scheme->getCode(weight.getContext()) == code)
      return scheme;
  }
  return llvm::createStringError("is stored as code '" + code.getName() +
                                 "', which no scheme of this build makes");
}

/// Everything that the codes depend on but the values, which are compared one
/// matrix at a time.
static Fingerprint fingerprintInput(const EncodingInput &input) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << input.key << '\0' << int(input.options.effort) << '\0';
  ModelOp model = input.model;
  model->print(stream);
  // Inputs of a calibration depend on all values of the model.
  llvm::StringSet<> seen;
  for (auto weight : model.getOps<WeightOp>())
    for (Attribute source : weight.getSources()) {
      auto extent = dyn_cast<ExtentAttr>(source);
      if (!input.calibration || !extent ||
          !seen.insert(extent.getFile()).second)
        continue;
      llvm::sys::fs::file_status status;
      std::string path = getExtentPath(model.getDirectory(), extent.getFile());
      if (!llvm::sys::fs::status(path, status))
        stream << status.getSize() << ' '
               << status.getLastModificationTime().time_since_epoch().count()
               << '\0';
    }
  return getFingerprint(text);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// A matrix's elements, little endian, as f32: exact.
static void widen(Type element, ArrayRef<char> bytes, std::vector<float> &out) {
  auto convert = [&](auto type) {
    using T = decltype(type);
    out.resize(bytes.size() / sizeof(T));
    for (size_t i = 0; i < out.size(); ++i) {
      T value;
      std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
      out[i] = float(value);
    }
  };
  if (element.isF32())
    return convert(float());
  if (element.isF16())
    return convert(_Float16());
  out.resize(bytes.size() / sizeof(uint16_t));
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t high;
    std::memcpy(&high, bytes.data() + i * sizeof(high), sizeof(high));
    out[i] = llvm::bit_cast<float>(uint32_t(high) << 16);
  }
}

namespace {
/// Encodes one matrix after the other; buffers stay for the next one.
class MatrixEncoder {
public:
  MatrixEncoder(const EncodingInput &input)
      : input(input), data(ModelOp(input.model).getDirectory()) {}

  /// Reads the values; returns their checksum.
  llvm::Expected<uint64_t> read(CodedMatrix &matrix);
  /// Encodes the values read last.
  llvm::Error encode(CodedMatrix &matrix);
  /// Fails if the codes, those encoded last or what the cache has, are further
  /// off than a moe.surplus allows.
  llvm::Error verify(CodedMatrix &matrix, const CodeCache *cache);

  ArrayRef<char> getCodes() const { return codes; }
  uint64_t getBytesRead() const { return bytes.size(); }

private:
  llvm::Expected<const QuantScheme *> getScheme(WeightOp weight);
  llvm::Error verifySlack(WeightOp weight, StringAttr slack);
  llvm::Error fail(CodedMatrix &matrix, llvm::Error error);

  const EncodingInput &input;
  WeightData data;
  llvm::StringMap<std::unique_ptr<QuantScheme>> schemes;
  std::vector<char> bytes, codes;
  std::vector<float> values;
};
} // namespace

llvm::Expected<uint64_t> MatrixEncoder::read(CodedMatrix &matrix) {
  WeightOp weight = matrix.weight;
  bytes.resize(weight.getByteSize() / weight.getMatrices());
  if (llvm::Error error = data.read(weight, matrix.index * bytes.size(), bytes))
    return std::move(error);
  return getChecksum(bytes);
}

llvm::Expected<const QuantScheme *> MatrixEncoder::getScheme(WeightOp weight) {
  std::unique_ptr<QuantScheme> &scheme =
      schemes[weight.getCodeAttr().getName()];
  if (!scheme || scheme->getCode(weight.getContext()) != weight.getCodeAttr()) {
    auto made = createScheme(weight, *input.registry);
    if (!made)
      return made.takeError();
    scheme = std::move(*made);
  }
  return scheme.get();
}

llvm::Error MatrixEncoder::fail(CodedMatrix &matrix, llvm::Error error) {
  WeightOp weight = matrix.weight;
  std::string which = weight.getMatrices() > 1
                          ? " of expert " + std::to_string(matrix.index)
                          : "";
  return llvm::createStringError(
      getSourceFile(weight, matrix.index * bytes.size()) + ": weight @" +
      weight.getSymName() + which + ": " + llvm::toString(std::move(error)));
}

/// The slacks within which products are estimates: they bound errors of the
/// nearest codes, which no text has a say in.
static llvm::SmallSetVector<StringAttr, 1> getSlacks(WeightOp weight) {
  llvm::SmallSetVector<StringAttr, 1> slacks;
  weight->getParentOp()->walk([&](SurplusOp op) {
    auto linear = op.getOutside().getDefiningOp<LinearOp>();
    if (linear && linear.getWeight() == weight.getSymName())
      slacks.insert(op.getSlackAttr().getAttr());
  });
  return slacks;
}

static llvm::Error verifyBound(int64_t row, const char *what, float bound,
                               StringRef slack, float allowed) {
  if (allowed >= bound)
    return llvm::Error::success();
  return llvm::createStringError("codes of row %lld %s up to %.9g, slack @%s "
                                 "allows %.9g",
                                 static_cast<long long>(row), what, bound,
                                 slack.str().c_str(), allowed);
}

llvm::Error MatrixEncoder::verifySlack(WeightOp weight, StringAttr name) {
  auto slack = ModelOp(input.model).lookupSymbol<WeightOp>(name);
  int64_t rows = weight.getRows(), columns = weight.getColumns();
  std::vector<float> allowed(2 * rows);
  if (llvm::Error error = data.readElements(slack, 0, allowed))
    return error;
  StoredMatrix stored(weight.getCodeAttr(), rows, columns, codes);
  for (auto [row, bound] :
       llvm::enumerate(getRowBounds(values, stored, rows, columns))) {
    if (llvm::Error error = verifyBound(row, "are off by", bound.error,
                                        name, allowed[2 * row]))
      return error;
    if (llvm::Error error =
            verifyBound(row, "have a length of", bound.length,
                        name, allowed[2 * row + 1]))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error MatrixEncoder::verify(CodedMatrix &matrix, const CodeCache *cache) {
  auto slacks = getSlacks(matrix.weight);
  if (slacks.empty())
    return llvm::Error::success();
  if (cache) {
    WeightOp weight = matrix.weight;
    widen(weight.getTensorType().getElementType(), bytes, values);
    codes.resize(matrix.size);
    if (llvm::Error error = cache->read(matrix.offset, codes))
      return error;
  }
  for (StringAttr slack : slacks)
    if (llvm::Error error = verifySlack(matrix.weight, slack))
      return fail(matrix, std::move(error));
  return llvm::Error::success();
}

llvm::Error MatrixEncoder::encode(CodedMatrix &matrix) {
  WeightOp weight = matrix.weight;
  llvm::Expected<const QuantScheme *> scheme = getScheme(weight);
  if (!scheme)
    return fail(matrix, scheme.takeError());
  if (llvm::Error error =
          verifyFinite(weight, matrix.index * bytes.size(), bytes))
    return error;
  widen(weight.getTensorType().getElementType(), bytes, values);
  MatrixInput matrixInput;
  matrixInput.values = values;
  matrixInput.rows = weight.getRows();
  matrixInput.columns = weight.getColumns();
  matrixInput.columnRotation = weight.getColumnRotation().value_or(0);
  matrixInput.rowRotation = weight.getRowRotation().value_or(0);
  InputRows inputs;
  if (input.calibration && getSlacks(weight).empty()) {
    llvm::Expected<InputRows> rows =
        input.calibration->getInputs(weight, matrix.index);
    if (!rows)
      return rows.takeError();
    inputs = std::move(*rows);
    matrix.inputRows = inputs.rows;
    if (inputs.rows > 0)
      matrixInput.inputs = &inputs;
  }
  codes.assign(matrix.size, 0);
  llvm::Expected<EncodeErrors> errors = encodeMatrix(
      **scheme, weight.getCodeAttr(), matrixInput, input.options, codes);
  if (!errors)
    return fail(matrix, errors.takeError());
  matrix.errors = *errors;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

static CodeCache::Entry toEntry(const CodedMatrix &matrix, uint64_t source) {
  CodeCache::Entry entry;
  entry.source = source;
  entry.numbers[0] = matrix.errors.error;
  entry.numbers[1] = matrix.errors.weights;
  entry.numbers[2] = matrix.errors.outputError;
  entry.numbers[3] = matrix.errors.outputs;
  entry.inputRows = matrix.inputRows;
  return entry;
}

static void fromEntry(const CodeCache::Entry &entry, CodedMatrix &matrix) {
  matrix.errors.error = entry.numbers[0];
  matrix.errors.weights = entry.numbers[1];
  matrix.errors.outputError = entry.numbers[2];
  matrix.errors.outputs = entry.numbers[3];
  matrix.errors.hasOutputs = entry.inputRows > 0;
  matrix.inputRows = entry.inputRows;
}

llvm::Error CodedWeights::run(const EncodingInput &input) {
  MatrixEncoder encoder(input);
  uint64_t done = 0, total = 0;
  for (CodedMatrix &matrix : matrices)
    total += matrix.weight.getByteSize() / matrix.weight.getMatrices();
  size_t taken = 0;
  for (auto [item, matrix] : llvm::enumerate(matrices)) {
    llvm::Expected<uint64_t> source = encoder.read(matrix);
    if (!source) {
      cache->remove();
      return source.takeError();
    }
    auto entry = cache->find(item, *source);
    if (entry) {
      fromEntry(*entry, matrix);
      ++taken;
    } else {
      if (llvm::Error error = encoder.encode(matrix)) {
        cache->remove();
        return error;
      }
      if (llvm::Error error =
              cache->store(item, toEntry(matrix, *source), encoder.getCodes()))
        return llvm::createStringError(llvm::toString(std::move(error)) +
                                       ", codes so far stay there");
    }
    if (llvm::Error error =
            encoder.verify(matrix, entry ? cache.get() : nullptr)) {
      cache->remove();
      return error;
    }
    done += encoder.getBytesRead();
    if (input.progress)
      input.progress(done, total);
  }
  if (taken && input.note)
    input.note(input.cachePath + ": " + std::to_string(taken) + " of " +
               std::to_string(matrices.size()) +
               " matrices were there already");
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<CodedWeights>>
CodedWeights::encode(const EncodingInput &input) {
  std::unique_ptr<CodedWeights> result(new CodedWeights());
  result->matrices = listMatrices(*input.plan);
  if (result->matrices.empty())
    return result;
  std::vector<uint64_t> sizes;
  for (auto [item, matrix] : llvm::enumerate(result->matrices)) {
    result->places[{matrix.weight, matrix.index}] = item;
    sizes.push_back(matrix.size);
  }
  auto cache = CodeCache::open(input.cachePath, fingerprintInput(input), sizes);
  if (!cache)
    return cache.takeError();
  result->cache = std::move(*cache);
  if (result->cache->getFound() == CodeCache::Found::Other && input.note)
    input.note(input.cachePath + ": held codes of another compilation, begun "
                                 "anew");
  if (llvm::Error error = result->run(input))
    return std::move(error);
  return result;
}

llvm::Error CodedWeights::read(WeightOp weight, uint64_t offset,
                               llvm::MutableArrayRef<char> out) const {
  uint64_t size = getMatrixBytes(weight);
  while (!out.empty()) {
    int64_t index = offset / size;
    const CodedMatrix &matrix = matrices[places.lookup({weight, index})];
    uint64_t within = offset - index * size;
    uint64_t count = std::min<uint64_t>(out.size(), size - within);
    if (llvm::Error error =
            cache->read(matrix.offset + within, out.take_front(count)))
      return error;
    out = out.drop_front(count);
    offset += count;
  }
  return llvm::Error::success();
}
