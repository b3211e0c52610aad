//===- Experts.cpp - promises about experts that come and go --------------===//
#include "Subject.h"

#include <algorithm>

using namespace moert;
using namespace moert::cts;

namespace {

constexpr int layers = 2, experts = 4, floats = 3 * 16 * 64, rows = 3;

/// Plays the runtime: hands experts out one by one, and notes what it is told.
struct Fetcher {
  Fetcher() : storage(layers * experts, std::vector<float>(floats)) {
    for (int key = 0; key < layers * experts; ++key)
      storage[key].front() = storage[key].back() = float(key + 1);
    cells[0] = bias;
    abi = {};
    abi.size = sizeof(abi);
    abi.host = this;
    abi.record = [](const moert_abi_offload_t *o, int64_t layer, int64_t rows,
                    int64_t experts, const float *logits, int64_t chosen,
                    const int32_t *ids, const float *) {
      of(o).recorded += layer + rows + experts + chosen;
      of(o).recorded += int64_t(logits[ids[0]]);
    };
    abi.prefetch = [](const moert_abi_offload_t *o, int64_t layer, int64_t,
                      int64_t, const int32_t *, const float *,
                      float) { of(o).guessedLayer = layer; };
    abi.demand = [](const moert_abi_offload_t *o, int64_t, int64_t rows,
                    int64_t columns, const int32_t *ids) {
      std::vector<int32_t> &wanted = of(o).wanted;
      wanted.assign(ids, ids + rows * columns);
      std::sort(wanted.begin(), wanted.end());
      wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    };
    abi.take = [](const moert_abi_offload_t *o, int64_t layer,
                  int32_t *ready) -> int64_t {
      Fetcher &self = of(o);
      std::fill(self.cells + 1, std::end(self.cells), nullptr);
      if (self.wanted.empty())
        return 0;
      *ready = self.wanted.back();
      self.wanted.pop_back();
      int64_t key = layer * experts + *ready;
      self.cells[1 + key] = self.storage[size_t(key)].data();
      return 1;
    };
    abi.cancel = [](const moert_abi_offload_t *, int64_t) {};
  }
  static Fetcher &of(const moert_abi_offload_t *offload) {
    return *static_cast<Fetcher *>(offload->host);
  }

  std::vector<std::vector<float>> storage;
  alignas(64) float bias[4] = {0.25f, 1, 2, 4};
  const void *cells[1 + layers * experts] = {};
  moert_abi_offload_t abi;
  std::vector<int32_t> wanted;
  int64_t recorded = 0, guessedLayer = -1;
};

} // namespace

/// What the code computes of a row, by its definition.
static float sumOf(int32_t token, int32_t position) {
  float sum = 0;
  for (int layer = 0; layer < layers; ++layer) {
    int first = (token + layer) % experts;
    for (int expert : {first, (first + 1 + position % 3) % experts})
      sum += 3 * float(layer * experts + expert + 1);
  }
  return sum;
}

Outcome moert::cts::checkExperts(const Subject &subject) {
  Device device;
  CTS_CHECK(device.open(subject, 2));
  CTS_CHECK(device.load(subject, "conformance_experts"));
  void *workspace = nullptr;
  CTS_CHECK(expectOk("allocate", device.driver->allocate(
                                     device.device, rows * 56, &workspace)));
  const int32_t tokens[rows] = {3, 1, 2}, positions[rows] = {0, 1, 2};
  const int32_t sequences[rows] = {}, wanted[rows] = {0, 1, 2};
  float logits[rows * 4] = {};
  Fetcher fetcher;
  moert_abi_forward_t args = {};
  args.size = sizeof(args);
  args.rows = args.wanted_rows = rows;
  args.tokens = tokens;
  args.positions = positions;
  args.sequences = sequences;
  args.wanted = wanted;
  args.parameters = fetcher.cells;
  args.workspace = workspace;
  args.logits = logits;
  args.offload = &fetcher.abi;
  Outcome outcome = expectOk("forward", device.forward(args));
  device.driver->release(device.device, workspace, rows * 56);
  CTS_CHECK(outcome);
  for (int row = 0; row < rows; ++row)
    CTS_REQUIRE(logits[row * 4] ==
                    fetcher.bias[0] + sumOf(tokens[row], positions[row]),
                "logit 0 of row " + std::to_string(row) + " is " +
                    std::to_string(logits[row * 4]));
  CTS_REQUIRE(fetcher.recorded == 0 + 1 + 2 * (rows + experts + 2 + 3),
              "what routers choose is not shown");
  CTS_REQUIRE(fetcher.guessedLayer == 1, "guesses are not shown");
  return {};
}
