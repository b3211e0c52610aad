//===- Progress.cpp - redraws the line a few times a second ---------------===//
#include "Progress.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <unistd.h>

using namespace moe;

static constexpr std::chrono::milliseconds patience(2000), interval(200);
/// Back to the first column, and nothing behind it.
static constexpr const char *eraseLine = "\r\x1b[K";

Progress::Progress() {
  if (llvm::errs().is_displayed())
    thread = std::thread([this] { draw(); });
}

Progress::~Progress() {
  if (!thread.joinable())
    return;
  {
    std::lock_guard<std::mutex> lock(mutex);
    isOver = true;
  }
  wake.notify_one();
  thread.join();
}

void Progress::setPhase(llvm::StringRef name) {
  std::lock_guard<std::mutex> lock(mutex);
  phase = name.str();
  done = total = 0;
}

void Progress::setBytes(uint64_t bytesDone, uint64_t bytesTotal) {
  std::lock_guard<std::mutex> lock(mutex);
  done = bytesDone;
  total = bytesTotal;
}

void Progress::draw() {
  auto begin = std::chrono::steady_clock::now();
  std::unique_lock<std::mutex> lock(mutex);
  auto over = [this] { return isOver; };
  if (wake.wait_for(lock, patience, over))
    return;
  // A stream of its own: the main thread may print to errs() meanwhile. It is
  // flushed a whole line at a time, and a terminal that is gone is no failure.
  llvm::raw_fd_ostream out(STDERR_FILENO, /*shouldClose=*/false);
  auto show = [&out] {
    out.flush();
    out.clear_error();
  };
  do {
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - begin;
    out << eraseLine << phase << llvm::format(", %.0f s", elapsed.count());
    if (total)
      out << llvm::format(", %.0f %% of %.1f MB", 100.0 * done / total,
                          total / 1e6);
    show();
  } while (!wake.wait_for(lock, interval, over));
  out << eraseLine;
  show();
}
