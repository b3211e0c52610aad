//===- StreamsTest.cpp - streams, events and graphs of the API ------------===//
#include "CudaTesting.h"

#include <set>

using namespace moert;
using namespace moert::emulator;
using namespace moert::gpu;

namespace {

class StreamsTest : public CudaTest {
protected:
  /// A stream that records.
  void begin(CuStream stream, CuCaptureMode mode = CuCaptureThreadLocal) {
    ASSERT_EQ(api.cuStreamBeginCapture_v2(stream, mode), CuSuccess);
  }
  CuGraphExec end(CuStream stream) {
    CuGraph graph = nullptr;
    CuGraphExec exec = nullptr;
    EXPECT_EQ(api.cuStreamEndCapture(stream, &graph), CuSuccess);
    EXPECT_EQ(api.cuGraphInstantiateWithFlags(&exec, graph, 0), CuSuccess);
    EXPECT_EQ(api.cuGraphDestroy(graph), CuSuccess);
    return exec;
  }
};

TEST_F(StreamsTest, NothingRunsBeforeSomebodyWaits) {
  uint32_t host = 1, back = 0;
  ASSERT_EQ(api.cuMemcpyHtoDAsync_v2(buffers[0], &host, 4, streams[0]),
            CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[1], buffers[0], 100), CuSuccess);
  ASSERT_EQ(api.cuMemcpyDtoHAsync_v2(&back, buffers[1], 4, streams[0]),
            CuSuccess);
  EXPECT_EQ(back, 0u);
  host = 2; // the copy reads it when it runs
  EXPECT_EQ(api.cuStreamSynchronize(streams[1]), CuSuccess);
  EXPECT_EQ(back, 0u);
  EXPECT_EQ(api.cuStreamSynchronize(streams[0]), CuSuccess);
  EXPECT_EQ(back, 102u);
}

TEST_F(StreamsTest, EventsOrderStreams) {
  CuEvent event = makeEvent();
  // An event that nobody recorded holds up nobody.
  ASSERT_EQ(api.cuStreamWaitEvent(streams[1], event, 0), CuSuccess);
  ASSERT_EQ(api.cuEventQuery(event), CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 5), CuSuccess);
  ASSERT_EQ(api.cuEventRecord(event, streams[0]), CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 5), CuSuccess);
  ASSERT_EQ(api.cuStreamWaitEvent(streams[1], event, 0), CuSuccess);
  ASSERT_EQ(add(streams[1], buffers[1], buffers[0], 1), CuSuccess);
  // The first addition only: the second one is behind the event.
  EXPECT_EQ(read(streams[1], buffers[1]), 6u);
  EXPECT_EQ(read(streams[0], buffers[0]), 10u);
}

TEST_F(StreamsTest, AForgottenWaitShows) {
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 5), CuSuccess);
  ASSERT_EQ(add(streams[1], buffers[1], buffers[0], 1), CuSuccess);
  EXPECT_EQ(read(streams[1], buffers[1]), 1u);
}

TEST_F(StreamsTest, ASeedTakesAnyOrderThatIsAllowed) {
  std::set<uint32_t> seen;
  for (int seed = 1; seed <= 40; ++seed) {
    Variable variable("MOERT_GPU_ORDER", std::to_string(seed).c_str());
    restart();
    CuEvent event = makeEvent();
    ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 5), CuSuccess);
    ASSERT_EQ(api.cuEventRecord(event, streams[0]), CuSuccess);
    ASSERT_EQ(add(streams[1], buffers[1], buffers[0], 1), CuSuccess);
    seen.insert(read(streams[1], buffers[1]));
    ASSERT_EQ(api.cuStreamWaitEvent(streams[1], event, 0), CuSuccess);
    ASSERT_EQ(add(streams[1], buffers[2], buffers[0], 1), CuSuccess);
    EXPECT_EQ(read(streams[1], buffers[2]), 6u);
  }
  // Without the wait it may be early or late.
  EXPECT_EQ(seen, (std::set<uint32_t>{1, 6}));
}

TEST_F(StreamsTest, AskingAgainAndAgainEnds) {
  CuEvent event = makeEvent();
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
  ASSERT_EQ(api.cuEventRecord(event, streams[0]), CuSuccess);
  int asked = 0;
  while (api.cuEventQuery(event) == CuNotReady)
    ASSERT_LT(++asked, 10);
  EXPECT_GT(asked, 0);
  EXPECT_EQ(read(streams[1], buffers[0]), 5u);
}

