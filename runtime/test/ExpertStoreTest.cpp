//===- ExpertStoreTest.cpp - experts come, stay and leave -----------------===//
#include "ExpertTesting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace moert;
using namespace moert::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ids = std::vector<int32_t>;

namespace {

TEST(ExpertStore, HandsOutWhatIsWantedOnce) {
  TestExperts model(2, 8, [](int64_t key) { return 5000 + 100 * key; });
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
  EXPECT_THAT(all, ::testing::UnorderedElementsAre(2, 5, 7));
  EXPECT_TRUE(model.store->endForward().ok());
  ExpertStoreStats stats = model.store->stats();
  EXPECT_EQ(stats.hits, 0);
  EXPECT_EQ(stats.misses, 3);
  EXPECT_GT(stats.linkSeconds, 0);

  model.store->beginForward(1);
  model.demand(0, {7, 2, 5});
  EXPECT_THAT(model.take(0), ElementsAre(2, 5, 7)); // all at once
  EXPECT_THAT(model.take(0), IsEmpty());
  EXPECT_EQ(model.cells[2], nullptr); // released
  EXPECT_TRUE(model.store->endForward().ok());
  EXPECT_EQ(model.store->stats().hits, 3);
}

} // namespace
