//===- JsonReader.cpp - SAX events to a tokenizer's Document --------------===//
#include "tokenizer/Json.h"
#include "tokenizer/Utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>

using namespace moert;
using namespace moert::tokenizer;

namespace {

/// Receives the parser's events. What it dislikes it throws.
class Reader {
public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  Reader(Document &document, const TokenizerLimits &limits)
      : document(document), limits(limits) {}

  bool null() { return scalar({}); }
  bool boolean(bool b) {
    Value v;
    v.kind = Value::Kind::Boolean;
    v.boolean = b;
    return scalar(std::move(v));
  }
  bool number_integer(number_integer_t n) {
    Value v;
    v.kind = Value::Kind::Integer;
    v.integer = n;
    return scalar(std::move(v));
  }
  bool number_unsigned(number_unsigned_t n) {
    if (n > INT64_MAX)
      return number_float(0, {});
    return number_integer(static_cast<int64_t>(n));
  }
  bool number_float(number_float_t, const string_t &) {
    Value v;
    v.kind = Value::Kind::Real;
    return scalar(std::move(v));
  }
  bool string(string_t &text) {
    Value v;
    v.kind = Value::Kind::String;
    v.text = std::move(text);
    return scalar(std::move(v));
  }
  bool binary(binary_t &) { return false; }

  bool start_object(size_t) { return open(Value::Kind::Object); }
  bool start_array(size_t) { return open(Value::Kind::Array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t &name) {
    frames.back().key = std::move(name);
    return true;
  }

  bool parse_error(size_t at, const std::string &,
                   const nlohmann::detail::exception &error) {
    std::string_view what = error.what();
    if (size_t end = what.find("] "); end != what.npos)
      what.remove_prefix(end + 2); // "[json.exception.parse_error.101] "
    // The parser quotes what it read last, however long or broken that is.
    throw Error(MOERT_DATA_LOSS, "not JSON at byte ", at, ": ",
                repaired(what.substr(0, 160)));
  }

private:
  /// Where the events go.
  enum class Place { Tree, Vocabulary, Merges, Pair };
  struct Frame {
    Value value;
    std::string key;
    Place place = Place::Tree;
  };

  bool inModel(std::string_view key) const {
    return frames.size() == 2 && frames[0].key == "model" &&
           frames[1].key == key && frames[1].value.kind == Value::Kind::Object;
  }

  bool open(Value::Kind kind) {
    if (frames.size() >= limits.jsonDepth)
      throw Error(MOERT_DATA_LOSS, "nested ", frames.size() + 1,
                  " deep, the limit is ", limits.jsonDepth);
    Frame frame;
    frame.value.kind = kind;
    frame.place = placeInside(kind);
    if (frame.place == Place::Pair)
      pairItems = 0;
    frames.push_back(std::move(frame));
    return true;
  }

  Place placeInside(Value::Kind kind) const {
    bool isArray = kind == Value::Kind::Array;
    if (inModel("vocab")) {
      if (isArray)
        throw Error(MOERT_DATA_LOSS,
                    "model.vocab: expected an object, found an array");
      return Place::Vocabulary;
    }
    if (inModel("merges") && isArray)
      return Place::Merges;
    if (frames.empty() || frames.back().place == Place::Tree)
      return Place::Tree;
    if (frames.back().place == Place::Vocabulary)
      throw Error(MOERT_DATA_LOSS, "model.vocab[", inQuotes(frames.back().key),
                  "]: expected an integer, found ",
                  isArray ? "an array" : "an object");
    if (frames.back().place == Place::Merges && isArray)
      return Place::Pair;
    badMerge();
  }

  bool scalar(Value value) {
    if (frames.empty())
      throw Error(MOERT_DATA_LOSS, "expected an object at the top");
    switch (frames.back().place) {
    case Place::Tree:
      // The other models' vocabularies have other shapes: say what is wrong
      // before they are met.
      if (inModel("type") && value.kind == Value::Kind::String &&
          value.text != "BPE")
        throw Error(MOERT_UNIMPLEMENTED, "model: type ", inQuotes(value.text),
                    " is not supported, only BPE");
      return add(std::move(value));
    case Place::Vocabulary:
      return addToken(value);
    case Place::Merges:
      return addMerge(value);
    case Place::Pair:
      return addPairItem(value);
    }
    return false;
  }

  bool add(Value value) {
    if (++values > limits.jsonValues)
      throw Error(MOERT_DATA_LOSS, "more than ", limits.jsonValues,
                  " values beside model.vocab and model.merges");
    Frame &frame = frames.back();
    if (frame.value.kind == Value::Kind::Object)
      frame.value.keys.push_back(std::move(frame.key));
    frame.key.clear();
    frame.value.items.push_back(std::move(value));
    return true;
  }

  bool close() {
    Frame frame = std::move(frames.back());
    frames.pop_back();
    if (frame.place == Place::Pair) {
      if (pairItems != 2)
        badMerge();
      addPair(pair[0], pair[1]);
      return true;
    }
    checkKeys(frame.value);
    if (!frames.empty())
      return add(std::move(frame.value));
    if (frame.value.kind != Value::Kind::Object)
      throw Error(MOERT_DATA_LOSS, "expected an object at the top");
    document.root = std::move(frame.value);
    return true;
  }

  static void checkKeys(const Value &value) {
    std::vector<std::string_view> sorted(value.keys.begin(), value.keys.end());
    std::sort(sorted.begin(), sorted.end());
    auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end())
      throw Error(MOERT_DATA_LOSS, "key ", inQuotes(*twice),
                  " is twice in one object");
  }

