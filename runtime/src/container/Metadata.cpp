//===- Metadata.cpp - what section METADATA says, checked -----------------===//
#include "container/Metadata.h"

#include "container/Exits.h"
#include "container/Parameter.h"
#include "container/Schedule.h"
#include "moert/abi/module.h"
#include <limits>

using namespace moert;

static constexpr const char *elementNames[] = {"f32", "f16", "bf16",
                                               "i8",  "u8",  "i32"};
static constexpr uint64_t elementSizes[] = {4, 2, 2, 1, 1, 4};

uint64_t moert::elementSize(fb::ElementType type) {
  return elementSizes[static_cast<size_t>(type)];
}
const char *moert::elementName(fb::ElementType type) {
  return elementNames[static_cast<size_t>(type)];
}

static constexpr int64_t mostTokens = std::numeric_limits<int32_t>::max();

namespace {

/// Says what is wrong with a number, in the same words for all of them.
struct Checker {
  const std::string &origin;

  Status inRange(const char *what, int64_t value, int64_t least,
                 int64_t most) const {
    if (value >= least && value <= most)
      return Status();
    return makeStatus(MOERT_DATA_LOSS, origin, ": metadata: ", what, " is ",
                      value, ", must be between ", least, " and ", most);
  }
  Status atMost(const char *what, uint64_t value, uint64_t most) const {
    if (value <= most)
      return Status();
    return makeStatus(MOERT_DATA_LOSS, origin, ": metadata: ", what, " is ",
                      value, ", must be at most ", most);
  }
};

} // namespace

static Status readCode(const fb::Code &from, const std::string &where,
                       Code *out) {
  if (from.layout() > fb::CodeLayout::MAX)
    return makeStatus(MOERT_DATA_LOSS, where, ": has layout ",
                      int(from.layout()), ", the last known is ",
                      int(fb::CodeLayout::MAX));
  Code code;
  code.name = text(from.name());
  code.layout = from.layout() == fb::CodeLayout::Pairs ? CodeLayout::Pairs
                                                       : CodeLayout::Planes;
  code.bits = from.bits();
  code.columns = from.columns();
  code.weights = from.weights();
  code.offset = from.offset();
  code.zeros = from.zeros();
  code.rotated = from.rotated();
  if (from.window())
    code.window.assign(from.window()->begin(), from.window()->end());
  if (from.levels())
    code.levels.assign(from.levels()->begin(), from.levels()->end());
  *out = std::move(code);
  return checkCode(*out, where);
}

static Status readCodes(const fb::Module &module, const std::string &origin,
                        std::vector<Code> *codes) {
  codes->clear();
  if (!module.codes())
    return Status();
  for (const fb::Code *code : *module.codes()) {
    std::string where =
        origin + ": metadata: code " + std::to_string(codes->size());
    MOERT_RETURN_IF_ERROR(readCode(*code, where, &codes->emplace_back()));
  }
  return Status();
}

static Status checkModel(const fb::Model &model, const Checker &check) {
  constexpr int32_t most32 = std::numeric_limits<int32_t>::max();
  MOERT_RETURN_IF_ERROR(
      check.inRange("vocabulary", model.vocabulary(), 1, mostTokens));
  MOERT_RETURN_IF_ERROR(
      check.inRange("context", model.context(), 1, mostTokens));
  MOERT_RETURN_IF_ERROR(check.inRange("hidden", model.hidden(), 0, most32));
  MOERT_RETURN_IF_ERROR(check.inRange("layers", model.layers(), 0, most32));
  MOERT_RETURN_IF_ERROR(check.inRange("experts", model.experts(), 0, most32));
  MOERT_RETURN_IF_ERROR(check.inRange(
      "experts per token", model.experts_per_token(), 0, model.experts()));
  MOERT_RETURN_IF_ERROR(
      check.inRange("bos token", model.bos_token(), -1, most32));
  if (model.eos_tokens())
    for (int32_t token : *model.eos_tokens())
      MOERT_RETURN_IF_ERROR(check.inRange("eos token", token, 0, most32));
  return Status();
}

static Status checkTarget(const fb::Target &target, const std::string &origin) {
  if (target.backend()->size() == 0 || target.driver()->size() == 0)
    return makeStatus(MOERT_DATA_LOSS, origin,
                      ": metadata: the target has no backend or no driver");
  return Status();
}

static Status checkKv(const fb::Kv &kv, const Checker &check) {
  constexpr int32_t most = 1 << 20;
  MOERT_RETURN_IF_ERROR(check.inRange("kv layers", kv.layers(), 1, most));
  MOERT_RETURN_IF_ERROR(check.inRange("kv heads", kv.heads(), 1, most));
  MOERT_RETURN_IF_ERROR(check.inRange("kv head size", kv.head_dim(), 1, most));
  if (kv.element() != fb::ElementType::F32)
    return makeStatus(MOERT_INCOMPATIBLE, check.origin,
                      ": metadata: kv element type is ", int(kv.element()),
                      ", runtime ABI ", MOERT_ABI_VERSION, " has only ",
                      int(fb::ElementType::F32), " (f32)");
  return Status();
}

Status moert::readMetadata(std::span<const std::byte> bytes,
                           uint64_t weightsSize, const std::string &origin,
                           const fb::Module **out, std::vector<Code> *codes) {
  if (bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return makeStatus(MOERT_DATA_LOSS, origin, ": METADATA has ", bytes.size(),
                      " bytes, must be less than ",
                      FLATBUFFERS_MAX_BUFFER_SIZE);
  flatbuffers::Verifier verifier(
      reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  if (!fb::VerifyModuleBuffer(verifier))
    return makeStatus(MOERT_DATA_LOSS, origin,
                      ": METADATA is not a valid FlatBuffer of type ",
                      fb::ModuleIdentifier());
  const fb::Module *module = fb::GetModule(bytes.data());
  Checker check{origin};
  MOERT_RETURN_IF_ERROR(checkModel(*module->model(), check));
  MOERT_RETURN_IF_ERROR(checkTarget(*module->target(), origin));
  MOERT_RETURN_IF_ERROR(check.inRange("context of the code",
                                      module->target()->context(), 0,
                                      module->model()->context()));
  MOERT_RETURN_IF_ERROR(checkKv(*module->kv(), check));
  MOERT_RETURN_IF_ERROR(
      check.atMost("fixed workspace", module->workspace_fixed(), mostBytes));
  MOERT_RETURN_IF_ERROR(check.atMost("workspace per row",
                                     module->workspace_per_row(), mostBytes));
  MOERT_RETURN_IF_ERROR(readCodes(*module, origin, codes));
  for (const fb::Parameter *parameter : *module->parameters())
    MOERT_RETURN_IF_ERROR(
        checkParameter(*parameter, *codes, weightsSize, origin));
  MOERT_RETURN_IF_ERROR(checkSchedule(*module, origin));
  MOERT_RETURN_IF_ERROR(checkExits(*module, origin));
  *out = module;
  return Status();
}
