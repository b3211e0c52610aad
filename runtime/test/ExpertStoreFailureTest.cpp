//===- ExpertStoreFailureTest.cpp - reads that fail, and bad options ------===//
#include "ExpertTesting.h"

#include <cmath>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace moert;
using namespace moert::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

struct ExpertStoreFailure : ::testing::Test {
  TestExperts model{2, 4, [](int64_t) { return 10000; }};
  Watchdog watchdog{"a store whose reads fail"};

  /// What a forward that wants expert 2 of the second layer says.
  std::string failure(moert_status_code_t code) {
    model.start(4);
    model.store->beginForward(1);
    model.demand(0, {0});
    EXPECT_THAT(model.takeAll(0), ElementsAre(0));
    model.demand(1, {2});
    EXPECT_THAT(model.takeAll(1), IsEmpty());
    Status status = model.store->endForward();
    EXPECT_EQ(status.code(), code);
    // It stays, and nothing is read any more.
    size_t requests = model.file.requests.size();
    model.store->beginForward(1);
    model.prefetch(1, {1});
    model.demand(0, {1});
    EXPECT_THAT(model.takeAll(0), IsEmpty());
    EXPECT_STREQ(model.store->endForward().message(), status.message());
    EXPECT_EQ(model.file.requests.size(), requests);
    return status.message();
  }
  void answer(int64_t bytes) {
    model.file.script = [this, bytes](const ReadRequest &request, int64_t) {
      return request.offset >= model.offsets[6] ? bytes : ScriptedFile::all;
    };
  }
};

TEST_F(ExpertStoreFailure, ReadError) {
  answer(-EIO);
  EXPECT_EQ(failure(MOERT_IO_ERROR),
            "test.moe: layer 3, expert 2: cannot read its 10000 bytes at 77824:"
            " input/output error");
}

TEST_F(ExpertStoreFailure, FileThatGotShorter) {
  answer(5000);
  EXPECT_EQ(failure(MOERT_DATA_LOSS),
            "test.moe: layer 3, expert 2: the file ends within it: has 5000 of "
            "10000 bytes");
}

TEST_F(ExpertStoreFailure, FileThatEndsBefore) {
  answer(0);
  EXPECT_EQ(failure(MOERT_DATA_LOSS),
            "test.moe: layer 3, expert 2: the file ends within it: has 0 of "
            "10000 bytes");
}

TEST_F(ExpertStoreFailure, FileThatEndsAtAPage) {
  model.file.bytes.resize(model.offsets[6] + 4096); // the rest is tried, too
  EXPECT_EQ(failure(MOERT_DATA_LOSS),
            "test.moe: layer 3, expert 2: the file ends within it: has 4096 of "
            "10000 bytes");
}

TEST_F(ExpertStoreFailure, DeviceThatStalls) {
  model.options.readTimeout = 0.05;
  answer(ScriptedFile::never);
  EXPECT_EQ(failure(MOERT_IO_ERROR),
            "test.moe: layer 3, expert 2: no byte has come for 0.05 seconds; "
            "has 0 of 10000 bytes");
}

TEST_F(ExpertStoreFailure, DamagedExpert) {
  uint64_t sum = std::exchange(model.options.extents[6].checksum, 0x123);
  EXPECT_EQ(failure(MOERT_DATA_LOSS),
            "test.moe: layer 3, expert 2: is damaged: checksum " + hex(sum) +
                ", must be 0000000000000123");
}

TEST_F(ExpertStoreFailure, RefusedRead) {
  struct Refusing : ScriptedReader {
    using ScriptedReader::ScriptedReader;
    int count = 0;
    Status submit(const ReadRequest &request) override {
      if (count++ == 1)
        return Status(MOERT_IO_ERROR, "the queue is gone");
      return ScriptedReader::submit(request);
    }
  };
  model.options.reader = std::make_unique<Refusing>(model.file);
  EXPECT_EQ(failure(MOERT_IO_ERROR),
            "test.moe: layer 3, expert 2: the queue is gone");
}

TEST_F(ExpertStoreFailure, ExpertThatIsNotInTheModel) {
  for (int32_t id : {4, -1}) {
    TestExperts other(1, 4, [](int64_t) { return 100; });
    other.start(4);
    other.store->beginForward(1);
    other.demand(0, {1, id});
    EXPECT_THAT(other.takeAll(0), IsEmpty());
    Status status = other.store->endForward();
    EXPECT_EQ(status.code(), MOERT_INTERNAL);
    EXPECT_EQ(status.message(), "test.moe: layer 1: expert " +
                                    std::to_string(id) +
                                    " requested, model has 4");
  }
}

/// Two layers at once is more than the calls allow: it must not hang.
TEST_F(ExpertStoreFailure, NoEntryCanBeFreed) {
  model.start(1);
  model.store->beginForward(1);
  model.demand(0, {0});
  model.demand(1, {1});
  EXPECT_THAT(model.take(1), IsEmpty());
  EXPECT_STREQ(model.store->endForward().message(),
               "test.moe: layer 3, expert 1: no entry can be freed for it, 1 "
               "are in use");
}

