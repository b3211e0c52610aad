//===- SafetensorsHandler.h - header JSON, event by event -------*- C++ -*-===//
#ifndef MOE_LIB_MODEL_IMPORT_SAFETENSORSHANDLER_H
#define MOE_LIB_MODEL_IMPORT_SAFETENSORSHANDLER_H

#include "moe/Model/Safetensors.h"
#include "llvm/ADT/StringSet.h"
#include <nlohmann/json.hpp>

namespace moe {

/// Follows the one shape that a header may have,
///   {"__metadata__": {string: string}, name: {"dtype": string,
///    "shape": [integer...], "data_offsets": [begin, end]}, ...}
/// and stops at the first event that does not belong there. Nothing is kept
/// but the tensors, so memory stays in proportion to the header.
class SafetensorsHandler : public nlohmann::json_sax<nlohmann::json> {
public:
  /// Runs the events of `text`.
  llvm::Error parse(llvm::StringRef text);
  std::vector<SafetensorsTensor> takeTensors() { return std::move(tensors); }

  // The events, for nlohmann::json::sax_parse.
  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(number_integer_t value) override;
  bool number_unsigned(number_unsigned_t value) override;
  bool number_float(number_float_t, const string_t &text) override;
  bool string(string_t &value) override;
  bool binary(binary_t &) override { return unexpected("binary data"); }
  bool start_object(std::size_t) override;
  bool key(string_t &value) override;
  bool end_object() override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string &lastToken,
                   const nlohmann::detail::exception &error) override;

private:
  /// Where in the header the next event is.
  enum class Place { Start, Tensors, Metadata, Tensor, Shape, Offsets, End };
  enum Field : unsigned { None = 0, Dtype = 1, Shape = 2, Offsets = 4 };

  bool fail(const llvm::Twine &what);
  bool unexpected(llvm::StringRef found);
  bool tensorKey(llvm::StringRef name);
  bool finishTensor();

  Place place = Place::Start;
  Field field = None;
  unsigned seenFields = 0;
  SafetensorsTensor current;
  std::vector<uint64_t> offsets;
  std::vector<SafetensorsTensor> tensors;
  llvm::StringSet<> names, metadataKeys;
  std::string message;
};

} // namespace moe

#endif // MOE_LIB_MODEL_IMPORT_SAFETENSORSHANDLER_H
