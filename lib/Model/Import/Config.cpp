//===- Config.cpp - typed, bounded, and nothing overlooked ----------------===//
#include "moe/Model/Config.h"

#include "File.h"
#include "Json.h"
#include "moe/Model/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <nlohmann/json.hpp>
#include <set>

using namespace llvm;
using namespace moe;
using nlohmann::json;

static constexpr uint64_t fileLimit = 16 << 20;

/// Shared by the object and the objects inside it.
struct Config::State {
  std::string file;
  json root;
  std::string error; ///< the first one; empty: none
  struct Object {
    const json *value;
    std::set<std::string> asked;
  };
  std::map<std::string, Object> objects; ///< by path
};

/// Keys that say nothing about what the model computes: bookkeeping, training,
/// and defaults of generation, which the user of the module chooses. So do keys
/// that begin with an underscore.
static constexpr StringLiteral withoutInfluence[] = {
    "add_cross_attention",
    "architectures",
    "attention_dropout",
    "attn_implementation",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "cache_implementation",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "hidden_dropout",
    "id2label",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "model_type",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "output_scores",
    "pad_token_id",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "pruned_heads",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "router_aux_loss_coef",
    "router_jitter_noise",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
};

static bool hasNoInfluence(StringRef key) {
  return key.starts_with("_") || is_contained(withoutInfluence, key);
}

Config::Config(std::shared_ptr<State> state, const json *object,
               std::string path)
    : state(std::move(state)), object(object), path(std::move(path)) {
  this->state->objects[this->path].value = object;
}

Expected<Config> Config::read(StringRef path) {
  Expected<std::string> text = readText(path, fileLimit);
  if (!text)
    return text.takeError();
  return parse(path, *text);
}

Expected<Config> Config::parse(StringRef file, StringRef text) {
  Expected<json> root = parseJson(text);
  if (!root)
    return fileError(file, toString(root.takeError()));
  if (!root->is_object())
    return fileError(file, "is not a JSON object");
  auto state = std::make_shared<State>();
  state->file = file.str();
  state->root = std::move(*root);
  const json *object = &state->root;
  return Config(std::move(state), object, "");
}

std::string Config::spell(StringRef key) const {
  return quote((path + key).str());
}

void Config::fail(const Twine &what) const {
  if (state->error.empty())
    state->error = what.str();
}

bool Config::failed() const { return !state->error.empty(); }

const json *Config::get(StringRef key) const {
  state->objects[path].asked.insert(key.str());
  auto entry = object->find(key.str());
  return entry == object->end() || entry->is_null() ? nullptr : &*entry;
}

bool Config::has(StringRef key) const { return get(key) != nullptr; }

bool Config::mentions(StringRef key) const {
  return object->contains(key.str());
}

/// A value as a message shows it.
static std::string valueText(const json &value) {
  constexpr size_t limit = 40;
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true);
  return text.size() > limit ? text.substr(0, limit) + "..." : text;
}

void Config::wrongType(StringRef key, StringRef wanted,
                       const json &found) const {
  fail("key " + spell(key) + " must be " + wanted + ", found " +
       valueText(found));
}

void Config::refuse(StringRef key, StringRef supported) const {
  const json *value = get(key);
  fail("key " + spell(key) + " is " + (value ? valueText(*value) : "absent") +
       ", supported: " + supported);
}

static std::string numberText(int64_t value) { return std::to_string(value); }

static std::string numberText(double value) {
  std::string text;
  raw_string_ostream(text) << format("%g", value);
  return text;
}

template <typename T>
bool Config::checkBounds(StringRef key, T value, Bounds<T> bounds) const {
  // Written so that a NaN fails.
  if (value >= bounds.low && value <= bounds.high)
    return true;
  fail("key " + spell(key) + " is " + numberText(value) + ", it must lie in [" +
       numberText(bounds.low) + ", " + numberText(bounds.high) + "]");
  return false;
}

