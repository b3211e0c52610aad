//===- StreamCalls.cpp - streams and events -------------------------------===//
#include "ApiCalls.h"

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

static constexpr CuResult isolation = CuResult(905),
                          capturedEvent = CuResult(907);

static CuResult createStream(CuStream *stream, unsigned flags) {
  return withMachine([&](Machine &machine) {
    if (flags & ~CuStreamNonBlocking)
      return CuInvalidValue;
    *stream = machine.streams.make();
    (*stream)->isBlocking = !(flags & CuStreamNonBlocking);
    return CuSuccess;
  });
}

static CuResult destroyStream(CuStream stream) {
  return withMachine([&](Machine &machine) {
    if (!machine.streams.has(stream))
      return CuInvalidHandle;
    if (Capture *capture = stream->capture) {
      if (capture->origin == stream)
        machine.forget(capture);
      else
        machine.invalidate(capture);
    }
    machine.schedule.finish(stream->last);
    machine.streams.remove(stream);
    return CuSuccess;
  });
}

static CuResult synchronize(CuStream stream) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (in.capture)
      return machine.invalidate(in.capture);
    machine.schedule.finish(machine.mark(in));
    return machine.schedule.takeFailure();
  });
}

/// `stream` records what is behind a recorded event.
static CuResult joinCapture(Machine &machine, CuStreamStorage &stream,
                            const CuEventStorage &event) {
  if (&stream == &machine.defaultStream)
    return machine.invalidate(event.capture);
  if (stream.capture && stream.capture != event.capture) {
    machine.invalidate(stream.capture);
    return machine.invalidate(event.capture);
  }
  stream.capture = event.capture;
  stream.tail.insert(stream.tail.end(), event.tail.begin(), event.tail.end());
  return CuSuccess;
}

static CuResult waitForEvent(CuStream stream, CuEvent event, unsigned flags) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (!machine.events.has(event))
      return CuInvalidHandle;
    if (flags)
      return CuInvalidValue;
    if (event->capture)
      return joinCapture(machine, in, *event);
    if (in.capture && event->mark) {
      machine.invalidate(in.capture);
      return isolation;
    }
    return event->mark ? machine.enqueue(in, nullptr, event->mark) : CuSuccess;
  });
}

static CuResult createEvent(CuEvent *event, unsigned flags) {
  constexpr unsigned blockingSync = 1;
  return withMachine([&](Machine &machine) {
    if (flags & ~(blockingSync | CuEventDisableTiming))
      return CuInvalidValue;
    *event = machine.events.make();
    (*event)->isTimed = !(flags & CuEventDisableTiming);
    return CuSuccess;
  });
}

template <typename Body> static CuResult withEvent(CuEvent event, Body &&body) {
  return withMachine([&](Machine &machine) {
    return machine.events.has(event) ? body(machine) : CuInvalidHandle;
  });
}

static CuResult destroyEvent(CuEvent event) {
  return withEvent(event, [&](Machine &machine) {
    machine.events.remove(event);
    return CuSuccess;
  });
}

static CuResult recordEvent(CuEvent event, CuStream stream) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (!machine.events.has(event))
      return CuInvalidHandle;
    if (in.capture) {
      event->capture = in.capture;
      event->tail = in.tail;
      return CuSuccess;
    }
    event->capture = nullptr;
    CuResult result = machine.enqueue(in, nullptr);
    event->mark = in.last;
    return result;
  });
}

static CuResult synchronizeEvent(CuEvent event) {
  return withEvent(event, [&](Machine &machine) {
    if (event->capture) {
      machine.invalidate(event->capture);
      return capturedEvent;
    }
    machine.schedule.finish(event->mark);
    return machine.schedule.takeFailure();
  });
}

/// Whoever asks gives the device the time for one more piece of work, so that
/// asking again and again ends.
static CuResult queryEvent(CuEvent event) {
  return withEvent(event, [&](Machine &machine) {
    if (event->capture) {
      machine.invalidate(event->capture);
      return capturedEvent;
    }
    if (CuResult result = machine.forbidCaptures(); result != CuSuccess)
      return result;
    machine.schedule.advance(event->mark);
    if (CuResult result = machine.schedule.takeFailure(); result != CuSuccess)
      return result;
    return !event->mark || event->mark->isDone ? CuSuccess : CuNotReady;
  });
}

static CuResult getElapsedTime(float *milliseconds, CuEvent begin,
                               CuEvent end) {
  return withMachine([&](Machine &machine) {
    for (CuEvent event : {begin, end})
      if (!machine.events.has(event) || !event->isTimed || !event->mark)
        return CuInvalidHandle;
    if (!begin->mark->isDone || !end->mark->isDone)
      return CuNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(end->mark->time -
                                                             begin->mark->time)
                        .count();
    return CuSuccess;
  });
}

void emulator::addStreamCalls(CudaApi &api) {
  api.cuStreamCreate = createStream;
  api.cuStreamDestroy_v2 = destroyStream;
  api.cuStreamSynchronize = synchronize;
  api.cuStreamWaitEvent = waitForEvent;
  api.cuEventCreate = createEvent;
  api.cuEventDestroy_v2 = destroyEvent;
  api.cuEventRecord = recordEvent;
  api.cuEventSynchronize = synchronizeEvent;
  api.cuEventQuery = queryEvent;
  api.cuEventElapsedTime = getElapsedTime;
}
