//===- DeviceProfile.cpp - a strict reader of machines as numbers ---------===//
#include "moe/Prefetch/DeviceProfile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <nlohmann/json.hpp>

using namespace llvm;
using namespace moe;
using nlohmann::json;

namespace {

struct BuiltIn {
  const char *name, *text;
};

/// lib/Prefetch/Profiles, by name.
constexpr BuiltIn builtIns[] = {
#include "Profiles.inc"
};

constexpr StringRef links[] = {"disk", "nvlink-c2c", "pcie"};

/// A field is text or a positive number.
struct Field {
  StringRef name;
  std::string DeviceProfile::*text;
  double DeviceProfile::*number;
};

constexpr Field fields[] = {
    {"name", &DeviceProfile::name, nullptr},
    {"description", &DeviceProfile::description, nullptr},
    {"source", &DeviceProfile::source, nullptr},
    {"memory_bandwidth_bytes_per_second", nullptr,
     &DeviceProfile::memoryBandwidth},
    {"memory_bytes", nullptr, &DeviceProfile::memoryBytes},
    {"operations_per_second", nullptr, &DeviceProfile::operationsPerSecond},
    {"link", &DeviceProfile::linkKind, nullptr},
    {"link_bandwidth_bytes_per_second", nullptr,
     &DeviceProfile::linkBandwidth},
    {"link_latency_seconds", nullptr, &DeviceProfile::linkLatency},
};

/// Text of a file in quotes, on one line of bounded length.
std::string quote(StringRef text) {
  constexpr size_t limit = 80;
  std::string result = "'";
  raw_string_ostream stream(result);
  stream.write_escaped(text.take_front(limit));
  stream << (text.size() > limit ? "...'" : "'");
  return result;
}

/// Takes the fields of one flat object, and stops at the first that is wrong.
class ProfileReader : public nlohmann::json_sax<json> {
public:
  DeviceProfile profile;
  std::string message;

  bool null() override { return wrongKind("null"); }
  bool boolean(bool) override { return wrongKind("a truth value"); }
  bool number_integer(number_integer_t value) override {
    return number(value, std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return number(value, std::to_string(value));
  }
  bool number_float(number_float_t value, const string_t &text) override {
    return number(value, text);
  }
  bool string(string_t &value) override;
  bool binary(binary_t &) override { return wrongKind("binary"); }
  bool start_object(std::size_t) override {
    if (isOpen)
      return wrongKind("an object");
    isOpen = true;
    return true;
  }
  bool start_array(std::size_t) override { return wrongKind("an array"); }
  bool end_object() override { return true; }
  bool end_array() override { return true; }
  bool key(string_t &value) override;
  bool parse_error(std::size_t position, const std::string &token,
                   const nlohmann::detail::exception &error) override;

  /// Whether all fields came.
  bool finish();

private:
  bool fail(const Twine &what) {
    message = what.str();
    return false;
  }
  bool wrongKind(StringRef found) {
    if (!field)
      return fail("is not a JSON object but " + found);
    return fail("field '" + field->name + "' is " + found + ", must be " +
                (field->text ? "text" : "a number"));
  }
  bool number(double value, StringRef text);

  bool isOpen = false;
  const Field *field = nullptr; ///< whose value comes next
  SmallVector<const Field *> seen;
};

} // namespace

bool ProfileReader::key(string_t &value) {
  const Field *found = find_if(fields, [&](const Field &f) {
    return f.name == StringRef(value);
  });
  if (found == std::end(fields)) {
    auto names = map_range(fields, [](const Field &f) { return f.name; });
    return fail("has the unknown field " + quote(value) + ", known are " +
                join(names, ", "));
  }
  if (is_contained(seen, found))
    return fail("has field '" + found->name + "' twice");
  seen.push_back(found);
  field = found;
  return true;
}

bool ProfileReader::number(double value, StringRef text) {
  if (!field || field->text)
    return wrongKind("the number " + text.str());
  if (!(value > 0))
    return fail("field '" + field->name + "' is " + text +
                ", must be greater than 0");
  profile.*field->number = value;
  return true;
}

bool ProfileReader::string(string_t &value) {
  if (!field || !field->text)
    return wrongKind("the text " + quote(value));
  if (value.empty())
    return fail("field '" + field->name + "' is empty");
  if (field->text == &DeviceProfile::linkKind && !is_contained(links, value))
    return fail("field 'link' is " + quote(value) + ", must be one of " +
                join(ArrayRef(links), ", "));
  profile.*field->text = std::move(value);
  return true;
}

bool ProfileReader::parse_error(std::size_t position, const std::string &token,
                                const nlohmann::detail::exception &error) {
  // The library's only error of this class is a number that no double holds.
  constexpr int outOfRange = 406;
  if (error.id == outOfRange && field)
    return fail("field '" + field->name + "' is " + quote(token) +
                ", must be finite");
  // It counts bytes from 1; 0 stands for before the first.
  return fail("is not valid JSON at byte " + Twine(position ? position - 1 : 0));
}

bool ProfileReader::finish() {
  for (const Field &each : fields)
    if (!is_contained(seen, &each))
      return fail("lacks field '" + each.name + "'");
  return true;
}

static Expected<DeviceProfile> parse(StringRef text, StringRef file) {
  ProfileReader reader;
  // The library would take a NUL byte for the end of the text.
  size_t nul = text.find('\0');
  if (nul != text.npos)
    reader.message = ("is not valid JSON at byte " + Twine(nul)).str();
  else if (json::sax_parse(text.begin(), text.end(), &reader) &&
           reader.finish())
    return std::move(reader.profile);
  return createStringError(file + ": " + reader.message);
}

std::vector<std::string> DeviceProfile::getNames() {
  std::vector<std::string> names;
  for (const BuiltIn &each : builtIns)
    names.push_back(each.name);
  return names;
}

static Expected<DeviceProfile> readFile(StringRef path) {
  // Opening a pipe could wait forever.
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && !sys::fs::is_regular_file(status))
    return createStringError(path + ": is not a regular file");
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false,
                                      /*IsVolatile=*/true);
  if (std::error_code code = buffer.getError())
    return createStringError(path + ": " + StringRef(code.message()).lower());
  return parse((*buffer)->getBuffer(), path);
}

Expected<DeviceProfile> DeviceProfile::load(StringRef nameOrPath) {
  if (nameOrPath.contains('/') || nameOrPath.ends_with(".json"))
    return readFile(nameOrPath);
  for (const BuiltIn &each : builtIns)
    if (nameOrPath == each.name)
      return parse(each.text, each.name);
  return createStringError("no device profile " + quote(nameOrPath) +
                           ", there are " + join(getNames(), ", ") +
                           ", or a path to a .json file");
}
