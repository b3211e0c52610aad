//===- ExpertStoreTest.cpp - experts come, stay and leave -----------------===//
#include "ExpertTesting.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

using namespace moert;
using namespace moert::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Ids = std::vector<int32_t>;

namespace {

constexpr uint64_t expertBytes = 3 * 4096;
uint64_t sameSize(int64_t) { return expertBytes - 100; } // 3 pieces of 4096

/// 3 layers of 8 experts.
struct ExpertStoreTest : ::testing::Test {
  TestExperts model{3, 8, sameSize};
  std::shared_ptr<CheckedPolicy::Log> log =
      std::make_shared<CheckedPolicy::Log>();
  Watchdog watchdog{"the store"};

  ExpertStoreTest() { model.options.pieceBytes = 4096; }

  ExpertStoreStats stats() { return model.store->stats(); }
  /// A forward in which one layer wants these; what it hands out.
  Ids fetch(int64_t index, const Ids &ids) {
    model.demand(index, ids);
    return model.takeAll(index);
  }
  /// Requests so far, as keys.
  Ids requested(size_t count) {
    Ids keys;
    for (const ReadRequest &request : model.file.waitForRequests(count))
      keys.push_back(keyAt(request.offset));
    return keys;
  }
  int32_t keyAt(uint64_t offset) const {
    return int32_t(std::upper_bound(model.offsets.begin(), model.offsets.end(),
                                    offset) -
                   model.offsets.begin() - 1);
  }
  /// Until so many have been read.
  void waitForExperts(uint64_t count) {
    while (stats().bytesRead < count * expertBytes)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
};

TEST_F(ExpertStoreTest, HandsOutWhatIsWantedOnce) {
  model.start(4);
  model.store->beginForward(2);
  model.demand(0, {5, 2, 5, 7});
  Ids all;
  for (Ids some = model.take(0); !some.empty(); some = model.take(0)) {
    EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
    for (int32_t id : some)
      EXPECT_TRUE(model.isThere(id)) << id;
    all.insert(all.end(), some.begin(), some.end());
  }
  EXPECT_THAT(all, UnorderedElementsAre(2, 5, 7));
  EXPECT_TRUE(model.store->endForward().ok());
  EXPECT_EQ(stats().hits, 0);
  EXPECT_EQ(stats().misses, 3);
  EXPECT_EQ(stats().bytesRead, 3 * expertBytes);
  EXPECT_GT(stats().linkSeconds, 0);

  model.store->beginForward(1);
  model.demand(0, {7, 2, 5});
  EXPECT_THAT(model.take(0), ElementsAre(2, 5, 7)); // all at once
  EXPECT_TRUE(model.isThere(2));
  EXPECT_THAT(model.take(0), IsEmpty());
  EXPECT_EQ(model.cells[2], nullptr); // released
  EXPECT_TRUE(model.store->endForward().ok());
  EXPECT_EQ(stats().hits, 3);
  EXPECT_EQ(stats().misses, 3);
  EXPECT_STREQ(model.store->readerName(), "scripted");
}

TEST_F(ExpertStoreTest, GoesInWavesWhereMoreIsWantedThanFits) {
  model.start(1);
  model.store->beginForward(8);
  model.demand(1, {7, 6, 5, 4, 3, 2, 1, 0});
  for (int32_t id = 0; id < 8; ++id) {
    EXPECT_THAT(model.take(1), ElementsAre(id));
    EXPECT_TRUE(model.isThere(8 + id));
  }
  EXPECT_THAT(model.take(1), IsEmpty());
  EXPECT_TRUE(model.store->endForward().ok());
}

TEST_F(ExpertStoreTest, LayersWithoutExpertsWantNothing) {
  model.start(2);
  const moert_abi_offload_t &abi = model.store->abi();
  int32_t id = 1, out[8];
  for (int64_t layer : {-1, 0, 2, 6, 1000}) {
    abi.demand(&abi, layer, 1, 1, &id);
    EXPECT_EQ(abi.take(&abi, layer, out), 0) << layer;
  }
  EXPECT_EQ(abi.record, nullptr);
  EXPECT_EQ(abi.size, sizeof(abi));
}

/// Without guesses, the policy sees the same calls in every run.
TEST_F(ExpertStoreTest, EvictsAsAModelOfLruDoes) {
  const int64_t capacity = 10;
  model.start(capacity, "lru");
  std::map<ExpertKey, int64_t> uses; ///< time of the last, of those in memory
  std::minstd_rand random(5);
  int64_t now = 0, hits = 0, misses = 0;
  for (int i = 0; i < 300; ++i) {
    model.store->beginForward(1);
    for (int64_t index = 0; index < 3; ++index) {
      std::set<int32_t> ids;
      for (int n = 0; n < 3; ++n)
        ids.insert(int32_t(random() % 8));
      for (int32_t id : ids) {
        ExpertKey key = ExpertKey(index * 8 + id);
        ++(uses.count(key) ? hits : misses);
        uses[key] = ++now;
      }
      while (int64_t(uses.size()) > capacity)
        uses.erase(std::min_element(
            uses.begin(), uses.end(),
            [](auto &a, auto &b) { return a.second < b.second; }));
      EXPECT_THAT(fetch(index, {ids.begin(), ids.end()}),
                  ::testing::UnorderedElementsAreArray(ids));
      ASSERT_EQ(stats().hits, hits);
      ASSERT_EQ(stats().misses, misses);
    }
    ASSERT_TRUE(model.store->endForward().ok());
  }
  EXPECT_GT(hits, 100);
  EXPECT_GT(misses, 100);
}

TEST_F(ExpertStoreTest, TellsThePolicyWhatHappensInOrder) {
  model.options.policy = std::make_unique<CheckedPolicy>(
      log, CachePolicyOptions{24, 2, 8, {}}, std::vector<int64_t>(), 1);
  model.start(2);
  model.store->beginForward(1);
  fetch(0, {1, 0});
  model.store->beginForward(1);
  fetch(0, {1});
  fetch(1, {3, 2});
  EXPECT_THAT(std::vector<std::string>(log->calls.begin(),
                                       log->calls.begin() + 7),
              ElementsAre("use 0", "use 1", "insert 0", "insert 1", "use 1",
                          "use 10", "use 11"));
  EXPECT_THAT(log->mistakes, IsEmpty());
}

TEST_F(ExpertStoreTest, ALayerKeepsToItsShare) {
  model.options.partition = {1, 2, 3};
  model.options.policy = std::make_unique<CheckedPolicy>(
      log, CachePolicyOptions{24, 6, 8, {}}, model.options.partition, 1);
  model.start(6);
  for (int i = 0; i < 3; ++i) {
    model.store->beginForward(1);
    for (int64_t index = 0; index < 3; ++index)
      EXPECT_EQ(fetch(index, {0, 1, 2}).size(), 3u);
  }
  // The last has room for all that it wants.
  EXPECT_EQ(stats().hits, 2 * 3 + 2 * 2 + 2 * 1);
  EXPECT_THAT(log->mistakes, IsEmpty());
}

//===-- Guesses -----------------------------------------------------------===//

TEST_F(ExpertStoreTest, AGuessIsThereWhenItIsWanted) {
  model.start(4);
  model.store->beginForward(1);
  model.prefetch(1, {3, -1, 8, 5}, {0.5f, 1, 1, 0.9f}, 0.5f);
  waitForExperts(2);
  EXPECT_EQ(keyAt(model.file.requests[0].offset), 8 + 5); // the surer one first
  model.demand(1, {3, 5});
  EXPECT_THAT(model.take(1), ElementsAre(3, 5));
  EXPECT_TRUE(model.isThere(8 + 3));
  EXPECT_EQ(stats().hits, 2);
  EXPECT_EQ(stats().useful, 2);
  EXPECT_EQ(stats().wasted, 0);
}

TEST_F(ExpertStoreTest, ReadsNoGuessBelowTheThreshold) {
  model.start(8);
  model.store->beginForward(2);
  // Two rows guess expert 2; one of them is sure enough.
  model.prefetch(1, {1, 2, 2, 3, 4}, {0.49f, 0.1f, 0.6f, NAN, 0}, 0.5f);
  waitForExperts(1);
  fetch(0, {0}); // whatever was queued before is read by now
  model.prefetch(2, {6}, {0.f}, 0.f);
  waitForExperts(3);
  EXPECT_EQ(requested(9), (Ids{10, 10, 10, 0, 0, 0, 22, 22, 22}));
}

TEST_F(ExpertStoreTest, WhatIsWantedGoesBeforeGuesses) {
  model.file.hold(); // nothing comes
  model.start(8);
  model.store->beginForward(1);
  model.prefetch(1, {4, 5});
  EXPECT_EQ(requested(2), (Ids{12, 12})); // no more than two pieces under way
  model.demand(0, {0, 1});
  EXPECT_EQ(requested(6), (Ids{12, 12, 0, 0, 0, 1})); // and four
  model.file.allow();
  EXPECT_EQ(model.takeAll(0).size(), 2u);
  EXPECT_EQ(requested(12), (Ids{12, 12, 0, 0, 0, 1, 1, 1, 12, 13, 13, 13}));
}

TEST_F(ExpertStoreTest, AGuessThatIsBeingReadIsPromoted) {
  model.file.hold();
  model.start(8);
  model.store->beginForward(1);
  model.prefetch(1, {4, 5});
  requested(2);
  model.demand(1, {4});
  EXPECT_EQ(requested(3), (Ids{12, 12, 12})); // the rest, and not expert 5
  model.file.allow();
  EXPECT_THAT(model.takeAll(1), ElementsAre(4));
  EXPECT_EQ(stats().misses, 1);
  EXPECT_EQ(stats().useful, 1);
  EXPECT_EQ(stats().bytesRead, expertBytes); // nothing twice
  fetch(0, {0});
  EXPECT_EQ(requested(6), (Ids{12, 12, 12, 0, 0, 0}));
}

TEST_F(ExpertStoreTest, PiecesOfAPromotedGuessCountAsWanted) {
  model.file.hold();
  model.start(8);
  model.store->beginForward(1);
  model.prefetch(1, {4});
  requested(2);
  model.demand(1, {0, 4});
  EXPECT_EQ(requested(4), (Ids{12, 12, 12, 8}));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(requested(4).size(), 4u); // no more under way
  model.file.allow();
  EXPECT_EQ(model.takeAll(1).size(), 2u);
}

/// Expert 4 of layer 1 is guessed, and two of its pieces are under way.
static void beginGuess(TestExperts &experts) {
  experts.options.pieceBytes = 4096;
  experts.file.hold();
  experts.start(8);
  experts.store->beginForward(1);
  experts.prefetch(1, {4});
  experts.file.waitForRequests(2);
}

TEST_F(ExpertStoreTest, AGuessThatIsNotWantedEndsHalfRead) {
  for (bool isCanceled : {false, true}) {
    TestExperts other(3, 8, sameSize);
    beginGuess(other);
    if (isCanceled)
      other.cancel(1);
    else
      other.demand(1, {0});
    other.file.allow();
    other.demand(1, {0});
    EXPECT_THAT(other.takeAll(1), ElementsAre(0));
    EXPECT_EQ(other.file.requests.size(), 5u);
    ExpertStoreStats stats = other.store->stats();
    EXPECT_EQ(stats.wasted, 1);
    EXPECT_EQ(stats.useful, 0);
    // It may be wanted later.
    other.store->beginForward(1);
    other.demand(1, {4});
    EXPECT_THAT(other.take(1), ElementsAre(4));
    EXPECT_TRUE(other.isThere(12));
  }
}

/// All rows left before: the layer wants nothing, or is not even asked.
TEST_F(ExpertStoreTest, ALayerWithoutRowsEndsItsGuesses) {
  for (bool asks : {true, false}) {
    TestExperts other(3, 8, sameSize);
    beginGuess(other);
    if (asks) {
      other.demand(1, {});
      EXPECT_THAT(other.take(1), IsEmpty()); // waits for nothing
    } else {
      other.cancel(1);
    }
    EXPECT_TRUE(other.store->endForward().ok());
    other.file.allow();
    for (int i = 0; i < 2; ++i) {
      other.store->beginForward(1);
      other.demand(0, {i});
      EXPECT_EQ(other.takeAll(0).size(), 1u);
      EXPECT_TRUE(other.store->endForward().ok());
    }
    ExpertStoreStats stats = other.store->stats();
    EXPECT_EQ(stats.wasted, 1);
    EXPECT_EQ(stats.useful, 0);
    EXPECT_EQ(stats.hits, 0);
    EXPECT_EQ(stats.misses, 2);
    EXPECT_EQ(other.file.requests.size(), 2u + 6u); // the guess half read
  }
}

/// What a layer was handed is released though the next forward leaves it out.
TEST_F(ExpertStoreTest, ALayerThatIsLeftOutHoldsNothing) {
  model.start(2);
  model.store->beginForward(1);
  model.demand(2, {1, 2});
  EXPECT_EQ(model.takeAll(2).size(), 2u);
  model.store->beginForward(1);
  model.demand(2, {1});
  EXPECT_THAT(model.take(2), ElementsAre(1)); // and asks for no more
  for (int i = 0; i < 2; ++i) {
    model.store->beginForward(1);
    EXPECT_EQ(model.cells[17], nullptr);
    EXPECT_EQ(fetch(0, {3, 4, 5}).size(), 3u);
    EXPECT_TRUE(model.store->endForward().ok());
  }
}

TEST_F(ExpertStoreTest, AGuessMakesNobodyLeaveWhoIsNeeded) {
  model.start(2);
  model.store->beginForward(1);
  fetch(0, {0});
  model.prefetch(1, {4});
  waitForExperts(2);
  model.demand(0, {0});
  ASSERT_THAT(model.take(0), ElementsAre(0));
  model.prefetch(2, {1}); // 0 computes, 12 is a guess for a layer to come
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(stats().bytesRead, 2 * expertBytes);
  EXPECT_THAT(model.take(0), IsEmpty()); // 0 may leave now
  waitForExperts(3);
  model.demand(1, {4});
  EXPECT_THAT(model.take(1), ElementsAre(4));
  model.demand(2, {1});
  EXPECT_THAT(model.take(2), ElementsAre(1));
  EXPECT_EQ(stats().hits, 3);
  EXPECT_EQ(stats().useful, 2);
}

TEST_F(ExpertStoreTest, WhatIsWantedTakesTheEntriesOfGuesses) {
  model.file.hold();
  model.start(2);
  model.store->beginForward(1);
  model.prefetch(2, {4, 5});
  requested(2); // of 20: the entry of 21 is still free
  model.demand(0, {0, 1});
  model.file.allow();
  EXPECT_EQ(model.takeAll(0).size(), 2u);
  EXPECT_EQ(stats().wasted, 1);
}

TEST_F(ExpertStoreTest, NoGuessesWhereTheyAreOff) {
  model.options.prefetch = MOERT_PREFETCH_OFF;
  model.start(8);
  model.store->beginForward(1);
  EXPECT_EQ(model.store->abi().prefetch, nullptr);
  fetch(0, {0});
  EXPECT_EQ(requested(3).size(), 3u);
}

/// Guesses that slow computing down, by a sleep that is hard to overlook.
TEST_F(ExpertStoreTest, StopsGuessesThatLose) {
  model.options.prefetch = MOERT_PREFETCH_AUTO;
  model.start(8);
  int guessed = 0;
  for (int i = 0; i < 60; ++i) {
    model.store->beginForward(1);
    if (model.store->abi().prefetch && i > 0) {
      ++guessed;
      model.prefetch(0, {1});
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } else {
      model.prefetch(0, {1});
    }
    ASSERT_TRUE(model.store->endForward().ok());
  }
  EXPECT_TRUE(stats().prefetchStopped);
  EXPECT_GT(guessed, 0);
  EXPECT_LT(guessed, 20);
}

//===-- Watching ----------------------------------------------------------===//

TEST_F(ExpertStoreTest, TellsWhatHappens) {
  std::vector<std::string> events;
  model.options.watch = [&](const StoreEvent &event) {
    const char *names[] = {"begin", "end", "wait", "waited", "evict", "drop"};
    events.push_back(std::string(names[event.kind]) + " " +
                     std::to_string(event.key) + (event.guessed ? "?" : ""));
  };
  model.file.hold();
  model.start(1);
  model.store->beginForward(1);
  model.prefetch(1, {0});
  requested(2);
  model.prefetch(2, {0});
  model.cancel(2);
  model.cancel(1);
  model.file.allow();
  fetch(0, {3});
  fetch(0, {4});
  std::erase_if(events, [](const std::string &event) {
    return event.starts_with("wait"); // may take no time
  });
  EXPECT_THAT(events, ElementsAre("begin 8?", "drop 16?", "drop 8?", "begin 3",
                                  "end 3", "evict 3", "begin 4", "end 4"));
}

TEST_F(ExpertStoreTest, CountsTheTimeThatComputingWaits) {
  std::atomic<int> waits = 0;
  model.options.watch = [&](const StoreEvent &event) {
    waits += event.kind == StoreEvent::WaitBegin && event.key == -1;
  };
  model.file.hold();
  model.start(1);
  std::thread opener([&] {
    while (!waits)
      std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    model.file.allow();
  });
  model.store->beginForward(1);
  fetch(0, {0});
  opener.join();
  EXPECT_GE(stats().stallSeconds, 0.005);
  EXPECT_GT(stats().linkSeconds, 0);
}

} // namespace