TEST_F(ExpertStoreFailure, ChecksumsAreComparedOnce) {
  model.start(1);
  model.store->beginForward(1);
  model.demand(0, {0});
  EXPECT_THAT(model.takeAll(0), ElementsAre(0));
  model.demand(0, {1});
  EXPECT_THAT(model.takeAll(0), ElementsAre(1)); // 0 left
  model.file.bytes[model.offsets[0]] ^= 1;
  model.demand(0, {0});
  EXPECT_THAT(model.takeAll(0), ElementsAre(0));
  EXPECT_TRUE(model.store->endForward().ok());
}

TEST_F(ExpertStoreFailure, ChecksumsMayBeTrusted) {
  model.options.extents[6].checksum ^= 1;
  model.options.checkExtents = false;
  model.start(1);
  model.store->beginForward(1);
  model.demand(1, {2});
  EXPECT_THAT(model.takeAll(1), ElementsAre(2));
  EXPECT_TRUE(model.store->endForward().ok());
}

//===-- Ends --------------------------------------------------------------===//

TEST_F(ExpertStoreFailure, EndsAfterReadsUnderWay) {
  model.file.hold();
  model.start(4);
  model.store->beginForward(1);
  model.demand(0, {0, 1, 2});
  model.file.waitForRequests(1);
  auto end = std::async(std::launch::async, [&] { model.store.reset(); });
  EXPECT_EQ(end.wait_for(std::chrono::milliseconds(20)),
            std::future_status::timeout);
  model.file.allow();
  end.get();
}

TEST_F(ExpertStoreFailure, LeavesThePoolToAReadThatNeverEnds) {
  model.options.readTimeout = 0.02;
  model.file.hold();
  auto owner = std::make_shared<int>(1);
  struct Reader : ScriptedReader {
    Reader(ScriptedFile &file, std::shared_ptr<int> owner)
        : ScriptedReader(file), owner(std::move(owner)) {}
    std::shared_ptr<int> owner;
  };
  model.options.reader = std::make_unique<Reader>(model.file, owner);
  model.start(4);
  model.store->beginForward(1);
  model.demand(0, {0});
  EXPECT_THAT(model.take(0), IsEmpty()); // timeout
  model.store.reset();                   // does not wait for ever
  EXPECT_EQ(owner.use_count(), 2);       // the reader, and all else, still live
  model.file.allow();
  while (owner.use_count() > 1)
    std::this_thread::yield();
}

//===-- Options -----------------------------------------------------------===//

TEST_F(ExpertStoreFailure, RefusesBadOptions) {
  alignas(4096) static char pool[2 * 12288];
  struct Case {
    void (*change)(ExpertStoreOptions &);
    const char *message;
  };
  using O = ExpertStoreOptions;
  const Case cases[] = {
      {[](O &o) { o.capacity = 0; },
       "0 experts in memory requested, must be at least 1"},
      {[](O &o) { o.entryBytes = 5000; },
       "entries of 5000 bytes, must be a positive multiple of 4096"},
      {[](O &o) { o.entryBytes = 8192; },
       "an expert has 10000 bytes, must be between 1 and 8192"},
      {[](O &o) { o.extents[3].size = 0; },
       "an expert has 0 bytes, must be between 1 and 12288"},
      {[](O &o) { o.extents[3].offset = 100; },
       "an expert starts at 100, must be a multiple of 4096"},
      {[](O &o) { o.extents[3].address = nullptr; },
       "an expert has no address"},
      {[](O &o) { o.extents.pop_back(); },
       "has 7 experts to fetch, must be 8"},
      {[](O &o) { o.pool = pool + 1; },
       "the pool of experts is not aligned to 4096 bytes"},
      {[](O &o) { o.pieceBytes = 1000; },
       "reads of 1000 bytes, must be a positive multiple of 4096"},
      {[](O &o) { o.readTimeout = 0; },
       "read timeout is 0 seconds, must be above 0"},
      {[](O &o) { o.readTimeout = NAN; },
       "read timeout is nan seconds, must be above 0"},
      {[](O &o) { o.partition = {1}; },
       "the partition has 1 layers, the model has 2 with experts"},
      {[](O &o) { o.partition = {2, 0}; },
       "a layer's share is 0 experts, must be between 1 and 2"},
      {[](O &o) { o.partition = {2, 1}; },
       "the partition has 3 experts, the budget holds 2"},
  };
  for (const Case &c : cases) {
    TestExperts other(2, 4, [](int64_t) { return 10000; });
    other.options.pool = pool;
    other.options.capacity = 2;
    other.options.entryBytes = 12288;
    other.options.policy = findCachePolicy("lru")->create({8, 2, 4, {}});
    other.options.reader = std::make_unique<ScriptedReader>(other.file);
    c.change(other.options);
    std::unique_ptr<ExpertStore> store;
    Status status = ExpertStore::create(std::move(other.options), &store);
    EXPECT_EQ(status.code(), MOERT_INVALID_ARGUMENT);
    EXPECT_EQ(status.message(), std::string("test.moe: ") + c.message);
  }
}

} // namespace
