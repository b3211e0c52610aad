//===- Json.cpp - typed access to the values of a tokenizer.json ----------===//
#include "tokenizer/Json.h"

using namespace moert::tokenizer;

namespace {
const char *nameOf(Value::Kind kind) {
  switch (kind) {
  case Value::Kind::Null:
    return "null";
  case Value::Kind::Boolean:
    return "a boolean";
  case Value::Kind::Integer:
    return "an integer";
  case Value::Kind::Real:
    return "a number that is no 64-bit integer";
  case Value::Kind::String:
    return "a string";
  case Value::Kind::Array:
    return "an array";
  case Value::Kind::Object:
    return "an object";
  }
  return "";
}
} // namespace

void Node::expect(Value::Kind kind) const {
  if (value->kind != kind)
    fail("expected ", nameOf(kind), ", found ", nameOf(value->kind));
}

const Value *Node::lookUp(std::string_view key) const {
  expect(Value::Kind::Object);
  for (size_t i = 0; i < value->keys.size(); ++i)
    if (value->keys[i] == key)
      return &value->items[i];
  return nullptr;
}

bool Node::has(std::string_view key) const {
  const Value *found = lookUp(key);
  return found && found->kind != Value::Kind::Null;
}

Node Node::at(std::string_view key) const {
  const Value *found = lookUp(key);
  if (!found)
    fail(inQuotes(key), " is missing");
  return Node(*found,
              path.empty() ? std::string(key) : path + "." + std::string(key));
}

std::vector<Node> Node::items() const {
  expect(Value::Kind::Array);
  std::vector<Node> out;
  for (size_t i = 0; i < value->items.size(); ++i)
    out.emplace_back(value->items[i], path + "[" + std::to_string(i) + "]");
  return out;
}

bool Node::boolean() const {
  expect(Value::Kind::Boolean);
  return value->boolean;
}

int64_t Node::integer() const {
  expect(Value::Kind::Integer);
  return value->integer;
}

const std::string &Node::string() const {
  expect(Value::Kind::String);
  return value->text;
}