std::optional<int64_t> Config::getInteger(StringRef key,
                                          Bounds<int64_t> bounds) const {
  const json *value = get(key);
  if (!value)
    return std::nullopt;
  int64_t number = bounds.low;
  if (!value->is_number_integer())
    wrongType(key, "an integer", *value);
  else if (value->is_number_unsigned() &&
           value->get<uint64_t>() > uint64_t(INT64_MAX))
    wrongType(key, "at most " + std::to_string(bounds.high), *value);
  else
    number = value->get<int64_t>();
  if (!failed())
    checkBounds(key, number, bounds);
  return failed() ? bounds.low : number;
}

int64_t Config::getInteger(StringRef key, int64_t fallback,
                           Bounds<int64_t> bounds) const {
  return getInteger(key, bounds).value_or(fallback);
}

int64_t Config::requireInteger(StringRef key, Bounds<int64_t> bounds) const {
  if (!has(key))
    fail("key " + spell(key) + " is missing");
  return getInteger(key, bounds.low, bounds);
}

std::optional<double> Config::getNumber(StringRef key,
                                        Bounds<double> bounds) const {
  const json *value = get(key);
  if (!value)
    return std::nullopt;
  if (!value->is_number()) {
    wrongType(key, "a number", *value);
    return bounds.low;
  }
  double number = value->get<double>();
  return checkBounds(key, number, bounds) ? number : bounds.low;
}

double Config::getNumber(StringRef key, double fallback,
                         Bounds<double> bounds) const {
  return getNumber(key, bounds).value_or(fallback);
}

double Config::requireNumber(StringRef key, Bounds<double> bounds) const {
  if (!has(key))
    fail("key " + spell(key) + " is missing");
  return getNumber(key, bounds.low, bounds);
}

bool Config::getBool(StringRef key, bool fallback) const {
  const json *value = get(key);
  if (!value)
    return fallback;
  if (value->is_boolean())
    return value->get<bool>();
  wrongType(key, "true or false", *value);
  return fallback;
}

std::string Config::getString(StringRef key, StringRef fallback) const {
  const json *value = get(key);
  if (!value)
    return fallback.str();
  if (value->is_string())
    return value->get<std::string>();
  wrongType(key, "a string", *value);
  return fallback.str();
}

std::string Config::requireString(StringRef key) const {
  if (!has(key))
    fail("key " + spell(key) + " is missing");
  return getString(key, "");
}

std::vector<int64_t> Config::getIntegers(StringRef key,
                                         Bounds<int64_t> bounds) const {
  const json *value = get(key);
  if (!value)
    return {};
  if (!value->is_array())
    return {getInteger(key, bounds.low, bounds)};
  std::vector<int64_t> numbers;
  for (const json &item : *value) {
    if (!item.is_number_integer()) {
      wrongType(key, "a list of integers", *value);
      return {};
    }
    // A number beyond int64 becomes negative here, outside of all bounds.
    numbers.push_back(item.get<int64_t>());
    if (!checkBounds(key, numbers.back(), bounds))
      return {};
  }
  return numbers;
}

std::vector<std::string> Config::getStrings(StringRef key) const {
  const json *value = get(key);
  if (!value)
    return {};
  std::vector<std::string> strings;
  if (value->is_array())
    for (const json &item : *value)
      if (item.is_string())
        strings.push_back(item.get<std::string>());
  if (!value->is_array() || strings.size() != value->size())
    wrongType(key, "a list of strings", *value);
  return strings;
}

bool Config::isObject(StringRef key) const {
  const json *value = get(key);
  return value && value->is_object();
}

std::optional<Config> Config::getObject(StringRef key) const {
  const json *value = get(key);
  if (!value)
    return std::nullopt;
  if (!value->is_object()) {
    wrongType(key, "an object", *value);
    return std::nullopt;
  }
  return Config(state, value, (path + key + ".").str());
}

Error Config::takeError() const {
  if (state->error.empty())
    return Error::success();
  return fileError(state->file, state->error);
}

Error Config::finish() const {
  if (failed())
    return takeError();
  for (auto &[prefix, entry] : state->objects)
    for (auto &[key, value] : entry.value->items()) {
      if (value.is_null() || entry.asked.count(key) || hasNoInfluence(key))
        continue;
      std::vector<std::string> known(entry.asked.begin(), entry.asked.end());
      return fileError(state->file,
                       "key " + quote(prefix + key) +
                           " is not supported, supported: " + listText(known));
    }
  return Error::success();
}
