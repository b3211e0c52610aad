//===- ContainerFuzzer.cpp - the reader of module files on random bytes ---===//
//
// The first byte says what the others are. Even: a header without its padding,
// and then the file from the second page on. Odd: section METADATA, around
// which a sound file is built. Magic, sizes and ABI are set right unless the
// second bit is on, and checksums are not looked at, so that mutations reach
// what lies behind them.
//===----------------------------------------------------------------------===//
#include "code/Code.h"
#include "moert/abi/container.h"
#include "moert/moert.h"
#include "session/Exits.h"
#include "session/Module.h"
#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

using namespace moert;

namespace {
struct alignas(64) Page {
  std::byte bytes[MOERT_CONTAINER_PAGE];
};
} // namespace

static constexpr size_t weightPages = 4;

static size_t pagesOf(size_t bytes) {
  return (bytes + MOERT_CONTAINER_PAGE - 1) / MOERT_CONTAINER_PAGE;
}

static void setFrame(moert_container_header_t &header, size_t fileSize) {
  std::memcpy(header.magic, MOERT_CONTAINER_MAGIC, sizeof(header.magic));
  header.major = MOERT_CONTAINER_MAJOR;
  header.file_size = fileSize;
  header.abi_hash = moert_abi_hash();
}

static std::vector<Page> fileFromHeader(std::span<const uint8_t> data,
                                        bool frame) {
  moert_container_header_t header = {};
  size_t front = std::min(data.size(), sizeof(header));
  std::memcpy(static_cast<void *>(&header), data.data(), front);
  data = data.subspan(front);
  std::vector<Page> file(1 + pagesOf(data.size()));
  if (frame)
    setFrame(header, file.size() * sizeof(Page));
  std::memcpy(&file[0], &header, sizeof(header));
  if (!data.empty())
    std::memcpy(&file[1], data.data(), data.size());
  return file;
}

static std::vector<Page> fileFromMetadata(std::span<const uint8_t> data) {
  size_t pages = pagesOf(data.size());
  std::vector<Page> file(1 + pages + weightPages);
  moert_container_header_t header = {};
  setFrame(header, file.size() * sizeof(Page));
  header.section_count = 2;
  header.sections[0] = {MOERT_SECTION_METADATA, 1, sizeof(Page), data.size(),
                        0};
  header.sections[1] = {MOERT_SECTION_WEIGHTS, 1, (1 + pages) * sizeof(Page),
                        weightPages * sizeof(Page), 0};
  std::memcpy(&file[0], &header, sizeof(header));
  if (!data.empty())
    std::memcpy(&file[1], data.data(), data.size());
  return file;
}

/// Decodes the first and the last row of each stored matrix.
static void decode(const Container &container) {
  std::span<const std::byte> weights = container.section(MOERT_SECTION_WEIGHTS);
  for (const fb::Parameter *parameter : *container.metadata().parameters()) {
    if (!parameter->matrices())
      continue;
    uint64_t offset = parameter->offset();
    for (const fb::Matrix *matrix : *parameter->matrices()) {
      if (matrix->code() >= 0) {
        std::vector<float> row(matrix->columns());
        for (uint64_t index : {int64_t(0), matrix->rows() - 1})
          decodeRow(container.codes()[matrix->code()], matrix->rows(),
                    row.size(), weights.data() + offset, index, row.data());
      }
      offset += matrix->size();
    }
  }
}

/// Everything that --inspect and the start of a session read.
static void use(std::unique_ptr<Container> container) {
  decode(*container);
  auto module = moert_module_t::fromContainer(std::move(container));
  (void)describeModule(*module);
  moert_module_info_t info = {};
  info.size = sizeof(info);
  moert_status_free(moert_module_info(module.get(), &info));
  (void)moert_module_is_eos(module.get(), 0);
  for (int64_t i = 0; i < moert_module_parameters(module.get()); ++i) {
    moert_parameter_info_t parameter = {};
    parameter.size = sizeof(parameter);
    moert_status_free(moert_module_parameter(module.get(), i, &parameter));
  }
  for (int32_t i = 0; i < info.exits; ++i) {
    moert_exit_info_t exit = {};
    exit.size = sizeof(exit);
    moert_status_free(moert_module_exit(module.get(), i, &exit));
  }
  (void)ExitPlan(module->metadata());
  for (auto *driver = moert_drivers(); *driver; ++driver)
    (void)checkRunnable(*module, **driver).ok();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::span<const uint8_t> rest(data + 1, size - 1);
  std::vector<Page> file = data[0] & 1 ? fileFromMetadata(rest)
                                       : fileFromHeader(rest, !(data[0] & 2));
  std::span<const std::byte> bytes = std::as_bytes(std::span(file));
  for (bool weights : {false, true}) {
    ReadOptions options;
    options.checkSections = false;
    options.checkWeights = weights;
    std::unique_ptr<Container> container;
    Status status = Container::fromBytes(bytes, "fuzz", options, &container);
    if (status.ok())
      use(std::move(container));
  }
  return 0;
}
