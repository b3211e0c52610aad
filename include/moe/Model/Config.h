//===- Config.h - strict access to config.json ------------------*- C++ -*-===//
#ifndef MOE_MODEL_CONFIG_H
#define MOE_MODEL_CONFIG_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace moe {

/// The smallest and the largest value that a key may have.
template <typename T> struct Bounds { T low, high; };

/// Bounds of what a model may ask for, far above every known model and far
/// below what would overflow.
namespace limits {
constexpr Bounds<int64_t> vocabulary{1, 1 << 24};
constexpr Bounds<int64_t> context{1, 1 << 30};
constexpr Bounds<int64_t> features{1, 1 << 20};
constexpr Bounds<int64_t> layers{1, 1 << 12};
constexpr Bounds<int64_t> heads{1, 1 << 12};
constexpr Bounds<int64_t> headSize{1, 1 << 12};
constexpr Bounds<int64_t> experts{1, 1 << 12};
constexpr Bounds<int64_t> token{0, (1 << 24) - 1};
constexpr Bounds<double> epsilon{0.0, 1.0};
} // namespace limits

/// An object of config.json. The first thing that is wrong is kept, with the
/// file and the key, and every getter after it returns something harmless; so a
/// family reads all its keys and the caller asks finish() once. A key that
/// holds null counts as absent.
class Config {
public:
  /// Reads a file of at most 16 MiB.
  static llvm::Expected<Config> read(llvm::StringRef path);
  /// `file` is what errors begin with.
  static llvm::Expected<Config> parse(llvm::StringRef file,
                                      llvm::StringRef text);

  bool has(llvm::StringRef key) const;
  /// True also when the key holds null: its author has thought of it.
  bool mentions(llvm::StringRef key) const;

  /// The key must be there.
  int64_t requireInteger(llvm::StringRef key, Bounds<int64_t> bounds) const;
  double requireNumber(llvm::StringRef key, Bounds<double> bounds) const;
  std::string requireString(llvm::StringRef key) const;

  /// `fallback` when the key is absent.
  int64_t getInteger(llvm::StringRef key, int64_t fallback,
                     Bounds<int64_t> bounds) const;
  double getNumber(llvm::StringRef key, double fallback,
                   Bounds<double> bounds) const;
  bool getBool(llvm::StringRef key, bool fallback) const;
  std::string getString(llvm::StringRef key, llvm::StringRef fallback) const;

  /// Absent: empty.
  std::optional<int64_t> getInteger(llvm::StringRef key,
                                    Bounds<int64_t> bounds) const;
  std::optional<double> getNumber(llvm::StringRef key,
                                  Bounds<double> bounds) const;
  /// A list of integers; one integer counts as a list of one.
  std::vector<int64_t> getIntegers(llvm::StringRef key,
                                   Bounds<int64_t> bounds) const;
  std::vector<std::string> getStrings(llvm::StringRef key) const;
  bool isObject(llvm::StringRef key) const;
  std::optional<Config> getObject(llvm::StringRef key) const;

  /// Refuses a value that is well formed but not supported:
  /// "key 'x' is <value>, supported: <supported>".
  void refuse(llvm::StringRef key, llvm::StringRef supported) const;
  /// Any other objection.
  void fail(const llvm::Twine &what) const;

  bool failed() const;
  /// What went wrong first, if anything.
  llvm::Error takeError() const;
  /// The same, or an error about a key that nobody has asked for and that is
  /// not known to be without influence on the result.
  llvm::Error finish() const;

private:
  struct State;
  Config(std::shared_ptr<State> state, const nlohmann::json *object,
         std::string path);
  const nlohmann::json *get(llvm::StringRef key) const;
  std::string spell(llvm::StringRef key) const;
  void wrongType(llvm::StringRef key, llvm::StringRef wanted,
                 const nlohmann::json &found) const;
  template <typename T>
  bool checkBounds(llvm::StringRef key, T value, Bounds<T> bounds) const;

  std::shared_ptr<State> state;
  const nlohmann::json *object;
  std::string path; ///< "" or "rope_scaling."
};

} // namespace moe

#endif // MOE_MODEL_CONFIG_H
