//===- TestModule.h - small modules for tests -------------------*- C++ -*-===//
#ifndef MOERT_TEST_TESTMODULE_H
#define MOERT_TEST_TESTMODULE_H

#include "container/Reader.h"
#include "moert/moert.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace moert::test {

/// One matrix of a parameter, as metadata tells it.
struct MatrixSpec {
  int64_t rows = 0, columns = 0;
  int32_t code = -1;
  int element = 0; ///< of fb::ElementType, may be out of range
  int64_t columnRotation = 0, rowRotation = 0;
  uint64_t size = 0;
};

/// A parameter as metadata tells it. The checksum is computed.
struct ParameterSpec {
  std::string name = "bias";
  int kind = 0;    ///< of fb::ParameterKind, may be out of range
  int element = 0; ///< of fb::ElementType, may be out of range
  std::vector<int64_t> shape = {4};
  uint64_t offset = 0, size = 16;
  std::vector<double> frequencies; ///< makes a table rope
  double gain = 1;
  std::string scheme;
  std::vector<MatrixSpec> matrices; ///< absent if empty
  int32_t layer = 0, expert = 0;
};

/// How experts are fetched.
struct ScheduleSpec {
  std::string policy, predictor;
  std::vector<int32_t> layers, guessedLayers;
  std::vector<int64_t> partition;
  int64_t entries = 0;
  int32_t ahead = 0, guesses = 0;
};

struct CertificateSpec {
  int64_t prompts = 100;
  double delta = 0.05, epsilon = 0.1, empiricalRisk = 0.01, pValue = 0.02;
  std::string risk = "wrong answers";
  uint64_t dataHash = 0x1234;
  int64_t weightsOff = 0; ///< added to the hash of the exits
  uint64_t modelHash = 0; ///< that of the exits is 0
  std::vector<double> thresholds; ///< absent if empty
};

/// Where tokens may leave.
struct ExitsSpec {
  struct Place {
    int32_t layers;
    double threshold, taken = -1;
  };
  std::string policy = "top1", head = "full";
  int state = 0; ///< of fb::ExitState, may be out of range
  std::vector<Place> places;
  uint64_t headBytes = 1000, layerBytes = 500;
  uint64_t leaveBytes = 30, unsureBytes = 7;
  int64_t weightsOff = 0; ///< added to the true hash
  std::optional<CertificateSpec> certificate;
};

struct SectionSpec {
  uint32_t id, flags;
  std::vector<char> bytes;
};

/// What to put into a module. As it stands: one layer, one head, head size 1,
/// vocabulary 4, context 16 and the bias of cts/Conformance.h.
struct ModuleSpec {
  std::string backend = "null", driver = "null", triple;
  std::vector<std::string> features;
  int64_t codeContext = 0; ///< positions that the code can hold; 0: the model's
  int64_t vocabulary = 4, context = 16, hidden = 4;
  int32_t layers = 1, experts = 2, expertsPerToken = 1, bos = 1;
  std::vector<int32_t> eos = {2, 3};
  int32_t kvLayers = 1, kvHeads = 1, kvHeadSize = 1;
  int kvElement = 0;
  uint64_t workspaceFixed = 64, workspacePerRow = 64;
  std::vector<std::string> operations = {"store", "logits"};
  std::vector<ParameterSpec> parameters = {ParameterSpec()};
  std::vector<Code> codes; ///< absent if empty
  int unknownLayout = 0;   ///< of the first code, instead of its own
  uint64_t weightBits = 128, modelWeights = 4;
  uint64_t codedWeights = 0, codeBits = 0;
  std::string entry;
  std::vector<char> code;
  std::vector<char> weights = biasBytes();
  std::vector<SectionSpec> more;
  std::optional<ScheduleSpec> schedule;
  std::optional<ExitsSpec> exits;
  bool hasWeights = true, hasMetadata = true;

  static std::vector<char> biasBytes();
  /// A module of one matrix of 16 x 64 that is stored with the code, all bytes
  /// zero.
  static ModuleSpec coded(const Code &code);
  /// A module that the cpu driver runs: conformance code.
  static ModuleSpec cpu(const std::string &entry = "moert_forward_v1");
  /// The same with the conformance code of another driver.
  ModuleSpec on(const std::string &driver) const;
  /// A module with 4 experts in each of 2 layers that the cpu driver runs and
  /// that may come and go; both floats of expert e of layer l that count are
  /// 4 l + e + 1.
  static ModuleSpec offloaded();
  /// A module of 4 layers that the cpu driver runs, with an exit behind each of
  /// the first 3 that score 0.75 passes; `parks`: rows that leave wait.
  static ModuleSpec leaving(bool parks);
};

/// Section METADATA.
std::vector<char> makeMetadata(const ModuleSpec &spec);
Status writeModule(const ModuleSpec &spec, const std::string &path);

/// Bytes of a file at a 64-byte aligned address, to be damaged at will.
class Image {
public:
  explicit Image(const std::string &path);
  explicit Image(const ModuleSpec &spec);

  std::span<std::byte> bytes() { return {begin(), used}; }
  moert_container_header_t &header() {
    return *reinterpret_cast<moert_container_header_t *>(begin());
  }
  moert_container_section_t *section(uint32_t id);
  void truncate(size_t size) { used = size; }
  void flip(uint64_t byte, int bit = 0) {
    begin()[byte] ^= std::byte(1 << bit);
  }
  /// Makes header and section checksums match again.
  void sign();
  /// The reader's word on these bytes: "ok" or the message.
  std::string read(const ReadOptions &options = ReadOptions());
  moert_status_code_t code = MOERT_OK; ///< of the last read

private:
  std::byte *begin();
  std::vector<std::byte> storage;
  size_t used = 0;
};

/// A folder of its own for a test, removed in the end.
class TempFolder {
public:
  TempFolder();
  ~TempFolder();
  std::string path(const std::string &name) const { return root + "/" + name; }
  /// Names in the folder.
  std::vector<std::string> list() const;
  std::string root;
};

/// The message of a status that the test takes over; "ok" on success.
std::string message(moert_status_t status);

} // namespace moert::test

#endif // MOERT_TEST_TESTMODULE_H
