//===- Exits.cpp - promises about rows that leave early -------------------===//
#include "Subject.h"

#include <algorithm>

using namespace moert;
using namespace moert::cts;

namespace {

constexpr int rows = 3, depth = 4, capacity = 16;

/// Plays the runtime: row r leaves at exit r, no row at the last one. If the
/// code parks, row 0 waits in the beginning behind two layers and runs along
/// from there, with a feature of its own.
struct Leaver {
  explicit Leaver(bool parks) : parks(parks) {
    abi.size = sizeof(abi);
    abi.host = this;
    abi.enter = [](const moert_abi_exits_t *exits, int32_t *running,
                   int32_t *due, int32_t *asking, int64_t *counts) {
      const int32_t first = of(exits).parks;
      counts[0] = counts[1] = counts[2] = 0;
      for (int32_t row = 0; row < rows; ++row) {
        due[counts[1]++] = row;
        if (row >= first)
          running[counts[0]++] = asking[counts[2]++] = row;
      }
      of(exits).asking.assign(asking, asking + counts[2]);
    };
    abi.resume = [](const moert_abi_exits_t *exits, int64_t columns,
                    float *features) {
      of(exits).columns = columns;
      features[0] = resumedWith;
    };
    abi.leave = leave;
    abi.park = [](const moert_abi_exits_t *exits, int64_t columns,
                  const float *features) {
      of(exits).columns += columns;
      of(exits).parked.assign(features, features + rows);
    };
  }
  static Leaver &of(const moert_abi_exits_t *exits) {
    return *static_cast<Leaver *>(exits->host);
  }
  static void leave(const moert_abi_exits_t *exits, int64_t exit,
                    const float *scores, int64_t watched,
                    const float *const *numbers, int32_t *running,
                    int32_t *gone, int32_t *due, int32_t *kept,
                    int32_t *leaving, int64_t *counts);

  static constexpr float resumedWith = 5;
  bool parks;
  moert_abi_exits_t abi = {};
  std::vector<int32_t> asking;
  std::vector<float> scores, parked; ///< in the order of calls
  int64_t columns = 0;
  std::string wrong;
};

} // namespace

void Leaver::leave(const moert_abi_exits_t *exits, int64_t exit,
                   const float *scores, int64_t watched,
                   const float *const *numbers, int32_t *running, int32_t *gone,
                   int32_t *due, int32_t *kept, int32_t *leaving,
                   int64_t *counts) {
  Leaver &self = of(exits);
  std::fill(counts, counts + 5, 0);
  std::vector<int32_t> goOn;
  if (watched != 1)
    self.wrong = std::to_string(watched) + " numbers are watched";
  for (size_t place = 0; place < self.asking.size(); ++place) {
    self.scores.push_back(scores[place]);
    if (watched == 1 && numbers[0][place] != scores[place])
      self.wrong = "what is watched is not the score";
    const bool leaves = exit < depth - 2 && self.asking[place] == exit;
    int32_t *to = leaves ? leaving : kept;
    to[counts[leaves ? 4 : 3]++] = int32_t(place);
    if (!leaves)
      goOn.push_back(self.asking[place]);
  }
  self.asking = goOn;
  for (int32_t row = 0; row < rows; ++row) {
    const bool waits = self.parks && row == 0;
    const bool runs = waits ? exit >= 1 : row > exit || exit == depth - 2;
    const bool left = !waits && row <= std::min<int64_t>(exit, depth - 3);
    int32_t *to = runs && !left ? running : gone;
    to[counts[runs && !left ? 0 : 1]++] = row;
    if (!left)
      due[counts[2]++] = row;
  }
}

static int next(int feature, int layer, int keys) {
  return (3 * feature + layer + keys) % 61;
}

