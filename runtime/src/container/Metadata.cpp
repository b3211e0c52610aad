//===- Metadata.cpp - what section METADATA says, checked -----------------===//
#include "container/Metadata.h"

#include "moert/abi/container.h"
#include "moert/abi/module.h"
#include <cmath>
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

/// Most bytes that a module may ask for in one place; beyond it lies damage.
static constexpr uint64_t mostBytes = uint64_t(1) << 46;
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

/// One entry of the list of parameters.
class ParameterChecker {
public:
  ParameterChecker(const fb::Parameter &parameter, uint64_t weightsSize,
                   const std::string &origin)
      : parameter(parameter), weightsSize(weightsSize), origin(origin) {}

  Status run() const {
    if (parameter.name()->size() == 0)
      return makeStatus(MOERT_DATA_LOSS, origin,
                        ": metadata: a parameter has no name");
    if (parameter.kind() > fb::ParameterKind::MAX)
      return fail("has kind ", int(parameter.kind()), ", the last known is ",
                  int(fb::ParameterKind::MAX));
    if (parameter.element() > fb::ElementType::MAX)
      return fail("has element type ", int(parameter.element()),
                  ", the last known is ", int(fb::ElementType::MAX));
    if (parameter.kind() == fb::ParameterKind::RopeTable)
      return checkRope();
    MOERT_RETURN_IF_ERROR(checkPlace());
    return checkShape();
  }

private:
  template <typename... Parts> Status fail(const Parts &...parts) const {
    return makeStatus(MOERT_DATA_LOSS, origin, ": metadata: parameter ",
                      parameter.name()->string_view(), " ", parts...);
  }
  Status checkRope() const;
  Status checkPlace() const;
  Status checkShape() const;

  const fb::Parameter &parameter;
  uint64_t weightsSize;
  const std::string &origin;
};

} // namespace

/// FlatBuffers verifies that a vector lies in the buffer, not that its elements
/// are where the processor may read them.
template <typename T>
static bool isAligned(const flatbuffers::Vector<T> &vector) {
  return reinterpret_cast<uintptr_t>(vector.Data()) % alignof(T) == 0;
}

Status ParameterChecker::checkRope() const {
  const fb::RopeTable *rope = parameter.rope();
  if (!rope || !rope->frequencies() || rope->frequencies()->size() == 0)
    return fail("is a rope table without frequencies");
  if (!isAligned(*rope->frequencies()))
    return fail("has frequencies that are not aligned");
  if (parameter.size() != 0)
    return fail("is a rope table with ", parameter.size(),
                " bytes, it must have 0");
  constexpr uint32_t most = 1 << 16;
  if (rope->frequencies()->size() > most)
    return fail("has ", rope->frequencies()->size(),
                " frequencies, must be at most ", most);
  for (double frequency : *rope->frequencies())
    if (!std::isfinite(frequency))
      return fail("has the frequency ", frequency);
  if (!std::isfinite(rope->gain()))
    return fail("has the gain ", rope->gain());
  return Status();
}

Status ParameterChecker::checkPlace() const {
  uint64_t alignment = parameter.kind() == fb::ParameterKind::Expert
                           ? MOERT_CONTAINER_PAGE
                           : MOERT_ABI_ALIGNMENT;
  if (parameter.offset() % alignment != 0)
    return fail("starts at ", parameter.offset(), ", not at a multiple of ",
                alignment);
  if (parameter.offset() > weightsSize ||
      parameter.size() > weightsSize - parameter.offset())
    return fail("has ", parameter.size(), " bytes at ", parameter.offset(),
                ", WEIGHTS has ", weightsSize);
  return Status();
}

Status ParameterChecker::checkShape() const {
  if (!parameter.shape() || parameter.shape()->size() == 0)
    return fail("has no shape");
  if (!isAligned(*parameter.shape()))
    return fail("has a shape that is not aligned");
  uint64_t bytes = elementSize(parameter.element());
  if (parameter.kind() == fb::ParameterKind::Expert)
    bytes *= 3; // gate, up and down have equally many elements
  for (int64_t extent : *parameter.shape()) {
    if (extent <= 0)
      return fail("has the extent ", extent);
    if (static_cast<uint64_t>(extent) > mostBytes / bytes)
      return fail("has more than ", mostBytes, " bytes");
    bytes *= extent;
  }
  // The size of quantised data is the scheme's business.
  if (!parameter.scheme() && bytes != parameter.size())
    return fail("has ", parameter.size(), " bytes, its shape needs ", bytes);
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
                           const fb::Module **out) {
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
  MOERT_RETURN_IF_ERROR(checkKv(*module->kv(), check));
  MOERT_RETURN_IF_ERROR(
      check.atMost("fixed workspace", module->workspace_fixed(), mostBytes));
  MOERT_RETURN_IF_ERROR(check.atMost("workspace per row",
                                     module->workspace_per_row(), mostBytes));
  for (const fb::Parameter *parameter : *module->parameters())
    MOERT_RETURN_IF_ERROR(
        ParameterChecker(*parameter, weightsSize, origin).run());
  *out = module;
  return Status();
}
