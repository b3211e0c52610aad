//===- RoutingTrace.cpp - a strict reader of untrusted traces -------------===//
#include "moe/Prefetch/RoutingTrace.h"

#include "moe/Analysis/ModelFacts.h"
#include "moert/abi/routing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <cstddef>

using namespace llvm;
using namespace moe;

namespace {

/// No router is near these; with them no product of sizes leaves 64 bits, and
/// what predictors keep of each pair of experts fits into memory.
constexpr uint32_t mostLayers = 1 << 16, mostExperts = 1 << 12;

/// An error whose parts make its message.
template <typename... Parts> Error failure(const Parts &...parts) {
  std::string text;
  raw_string_ostream stream(text);
  (stream << ... << parts);
  return createStringError(text);
}

/// Text of a file on one line, in quotes.
std::string quoted(StringRef text) {
  std::string result;
  raw_string_ostream stream(result);
  stream << '\'';
  printEscapedString(text, stream);
  stream << '\'';
  return result;
}

std::string listed(ArrayRef<int> layers) {
  return join(
      map_range(layers, [](int layer) { return std::to_string(layer); }), ", ");
}

/// Numbers of a file one after the other; who takes them has checked the size.
class Cursor {
public:
  explicit Cursor(StringRef bytes) : at(bytes.data()) {}

  template <typename T> T take() {
    T value = support::endian::read<T, endianness::little>(at);
    at += sizeof(T);
    return value;
  }
  StringRef take(size_t size) {
    StringRef taken(at, size);
    at += size;
    return taken;
  }
  template <typename T> void append(std::vector<T> &values, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      values.push_back(take<T>());
  }

private:
  const char *at;
};

struct Header {
  uint32_t version, layers, experts, chosen, guesses, reserved;
  uint64_t records, recordBytes, model;
  std::string modelName, predictor;
};

/// One trace while it is read.
class Reader {
public:
  explicit Reader(StringRef bytes) : bytes(bytes), cursor(bytes) {}

  Expected<RoutingTrace> read();

private:
  Error readHeader();
  Error checkSizes();
  Error readName(size_t size, StringRef what, std::string &name);
  Error readLayers();
  Error readRow(int64_t row);
  Error checkExperts(ArrayRef<int32_t> experts, StringRef what, int64_t row,
                     int64_t layer, bool mayMiss);
  Error checkFinite(ArrayRef<float> values, StringRef what, int64_t row,
                    int64_t layer);
  Error checkConfidence(int64_t row, int64_t layer);

