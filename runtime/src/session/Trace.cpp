//===- Trace.cpp - when each operation ran --------------------------------===//
#include "session/Trace.h"

#include "base/File.h"
#include <algorithm>
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

void Trace::beginExperts(int64_t layer, std::span<const int32_t> experts) {
  if (events.size() < mostEvents)
    handed.emplace_back(experts.begin(), experts.end());
  note(Event::Experts, layer);
}

void Trace::endExperts() { note(Event::EndExperts, 0); }

void Trace::store(const StoreEvent &event) {
  std::lock_guard lock(mutex);
  if (storeEvents.size() < mostEvents)
    storeEvents.push_back(event);
  else
    ++storeDropped;
}

static std::string quoted(const std::string &text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

namespace {

constexpr int computing = 1, link = 2; ///< tracks; more reads at once go below

/// Formats events one by one into the file.
class TraceWriter {
public:
  TraceWriter(PartFile &file, const TraceNames &names)
      : file(file), names(names) {}

  /// Something with a name that says what is measured.
  Status metadata(const char *what, int track, const std::string &name) {
    return put("{\"name\":\"" + std::string(what) +
               "\",\"ph\":\"M\",\"pid\":1,\"tid\":" + std::to_string(track) +
               ",\"args\":{\"name\":" + quoted(name) + "}}");
  }
  /// A complete event; `name` and `args` are JSON.
  Status complete(const std::string &name, const char *category, int track,
                  int64_t begin, int64_t end, const std::string &args) {
    char times[96];
    std::snprintf(times, sizeof(times), "\"ts\":%.3f,\"dur\":%.3f",
                  double(begin) / 1e3, double(end - begin) / 1e3);
    return put("{\"name\":" + name + ",\"cat\":\"" + category +
               "\",\"ph\":\"X\",\"pid\":1,\"tid\":" + std::to_string(track) +
               "," + times + ",\"args\":" + args + "}");
  }
  Status instant(const std::string &name, const char *category, int64_t at,
                 const std::string &args) {
    char time[48];
    std::snprintf(time, sizeof(time), "\"ts\":%.3f", double(at) / 1e3);
    return put("{\"name\":" + name + ",\"cat\":\"" + category +
               "\",\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":" +
               std::to_string(link) + "," + time + ",\"args\":" + args + "}");
  }
  Status operation(int64_t op, int64_t begin, int64_t end) {
    const std::string number = std::to_string(op);
    bool known = size_t(op) < names.operations.size();
    return complete(
        quoted(known ? names.operations[size_t(op)] : "operation " + number),
        "operation", computing, begin, end, "{\"index\":" + number + "}");
  }
  /// Reads, waits and leavings of a store, from the start of the trace on.
  Status store(const std::vector<StoreEvent> &events, int64_t start);
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
  Status endRead(size_t lane, int64_t end);
  std::string layerAndExpert(ExpertKey key, const char *pattern) const {
    char line[96];
    std::snprintf(line, sizeof(line), pattern,
                  names.layers[size_t(key / names.experts)],
                  int(key % names.experts));
    return line;
  }

  /// A read under way; several of them lie on tracks of their own.
  struct Read {
    ExpertKey key = -1; ///< -1: the track is free
    bool guessed = false;
    int64_t begin = 0;
  };
  PartFile &file;
  const TraceNames &names;
  std::vector<Read> reads;
  std::string text;
  bool first = true;
};

} // namespace

Status TraceWriter::endRead(size_t lane, int64_t end) {
  Read &read = reads[lane];
  Status status = complete(
      layerAndExpert(read.key, "\"layer %d expert %d\""),
      read.guessed ? "guessed" : "wanted", link + int(lane), read.begin, end,
      layerAndExpert(read.key, "{\"layer\":%d,\"expert\":%d}"));
  read.key = -1;
  return status;
}

Status TraceWriter::store(const std::vector<StoreEvent> &events,
                          int64_t start) {
  int64_t waitBegin = -1;
  for (const StoreEvent &event : events) {
    const int64_t at = event.nanoseconds - start;
    auto lane = std::find_if(reads.begin(), reads.end(), [&](const Read &read) {
      return read.key == (event.kind == StoreEvent::ReadBegin ? -1 : event.key);
    });
    switch (event.kind) {
    case StoreEvent::ReadBegin:
      if (lane == reads.end()) {
        int track = link + int(reads.size());
        std::string number = std::to_string(reads.size() + 1);
        MOERT_RETURN_IF_ERROR(metadata(
            "thread_name", track, reads.empty() ? "link" : "link " + number));
        lane = reads.emplace(reads.end());
      }
      *lane = {event.key, event.guessed, at};
      break;
    case StoreEvent::ReadEnd:
      if (lane != reads.end()) // else it began before the trace
        MOERT_RETURN_IF_ERROR(endRead(size_t(lane - reads.begin()), at));
      break;
    case StoreEvent::WaitBegin:
      waitBegin = at;
      break;
    case StoreEvent::WaitEnd:
      if (waitBegin >= 0)
        MOERT_RETURN_IF_ERROR(complete("\"wait for experts\"", "wait",
                                       computing, waitBegin, at, "{}"));
      waitBegin = -1;
      break;
    case StoreEvent::Evict:
    case StoreEvent::Drop: {
      bool evicts = event.kind == StoreEvent::Evict;
      if (lane != reads.end()) // given up half read
        MOERT_RETURN_IF_ERROR(endRead(size_t(lane - reads.begin()), at));
      MOERT_RETURN_IF_ERROR(instant(
          layerAndExpert(event.key, evicts ? "\"layer %d expert %d leaves\""
                                           : "\"guess of layer %d expert %d "
                                             "is dropped\""),
          evicts ? "evict" : "drop", at,
          layerAndExpert(event.key, "{\"layer\":%d,\"expert\":%d}")));
      break;
    }
    }
  }
  return Status();
}

static std::string expertsJson(int64_t layer,
                               const std::vector<int32_t> &experts) {
  return nlohmann::json{{"layer", layer}, {"experts", experts}}.dump();
}

Status Trace::write(const std::string &path, const TraceNames &names) {
  std::unique_ptr<PartFile> file;
  MOERT_RETURN_IF_ERROR(PartFile::create(path, &file));
  TraceWriter writer(*file, names);
  MOERT_RETURN_IF_ERROR(
      writer.metadata("process_name", computing, names.process));
  MOERT_RETURN_IF_ERROR(writer.metadata("thread_name", computing, "forward"));

  const Event *forward = nullptr, *open = nullptr, *experts = nullptr;
  auto lists = handed.begin();
  for (const Event &event : events) {
    if (experts && event.kind != Event::Operation) {
      MOERT_RETURN_IF_ERROR(writer.complete(
          "\"experts\"", "experts", computing, experts->nanoseconds,
          event.nanoseconds, expertsJson(experts->value, *lists++)));
      experts = nullptr;
    }
    if (event.kind == Event::Experts)
      experts = &event;
    if (event.kind == Event::Experts || event.kind == Event::EndExperts)
      continue; // inside of an operation
    if (open)
      MOERT_RETURN_IF_ERROR(
          writer.operation(open->value, open->nanoseconds, event.nanoseconds));
    open =
        event.kind == Event::Operation && event.value >= 0 ? &event : nullptr;
    if (event.kind == Event::Begin)
      forward = &event;
    if (event.kind == Event::End && forward)
      MOERT_RETURN_IF_ERROR(
          writer.complete("\"forward\"", "forward", computing,
                          forward->nanoseconds, event.nanoseconds,
                          "{\"rows\":" + std::to_string(forward->value) + "}"));
  }
  std::lock_guard lock(mutex);
  MOERT_RETURN_IF_ERROR(writer.store(storeEvents, start));
  return writer.finish(dropped + storeDropped);
}
