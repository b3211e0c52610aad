//===- SessionApi.cpp - the C functions of sessions -----------------------===//
#include "base/Options.h"
#include "session/Session.h"
#include <algorithm>
#include <limits>

using namespace moert;

void moert_session_options_init(moert_session_options_t *options) {
  *options = {};
  options->size = sizeof(*options);
  options->sequences = 1;
  options->batch_rows = 512;
  options->read_timeout = 30;
  options->exit_threshold = std::numeric_limits<double>::quiet_NaN();
}

moert_status_t moert_session_create(moert_module_t *module,
                                    const moert_session_options_t *options,
                                    moert_session_t **outSession) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_session_create",
                   {{"module", module}, {"out_session", outSession}}));
    moert_session_options_t chosen;
    moert_session_options_init(&chosen);
    MOERT_RETURN_IF_ERROR(readOptions("session options", options, &chosen));
    auto session = std::make_unique<moert_session_t>(*module);
    MOERT_RETURN_IF_ERROR(session->start(chosen));
    *outSession = session.release();
    return Status();
  });
}

void moert_session_free(moert_session_t *session) { delete session; }

int32_t moert_session_threads(const moert_session_t *session) {
  return session->options.threads;
}

int64_t moert_session_batch_rows(const moert_session_t *session) {
  return session->options.batch_rows;
}

void moert_batch_init(moert_batch_t *batch) {
  *batch = {};
  batch->size = sizeof(*batch);
  batch->exit_threshold = std::numeric_limits<double>::quiet_NaN();
}

moert_status_t moert_session_forward(moert_session_t *session,
                                     const moert_batch_t *batch) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull("moert_session_forward",
                                     {{"session", session}, {"batch", batch}}));
    moert_batch_t known;
    moert_batch_init(&known);
    MOERT_RETURN_IF_ERROR(readOptions("batch", batch, &known));
    return session->forward(known);
  });
}

moert_status_t moert_session_stats(const moert_session_t *session,
                                   moert_session_stats_t *outStats) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_session_stats",
                   {{"session", session}, {"out_stats", outStats}}));
    moert_session_stats_t stats;
    MOERT_RETURN_IF_ERROR(session->getStats(&stats));
    return writeResult("session stats", stats, outStats);
  });
}

moert_status_t moert_session_exit_counts(const moert_session_t *session,
                                         int64_t *counts) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_session_exit_counts",
                   {{"session", session}, {"counts", counts}}));
    std::copy(session->exitCounts.begin(), session->exitCounts.end(), counts);
    return Status();
  });
}

moert_status_t moert_session_trace_start(moert_session_t *session) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_session_trace_start", {{"session", session}}));
    session->startTrace();
    return Status();
  });
}

moert_status_t moert_session_trace_write(moert_session_t *session,
                                         const char *path) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull("moert_session_trace_write",
                                     {{"session", session}, {"path", path}}));
    return session->writeTrace(path);
  });
}

moert_status_t moert_session_routing_start(moert_session_t *session,
                                           const char *path) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull("moert_session_routing_start",
                                     {{"session", session}, {"path", path}}));
    return session->startRouting(path);
  });
}

moert_status_t moert_session_routing_write(moert_session_t *session) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_session_routing_write", {{"session", session}}));
    return session->writeRouting();
  });
}

moert_status_t moert_session_exits_start(moert_session_t *session,
                                         const char *path) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull("moert_session_exits_start",
                                     {{"session", session}, {"path", path}}));
    return session->startExits(path);
  });
}

moert_status_t moert_session_exits_write(moert_session_t *session) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_session_exits_write", {{"session", session}}));
    return session->writeExits();
  });
}
