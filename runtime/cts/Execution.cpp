//===- Execution.cpp - promises about running code ------------------------===//
#include "Subject.h"

#include <algorithm>

using namespace moert;
using namespace moert::cts;

Outcome Device::load(const Subject &subject, const char *entry) {
  if (subject.code.empty())
    return {Outcome::Unsupported, "the driver has no conformance code"};
  moert_code_t code = codeOf(subject.code, entry);
  CTS_CHECK(expectOk("check", driver->check(&code)));
  return expectOk("load", driver->load(device, &code, &executable));
}

Outcome moert::cts::checkLoad(const Subject &subject) {
  // The same code twice at one time, then once more: objects stay apart.
  for (int round = 0; round < 2; ++round) {
    Device first, second;
    CTS_CHECK(first.open(subject, 1));
    CTS_CHECK(second.open(subject, 1));
    CTS_CHECK(first.load(subject, MOERT_ABI_FORWARD_SYMBOL));
    CTS_CHECK(second.load(subject, "conformance_fail"));
    moert_abi_forward_t args = {};
    args.size = sizeof(args);
    CTS_CHECK(expectCode("forward", second.forward(args), MOERT_OUT_OF_RANGE));
  }
  return {};
}

Outcome moert::cts::checkMissingEntry(const Subject &subject) {
  Device device;
  CTS_CHECK(device.open(subject, 1));
  CTS_CHECK(device.load(subject, MOERT_ABI_FORWARD_SYMBOL));
  moert_code_t code = codeOf(subject.code, "no_such_symbol");
  moert_executable_t *executable = nullptr;
  return expectCode("load",
                    device.driver->load(device.device, &code, &executable),
                    MOERT_NOT_FOUND);
}

namespace {

/// Memory of a device that goes with its scope.
class Block {
public:
  Block(Device &device, uint64_t bytes) : device(device), bytes(bytes) {
    status = expectOk("allocate",
                      device.driver->allocate(device.device, bytes, &memory));
  }
  ~Block() {
    if (memory)
      device.driver->release(device.device, memory, bytes);
  }
  Outcome status;
  void *memory = nullptr;

private:
  Device &device;
  uint64_t bytes;
};

constexpr int64_t vocabulary = 4, capacity = 16;

/// Two sequences, five rows, the logits of three.
struct Batch {
  int32_t tokens[5] = {3, 1, 0, 2, 1};
  int32_t sequences[5] = {0, 1, 0, 1, 0};
  int32_t positions[5] = {0, 0, 1, 1, 2};
  int32_t wanted[3] = {2, 3, 4};
  float logits[3 * vocabulary] = {};
  alignas(64) float bias[vocabulary] = {0.25f, 1, 2, 4};
  const void *parameters[1] = {bias};
  void *kv[2] = {};

  moert_abi_forward_t args(void *workspace) {
    moert_abi_forward_t args = {};
    args.size = sizeof(args);
    args.rows = 5;
    args.wanted_rows = 3;
    args.tokens = tokens;
    args.sequences = sequences;
    args.positions = positions;
    args.wanted = wanted;
    args.parameters = parameters;
    args.kv = kv;
    args.kv_capacity = capacity;
    args.workspace = workspace;
    args.logits = logits;
    return args;
  }
  Outcome checkLogits() const {
    // Keys of sequence 0: 3, 0, 1; of sequence 1: 1, 2; each value is 0.5.
    const float sums[3] = {3 + 0 + 1.0f, 1 + 2 + 1.0f, 3 + 0 + 1 + 1.5f};
    for (int i = 0; i < 3; ++i)
      for (int v = 0; v < vocabulary; ++v)
        CTS_REQUIRE(logits[i * vocabulary + v] == bias[v] + sums[i] * (v + 1),
                    "logit " + std::to_string(v) + " of row " +
                        std::to_string(wanted[i]) + " is " +
                        std::to_string(logits[i * vocabulary + v]));
    return {};
  }
};

} // namespace

static Outcome runBatch(const Subject &subject, int32_t threads,
                        void (*trace)(void *, int64_t), void *host) {
  Device device;
  CTS_CHECK(device.open(subject, threads));
  CTS_CHECK(device.load(subject, MOERT_ABI_FORWARD_SYMBOL));
  Block first(device, capacity * 8), second(device, capacity * 8);
  Block workspace(device, 64 + 5 * 64);
  CTS_CHECK(first.status);
  CTS_CHECK(second.status);
  CTS_CHECK(workspace.status);
  Batch batch;
  batch.kv[0] = first.memory;
  batch.kv[1] = second.memory;
  moert_abi_forward_t args = batch.args(workspace.memory);
  CTS_CHECK(expectOk("forward", device.forward(args, trace, host)));
  return batch.checkLogits();
}