  StringRef bytes;
  Cursor cursor;
  Header header;
  RoutingTrace trace;
  /// Row and layer that chose each expert last, to find experts chosen twice.
  std::vector<int64_t> seen;
  int64_t choice = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// The header
//===----------------------------------------------------------------------===//

Error Reader::readName(size_t size, StringRef what, std::string &name) {
  StringRef field = cursor.take(size);
  size_t length = field.find('\0');
  if (length == field.npos)
    return failure(what, " has no end within ", size, " bytes");
  name = field.take_front(length).str();
  return Error::success();
}

/// A number of the header that must lie within bounds.
static Error checkBounds(StringRef what, uint64_t value, uint64_t low,
                         uint64_t high) {
  if (value >= low && value <= high)
    return Error::success();
  return failure("has ", value, " ", what, ", must be between ", low, " and ",
                 high);
}

Error Reader::readHeader() {
  if (bytes.size() < sizeof(moert_routing_header_t))
    return failure("has ", bytes.size(),
                   " bytes, the header of a routing "
                   "trace has ",
                   sizeof(moert_routing_header_t));
  StringRef magic = cursor.take(sizeof(moert_routing_header_t::magic));
  if (magic != StringRef(MOERT_ROUTING_MAGIC, 8))
    return failure("begins with ", quoted(magic), ", a routing trace with ",
                   quoted(StringRef(MOERT_ROUTING_MAGIC, 8)));
  header.version = cursor.take<uint32_t>();
  if (header.version != MOERT_ROUTING_VERSION)
    return failure("is a routing trace of version ", header.version,
                   ", this build reads version ", MOERT_ROUTING_VERSION);
  header.layers = cursor.take<uint32_t>();
  header.experts = cursor.take<uint32_t>();
  header.chosen = cursor.take<uint32_t>();
  header.guesses = cursor.take<uint32_t>();
  header.reserved = cursor.take<uint32_t>();
  header.records = cursor.take<uint64_t>();
  header.recordBytes = cursor.take<uint64_t>();
  header.model = cursor.take<uint64_t>();
  if (Error error = readName(sizeof(moert_routing_header_t::model_name),
                             "name of the model", header.modelName))
    return error;
  return readName(sizeof(moert_routing_header_t::predictor),
                  "name of the predictor", header.predictor);
}

Error Reader::checkSizes() {
  if (header.reserved != 0)
    return failure("has ", header.reserved, " in a reserved field, must be 0");
  if (Error error =
          checkBounds("layers with experts", header.layers, 1, mostLayers))
    return error;
  if (Error error = checkBounds("experts", header.experts, 1, mostExperts))
    return error;
  if (Error error =
          checkBounds("experts per row", header.chosen, 1, header.experts))
    return error;
  if (Error error =
          checkBounds("guesses per row", header.guesses, 0, header.experts))
    return error;
  uint64_t layer =
      4 * (uint64_t(header.experts) + 2 * header.chosen + 2 * header.guesses);
  uint64_t record = sizeof(moert_routing_row_t) + header.layers * layer;
  if (header.recordBytes != record)
    return failure("has records of ", header.recordBytes,
                   " bytes, their parts have ", record);
  if (header.records == 0)
    return failure("has 0 rows, must be at least 1");
  uint64_t begin = sizeof(moert_routing_header_t) + 4 * uint64_t(header.layers);
  bool overflow = false;
  uint64_t size =
      SaturatingMultiplyAdd(header.records, record, begin, &overflow);
  if (overflow || size != bytes.size())
    return failure("has ", bytes.size(), " bytes, ", header.records,
                   " rows of ", record, " bytes behind the first ", begin,
                   overflow ? " overflow 64 bits"
                            : (" need " + Twine(size)).str());
  return Error::success();
}

Error Reader::readLayers() {
  for (uint32_t i = 0; i < header.layers; ++i) {
    int32_t layer = cursor.take<int32_t>();
    int32_t least = trace.layers.empty() ? 0 : trace.layers.back() + 1;
    if (layer < least || layer == std::numeric_limits<int32_t>::max())
      return failure("layer with experts ", i, " is decoder layer ", layer,
                     ", must be at least ", least, " and below ",
                     std::numeric_limits<int32_t>::max());
    trace.layers.push_back(layer);
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Error Reader::checkExperts(ArrayRef<int32_t> experts, StringRef what,
                           int64_t row, int64_t layer, bool mayMiss) {
  ++choice;
  for (int32_t expert : experts) {
    if (mayMiss && expert == -1)
      continue;
    if (expert < 0 || expert >= trace.experts)
      return failure("row ", row, " ", what, " expert ", expert, " in layer ",
                     trace.layers[layer], ", there are ", trace.experts);
    if (seen[expert] == choice)
      return failure("row ", row, " ", what, " expert ", expert,
                     " twice in layer ", trace.layers[layer]);
    seen[expert] = choice;
  }
  return Error::success();
}

Error Reader::checkFinite(ArrayRef<float> values, StringRef what, int64_t row,
                          int64_t layer) {
  const float *found =
      find_if(values, [](float value) { return !std::isfinite(value); });
  if (found == values.end())
    return Error::success();
  return failure("row ", row, " has ", what, " ", found - values.begin(),
                 " that is not finite in layer ", trace.layers[layer]);
}

/// Where there is no guess, nobody asks how sure it is.
Error Reader::checkConfidence(int64_t row, int64_t layer) {
  for (int64_t j = row * trace.guesses; j < (row + 1) * trace.guesses; ++j) {
    float confidence = trace.confidence[layer][j];
    if (trace.guessed[layer][j] != -1 && !(confidence >= 0 && confidence <= 1))
      return failure("row ", row, " has a guess with confidence ", confidence,
                     " in layer ", trace.layers[layer],
                     ", must be between 0 and 1");
  }
  return Error::success();
}

Error Reader::readRow(int64_t row) {
  RoutingTrace::Row info;
  info.token = cursor.take<int32_t>();
  info.sequence = cursor.take<int32_t>();
  info.position = cursor.take<int32_t>();
  info.forward = cursor.take<int32_t>();
  if (info.token < 0 || info.sequence < 0 || info.position < 0)
    return failure("row ", row, " has token ", info.token, ", sequence ",
                   info.sequence, " and position ", info.position,
                   ", none may be below 0");
  int32_t least = trace.rows.empty() ? 0 : trace.rows.back().forward;
  if (info.forward < least)
    return failure("row ", row, " is of forward ", info.forward,
                   ", must be at least ", least);
  trace.rows.push_back(info);
  for (int64_t layer = 0; layer < int64_t(trace.layers.size()); ++layer) {
    auto last = [](auto &values, int64_t count) {
      return ArrayRef(values).take_back(count);
    };
    cursor.append(trace.logits[layer], trace.experts);
    cursor.append(trace.choices[layer], trace.chosen);
    cursor.append(trace.weights[layer], trace.chosen);
    cursor.append(trace.guessed[layer], trace.guesses);
    cursor.append(trace.confidence[layer], trace.guesses);
    if (Error error = checkFinite(last(trace.logits[layer], trace.experts),
                                  "logit", row, layer))
      return error;
    if (Error error = checkExperts(last(trace.choices[layer], trace.chosen),
                                   "chooses", row, layer, false))
      return error;
    if (Error error = checkFinite(last(trace.weights[layer], trace.chosen),
                                  "weight", row, layer))
      return error;
    if (Error error = checkExperts(last(trace.guessed[layer], trace.guesses),
                                   "guesses", row, layer, true))
      return error;
    if (Error error = checkConfidence(row, layer))
      return error;
  }
  return Error::success();
}

Expected<RoutingTrace> Reader::read() {
  if (Error error = readHeader())
    return std::move(error);
  if (Error error = checkSizes())
    return std::move(error);
  trace.modelName = header.modelName;
  trace.predictor = header.predictor;
  trace.model = header.model;
  trace.experts = header.experts;
  trace.chosen = header.chosen;
  trace.guesses = header.guesses;
  if (Error error = readLayers())
    return std::move(error);
  // The file has as many bytes: what is reserved here is at most its size.
  int64_t rows = header.records;
  trace.rows.reserve(rows);
  auto reserve = [&](auto &byLayer, int64_t columns) {
    byLayer.resize(header.layers);
    for (auto &values : byLayer)
      values.reserve(rows * columns);
  };
  reserve(trace.logits, trace.experts);
  reserve(trace.choices, trace.chosen);
  reserve(trace.weights, trace.chosen);
  reserve(trace.guessed, trace.guesses);
  reserve(trace.confidence, trace.guesses);
  seen.assign(trace.experts, 0);
  for (int64_t row = 0; row < rows; ++row)
    if (Error error = readRow(row))
      return std::move(error);
  return std::move(trace);
}

//===----------------------------------------------------------------------===//
// What the header promises
//===----------------------------------------------------------------------===//

Expected<RoutingTrace> RoutingTrace::parse(StringRef bytes) {
  return Reader(bytes).read();
}

Expected<RoutingTrace> RoutingTrace::read(StringRef path) {
  // Opening a pipe or a device could wait forever.
  sys::fs::file_status status;
  std::error_code code = sys::fs::status(path, status);
  if (!code && !sys::fs::is_regular_file(status))
    return failure(path, ": is not a regular file");
  // Volatile: copied, so that a file that shrinks cannot hurt.
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false,
                                      /*IsVolatile=*/true);
  if (std::error_code code = buffer.getError())
    return failure(path, ": ", StringRef(code.message()).lower());
  Expected<RoutingTrace> trace = parse((*buffer)->getBuffer());
  if (!trace)
    return failure(path, ": ", toString(trace.takeError()));
  trace->path = path.str();
  return std::move(*trace);
}

Error RoutingTrace::verifyModel(ModelOp model) const {
  auto fail = [&](const auto &...parts) {
    return failure(path.empty() ? "" : path + ": ", parts...);
  };
  Expected<ModelFacts> facts = ModelFacts::get(model);
  if (!facts)
    return facts.takeError();
  uint64_t expected = facts->getFingerprint(model);
  if (facts->experts != experts || facts->expertsPerToken != chosen)
    return fail("is of model ", quoted(modelName), ", which has ", experts,
                " experts and chooses ", chosen, "; ",
                quoted(model.getSymName()), " has ", facts->experts,
                " and chooses ", facts->expertsPerToken);
  if (this->model != expected)
    return fail("is of model ", quoted(modelName), " with fingerprint ",
                utohexstr(this->model), ", ", quoted(model.getSymName()),
                " has ", utohexstr(expected), ", of ",
                quoted(facts->getFingerprintText(model)));
  if (layers != facts->routed)
    return fail("has experts in the decoder layers ", listed(layers), "; ",
                quoted(model.getSymName()), " has them in ",
                listed(facts->routed));
  return Error::success();
}

RoutingTrace RoutingTrace::slice(int64_t begin, int64_t end) const {
  end = std::clamp<int64_t>(end, 0, rows.size());
  begin = std::clamp<int64_t>(begin, 0, end);
  return pick(to_vector(seq(begin, end)));
}

RoutingTrace RoutingTrace::pick(ArrayRef<int64_t> chosenRows) const {
  auto cut = [&](const auto &byLayer, int64_t columns) {
    std::decay_t<decltype(byLayer)> part(byLayer.size());
    for (auto [from, to] : zip_equal(byLayer, part)) {
      to.reserve(chosenRows.size() * columns);
      for (int64_t row : chosenRows)
        to.insert(to.end(), from.begin() + row * columns,
                  from.begin() + (row + 1) * columns);
    }
    return part;
  };
  RoutingTrace part;
  part.path = path;
  part.modelName = modelName;
  part.predictor = predictor;
  part.model = model;
  part.layers = layers;
  part.experts = experts;
  part.chosen = chosen;
  part.guesses = guesses;
  for (int64_t row : chosenRows)
    part.rows.push_back(rows[row]);
  part.logits = cut(logits, experts);
  part.choices = cut(choices, chosen);
  part.weights = cut(weights, chosen);
  part.guessed = cut(guessed, guesses);
  part.confidence = cut(confidence, guesses);
  return part;
}
