//===- UringReader.cpp - reads that the kernel queues itself --------------===//
#include "experts/DirectFile.h"
#include "experts/ExpertReader.h"

using namespace moert;

#if MOERT_HAS_URING

#include "base/File.h"
#include <array>
#include <cerrno>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace {
class UringReader : public ExpertReader {
public:
  ~UringReader() override;
  Status open(const std::string &path);

  const char *name() const override {
    return file.isDirect() ? "io_uring, direct" : "io_uring, page cache";
  }
  int depth() const override { return mostReads; }
  Status submit(const ReadRequest &request) override;
  size_t wait(std::span<ReadResult> results, int milliseconds) override;
  void wake() override;

private:
  static constexpr int mostReads = 8;
  /// The completion that says that wake() was called.
  static constexpr uint64_t woken = UINT64_MAX, nothing = UINT64_MAX - 1;

  int watchWakes();
  int await(int milliseconds);
  ReadResult finish(uint64_t slot, int32_t result);

  DirectFile file;
  io_uring ring;
  bool hasRing = false, isWatching = false;
  int wakes = -1; ///< eventfd
  std::array<ReadRequest, mostReads> reads;
  uint32_t used = 0; ///< a bit for each of `reads` that is under way
};
} // namespace

/// The kernel writes to the callers' memory until the last read has ended.
UringReader::~UringReader() {
  io_uring_cqe *cqe;
  while (used) {
    int error = io_uring_wait_cqe(&ring, &cqe);
    if (error == -EINTR)
      continue;
    if (error)
      break;
    if (cqe->user_data < mostReads)
      used &= ~(1u << cqe->user_data);
    io_uring_cqe_seen(&ring, cqe);
  }
  if (hasRing)
    io_uring_queue_exit(&ring);
  if (wakes >= 0)
    ::close(wakes);
}

Status UringReader::open(const std::string &path) {
  MOERT_RETURN_IF_ERROR(file.open(path));
  int error = io_uring_queue_init(2 * mostReads, &ring, 0);
  if (error)
    return makeStatus(MOERT_UNAVAILABLE, "no io_uring: ", errnoText(-error));
  hasRing = true;
  // Waiting for a limited time without it takes entries of the queue.
  if (!(ring.features & IORING_FEAT_EXT_ARG))
    return makeStatus(MOERT_UNAVAILABLE, "no io_uring: kernel is too old");
  wakes = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wakes < 0)
    return makeStatus(MOERT_UNAVAILABLE, "no io_uring: ", errnoText(errno));
  if (error = watchWakes(); error)
    return makeStatus(MOERT_UNAVAILABLE, "no io_uring: ", errnoText(error));
  return Status();
}

/// Asks for a completion when wake() is called. Returns an errno.
int UringReader::watchWakes() {
  io_uring_sqe *sqe = io_uring_get_sqe(&ring);
  if (!sqe)
    return EBUSY;
  io_uring_prep_poll_add(sqe, wakes, POLLIN);
  io_uring_sqe_set_data64(sqe, woken);
  int submitted = io_uring_submit(&ring);
  isWatching = submitted > 0;
  return submitted < 0 ? -submitted : 0;
}

Status UringReader::submit(const ReadRequest &request) {
  unsigned slot = unsigned(__builtin_ctz(~used));
  io_uring_sqe *sqe = slot < mostReads ? io_uring_get_sqe(&ring) : nullptr;
  if (!sqe)
    return makeStatus(MOERT_INTERNAL, "more than ", mostReads,
                      " reads at a time");
  io_uring_prep_read(sqe, file.descriptor(), request.memory,
                     unsigned(request.size), request.offset);
  io_uring_sqe_set_data64(sqe, slot);
  int submitted;
  do
    submitted = io_uring_submit(&ring);
  while (submitted == -EINTR || submitted == -EAGAIN);
  if (submitted < 0) {
    io_uring_prep_nop(sqe); // it stays in the queue
    io_uring_sqe_set_data64(sqe, nothing);
    return makeStatus(MOERT_IO_ERROR, "cannot queue a read: ",
                      errnoText(-submitted));
  }
  reads[slot] = request;
  used |= 1u << slot;
  return Status();
}

/// Until something is complete; 0, or a negative errno.
int UringReader::await(int milliseconds) {
  io_uring_cqe *cqe;
  if (milliseconds < 0)
    return io_uring_wait_cqe(&ring, &cqe);
  __kernel_timespec time = {milliseconds / 1000,
                            milliseconds % 1000 * 1000000LL};
  return io_uring_wait_cqe_timeout(&ring, &cqe, &time);
}

ReadResult UringReader::finish(uint64_t slot, int32_t result) {
  const ReadRequest &request = reads[slot];
  used &= ~(1u << slot);
  if (result > 0)
    file.forget(request.offset, uint64_t(result));
  return {request.id, result};
}

size_t UringReader::wait(std::span<ReadResult> results, int milliseconds) {
  if (!isWatching && watchWakes())
    milliseconds = 1; // look often instead
  int error = await(milliseconds);
  if (error && error != -ETIME && error != -EINTR)
    ::usleep(1000); // whatever it is: callers may call again at once
  size_t count = 0;
  io_uring_cqe *cqe;
  while (count < results.size() && io_uring_peek_cqe(&ring, &cqe) == 0) {
    uint64_t slot = cqe->user_data;
    if (slot < mostReads) {
      results[count++] = finish(slot, cqe->res);
    } else if (slot == woken) {
      uint64_t calls;
      [[maybe_unused]] ssize_t bytes = ::read(wakes, &calls, sizeof(calls));
      isWatching = false;
    }
    io_uring_cqe_seen(&ring, cqe);
  }
  return count;
}

void UringReader::wake() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t bytes = ::write(wakes, &one, sizeof(one));
}

Status moert::openUringReader(const std::string &path,
                              std::unique_ptr<ExpertReader> *out) {
  auto reader = std::make_unique<UringReader>();
  MOERT_RETURN_IF_ERROR(reader->open(path));
  *out = std::move(reader);
  return Status();
}

#else

Status moert::openUringReader(const std::string &,
                              std::unique_ptr<ExpertReader> *) {
  return Status(MOERT_UNAVAILABLE, "no io_uring: built without liburing");
}

#endif
