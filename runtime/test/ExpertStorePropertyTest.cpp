//===- ExpertStorePropertyTest.cpp - any calls, any reads, right bytes ----===//
#include "ExpertTesting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>

using namespace moert;
using namespace moert::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

/// Forwards at random: layers that are left out, guesses for any of them
/// before, between and after, cancels, forwards that end early.
class RandomForwards {
public:
  explicit RandomForwards(uint64_t seed) : random(seed + 1) {
    bool isLarge = upTo(4) == 0;
    int64_t layerCount = 1 + upTo(4), experts = 2 + upTo(isLarge ? 4 : 10);
    uint64_t most = isLarge ? 100000 : 9000;
    model.emplace(layerCount, experts,
                  [&](int64_t) { return 1 + upTo(int64_t(most)); });
    capacity = 1 + upTo(layerCount * experts);
    if (upTo(3) == 0 && capacity >= layerCount)
      model->options.partition.assign(layerCount, capacity / layerCount);
    log = std::make_shared<CheckedPolicy::Log>();
    model->options.policy = std::make_unique<CheckedPolicy>(
        log, CachePolicyOptions{layerCount * experts, capacity, experts, {}},
        model->options.partition, seed);
    model->options.pieceBytes = 4096 << upTo(4);
    model->options.readTimeout = 60;
    model->options.prefetch = int32_t(upTo(3));
    model->options.reader = std::make_unique<ScriptedReader>(
        model->file, int(1 + upTo(10)));
    model->file.isRandom = true;
    model->file.random.seed(seed + 5);
  }

  TestExperts &experts() { return *model; }
  const std::vector<std::string> &mistakes() const { return log->mistakes; }
  void start() { model->start(capacity); }

  Status forward() {
    model->store->beginForward(1 + upTo(12));
    bool isWhole = true;
    for (int64_t i = 0; i < model->layerCount && isWhole; ++i)
      if (upTo(10))
        isWhole = computeLayer(i);
    guess();
    return model->store->endForward();
  }
  int64_t wantedSoFar() const { return wanted; }
  bool gotLess = false; ///< take() ended before all were handed out

private:
  int64_t upTo(int64_t count) { return int64_t(random() % uint64_t(count)); }

  void guess() {
    int64_t index = upTo(model->layerCount);
    if (upTo(4) == 0)
      return model->cancel(index);
    std::vector<int32_t> ids;
    std::vector<float> sure;
    for (int64_t i = 0, n = upTo(2 * model->experts); i < n; ++i) {
      ids.push_back(int32_t(upTo(model->experts + 1)) - 1);
      sure.push_back(float(upTo(101)) / 100);
    }
    model->prefetch(index, ids, sure, float(upTo(100)) / 100);
  }

  /// False if the forward ends before the layer has got all.
  bool computeLayer(int64_t index) {
    for (int64_t n = upTo(3); n > 0; --n)
      guess();
    std::vector<int32_t> ids;
    for (int64_t n = 1 + upTo(2 * model->experts); n > 0; --n)
      ids.push_back(int32_t(upTo(model->experts)));
    model->demand(index, ids);
    std::set<int32_t> left(ids.begin(), ids.end());
    wanted += int64_t(left.size());
    if (upTo(2))
      guess();
    while (!left.empty()) {
      std::vector<int32_t> some = model->take(index);
      if (some.empty())
        return gotLess = true, false;
      use(index, some, left);
      if (upTo(60) == 0)
        return false;
    }
    EXPECT_THAT(model->take(index), IsEmpty());
    return true;
  }

  void use(int64_t index, const std::vector<int32_t> &some,
           std::set<int32_t> &left) {
    std::set<ExpertKey> keys;
    for (size_t i = 0; i < some.size(); ++i) {
      EXPECT_TRUE(i == 0 || some[i - 1] < some[i]);
      EXPECT_EQ(left.erase(some[i]), 1u) << some[i];
      keys.insert(ExpertKey(index * model->experts + some[i]));
    }
    pin(keys);
    if (upTo(2))
      guess();
    if (upTo(3) == 0)
      std::this_thread::sleep_for(std::chrono::microseconds(upTo(200)));
    for (ExpertKey key : keys)
      EXPECT_TRUE(model->isThere(key)) << key;
    pin({});
  }
  void pin(std::set<ExpertKey> keys) {
    std::lock_guard lock(log->mutex);
    log->pinned = std::move(keys);
  }

  std::minstd_rand random;
  std::optional<TestExperts> model;
  std::shared_ptr<CheckedPolicy::Log> log;
  int64_t capacity = 0, wanted = 0;
};

TEST(ExpertStoreProperty, HandsOutExactlyWhatIsWanted) {
  Watchdog watchdog("the store");
  ExpertStoreStats all;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    RandomForwards forwards(seed);
    std::minstd_rand random(seed + 3);
    // Reads that come in parts, or have to be tried again, are no failures.
    forwards.experts().file.script = [&](const ReadRequest &read, int64_t) {
      if (random() % 10 == 0)
        return int64_t(-EINTR);
      if (random() % 5 == 0 && read.size > 4096)
        return int64_t(4096 * (1 + random() % (read.size / 4096)));
      return ScriptedFile::all;
    };
    forwards.start();
    for (int i = 0; i < 30; ++i) {
      Status status = forwards.forward();
      ASSERT_TRUE(status.ok()) << status.message();
    }
    ExpertStoreStats stats = forwards.experts().store->stats();
    EXPECT_EQ(stats.hits + stats.misses, forwards.wantedSoFar());
    EXPECT_FALSE(forwards.gotLess);
    all.hits += stats.hits;
    all.useful += stats.useful;
    all.wasted += stats.wasted;
    forwards.experts().end();
    EXPECT_THAT(forwards.mistakes(), IsEmpty());
    if (HasFailure())
      return;
  }
  EXPECT_GT(all.hits, 1000);
  EXPECT_GT(all.useful, 500);
  EXPECT_GT(all.wasted, 500);
}

TEST(ExpertStoreProperty, EndsWhateverFails) {
  Watchdog watchdog("a store whose reads fail");
  int failed = 0;
  for (uint64_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    RandomForwards forwards(seed);
    int64_t bad = int64_t(seed * 7 % 60);
    forwards.experts().options.readTimeout = 0.05;
    forwards.experts().file.script = [&](const ReadRequest &, int64_t number) {
      if (number != bad)
        return ScriptedFile::all;
      const int64_t answers[] = {-EIO, 0, 100, ScriptedFile::never};
      return answers[seed % 4];
    };
    forwards.start();
    Status status;
    for (int i = 0; i < 10 && status.ok(); ++i)
      status = forwards.forward();
    // A read that never ends may be a guess that nobody waited for.
    if (status.ok())
      continue;
    ++failed;
    EXPECT_THAT(status.message(), HasSubstr("test.moe: layer "));
    EXPECT_THAT(status.message(), HasSubstr(", expert "));
    Status again = forwards.forward(); // sticks
    EXPECT_STREQ(again.message(), status.message());
    forwards.experts().end();
    EXPECT_THAT(forwards.mistakes(), IsEmpty());
    if (HasFailure())
      return;
  }
  EXPECT_GT(failed, 60);
}

} // namespace
