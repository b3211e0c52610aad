//===- TraceBuilder.cpp - made-up routers, and files of their choices -----===//
#include "TraceBuilder.h"

#include "moe/Model/WeightData.h"
#include "moert/abi/routing.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace moe;

namespace {

/// Normal numbers, one after the other.
class Normals {
public:
  explicit Normals(uint64_t seed) : seed(seed) {}
  double next() { return randomNormal(seed, count++); }

private:
  uint64_t seed, count = 0;
};

/// Experts in the order of descending logits.
std::vector<int32_t> rank(const std::vector<float> &logits) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  return order;
}

/// How likely each expert of a layer is, whatever the row.
std::vector<double> makePopularity(const TraceOptions &options,
                                   Normals &normals) {
  std::vector<float> keys;
  for (int64_t e = 0; e < options.experts; ++e)
    keys.push_back(normals.next());
  std::vector<double> popularity(options.experts);
  int64_t place = 0;
  for (int32_t expert : rank(keys))
    popularity[expert] = -options.skew * std::log(1.0 + double(place++));
  return popularity;
}

/// A square matrix by which a layer's logits follow from those of the layer
/// before.
std::vector<double> makeCoupling(const TraceOptions &options,
                                 Normals &normals) {
  std::vector<double> matrix;
  for (int64_t i = 0; i < options.experts * options.experts; ++i)
    matrix.push_back(normals.next() / std::sqrt(double(options.experts)));
  return matrix;
}

void appendChoice(RoutingTrace &trace, int64_t layer,
                  const std::vector<float> &logits, Normals &normals) {
  std::vector<int32_t> order = rank(logits);
  double sum = 0;
  for (int64_t j = 0; j < trace.chosen; ++j)
    sum += std::exp(double(logits[order[j]]) - logits[order[0]]);
  trace.logits[layer].insert(trace.logits[layer].end(), logits.begin(),
                             logits.end());
  for (int64_t j = 0; j < trace.chosen; ++j) {
    trace.choices[layer].push_back(order[j]);
    trace.weights[layer].push_back(
        std::exp(double(logits[order[j]]) - logits[order[0]]) / sum);
  }
  std::vector<float> noise;
  for (size_t e = 0; e < logits.size(); ++e)
    noise.push_back(logits[e] + float(normals.next()));
  std::vector<int32_t> guesses = rank(noise);
  for (int64_t j = 0; j < trace.guesses; ++j) {
    trace.guessed[layer].push_back(guesses[j]);
    trace.confidence[layer].push_back(1.0f / float(j + 2));
  }
}

} // namespace

RoutingTrace moe::makeTrace(const TraceOptions &options) {
  RoutingTrace trace;
  trace.modelName = "made-up";
  trace.predictor = options.guesses ? "noise" : "";
  trace.experts = options.experts;
  trace.chosen = options.chosen;
  trace.guesses = options.guesses;
  Normals normals(options.seed);
  std::vector<std::vector<double>> popularity, coupling;
  for (int64_t layer = 0; layer < options.layers; ++layer) {
    trace.layers.push_back(int(layer));
    popularity.push_back(makePopularity(options, normals));
    coupling.push_back(makeCoupling(options, normals));
  }
  auto resize = [&](auto &byLayer) { byLayer.resize(options.layers); };
  resize(trace.logits);
  resize(trace.choices);
  resize(trace.weights);
  resize(trace.guessed);
  resize(trace.confidence);

  using Rows = std::vector<std::vector<double>>;
  Rows state(options.layers, std::vector<double>(options.experts));
  for (int64_t row = 0; row < options.rows; ++row) {
    trace.rows.push_back({int32_t(row % 97), 0, int32_t(row),
                          int32_t(row / options.rowsPerForward)});
    for (int64_t layer = 0; layer < options.layers; ++layer) {
      std::vector<float> logits;
      for (int64_t e = 0; e < options.experts; ++e) {
        double mixed = 0;
        for (int64_t f = 0; layer > 0 && f < options.experts; ++f)
          mixed +=
              coupling[layer][e * options.experts + f] * state[layer - 1][f];
        double share = layer > 0 ? options.coupling : 0;
        double now =
            share * mixed + std::sqrt(1 - share * share) * normals.next();
        double before = row > 0 ? options.locality : 0;
        double &value = state[layer][e];
        value = before * value + std::sqrt(1 - before * before) * now;
        logits.push_back(float(value + popularity[layer][e]));
      }
      appendChoice(trace, layer, logits, normals);
    }
  }
  return trace;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

template <typename T> static void put(std::string &bytes, const T &value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
}

/// Values of one row.
template <typename T>
static void put(std::string &bytes, const std::vector<T> &values, int64_t row,
                int64_t columns) {
  for (int64_t j = 0; j < columns; ++j)
    put(bytes, values[row * columns + j]);
}

std::string moe::toBytes(const RoutingTrace &trace) {
  moert_routing_header_t header = {};
  std::memcpy(header.magic, MOERT_ROUTING_MAGIC, sizeof(header.magic));
  header.version = MOERT_ROUTING_VERSION;
  header.layers = trace.layers.size();
  header.experts = trace.experts;
  header.chosen = trace.chosen;
  header.guesses = trace.guesses;
  header.records = trace.rows.size();
  header.record_bytes =
      sizeof(moert_routing_row_t) +
      4 * trace.layers.size() *
          (trace.experts + 2 * trace.chosen + 2 * trace.guesses);
  header.model = trace.model;
  std::snprintf(header.model_name, sizeof(header.model_name), "%s",
                trace.modelName.c_str());
  std::snprintf(header.predictor, sizeof(header.predictor), "%s",
                trace.predictor.c_str());
  std::string bytes;
  put(bytes, header);
  for (int32_t layer : trace.layers)
    put(bytes, layer);
  for (size_t row = 0; row < trace.rows.size(); ++row) {
    put(bytes, trace.rows[row]);
    for (size_t layer = 0; layer < trace.layers.size(); ++layer) {
      put(bytes, trace.logits[layer], row, trace.experts);
      put(bytes, trace.choices[layer], row, trace.chosen);
      put(bytes, trace.weights[layer], row, trace.chosen);
      put(bytes, trace.guessed[layer], row, trace.guesses);
      put(bytes, trace.confidence[layer], row, trace.guesses);
    }
  }
  return bytes;
}

TraceFile::TraceFile(const std::string &bytes) {
  llvm::SmallString<128> name;
  std::error_code code =
      llvm::sys::fs::createTemporaryFile("moe-routing", "trace", name);
  EXPECT_FALSE(code);
  path = name.str().str();
  llvm::raw_fd_ostream(path, code) << bytes;
  EXPECT_FALSE(code);
}

TraceFile::~TraceFile() { (void)llvm::sys::fs::remove(path); }
