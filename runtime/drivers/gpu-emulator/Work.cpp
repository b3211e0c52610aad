//===- Work.cpp - what waits to be done on the device ---------------------===//
#include "Work.h"

#include <algorithm>
#include <utility>

using namespace moert::emulator;
using moert::gpu::CuResult;
using moert::gpu::CuSuccess;

WorkRef Schedule::add(Action action, std::vector<WorkRef> before) {
  auto work = std::make_shared<Work>();
  work->action = std::move(action);
  for (WorkRef &one : before)
    if (one && !one->isDone)
      work->before.push_back(std::move(one));
  if (pending.size() >= enough) {
    std::erase_if(pending, [](const WorkRef &one) { return one->isDone; });
    enough = std::max<size_t>(64, 2 * pending.size());
  }
  pending.push_back(work);
  // The device does something by itself while the program goes on.
  if (seed && random() % 4 == 0)
    performAny();
  return work;
}

/// Something that must be done before this one; null if there is nothing.
static Work *findOpen(const Work &work) {
  for (const WorkRef &one : work.before)
    if (!one->isDone)
      return one.get();
  return nullptr;
}

/// False if it failed, and everything was dropped with it.
bool Schedule::perform(Work &work) {
  CuResult result = work.action ? (*work.action)() : CuSuccess;
  work.isDone = true;
  work.time = std::chrono::steady_clock::now();
  work.before.clear();
  if (result == CuSuccess)
    return true;
  if (failure == CuSuccess)
    failure = result;
  drop();
  return false;
}

/// Nobody does what is pending; whoever waits for it need not.
void Schedule::drop() {
  for (const WorkRef &work : pending) {
    work->isDone = true;
    work->before.clear();
  }
  pending.clear();
}

/// One of the pieces that are ready, by chance.
void Schedule::performAny() {
  std::vector<WorkRef> ready;
  for (const WorkRef &work : pending)
    if (!work->isDone && !findOpen(*work))
      ready.push_back(work);
  if (!ready.empty())
    perform(*ready[random() % ready.size()]);
}

void Schedule::finish(const WorkRef &work) {
  if (!work)
    return;
  if (seed) {
    while (!work->isDone)
      performAny();
    return;
  }
  // What is on the path waits for what is behind it there.
  path.assign(1, work.get());
  while (!path.empty()) {
    Work *next = path.back();
    if (Work *open = findOpen(*next)) {
      path.push_back(open);
      continue;
    }
    path.pop_back();
    if (!next->isDone && !perform(*next))
      return;
  }
}

void Schedule::finishAll() {
  while (!pending.empty()) {
    WorkRef first = pending.front();
    finish(first);
    if (!pending.empty() && pending.front()->isDone)
      pending.pop_front();
  }
}

void Schedule::advance(const WorkRef &work) {
  if (!work || work->isDone)
    return;
  if (seed)
    return performAny();
  Work *next = work.get();
  while (Work *open = findOpen(*next))
    next = open;
  perform(*next);
}
