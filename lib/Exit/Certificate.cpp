//===- Certificate.cpp - certificates as JSON, read strictly --------------===//
#include "moe/Exit/Certificate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <cmath>
#include <nlohmann/json.hpp>

using namespace llvm;
using namespace moe;
using Json = nlohmann::ordered_json;

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// 64 bits do not fit a number of JSON.
static std::string toHex(uint64_t value) {
  std::string text = utohexstr(value, /*LowerCase=*/true);
  return std::string(16 - text.size(), '0') + text;
}

void moe::printCertificate(raw_ostream &os,
                           const ExitCertificate &certificate) {
  Json tested = Json::array();
  for (const ExitCertificate::Tested &each : certificate.tested)
    tested.push_back({{"threshold", each.threshold},
                      {"risk", each.risk},
                      {"p_value", each.pValue},
                      {"average_layers", each.averageLayers}});
  Json object = {{"prompts", certificate.prompts},
                 {"full_model_correct", certificate.fullCorrect},
                 {"delta", certificate.bound.delta},
                 {"epsilon", certificate.bound.epsilon},
                 {"risk", certificate.risk},
                 {"data_hash", toHex(certificate.dataHash)},
                 {"weights_hash", toHex(certificate.weightsHash)},
                 {"model_hash", toHex(certificate.modelHash)},
                 {"policy", certificate.policy},
                 {"state", certificate.state},
                 {"head", certificate.head},
                 {"fit", certificate.fit},
                 {"layers", certificate.layers},
                 {"thresholds", certificate.thresholds},
                 {"taken", certificate.taken},
                 {"empirical_risk", certificate.empiricalRisk},
                 {"p_value", certificate.pValue},
                 {"average_layers", certificate.averageLayers},
                 {"tested", std::move(tested)}};
  os << object.dump(1) << "\n";
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Numbers that a field may be.
struct Range {
  double least, most;
  bool isOpen = false; ///< neither end belongs to it
};

/// Fields of a JSON object, each of which must be taken exactly once.
class Fields {
public:
  /// `where` stands in front of what is said of a field: "", "tested[2] ".
  Fields(const Json &object, std::string where, std::string &message)
      : object(object), where(std::move(where)), message(message) {}

  Fields &number(StringRef name, double &result, Range range);
  Fields &count(StringRef name, int64_t &result, Range range);
  Fields &text(StringRef name, std::string &result);
  Fields &hash(StringRef name, uint64_t &result);
  Fields &numbers(StringRef name, std::vector<double> &result, Range range);
  Fields &counts(StringRef name, std::vector<int64_t> &result);
  Fields &objects(StringRef name,
                  function_ref<void(const Json &, std::string)> take);
  /// No field is left.
  void finish();

private:
  const Json *find(StringRef name, bool (Json::*isKind)() const noexcept,
                   StringRef kind);
  void fail(const Twine &what) {
    if (message.empty())
      message = (where + what).str();
  }
  bool checkNumber(const Twine &name, const Json &value, Range range);

  const Json &object;
  std::string where;
  std::string &message; ///< of the first field that is wrong
  SmallVector<StringRef> taken;
};
} // namespace

static std::string show(const Json &value) {
  constexpr size_t limit = 60;
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true,
                                Json::error_handler_t::replace);
  if (text.size() > limit)
    text.replace(limit, text.size(), "...");
  return text;
}

const Json *Fields::find(StringRef name, bool (Json::*isKind)() const noexcept,
                         StringRef kind) {
  taken.push_back(name);
  auto found = object.find(name.str());
  if (found == object.end())
    fail("lacks field '" + name + "'");
  else if (!((*found).*isKind)())
    fail("field '" + name + "' is " + show(*found) + ", must be " + kind);
  else
    return &*found;
  return nullptr;
}

static std::string show(double value) {
  std::string text;
  raw_string_ostream(text) << format("%g", value);
  return text;
}

bool Fields::checkNumber(const Twine &name, const Json &value, Range range) {
  double number = value.get<double>();
  bool isInside = range.isOpen ? number > range.least && number < range.most
                               : number >= range.least && number <= range.most;
  if (!isInside)
    fail("field '" + name + "' is " + show(value) + ", must lie " +
         (range.isOpen ? "between " : "from ") + show(range.least) +
         (range.isOpen ? " and " : " to ") + show(range.most));
  return isInside;
}

Fields &Fields::number(StringRef name, double &result, Range range) {
  const Json *value = find(name, &Json::is_number, "a number");
  if (value && checkNumber(name, *value, range))
    result = value->get<double>();
  return *this;
}

Fields &Fields::count(StringRef name, int64_t &result, Range range) {
  const Json *value = find(name, &Json::is_number_integer, "a whole number");
  if (value && checkNumber(name, *value, range))
    result = value->get<int64_t>();
  return *this;
}

Fields &Fields::text(StringRef name, std::string &result) {
  if (const Json *value = find(name, &Json::is_string, "text")) {
    result = value->get<std::string>();
    if (result.empty())
      fail("field '" + name + "' is empty");
  }
  return *this;
}

Fields &Fields::hash(StringRef name, uint64_t &result) {
  const Json *value = find(name, &Json::is_string, "text");
  if (!value)
    return *this;
  std::string text = value->get<std::string>();
  if (text.size() != 16 || StringRef(text).getAsInteger(16, result))
    fail("field '" + name + "' is " + show(*value) +
         ", must be 16 hexadecimal digits");
  return *this;
}

Fields &Fields::numbers(StringRef name, std::vector<double> &result,
                        Range range) {
  const Json *values = find(name, &Json::is_array, "a list");
  for (size_t i = 0; values && i < values->size(); ++i) {
    const Json &value = (*values)[i];
    if (!value.is_number())
      fail("field '" + name + "[" + Twine(i) + "]' is " + show(value) +
           ", must be a number");
    else if (checkNumber(name + "[" + Twine(i) + "]", value, range))
      result.push_back(value.get<double>());
  }
  return *this;
}