TEST_F(StreamsTest, TheDefaultStreamIsBehindStreamsThatBlock) {
  CuStream blocking = nullptr;
  ASSERT_EQ(api.cuStreamCreate(&blocking, 0), CuSuccess);
  ASSERT_EQ(add(blocking, buffers[0], buffers[0], 1), CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[1], buffers[1], 1), CuSuccess);
  ASSERT_EQ(add(nullptr, buffers[0], buffers[0], 10), CuSuccess);
  ASSERT_EQ(add(blocking, buffers[0], buffers[0], 100), CuSuccess);
  EXPECT_EQ(read(streams[1], buffers[0]), 0u);
  EXPECT_EQ(read(nullptr, buffers[0]), 111u);
  EXPECT_EQ(read(nullptr, buffers[1]), 0u);
  EXPECT_EQ(api.cuStreamDestroy_v2(blocking), CuSuccess);
  EXPECT_EQ(api.cuStreamSynchronize(blocking), CuInvalidHandle);
}

TEST_F(StreamsTest, FreedMemoryWasUsedBefore) {
  CuAddress memory = 0;
  ASSERT_EQ(api.cuMemAlloc_v2(&memory, count * 4), CuSuccess);
  ASSERT_EQ(api.cuMemsetD8Async(memory, 0, count * 4, streams[0]), CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[0], memory, 3), CuSuccess);
  ASSERT_EQ(api.cuMemFree_v2(memory), CuSuccess);
  EXPECT_EQ(read(streams[0], buffers[0]), 3u);
}

TEST_F(StreamsTest, MeasuresTime) {
  CuEvent begin = makeEvent(CuEventDefault), end = makeEvent(CuEventDefault);
  float milliseconds = -1;
  EXPECT_EQ(api.cuEventElapsedTime(&milliseconds, begin, end), CuInvalidHandle);
  ASSERT_EQ(api.cuEventRecord(begin, streams[0]), CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
  ASSERT_EQ(api.cuEventRecord(end, streams[0]), CuSuccess);
  EXPECT_EQ(api.cuEventElapsedTime(&milliseconds, begin, end), CuNotReady);
  ASSERT_EQ(api.cuEventSynchronize(end), CuSuccess);
  EXPECT_EQ(api.cuEventElapsedTime(&milliseconds, begin, end), CuSuccess);
  EXPECT_GT(milliseconds, 0);
  CuEvent untimed = makeEvent();
  ASSERT_EQ(api.cuEventRecord(untimed, streams[0]), CuSuccess);
  EXPECT_EQ(api.cuEventElapsedTime(&milliseconds, begin, untimed),
            CuInvalidHandle);
  EXPECT_EQ(api.cuEventDestroy_v2(untimed), CuSuccess);
  EXPECT_EQ(api.cuEventDestroy_v2(untimed), CuInvalidHandle);
}

TEST_F(StreamsTest, GraphsReplayWhatWasRecorded) {
  uint32_t host = 1;
  begin(streams[0]);
  ASSERT_EQ(api.cuMemcpyHtoDAsync_v2(buffers[0], &host, 4, streams[0]),
            CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[1], buffers[0], 10), CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[2], buffers[2], 1), CuSuccess);
  CuGraphExec exec = end(streams[0]);
  EXPECT_EQ(read(streams[0], buffers[2]), 0u); // nothing has run
  for (uint32_t round = 1; round <= 3; ++round) {
    host = 100 * round;
    ASSERT_EQ(api.cuGraphLaunch(exec, streams[1]), CuSuccess);
    EXPECT_EQ(read(streams[1], buffers[1]), 100 * round + 10);
    EXPECT_EQ(read(streams[1], buffers[2]), round);
  }
  EXPECT_EQ(api.cuGraphExecDestroy(exec), CuSuccess);
  EXPECT_EQ(api.cuGraphLaunch(exec, streams[1]), CuInvalidHandle);
}