/// Rows 0, 1 and 2 are positions of one sequence. Feature of each row behind so
/// many layers, by the code's definition; -1 where it has none.
struct Expected {
  int features[rows][depth + 1];
};
static Expected expect(const int32_t *tokens, bool parks) {
  Expected all;
  int keys[depth][rows] = {};
  for (int layer = 0; layer < depth; ++layer) {
    for (int row = 0; row < rows; ++row) {
      const bool waits = parks && row == 0;
      int &feature = all.features[row][layer];
      if (layer == 0)
        feature = tokens[row] + 1;
      if (waits && layer == 2)
        feature = int(Leaver::resumedWith);
      const bool runs = waits ? layer >= 2 : row >= layer || row == rows - 1;
      if (runs || (!parks && layer > 0))
        keys[layer][row] = feature;
    }
    for (int row = 0; row < rows; ++row) {
      const bool waits = parks && row == 0;
      const bool runs = waits ? layer >= 2 : row >= layer || row == rows - 1;
      int sum = 0;
      for (int p = 0; p <= row; ++p)
        sum += keys[layer][p];
      const int feature = all.features[row][layer];
      all.features[row][layer + 1] = runs ? next(feature, layer, sum) : feature;
    }
  }
  return all;
}

static Outcome runExits(const Subject &subject, const char *entry, bool parks) {
  Device device;
  CTS_CHECK(device.open(subject, 2));
  CTS_CHECK(device.load(subject, entry));
  constexpr uint64_t stateBytes = depth * 2 * capacity * sizeof(float);
  void *memory = nullptr;
  CTS_CHECK(expectOk(
      "allocate",
      device.driver->allocate(device.device, stateBytes + rows * 32, &memory)));
  const int32_t tokens[rows] = {3, 1, 2}, positions[rows] = {0, 1, 2};
  const int32_t sequences[rows] = {}, wanted[rows] = {0, 1, 2};
  alignas(64) const float bias[4] = {0.25f, 1, 2, 4};
  const void *parameters[1] = {bias};
  float logits[rows * 4] = {};
  Leaver leaver(parks);
  moert_abi_forward_t args = {};
  args.size = sizeof(args);
  args.rows = args.wanted_rows = rows;
  args.tokens = tokens;
  args.positions = positions;
  args.sequences = sequences;
  args.wanted = wanted;
  args.parameters = parameters;
  args.kv = &memory;
  args.kv_capacity = capacity;
  args.workspace = static_cast<char *>(memory) + stateBytes;
  args.logits = logits;
  args.exits = &leaver.abi;
  Outcome outcome = expectOk("forward", device.forward(args));
  device.driver->release(device.device, memory, stateBytes + rows * 32);
  CTS_CHECK(outcome);
  CTS_REQUIRE(leaver.wrong.empty(), leaver.wrong);

  const Expected expected = expect(tokens, parks);
  std::vector<float> scores;
  for (int exit = 0; exit < depth - 1; ++exit)
    for (int row = parks; row < rows; ++row)
      if (row >= exit || row == rows - 1)
        scores.push_back(float(expected.features[row][exit + 1]) / 64);
  CTS_REQUIRE(leaver.scores == scores, "scores are not those of asking rows");
  for (int row = 0; row < rows; ++row) {
    const float feature = float(expected.features[row][depth]);
    for (int v = 0; v < 4; ++v)
      CTS_REQUIRE(logits[row * 4 + v] == bias[v] + feature * float(v + 1),
                  "logit " + std::to_string(v) + " of row " +
                      std::to_string(row) + " is " +
                      std::to_string(logits[row * 4 + v]));
    CTS_REQUIRE(!parks || leaver.parked[size_t(row)] == feature,
                "row " + std::to_string(row) + " is not parked");
  }
  CTS_REQUIRE(leaver.columns == (parks ? 2 : 0),
              "rows are not resumed and parked once each");
  return {};
}

Outcome moert::cts::checkExits(const Subject &subject) {
  return runExits(subject, "conformance_exits", false);
}

Outcome moert::cts::checkParking(const Subject &subject) {
  return runExits(subject, "conformance_parks", true);
}
