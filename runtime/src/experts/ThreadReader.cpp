//===- ThreadReader.cpp - threads that read, one piece each ---------------===//
#include "experts/DirectFile.h"
#include "experts/ExpertReader.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

using namespace moert;

namespace {
class ThreadReader : public ExpertReader {
public:
  explicit ThreadReader(int threads) : threadCount(threads) {}
  ~ThreadReader() override;
  Status open(const std::string &path, const std::string &note);

  const char *name() const override { return text.c_str(); }
  int depth() const override { return threadCount; }
  Status submit(const ReadRequest &request) override;
  size_t wait(std::span<ReadResult> out, int milliseconds) override;
  void wake() override;

private:
  void work();

  DirectFile file;
  std::string text;
  int threadCount;
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable submitted, happened;
  std::deque<ReadRequest> requests;
  std::deque<ReadResult> results;
  bool isWoken = false, isEnding = false;
};
} // namespace

ThreadReader::~ThreadReader() {
  {
    std::lock_guard lock(mutex);
    isEnding = true;
    requests.clear();
  }
  submitted.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

Status ThreadReader::open(const std::string &path, const std::string &note) {
  MOERT_RETURN_IF_ERROR(file.open(path));
  text = file.isDirect() ? "threads, direct" : "threads, page cache";
  if (!note.empty())
    text += " (" + note + ")";
  for (int i = 0; i < threadCount; ++i)
    threads.emplace_back([this] { work(); });
  return Status();
}

void ThreadReader::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    submitted.wait(lock, [&] { return isEnding || !requests.empty(); });
    if (isEnding)
      return;
    ReadRequest request = requests.front();
    requests.pop_front();
    lock.unlock();
    int64_t bytes = file.read(request.offset, request.size, request.memory);
    lock.lock();
    results.push_back({request.id, bytes});
    happened.notify_one();
  }
}

Status ThreadReader::submit(const ReadRequest &request) {
  {
    std::lock_guard lock(mutex);
    requests.push_back(request);
  }
  submitted.notify_one();
  return Status();
}

size_t ThreadReader::wait(std::span<ReadResult> out, int milliseconds) {
  std::unique_lock lock(mutex);
  auto isOver = [&] { return isWoken || !results.empty(); };
  if (milliseconds < 0)
    happened.wait(lock, isOver);
  else
    happened.wait_for(lock, std::chrono::milliseconds(milliseconds), isOver);
  isWoken = false;
  size_t count = 0;
  for (; count < out.size() && !results.empty(); ++count) {
    out[count] = results.front();
    results.pop_front();
  }
  return count;
}

void ThreadReader::wake() {
  {
    std::lock_guard lock(mutex);
    isWoken = true;
  }
  happened.notify_one();
}

Status moert::openThreadReader(const std::string &path, int threads,
                               std::unique_ptr<ExpertReader> *out,
                               const std::string &note) {
  if (threads < 1)
    return makeStatus(MOERT_INVALID_ARGUMENT, path, ": ", threads,
                      " threads to read it, must be at least 1");
  auto reader = std::make_unique<ThreadReader>(threads);
  MOERT_RETURN_IF_ERROR(reader->open(path, note));
  *out = std::move(reader);
  return Status();
}