Fields &Fields::counts(StringRef name, std::vector<int64_t> &result) {
  std::vector<double> numbersThere;
  numbers(name, numbersThere, {1, 1e6});
  for (double each : numbersThere) {
    if (each != std::floor(each) ||
        (!result.empty() && each <= double(result.back())))
      fail("field '" + name + "' must be whole numbers in ascending order");
    result.push_back(int64_t(each));
  }
  return *this;
}

Fields &Fields::objects(StringRef name,
                        function_ref<void(const Json &, std::string)> take) {
  const Json *values = find(name, &Json::is_array, "a list");
  for (size_t i = 0; values && i < values->size(); ++i) {
    const Json &value = (*values)[i];
    std::string place = (name + "[" + Twine(i) + "]").str();
    if (!value.is_object())
      fail("field '" + place + "' is " + show(value) + ", must be an object");
    else
      take(value, place + " ");
  }
  return *this;
}

void Fields::finish() {
  for (const auto &item : object.items())
    if (!is_contained(taken, item.key()))
      fail("has the unknown field " + show(Json(item.key())) + ", known are " +
           join(taken, ", "));
}

/// The object that a text holds. The library would let the last of two fields
/// of one name win.
static Json parseObject(StringRef text, std::string &message) {
  std::vector<std::vector<std::string>> names;
  auto see = [&](int, Json::parse_event_t event, Json &value) {
    if (event == Json::parse_event_t::object_start)
      names.emplace_back();
    if (event == Json::parse_event_t::object_end)
      names.pop_back();
    if (event != Json::parse_event_t::key)
      return true;
    std::string name = value.get<std::string>();
    if (is_contained(names.back(), name) && message.empty())
      message = "has field " + show(value) + " twice";
    names.back().push_back(std::move(name));
    return true;
  };
  Json object = text.contains('\0')
                    ? Json(Json::value_t::discarded)
                    : Json::parse(text.begin(), text.end(), see,
                                  /*allow_exceptions=*/false);
  if (object.is_discarded())
    message = "is not valid JSON";
  else if (!object.is_object())
    message = "is not a JSON object but " + show(object);
  return object;
}

static constexpr Range anyNumber = {-1e300, 1e300}, share = {0, 1},
                       insideOfOne = {0, 1, /*isOpen=*/true},
                       layerCount = {0, 1e6};

static void parseFields(const Json &object, ExitCertificate &certificate,
                        std::string &message) {
  Fields fields(object, "", message);
  fields.count("prompts", certificate.prompts, {1, 1e7})
      .number("full_model_correct", certificate.fullCorrect, share)
      .number("delta", certificate.bound.delta, insideOfOne)
      .number("epsilon", certificate.bound.epsilon, insideOfOne)
      .text("risk", certificate.risk)
      .hash("data_hash", certificate.dataHash)
      .hash("weights_hash", certificate.weightsHash)
      .hash("model_hash", certificate.modelHash)
      .text("policy", certificate.policy)
      .text("state", certificate.state)
      .text("head", certificate.head)
      .numbers("fit", certificate.fit, anyNumber)
      .counts("layers", certificate.layers)
      .numbers("thresholds", certificate.thresholds, anyNumber)
      .numbers("taken", certificate.taken, share)
      .number("empirical_risk", certificate.empiricalRisk, share)
      .number("p_value", certificate.pValue, share)
      .number("average_layers", certificate.averageLayers, layerCount)
      .objects("tested", [&](const Json &item, std::string where) {
        ExitCertificate::Tested tested;
        Fields inner(item, std::move(where), message);
        inner.number("threshold", tested.threshold, anyNumber)
            .number("risk", tested.risk, share)
            .number("p_value", tested.pValue, share)
            .number("average_layers", tested.averageLayers, layerCount)
            .finish();
        certificate.tested.push_back(tested);
      });
  fields.finish();
}

/// What fields say together.
static std::string verify(const ExitCertificate &certificate) {
  size_t exits = certificate.layers.size();
  if (exits == 0)
    return "has 0 exits, at least 1 is needed";
  if (certificate.thresholds.size() != exits)
    return ("has " + Twine(certificate.thresholds.size()) +
            " thresholds for " + Twine(exits) + " exits")
        .str();
  if (certificate.taken.size() != exits)
    return ("has " + Twine(certificate.taken.size()) + " shares taken for " +
            Twine(exits) + " exits")
        .str();
  if (certificate.fullCorrect == 0)
    return "is of a full model that answers 0 of " +
           std::to_string(certificate.prompts) + " prompts correctly";
  double pValue = getHoeffdingBentkusPValue(certificate.empiricalRisk,
                                            certificate.prompts,
                                            certificate.bound.delta);
  if (std::abs(pValue - certificate.pValue) > 1e-6 * std::max(pValue, 1e-300))
    return "says p-value " + show(certificate.pValue) +
           ", its risk and its prompts give " + show(pValue);
  if (certificate.pValue > certificate.bound.epsilon)
    return "has p-value " + show(certificate.pValue) + ", above its error of " +
           show(certificate.bound.epsilon);
  return "";
}

Expected<ExitCertificate> moe::parseCertificate(StringRef text,
                                                StringRef origin) {
  ExitCertificate certificate;
  std::string message;
  Json object = parseObject(text, message);
  if (message.empty())
    parseFields(object, certificate, message);
  if (message.empty())
    message = verify(certificate);
  if (!message.empty())
    return createStringError(origin + ": " + message);
  return std::move(certificate);
}
