//===- Json.h - a tokenizer.json read strictly ------------------*- C++ -*-===//
//
// The vocabulary and the merges, which are nearly all of such a file, go into
// flat lists; the rest becomes a small tree.
//
//===----------------------------------------------------------------------===//
#ifndef MOERT_TOKENIZER_JSON_H
#define MOERT_TOKENIZER_JSON_H

#include "tokenizer/Error.h"
#include "tokenizer/Tokenizer.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace moert::tokenizer {

/// One JSON value.
struct Value {
  enum class Kind { Null, Boolean, Integer, Real, String, Array, Object };
  Kind kind = Kind::Null;
  bool boolean = false;
  int64_t integer = 0;
  std::string text;
  std::vector<Value> items;      ///< of an array or an object
  std::vector<std::string> keys; ///< of an object, one per item
};

/// A value and where it is, for messages.
class Node {
public:
  Node(const Value &value, std::string path)
      : value(&value), path(std::move(path)) {}

  template <typename... Parts>
  [[noreturn]] void fail(const Parts &...parts) const {
    throw Error(MOERT_DATA_LOSS, path.empty() ? "top level" : path, ": ",
                parts...);
  }
  /// For what is well formed but not offered.
  template <typename... Parts>
  [[noreturn]] void refuse(const Parts &...parts) const {
    throw Error(MOERT_UNIMPLEMENTED, path, ": ", parts...);
  }

  bool isNull() const { return value->kind == Value::Kind::Null; }
  bool isString() const { return value->kind == Value::Kind::String; }

  /// Of an object: whether `key` is there and not null.
  bool has(std::string_view key) const;
  /// Of an object: the value of `key`, which must be there.
  Node at(std::string_view key) const;
  /// Of an array.
  std::vector<Node> items() const;

  bool boolean() const;
  int64_t integer() const;
  const std::string &string() const;

  bool boolean(std::string_view key, bool otherwise) const {
    return has(key) ? at(key).boolean() : otherwise;
  }
  std::string string(std::string_view key, std::string_view otherwise) const {
    return has(key) ? at(key).string() : std::string(otherwise);
  }

private:
  const Value *lookUp(std::string_view key) const;
  void expect(Value::Kind kind) const;
  const Value *value;
  std::string path;
};

/// Strings in one buffer.
struct TokenList {
  struct Entry {
    uint32_t begin, length;
    int32_t id;
  };
  std::string bytes;
  std::vector<Entry> entries;
  std::string_view operator[](const Entry &e) const {
    return std::string_view(bytes).substr(e.begin, e.length);
  }
};

/// Pairs of strings in one buffer, in order of rank.
struct MergeList {
  struct Entry {
    uint32_t begin, left, right; ///< where, and both lengths
  };
  std::string bytes;
  std::vector<Entry> entries;
};

/// A whole file.
struct Document {
  Value root;
  TokenList vocabulary; ///< model.vocab
  MergeList merges;     ///< model.merges
};

/// Throws Error for anything that is not one well-formed JSON object.
Document readDocument(std::string_view json, const TokenizerLimits &limits);

/// A name in a tokenizer.json and what makes the stage of that name.
template <typename Stage> struct StageKind {
  std::string_view name;
  std::unique_ptr<Stage> (*make)(const Node &node);
};

/// Makes the stage that node's "type" asks for, or refuses it by name.
template <typename Stage, size_t count>
std::unique_ptr<Stage> makeStage(const Node &node,
                                 const StageKind<Stage> (&kinds)[count]) {
  const std::string type = node.at("type").string();
  std::string supported;
  for (const StageKind<Stage> &kind : kinds) {
    if (kind.name == type)
      return kind.make(node);
    supported += (supported.empty() ? "" : ", ");
    supported += kind.name;
  }
  node.refuse("type ", inQuotes(type), " is not supported, only ", supported);
}

} // namespace moert::tokenizer

#endif // MOERT_TOKENIZER_JSON_H
