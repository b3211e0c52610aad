//===- Checkpoint.cpp - one file, or shards with an index -----------------===//
#include "moe/Model/Checkpoint.h"

#include "File.h"
#include "Json.h"
#include "moe/Model/Diagnostics.h"
#include "llvm/ADT/StringSwitch.h"
#include <map>
#include <nlohmann/json.hpp>

using namespace llvm;
using namespace moe;
using nlohmann::json;

static constexpr StringLiteral singleName = "model.safetensors";
static constexpr StringLiteral indexName = "model.safetensors.index.json";
static constexpr uint64_t indexLimit = 100'000'000;

bool moe::isWeightType(StringRef dtype) {
  return StringSwitch<bool>(dtype)
      .Cases({"F32", "F16", "BF16"}, true)
      .Default(false);
}

Expected<Checkpoint> Checkpoint::open(StringRef directory) {
  Checkpoint checkpoint;
  checkpoint.directory = directory.str();
  std::string single = pathIn(directory, singleName);
  std::string index = pathIn(directory, indexName);
  Error error = Error::success();
  if (exists(single))
    error = checkpoint.readSingle(single);
  else if (exists(index))
    error = checkpoint.readSharded(index);
  else
    error =
        fileError(directory, "has neither " + singleName + " nor " + indexName);
  if (error)
    return std::move(error);
  return checkpoint;
}

Error Checkpoint::readSingle(StringRef file) {
  listing = file.str();
  Expected<std::vector<SafetensorsTensor>> read =
      readSafetensors(directory, singleName);
  if (!read)
    return read.takeError();
  return addTensors(std::move(*read));
}

Error Checkpoint::addTensors(std::vector<SafetensorsTensor> shard) {
  for (SafetensorsTensor &tensor : shard) {
    auto [entry, isNew] = indices.try_emplace(tensor.name, tensors.size());
    if (!isNew)
      return fileError(listing, "tensor " + quote(tensor.name) + " is in " +
                                    quote(tensors[entry->second].file) +
                                    " and in " + quote(tensor.file));
    tensors.push_back(std::move(tensor));
  }
  return Error::success();
}

/// A shard must be a file of the checkpoint's own folder.
static bool isPlainFileName(StringRef name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(StringRef("/\\\0", 3)) == StringRef::npos;
}

/// Shard name to the tensors that the index promises there.
using ShardMap = std::map<std::string, std::vector<std::string>>;

static Expected<ShardMap> parseIndex(StringRef text) {
  Expected<json> root = parseJson(text);
  if (!root)
    return root.takeError();
  if (!root->is_object() || !root->contains("weight_map"))
    return makeError("has no key 'weight_map'");
  const json &weights = (*root)["weight_map"];
  if (!weights.is_object() || weights.empty())
    return makeError("'weight_map' must map tensors to files");
  ShardMap shards;
  for (auto &[tensor, file] : weights.items()) {
    if (!file.is_string())
      return makeError("tensor " + quote(tensor) + " needs a file name");
    std::string name = file.get<std::string>();
    if (!isPlainFileName(name))
      return makeError("tensor " + quote(tensor) + " is said to be in " +
                       quote(name) + ", which is no name of a file beside it");
    shards[name].push_back(tensor);
  }
  return shards;
}

Error Checkpoint::readSharded(StringRef index) {
  listing = index.str();
  Expected<std::string> text = readText(index, indexLimit);
  if (!text)
    return text.takeError();
  Expected<ShardMap> shards = parseIndex(*text);
  if (!shards)
    return fileError(index, toString(shards.takeError()));
  for (auto &[file, promised] : *shards) {
    if (!exists(pathIn(directory, file)))
      return fileError(index, "shard " + quote(file) + " is missing");
    Expected<std::vector<SafetensorsTensor>> read =
        readSafetensors(directory, file);
    if (!read)
      return read.takeError();
    if (Error error = addTensors(std::move(*read)))
      return error;
    for (const std::string &name : promised) {
      const SafetensorsTensor *tensor = find(name);
      if (!tensor || tensor->file != file)
        return fileError(index, "tensor " + quote(name) + " is listed for " +
                                    quote(file) + " but is not in it");
    }
  }
  return Error::success();
}

const SafetensorsTensor *Checkpoint::find(StringRef name) const {
  auto entry = indices.find(name);
  return entry == indices.end() ? nullptr : &tensors[entry->second];
}

Expected<const SafetensorsTensor *>
Checkpoint::get(StringRef name, ArrayRef<int64_t> shape) const {
  const SafetensorsTensor *tensor = find(name);
  if (!tensor)
    return fileError(listing, "tensor " + quote(name) + " of shape " +
                                  shapeText(shape) + " is missing");
  std::string path = pathIn(directory, tensor->file);
  if (ArrayRef<int64_t>(tensor->shape) != shape)
    return fileError(path, "tensor " + quote(name) + " has shape " +
                               shapeText(tensor->shape) +
                               ", config.json asks for " + shapeText(shape));
  if (!isWeightType(tensor->dtype))
    return fileError(path, "tensor " + quote(name) + " has dtype " +
                               tensor->dtype +
                               ", supported are BF16, F16 and F32");
  return tensor;
}
