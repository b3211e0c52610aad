//===- SafetensorsHandler.cpp - what a header may contain -----------------===//
#include "SafetensorsHandler.h"

#include "Json.h"
#include "moe/Model/Diagnostics.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace llvm;
using namespace moe;

/// Bits of an element; 0 when the format does not know the name.
static unsigned bitsOf(StringRef dtype) {
  return StringSwitch<unsigned>(dtype)
      .Case("F4", 4)
      .Cases({"F6_E2M3", "F6_E3M2"}, 6)
      .Cases({"BOOL", "U8", "I8"}, 8)
      .Cases({"F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"}, 8)
      .Cases({"I16", "U16", "F16", "BF16"}, 16)
      .Cases({"I32", "U32", "F32"}, 32)
      .Cases({"C64", "F64", "I64", "U64"}, 64)
      .Default(0);
}

Error SafetensorsHandler::parse(StringRef text) {
  if (Error error = checkNoNul(text))
    return makeError("header is " + toString(std::move(error)));
  if (nlohmann::json::sax_parse(text.begin(), text.end(), this))
    return Error::success();
  return makeError(message);
}

bool SafetensorsHandler::fail(const Twine &what) {
  message = what.str();
  return false;
}

bool SafetensorsHandler::unexpected(StringRef found) {
  switch (place) {
  case Place::Start:
  case Place::End:
    return fail("header is not a JSON object");
  case Place::Tensors:
    return fail("header entry " + quote(current.name) +
                " must be an object, found " + found);
  case Place::Metadata:
    return fail("metadata must map strings to strings, found " + found);
  case Place::Shape:
    return fail("tensor " + quote(current.name) +
                " needs a shape of non-negative integers, found " + found);
  case Place::Offsets:
    return fail("tensor " + quote(current.name) +
                " needs data_offsets of two non-negative integers, found " +
                found);
  case Place::Tensor:
    break;
  }
  StringRef name = field == Dtype   ? "dtype"
                   : field == Shape ? "shape"
                                    : "data_offsets";
  StringRef wanted = field == Dtype ? "a string" : "a list";
  return fail("tensor " + quote(current.name) + " needs " + wanted + " as " +
              name + ", found " + found);
}

bool SafetensorsHandler::number_integer(number_integer_t value) {
  return unexpected(std::to_string(value));
}

bool SafetensorsHandler::number_unsigned(number_unsigned_t value) {
  if (value > uint64_t(INT64_MAX))
    return unexpected(std::to_string(value));
  if (place == Place::Shape) {
    current.shape.push_back(int64_t(value));
    return true;
  }
  if (place == Place::Offsets && offsets.size() < 2) {
    offsets.push_back(value);
    return true;
  }
  return unexpected(std::to_string(value));
}

bool SafetensorsHandler::number_float(number_float_t, const string_t &text) {
  return unexpected(StringRef(text).take_front(40));
}

bool SafetensorsHandler::string(string_t &value) {
  if (place == Place::Metadata)
    return true;
  if (place != Place::Tensor || field != Dtype)
    return unexpected("a string");
  if (!bitsOf(value))
    return fail("tensor " + quote(current.name) + " has the unknown dtype " +
                quote(value));
  current.dtype = std::move(value);
  return true;
}

bool SafetensorsHandler::start_object(std::size_t) {
  if (place == Place::Start) {
    place = Place::Tensors;
    return true;
  }
  if (place != Place::Tensors)
    return unexpected("an object");
  if (current.name == "__metadata__") {
    place = Place::Metadata;
    return true;
  }
  place = Place::Tensor;
  seenFields = None;
  current.dtype.clear();
  current.shape.clear();
  offsets.clear();
  return true;
}

bool SafetensorsHandler::key(string_t &value) {
  if (place == Place::Tensor)
    return tensorKey(value);
  if (place == Place::Metadata) {
    if (!metadataKeys.insert(value).second)
      return fail("metadata has the key " + quote(value) + " twice");
    return true;
  }
  if (!names.insert(value).second)
    return fail("header has the key " + quote(value) + " twice");
  current.name = std::move(value);
  return true;
}

bool SafetensorsHandler::tensorKey(StringRef name) {
  field = StringSwitch<Field>(name)
              .Case("dtype", Dtype)
              .Case("shape", Shape)
              .Case("data_offsets", Offsets)
              .Default(None);
  if (field == None)
    return fail("tensor " + quote(current.name) + " has the unknown key " +
                quote(name));
  if (seenFields & field)
    return fail("tensor " + quote(current.name) + " has the key " +
                quote(name) + " twice");
  seenFields |= field;
  return true;
}

bool SafetensorsHandler::end_object() {
  switch (place) {
  case Place::Tensor:
    place = Place::Tensors;
    return finishTensor();
  case Place::Metadata:
    place = Place::Tensors;
    return true;
  default:
    place = Place::End;
    return true;
  }
}

bool SafetensorsHandler::start_array(std::size_t) {
  if (place == Place::Tensor && field == Shape)
    place = Place::Shape;
  else if (place == Place::Tensor && field == Offsets)
    place = Place::Offsets;
  else
    return unexpected("a list");
  return true;
}

bool SafetensorsHandler::end_array() {
  if (place == Place::Offsets && offsets.size() != 2)
    return unexpected(std::to_string(offsets.size()));
  place = Place::Tensor;
  return true;
}

bool SafetensorsHandler::parse_error(std::size_t position, const std::string &,
                                     const nlohmann::detail::exception &error) {
  return fail("header is " + jsonProblem(position, error.what()));
}

/// All fields of a tensor are there: do they agree?
bool SafetensorsHandler::finishTensor() {
  std::string name = quote(current.name);
  if (seenFields != (Dtype | Shape | Offsets))
    return fail("tensor " + name +
                " needs the keys dtype, shape and data_offsets");
  uint64_t bits = bitsOf(current.dtype);
  for (int64_t dimension : current.shape) {
    std::optional<uint64_t> product =
        checkedMulUnsigned<uint64_t>(bits, uint64_t(dimension));
    if (!product)
      return fail("tensor " + name + " of shape " + shapeText(current.shape) +
                  " has more than 2^64 bits");
    bits = *product;
  }
  if (bits % 8)
    return fail("tensor " + name + " has " + Twine(bits) +
                " bits, which is no whole number of bytes");
  if (offsets[1] < offsets[0])
    return fail("tensor " + name + " ends at byte " + Twine(offsets[1]) +
                ", before it begins at " + Twine(offsets[0]));
  current.offset = offsets[0];
  current.length = offsets[1] - offsets[0];
  if (current.length != bits / 8)
    return fail("tensor " + name + " of shape " + shapeText(current.shape) +
                " needs " + Twine(bits / 8) + " bytes, its data_offsets span " +
                Twine(current.length));
  tensors.push_back(current);
  return true;
}
