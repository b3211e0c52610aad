//===- TestCheckpoint.h - checkpoints made by tests -------------*- C++ -*-===//
#ifndef MOE_TEST_UNIT_MODEL_TESTCHECKPOINT_H
#define MOE_TEST_UNIT_MODEL_TESTCHECKPOINT_H

#include "mlir/IR/MLIRContext.h"
#include "moe/Model/Import.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace moe::test {

/// Name to shape; all are BF16 zeros, in this order.
using Shapes = std::map<std::string, std::vector<int64_t>>;

/// A directory that lives as long as the object.
class TestDirectory {
public:
  TestDirectory();
  ~TestDirectory();
  TestDirectory(const TestDirectory &) = delete;
  TestDirectory &operator=(const TestDirectory &) = delete;

  std::string path(const std::string &file) const { return root + "/" + file; }
  const std::string &getRoot() const { return root; }
  void write(const std::string &file, const std::string &bytes) const;
  void writeTensors(const std::string &file, const Shapes &shapes) const;

private:
  std::string root;
};

/// The bytes of a safetensors file: length, header, zeros.
std::string safetensorsBytes(const std::string &header, uint64_t dataSize);

/// Keys of a config.json, each with its value as JSON.
using Keys = std::map<std::string, std::string>;
std::string configText(const Keys &keys);

/// Small values for the keys that families have in common.
Keys commonKeys(const std::string &modelType);

/// The message of what must be an error.
std::string messageOf(llvm::Error error);
template <typename T> std::string messageOf(llvm::Expected<T> result) {
  return messageOf(result.takeError());
}

/// What importing a directory gives: IR as text, or an error's message.
struct Imported {
  std::string error, text;
  bool addBos = false;
  int32_t bosToken = -1;
  std::vector<int32_t> eosTokens;
};
Imported import(const TestDirectory &directory);

/// Makes the checkpoint that a family wants for these keys: adds the tensors
/// and keys (as 2) that it says are missing, and drops the keys that it says it
/// does not know.
/// `keys` and `shapes` hold the outcome. Returns the last import.
Imported satisfy(const TestDirectory &directory, Keys &keys, Shapes &shapes);

} // namespace moe::test

#endif // MOE_TEST_UNIT_MODEL_TESTCHECKPOINT_H
