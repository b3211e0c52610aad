//===- Machine.cpp - machine files read and checked -----------------------===//
#include "lpu/MachineFields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

using namespace moert::lpu;
using nlohmann::json;

namespace {

constexpr size_t mostBytes = 65536;

/// Text of a file in quotes, on one line of bounded length.
std::string quote(std::string_view text) {
  constexpr size_t limit = 80;
  std::string result = "'";
  for (char c : text.substr(0, limit))
    result += c >= ' ' && c <= '~' ? c : '?';
  return result + (text.size() > limit ? "...'" : "'");
}

/// What a field must be, for messages.
std::string kindOf(const MachineField &field) {
  struct {
    const char *operator()(int64_t *) { return "a whole number"; }
    const char *operator()(double *) { return "a number"; }
    const char *operator()(bool *) { return "true or false"; }
    const char *operator()(std::string *) { return "text"; }
    const char *operator()(std::vector<int64_t> *) {
      return "a list of whole numbers";
    }
  } name;
  return std::visit(name, field.place);
}

/// Takes a file's members, and stops at the first that is wrong.
class Reader : public nlohmann::json_sax<json> {
public:
  explicit Reader(MachineFile &file)
      : fields(machineFields(file)), isSeen(fields.size()) {}

  std::string message;

  bool null() override { return wrongKind("null"); }
  bool boolean(bool value) override;
  bool number_integer(number_integer_t value) override {
    return integer(value, std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return integer(std::min<uint64_t>(value, INT64_MAX), std::to_string(value));
  }
  bool number_float(number_float_t value, const string_t &text) override {
    return real(value, text);
  }
  bool string(string_t &value) override;
  bool binary(binary_t &) override { return wrongKind("binary"); }
  bool start_object(size_t) override;
  bool end_object() override;
  bool start_array(size_t) override;
  bool end_array() override;
  bool key(string_t &name) override;
  bool parse_error(size_t position, const std::string &token,
                   const nlohmann::detail::exception &error) override;

  /// Whether all members came.
  bool finish();

private:
  bool fail(std::string what) {
    message = std::move(what);
    return false;
  }
  bool wrongKind(const std::string &found);
  bool integer(int64_t value, const std::string &text);
  bool real(double value, const std::string &text);
  bool outside(const std::string &text);
  bool isSection(std::string_view name) const {
    return std::any_of(fields.begin(), fields.end(), [&](auto &each) {
      return *each.section && each.section == name;
    });
  }
  bool openSection(const std::string &name);
  bool unknown(std::string_view name);

  const std::vector<MachineField> fields;
  std::vector<bool> isSeen; ///< by field
  std::vector<std::string> sections;
  const MachineField *field = nullptr; ///< whose value comes next
  std::string section;  ///< that is open, or whose object comes next
  int depth = 0;        ///< of objects
  bool isList = false;  ///< values belong to a list
};

} // namespace

bool Reader::wrongKind(const std::string &found) {
  if (depth == 0)
    return fail("is " + found + ", must be an object");
  if (!field)
    return fail(section + " is " + found + ", must be an object");
  return fail(field->path() + (isList ? " holds " : " is ") + found +
              ", must be " + kindOf(*field));
}

bool Reader::unknown(std::string_view name) {
  std::string known, last;
  for (const MachineField &each : fields) {
    // Sections are members of the file, too.
    bool isOther = section.empty() && each.section != last;
    if (each.section == section || isOther)
      known += (known.empty() ? "" : ", ") +
               std::string(isOther ? each.section : each.name);
    last = each.section;
  }
  return fail("has the unknown member " +
              (section.empty() ? "" : section + ".") + quote(name) +
              ", known are " + known);
}

bool Reader::openSection(const std::string &name) {
  if (std::find(sections.begin(), sections.end(), name) != sections.end())
    return fail("has member " + name + " twice");
  sections.push_back(name);
  section = name;
  field = nullptr;
  return true;
}

bool Reader::key(string_t &name) {
  if (depth == 1)
    section.clear();
  if (depth == 1 && isSection(name))
    return openSection(name);
  auto found =
      std::find_if(fields.begin(), fields.end(), [&](const MachineField &f) {
        return f.section == section && f.name == name;
      });
  if (found == fields.end())
    return unknown(name);
  if (isSeen[found - fields.begin()])
    return fail("has member " + found->path() + " twice");
  isSeen[found - fields.begin()] = true;
  field = &*found;
  return true;
}

bool Reader::start_object(size_t) {
  bool isExpected = depth == 0 || (depth == 1 && !field);
  if (!isExpected)
    return wrongKind("an object");
  ++depth;
  return true;
}

bool Reader::end_object() {
  --depth;
  return true;
}

bool Reader::start_array(size_t) {
  bool takesList =
      field && std::holds_alternative<std::vector<int64_t> *>(field->place);
  if (!takesList || isList)
    return wrongKind("a list");
  isList = true;
  return true;
}

bool Reader::end_array() {
  isList = false;
  return true;
}

bool Reader::boolean(bool value) {
  if (!field || !std::holds_alternative<bool *>(field->place))
    return wrongKind(value ? "true" : "false");
  *std::get<bool *>(field->place) = value;
  return true;
}

bool Reader::string(string_t &value) {
  if (!field || !std::holds_alternative<std::string *>(field->place))
    return wrongKind("the text " + quote(value));
  if (value.empty())
    return fail(field->path() + " is empty");
  *std::get<std::string *>(field->place) = std::move(value);
  return true;
}

bool Reader::outside(const std::string &text) {
  if (field->least == field->most)
    return fail(field->path() + " " + text + " must be " +
                std::to_string(field->least));
  return fail(field->path() + " " + text + " is outside " +
              std::to_string(field->least) + " to " +
              std::to_string(field->most));
}

bool Reader::integer(int64_t value, const std::string &text) {
  if (!field)
    return wrongKind("the number " + text);
  if (auto *list = std::get_if<std::vector<int64_t> *>(&field->place)) {
    if (!isList)
      return wrongKind("the number " + text);
    (*list)->push_back(value);
    return true;
  }
  auto *place = std::get_if<int64_t *>(&field->place);
  if (!place)
    return real(value, text);
  if (value < field->least || value > field->most)
    return outside(text);
  **place = value;
  return true;
}

bool Reader::real(double value, const std::string &text) {
  if (!field || !std::holds_alternative<double *>(field->place))
    return wrongKind("the number " + text);
  if (!(value >= field->least && value <= field->most))
    return outside(text);
  *std::get<double *>(field->place) = value;
  return true;
}

bool Reader::parse_error(size_t position, const std::string &token,
                         const nlohmann::detail::exception &error) {
  // The library's only error of this class is a number that no double holds.
  constexpr int outOfRange = 406;
  if (error.id == outOfRange && field)
    return std::holds_alternative<double *>(field->place)
               ? outside(quote(token))
               : wrongKind("the number " + quote(token));
  // It counts bytes from 1; 0 stands for before the first.
  return fail("is not valid JSON at byte " +
              std::to_string(position ? position - 1 : 0));
}

bool Reader::finish() {
  for (size_t i = 0; i < fields.size(); ++i)
    if (!isSeen[i])
      return fail("lacks member " + fields[i].path());
  return true;
}

static std::string read(std::string_view text, MachineFile &file) {
  if (text.size() > mostBytes)
    return "has " + std::to_string(text.size()) + " bytes, at most " +
           std::to_string(mostBytes) + " are read";
  // The library would take a NUL byte for the end of the text.
  if (size_t nul = text.find('\0'); nul != text.npos)
    return "is not valid JSON at byte " + std::to_string(nul);
  Reader reader(file);
  if (json::sax_parse(text.begin(), text.end(), &reader) && reader.finish())
    return checkMachine(file);
  return reader.message;
}

/// Row r of the ALUs reads and feeds `reach` groups of streams of either
/// direction, from r * step on, around the end.
static void deriveReach(MachineFile &file) {
  Machine &m = file.machine;
  int64_t groups = m.streams / 4;
  m.vxm.large.assign(m.vxm.alus, false);
  for (int64_t alu : file.large)
    m.vxm.large[alu] = true;
  m.vxm.reach.assign(m.vxm.alus, std::vector<bool>(groups));
  for (int64_t alu = 0; alu < m.vxm.alus; ++alu)
    for (int64_t i = 0; i < file.reach; ++i)
      m.vxm.reach[alu][(alu / file.row * file.reachStep + i) % groups] = true;
}

std::string moert::lpu::parseMachine(std::string_view text,
                                     std::string_view origin, Machine &out) {
  MachineFile file;
  std::string wrong = read(text, file);
  if (!wrong.empty())
    return std::string(origin) + ": " + wrong;
  deriveReach(file);
  file.machine.text = text;
  out = std::move(file.machine);
  return "";
}

const std::vector<NamedMachine> &moert::lpu::machines() {
  static const std::vector<NamedMachine> sorted = [] {
    std::vector<NamedMachine> all = {
#include "Machines.inc"
    };
    std::sort(all.begin(), all.end(), [](auto &a, auto &b) {
      return std::string_view(a.name) < b.name;
    });
    return all;
  }();
  return sorted;
}
