//===- RoutingFuture.cpp - what a recorded run used, in order -------------===//
#include "container/Metadata.h"
#include "session/Routing.h"
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

using namespace moert;

namespace {

/// Reads a trace from front to end, a record at a time.
class FutureReader {
public:
  FutureReader(const std::string &path, const fb::Module &module,
               const std::string &origin)
      : path(path), module(module), origin(origin), table(module),
        seen(table.layers.size()) {}

  Status read(std::vector<ExpertKey> *out) {
    file.open(path, std::ios::binary);
    if (!file)
      return makeStatus(errno == ENOENT ? MOERT_NOT_FOUND : MOERT_IO_ERROR,
                        path, ": cannot open: ", errnoText(errno));
    MOERT_RETURN_IF_ERROR(readHeader());
    MOERT_RETURN_IF_ERROR(checkSize());
    MOERT_RETURN_IF_ERROR(checkLayers());
    for (uint64_t record = 0; record < header.records; ++record)
      MOERT_RETURN_IF_ERROR(readRecord(record, out));
    endForward(out);
    return Status();
  }

private:
  template <typename... Parts> Status fail(const Parts &...parts) const {
    return makeStatus(MOERT_DATA_LOSS, path, ": ", parts...);
  }
  bool get(void *to, size_t size) {
    return bool(file.read(static_cast<char *>(to), std::streamsize(size)));
  }
  Status readHeader();
  Status checkSize();
  Status checkLayers();
  Status readRecord(uint64_t record, std::vector<ExpertKey> *out);
  void endForward(std::vector<ExpertKey> *out);

  const std::string &path;
  const fb::Module &module;
  const std::string &origin;
  ExpertTable table;
  std::ifstream file;
  moert_routing_header_t header = {};
  int32_t forward = -1;
  /// Of the forward, by layer; the store uses them in this order.
  std::vector<std::set<ExpertKey>> seen;
  std::vector<char> bytes; ///< of a record
};

} // namespace

Status FutureReader::readHeader() {
  if (!get(&header, sizeof(header)) ||
      std::memcmp(header.magic, MOERT_ROUTING_MAGIC, sizeof(header.magic)) != 0)
    return fail("is not a routing trace");
  if (header.version != MOERT_ROUTING_VERSION)
    return fail("has version ", header.version,
                " of routing traces, this "
                "runtime reads ",
                MOERT_ROUTING_VERSION);
  if (header.model == routingFingerprint(*module.model()))
    return Status();
  header.model_name[sizeof(header.model_name) - 1] = 0;
  return makeStatus(MOERT_INVALID_ARGUMENT, path, ": is a trace of the model ",
                    header.model_name, " with ", header.layers, " x ",
                    header.experts, " experts, ", origin, " is ",
                    text(module.model()->name()), " with ", table.layers.size(),
                    " x ", table.experts);
}

Status FutureReader::checkSize() {
  uint64_t layer = 4 * (uint64_t(header.experts) + 2 * uint64_t(header.chosen) +
                        2 * uint64_t(header.guesses));
  uint64_t wanted = sizeof(moert_routing_row_t) + header.layers * layer;
  if (header.layers != table.layers.size() ||
      header.experts != uint64_t(table.experts) ||
      header.chosen != uint64_t(table.chosen) || header.record_bytes != wanted)
    return fail("has ", header.layers, " layers of ", header.experts,
                " experts, ", header.chosen, " chosen, in ",
                header.record_bytes, " bytes, ", origin, " has ",
                table.layers.size(), ", ", table.experts, " and ", table.chosen,
                " in ", wanted);
  const uint64_t front = sizeof(header) + header.layers * sizeof(int32_t);
  file.seekg(0, std::ios::end);
  const auto size = uint64_t(file.tellg());
  file.seekg(sizeof(header));
  if (size < front || (size - front) / wanted != header.records ||
      (size - front) % wanted != 0)
    return fail("has ", size, " bytes, ", header.records, " records of ",
                wanted, " behind ", front, " do not fill them");
  bytes.resize(wanted);
  return Status();
}

Status FutureReader::checkLayers() {
  for (int layer : table.layers) {
    int32_t found = -1;
    if (!get(&found, sizeof(found)) || found != layer)
      return fail("has layer ", found, " where ", origin, " has ", layer);
  }
  return Status();
}

Status FutureReader::readRecord(uint64_t record, std::vector<ExpertKey> *out) {
  if (!get(bytes.data(), bytes.size()))
    return fail("cannot read record ", record, " of ", header.records);
  moert_routing_row_t row;
  std::memcpy(&row, bytes.data(), sizeof(row));
  if (row.forward != forward)
    endForward(out);
  forward = row.forward;
  const size_t layerBytes = (bytes.size() - sizeof(row)) / seen.size();
  for (size_t layer = 0; layer < seen.size(); ++layer) {
    const char *ids = bytes.data() + sizeof(row) + layer * layerBytes +
                      header.experts * sizeof(float);
    for (uint32_t i = 0; i < header.chosen; ++i) {
      int32_t id;
      std::memcpy(&id, ids + i * sizeof(id), sizeof(id));
      if (id < 0 || uint32_t(id) >= header.experts)
        return fail("has expert ", id, " in record ", record,
                    ", the model has ", header.experts);
      auto key = ExpertKey(layer * header.experts + uint32_t(id));
      seen[layer].insert(key);
    }
  }
  return Status();
}

void FutureReader::endForward(std::vector<ExpertKey> *out) {
  for (std::set<ExpertKey> &layer : seen) {
    out->insert(out->end(), layer.begin(), layer.end());
    layer.clear();
  }
}

Status moert::readFuture(const std::string &path, const fb::Module &module,
                         const std::string &origin,
                         std::vector<ExpertKey> *out) {
  return FutureReader(path, module, origin).read(out);
}