TEST_F(StreamsTest, GraphsForkAndJoin) {
  for (const char *seed : {"", "1", "2", "3", "4", "5"}) {
    Variable variable("MOERT_GPU_ORDER", seed);
    restart();
    CuEvent fork = makeEvent(), join = makeEvent();
    begin(streams[0]);
    ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
    ASSERT_EQ(api.cuEventRecord(fork, streams[0]), CuSuccess);
    ASSERT_EQ(api.cuStreamWaitEvent(streams[1], fork, 0), CuSuccess);
    ASSERT_EQ(add(streams[1], buffers[1], buffers[0], 10), CuSuccess);
    ASSERT_EQ(api.cuEventRecord(join, streams[1]), CuSuccess);
    ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
    ASSERT_EQ(api.cuStreamWaitEvent(streams[0], join, 0), CuSuccess);
    ASSERT_EQ(add(streams[0], buffers[2], buffers[1], 100), CuSuccess);
    CuGraphExec exec = end(streams[0]);
    for (uint32_t round = 0; round < 3; ++round)
      ASSERT_EQ(api.cuGraphLaunch(exec, streams[1]), CuSuccess);
    EXPECT_EQ(read(streams[1], buffers[0]), 6u);
    // The fork reads before or after the second addition, but in its round.
    uint32_t last = read(streams[1], buffers[2]);
    EXPECT_TRUE(last == 115 || last == 116) << last;
  }
}

TEST_F(StreamsTest, AWorkThatIsNotJoinedSpoilsTheGraph) {
  CuEvent fork = makeEvent();
  CuGraph graph = nullptr;
  begin(streams[0]);
  ASSERT_EQ(api.cuEventRecord(fork, streams[0]), CuSuccess);
  ASSERT_EQ(api.cuStreamWaitEvent(streams[1], fork, 0), CuSuccess);
  ASSERT_EQ(add(streams[1], buffers[1], buffers[0], 10), CuSuccess);
  EXPECT_EQ(api.cuStreamEndCapture(streams[1], &graph), CuResult(903));
  EXPECT_EQ(api.cuStreamEndCapture(streams[0], &graph), CuResult(904));
  EXPECT_EQ(graph, nullptr);
  // Both streams work again.
  ASSERT_EQ(add(streams[1], buffers[1], buffers[0], 10), CuSuccess);
  EXPECT_EQ(read(streams[1], buffers[1]), 10u);
}

TEST_F(StreamsTest, WhatARecordingForbidsSpoilsIt) {
  CuAddress memory = 0;
  CuGraph graph = nullptr;
  CuEvent event = makeEvent();
  ASSERT_EQ(api.cuEventRecord(event, streams[1]), CuSuccess);
  auto expectSpoiled = [&](CuResult expected, auto &&call) {
    begin(streams[0]);
    EXPECT_EQ(call(), expected);
    EXPECT_EQ(add(streams[0], buffers[0], buffers[0], 1),
              CuStreamCaptureInvalidated);
    EXPECT_EQ(api.cuStreamEndCapture(streams[0], &graph),
              CuStreamCaptureInvalidated);
  };
  expectSpoiled(CuStreamCaptureUnsupported,
                [&] { return api.cuStreamSynchronize(streams[0]); });
  expectSpoiled(CuStreamCaptureUnsupported,
                [&] { return api.cuMemAlloc_v2(&memory, 4); });
  expectSpoiled(CuStreamCaptureUnsupported,
                [&] { return api.cuEventQuery(event); });
  expectSpoiled(CuResult(905),
                [&] { return api.cuStreamWaitEvent(streams[0], event, 0); });
  expectSpoiled(CuResult(907), [&] {
    CuEvent inside = makeEvent();
    EXPECT_EQ(api.cuEventRecord(inside, streams[0]), CuSuccess);
    return api.cuEventSynchronize(inside);
  });
  EXPECT_EQ(api.cuStreamEndCapture(streams[0], &graph), CuInvalidValue);
  EXPECT_EQ(api.cuStreamBeginCapture_v2(nullptr, CuCaptureGlobal),
            CuStreamCaptureUnsupported);
  // Relaxed recordings let memory come and go.
  begin(streams[0], CuCaptureRelaxed);
  EXPECT_EQ(api.cuMemAlloc_v2(&memory, 4), CuSuccess);
  EXPECT_EQ(api.cuStreamEndCapture(streams[0], &graph), CuSuccess);
}

TEST_F(StreamsTest, AFailureInAGraphEndsIt) {
  begin(streams[0]);
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
  ASSERT_EQ(fail(streams[0]), CuSuccess);
  ASSERT_EQ(add(streams[0], buffers[0], buffers[0], 1), CuSuccess);
  CuGraphExec exec = end(streams[0]);
  for (uint32_t round = 1; round <= 2; ++round) {
    ASSERT_EQ(api.cuGraphLaunch(exec, streams[0]), CuSuccess);
    EXPECT_EQ(api.cuStreamSynchronize(streams[0]), CuLaunchFailed);
    EXPECT_EQ(read(streams[0], buffers[0]), round);
  }
}

} // namespace
