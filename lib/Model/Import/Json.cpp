//===- Json.cpp - a tree without duplicate keys or deep nesting -----------===//
#include "Json.h"

#include "moe/Model/Diagnostics.h"
#include <nlohmann/json.hpp>

using namespace llvm;
using namespace moe;
using nlohmann::json;

Error moe::checkNoNul(StringRef text) {
  size_t position = text.find('\0');
  if (position == StringRef::npos)
    return Error::success();
  return makeError("not valid JSON at byte " + Twine(position));
}

std::string moe::jsonProblem(size_t position, StringRef libraryMessage) {
  // The library counts bytes from 1, and 0 stands for before the first.
  size_t byte = position ? position - 1 : 0;
  bool encoding = libraryMessage.contains("UTF-8");
  return ("not valid " + Twine(encoding ? "UTF-8" : "JSON") + " at byte " +
          Twine(byte))
      .str();
}

namespace {
/// Builds the tree, and stops where nlohmann's own builder would go on.
class TreeBuilder : public nlohmann::json_sax<json> {
public:
  json root;
  std::string message;

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t &) override {
    return put(value);
  }
  bool string(string_t &value) override { return put(std::move(value)); }
  bool binary(binary_t &) override { return fail("binary data"); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t &value) override {
    if (stack.back()->contains(value))
      return fail("it has the key " + quote(value) + " twice");
    lastKey = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::detail::exception &error) override {
    return fail(jsonProblem(position, error.what()));
  }

private:
  static constexpr size_t maximumDepth = 64;

  bool fail(const Twine &what) {
    message = what.str();
    return false;
  }

  json *insert(json value) {
    if (stack.empty()) {
      root = std::move(value);
      return &root;
    }
    json &parent = *stack.back();
    if (parent.is_object())
      return &(parent[lastKey] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  bool put(json value) {
    insert(std::move(value));
    return true;
  }

  // Only the innermost container grows, so the pointers stay valid.
  bool open(json value) {
    if (stack.size() == maximumDepth)
      return fail("nested more than " + Twine(maximumDepth) + " levels deep");
    stack.push_back(insert(std::move(value)));
    return true;
  }

  bool close() {
    stack.pop_back();
    return true;
  }

  std::vector<json *> stack;
  std::string lastKey;
};
} // namespace

Expected<json> moe::parseJson(StringRef text) {
  if (Error error = checkNoNul(text))
    return std::move(error);
  TreeBuilder builder;
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    return makeError(builder.message);
  return std::move(builder.root);
}
