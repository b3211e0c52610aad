//===- Progress.h - one line that says how far we are -----------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_PROGRESS_H
#define MOE_LIB_DRIVER_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include <condition_variable>
#include <mutex>
#include <thread>

namespace moe {

/// Draws a line on a terminal, from two seconds after it was made until it is
/// destroyed. Silent when standard error is no terminal.
class Progress {
public:
  Progress();
  ~Progress();

  /// What is done now, from here on.
  void setPhase(llvm::StringRef name);
  void setBytes(uint64_t done, uint64_t total);

private:
  void draw();

  std::mutex mutex;
  std::condition_variable wake;
  bool isOver = false;
  std::string phase;
  uint64_t done = 0, total = 0;
  std::thread thread;
};

} // namespace moe

#endif // MOE_LIB_DRIVER_PROGRESS_H
