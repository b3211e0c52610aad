//===- Trace.cpp - when each operation ran --------------------------------===//
#include "session/Trace.h"

#include "base/File.h"
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

using namespace moert;

/// 4 million events are 96 MiB here and some 400 MB of JSON; a viewer takes no
/// more.
static constexpr size_t mostEvents = size_t(1) << 22;

static int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Trace::Trace() : start(now()) {}

void Trace::note(Event::Kind kind, int64_t value) {
  if (events.size() < mostEvents)
    events.push_back({now() - start, value, kind});
  else
    ++dropped;
}

void Trace::operation(int64_t op) { note(Event::Operation, op); }
void Trace::beginForward(int64_t rows) { note(Event::Begin, rows); }
void Trace::endForward() { note(Event::End, 0); }

static std::string quoted(const std::string &text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

namespace {

/// Formats events one by one into the file.
class TraceWriter {
public:
  explicit TraceWriter(PartFile &file) : file(file) {}

  /// Something with a name that says what is measured.
  Status metadata(const char *what, const std::string &name) {
    return put("{\"name\":\"" + std::string(what) +
               "\",\"ph\":\"M\",\"pid\":1,\"tid\":1,\"args\":{\"name\":" +
               quoted(name) + "}}");
  }
  /// A complete event; `name` and `args` are JSON.
  Status complete(const std::string &name, const char *category, int64_t begin,
                  int64_t end, const std::string &args) {
    char times[96];
    std::snprintf(times, sizeof(times), "\"ts\":%.3f,\"dur\":%.3f",
                  double(begin) / 1e3, double(end - begin) / 1e3);
    return put("{\"name\":" + name + ",\"cat\":\"" + category +
               "\",\"ph\":\"X\",\"pid\":1,\"tid\":1," + times +
               ",\"args\":" + args + "}");
  }
  Status finish(uint64_t dropped) {
    text += "\n],\"otherData\":{\"dropped_events\":" + std::to_string(dropped) +
            "}}\n";
    MOERT_RETURN_IF_ERROR(file.append(text.data(), text.size()));
    return file.finish();
  }

private:
  Status put(const std::string &event) {
    text += first ? "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n" : ",\n";
    first = false;
    text += event;
    if (text.size() < size_t(1) << 20)
      return Status();
    Status status = file.append(text.data(), text.size());
    text.clear();
    return status;
  }

  PartFile &file;
  std::string text;
  bool first = true;
};

} // namespace

Status Trace::write(const std::string &path, const std::string &process,
                    const std::vector<std::string> &operations) const {
  std::unique_ptr<PartFile> file;
  MOERT_RETURN_IF_ERROR(PartFile::create(path, &file));
  TraceWriter writer(*file);
  MOERT_RETURN_IF_ERROR(writer.metadata("process_name", process));
  MOERT_RETURN_IF_ERROR(writer.metadata("thread_name", "forward"));
  std::vector<std::string> names;
  for (const std::string &name : operations)
    names.push_back(quoted(name));

  const Event *forward = nullptr, *open = nullptr;
  for (const Event &event : events) {
    if (open) {
      size_t op = static_cast<size_t>(open->value);
      std::string name = op < names.size()
                             ? names[op]
                             : quoted("operation " + std::to_string(op));
      MOERT_RETURN_IF_ERROR(writer.complete(
          name, "operation", open->nanoseconds, event.nanoseconds,
          "{\"index\":" + std::to_string(op) + "}"));
    }
    open =
        event.kind == Event::Operation && event.value >= 0 ? &event : nullptr;
    if (event.kind == Event::Begin)
      forward = &event;
    if (event.kind == Event::End && forward)
      MOERT_RETURN_IF_ERROR(writer.complete(
          "\"forward\"", "forward", forward->nanoseconds, event.nanoseconds,
          "{\"rows\":" + std::to_string(forward->value) + "}"));
  }
  return writer.finish(dropped);
}