  bool addToken(const Value &value) {
    const std::string &token = frames.back().key;
    if (value.kind != Value::Kind::Integer)
      throw Error(MOERT_DATA_LOSS, "model.vocab[", inQuotes(token),
                  "]: expected an integer id");
    if (value.integer < 0 || value.integer >= limits.ids)
      throw Error(MOERT_DATA_LOSS, "model.vocab[", inQuotes(token), "]: id ",
                  value.integer, " is outside 0..", limits.ids - 1);
    TokenList &list = document.vocabulary;
    list.entries.push_back({static_cast<uint32_t>(list.bytes.size()),
                            static_cast<uint32_t>(token.size()),
                            static_cast<int32_t>(value.integer)});
    list.bytes += token;
    return true;
  }

  [[noreturn]] void badMerge() const {
    throw Error(MOERT_DATA_LOSS, "model.merges[",
                document.merges.entries.size(),
                "]: expected \"left right\" or [\"left\", \"right\"]");
  }

  bool addMerge(const Value &value) {
    if (value.kind != Value::Kind::String)
      badMerge();
    const std::string &text = value.text;
    if (text.starts_with("#version")) // a left-over of merges.txt
      return true;
    size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos)
      badMerge();
    addPair(std::string_view(text).substr(0, space),
            std::string_view(text).substr(space + 1));
    return true;
  }

  bool addPairItem(Value &value) {
    if (value.kind != Value::Kind::String || pairItems == 2)
      badMerge();
    pair[pairItems++] = std::move(value.text);
    return true;
  }

  void addPair(std::string_view first, std::string_view second) {
    if (first.empty() || second.empty())
      badMerge();
    MergeList &list = document.merges;
    list.entries.push_back({static_cast<uint32_t>(list.bytes.size()),
                            static_cast<uint32_t>(first.size()),
                            static_cast<uint32_t>(second.size())});
    list.bytes += first;
    list.bytes += second;
  }

  Document &document;
  const TokenizerLimits &limits;
  std::vector<Frame> frames;
  uint64_t values = 0;
  std::string pair[2];
  int pairItems = 0;
};

} // namespace

Document tokenizer::readDocument(std::string_view json,
                                 const TokenizerLimits &limits) {
  if (json.size() > limits.jsonBytes)
    throw Error(MOERT_DATA_LOSS, "tokenizer of ", json.size(),
                " bytes, the limit is ", limits.jsonBytes);
  Document document;
  Reader reader(document, limits);
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  return document;
}
