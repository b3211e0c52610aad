//===- PrefetchSwitchTest.cpp - guesses go when they lose -----------------===//
#include "experts/PrefetchSwitch.h"

#include "moert/moert.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace moert;

namespace {

/// A session on paper: forwards of 1 second, more or less, that guesses slow
/// down by `loss`.
struct Paper {
  PrefetchSwitch guessing{MOERT_PREFETCH_AUTO};
  double loss = 0, noise = 0;
  int64_t mostLayers = 1; ///< of a forward, which runs 1 to so many
  std::minstd_rand random{11};
  double seconds = 0, secondsWithout = 0;
  int64_t guessed = 0;

  bool forward(int64_t rows = 1) {
    bool guesses = guessing.begin(rows);
    std::normal_distribution<double> normal(0, noise);
    double without = noise > 0 ? std::exp(normal(random)) : 1;
    double taken = without * (guesses ? 1 + loss : 1);
    int64_t layers =
        mostLayers > 1 ? 1 + int64_t(random() % uint64_t(mostLayers)) : 1;
    guessing.end(taken * double(layers), layers);
    guessed += guesses;
    seconds += taken;
    secondsWithout += without;
    return guesses;
  }
  /// Speed as a share of that without guesses.
  double share(int64_t forwards) {
    for (int64_t i = 0; i < forwards; ++i)
      forward();
    return secondsWithout / seconds;
  }
};

TEST(PrefetchSwitch, OnNeverStopsAndOffNeverStarts) {
  Paper on{PrefetchSwitch(MOERT_PREFETCH_ON)}, off{
      PrefetchSwitch(MOERT_PREFETCH_OFF)};
  on.loss = off.loss = 1;
  on.share(1000);
  off.share(1000);
  EXPECT_EQ(on.guessed, 1000);
  EXPECT_EQ(off.guessed, 0);
  EXPECT_FALSE(on.guessing.isStopped());
  EXPECT_FALSE(off.guessing.isStopped());
}

TEST(PrefetchSwitch, LosesLittleBeforeItStops) {
  for (double loss : {0.02, 0.05, 0.1, 0.3, 1.0})
    for (int64_t forwards : {128, 256, 1024, 8192}) {
      Paper session;
      session.loss = loss;
      EXPECT_GT(session.share(forwards), loss < 0.5 ? 0.988 : 0.96)
          << loss << " " << forwards;
      EXPECT_TRUE(forwards > 1024 || session.guessing.isStopped())
          << loss << " " << forwards;
    }
}

TEST(PrefetchSwitch, LosesLittleInNoise) {
  for (double loss : {0.01, 0.03, 0.1, 0.3})
    for (unsigned seed = 1; seed <= 20; ++seed) {
      Paper session;
      session.loss = loss;
      session.noise = 0.1;
      session.random.seed(seed);
      EXPECT_GT(session.share(2048), 0.985) << loss << " " << seed;
    }
}

TEST(PrefetchSwitch, KeepsWhatWins) {
  for (double noise : {0.0, 0.05, 0.1})
    for (unsigned seed = 1; seed <= 20; ++seed) {
      Paper session;
      session.loss = -0.15;
      session.noise = noise;
      session.random.seed(seed);
      session.share(4096);
      EXPECT_FALSE(session.guessing.isStopped()) << noise << " " << seed;
      EXPECT_GT(session.guessed, 4096 * 0.85) << noise << " " << seed;
    }
}

/// Tokens that leave early make forwards short, whoever guesses.
TEST(PrefetchSwitch, ComparesLayers) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Paper session;
    session.loss = -0.15;
    session.noise = 0.05;
    session.mostLayers = 8;
    session.random.seed(seed);
    session.share(2048);
    EXPECT_FALSE(session.guessing.isStopped()) << seed;
    EXPECT_GT(session.guessed, 2048 * 0.8) << seed;
  }
}

TEST(PrefetchSwitch, StopsWhatTurnsBad) {
  Paper session;
  session.loss = -0.15;
  session.share(1000);
  ASSERT_FALSE(session.guessing.isStopped());
  session.loss = 0.2;
  session.guessed = 0;
  session.share(2048);
  EXPECT_TRUE(session.guessing.isStopped());
  EXPECT_LT(session.guessed, 600);
}

TEST(PrefetchSwitch, TriesAgainLessAndLessOften) {
  Paper session;
  session.loss = 0.3;
  std::vector<int64_t> starts;
  bool before = false;
  for (int64_t i = 0; i < 20000; ++i) {
    bool now = session.forward();
    if (now && !before)
      starts.push_back(i);
    before = now;
  }
  ASSERT_GE(starts.size(), 5u);
  EXPECT_LE(starts.size(), 8u);
  for (size_t i = 2; i < starts.size(); ++i)
    EXPECT_GT(starts[i] - starts[i - 1],
              (starts[i - 1] - starts[i - 2]) * 3 / 2);
}

/// Two periods lie 4 % apart here, more than what guessing gains.
TEST(PrefetchSwitch, ATrendIsNotALoss) {
  for (double growth : {1.01, 1 / 1.01}) {
    PrefetchSwitch guessing(MOERT_PREFETCH_AUTO);
    double seconds = 1;
    int64_t guessed = 0;
    for (int64_t i = 0; i < 400; ++i, seconds *= growth) {
      bool guesses = guessing.begin(1);
      guessing.end(seconds * (guesses ? 0.97 : 1), 1);
      guessed += guesses;
    }
    EXPECT_FALSE(guessing.isStopped()) << growth;
    EXPECT_GT(guessed, 250) << growth;
  }
}

TEST(PrefetchSwitch, LongForwardsGuessOnceItIsKnownToPay) {
  Paper session;
  EXPECT_FALSE(session.forward(512));
  session.loss = -0.2;
  session.share(300);
  ASSERT_FALSE(session.guessing.isStopped());
  while (!session.forward())
    ; // not while measuring
  EXPECT_TRUE(session.forward(512));
  session.loss = 0.5;
  session.share(1000);
  ASSERT_TRUE(session.guessing.isStopped());
  EXPECT_FALSE(session.forward(512));
}

TEST(PrefetchSwitch, MeasuresWhateverRowsItGets) {
  Paper session;
  session.loss = -0.2;
  for (int64_t i = 0; i < 300; ++i)
    session.forward(3);
  EXPECT_GT(session.guessed, 100);
  // Others in between do not count, and do not guess while it is not known.
  Paper mixed;
  mixed.loss = 0.3;
  for (int64_t i = 0; i < 2000; ++i)
    mixed.forward(1 + i % 2);
  EXPECT_TRUE(mixed.guessing.isStopped());
  EXPECT_LT(mixed.guessed, 20);
}

} // namespace