Outcome moert::cts::checkForward(const Subject &subject) {
  for (int32_t threads : {1, 2, 5})
    CTS_CHECK(runBatch(subject, threads, nullptr, nullptr));
  return {};
}

Outcome moert::cts::checkForwardFailure(const Subject &subject) {
  const std::pair<const char *, moert_status_code_t> cases[] = {
      {"conformance_fail", MOERT_OUT_OF_RANGE},
      {"conformance_unknown", MOERT_INTERNAL}};
  for (auto [entry, code] : cases) {
    Device device;
    CTS_CHECK(device.open(subject, 1));
    CTS_CHECK(device.load(subject, entry));
    moert_abi_forward_t args = {};
    args.size = sizeof(args);
    CTS_CHECK(expectCode(entry, device.forward(args), code));
  }
  return {};
}

Outcome moert::cts::checkTrace(const Subject &subject) {
  std::vector<int64_t> operations;
  CTS_CHECK(runBatch(
      subject, 2,
      [](void *host, int64_t op) {
        static_cast<std::vector<int64_t> *>(host)->push_back(op);
      },
      &operations));
  CTS_REQUIRE((operations == std::vector<int64_t>{0, 1, -1}),
              "operations are not told in order");
  return {};
}

/// Whether the code has an entry that not all code can have.
static Outcome findEntry(const Subject &subject, const char *entry) {
  Device device;
  CTS_CHECK(device.open(subject, 1));
  if (subject.code.empty())
    return {};
  const moert_code_t code = codeOf(subject.code, entry);
  Status status(device.driver->load(device.device, &code, &device.executable));
  if (status.code() == MOERT_NOT_FOUND)
    return {Outcome::Unsupported, status.message()};
  return {};
}

/// Runs an entry that takes only `rows` and notes four numbers a row.
static Outcome runNotes(const Subject &subject, const char *entry,
                        int32_t threads, int64_t rows,
                        std::vector<float> *notes) {
  Device device;
  CTS_CHECK(device.open(subject, threads));
  CTS_CHECK(device.load(subject, entry));
  notes->assign(4 * rows + 4, 0);
  moert_abi_forward_t args = {};
  args.size = sizeof(args);
  args.rows = rows;
  args.logits = notes->data();
  return expectOk(entry, device.forward(args));
}

Outcome moert::cts::checkParallelCoverage(const Subject &subject) {
  CTS_CHECK(findEntry(subject, "conformance_parallel"));
  for (int32_t threads : {1, 2, 3, 7})
    for (int64_t rows : {0, 1, 2, 3, 6, 7, 8, 100, 1000}) {
      std::vector<float> notes;
      CTS_CHECK(
          runNotes(subject, "conformance_parallel", threads, rows, &notes));
      std::string where = std::to_string(rows) + " rows on " +
                          std::to_string(threads) + " threads: index ";
      std::vector<float> beginOfWorker(threads, -1);
      for (int64_t i = 0; i < rows; ++i) {
        std::string index = where + std::to_string(i);
        const float *note = &notes[4 * i];
        CTS_REQUIRE(note[0] == 1, index + " runs not exactly once");
        CTS_REQUIRE(note[1] >= 0 && note[1] < threads,
                    index + " has a worker out of range");
        CTS_REQUIRE(note[2] <= i && i < note[3] && note[3] <= rows,
                    index + " lies outside its slice");
        float &begin = beginOfWorker[static_cast<size_t>(note[1])];
        CTS_REQUIRE(begin == -1 || begin == note[2],
                    index + " belongs to a second slice of a worker");
        begin = note[2];
      }
      CTS_REQUIRE(notes[4 * rows] == 0, where + "behind the end runs");
    }
  return {};
}

Outcome moert::cts::checkNestedParallel(const Subject &subject) {
  CTS_CHECK(findEntry(subject, "conformance_nested"));
  constexpr int64_t rows = 50;
  std::vector<float> notes;
  CTS_CHECK(runNotes(subject, "conformance_nested", 3, rows, &notes));
  for (int64_t i = 0; i < rows; ++i) {
    CTS_REQUIRE(notes[4 * i] == 3, "an inner loop runs not exactly once");
    CTS_REQUIRE(notes[4 * i + 1] == notes[4 * i + 2],
                "an inner loop runs under another worker's number");
  }
  return {};
}
