//===- NullArgumentTest.cpp - the C API refuses NULL by name --------------===//
#include "TestModule.h"

#include <gtest/gtest.h>

using namespace moert::test;

namespace {

/// Something that is not null, and that nobody may look at before all
/// arguments are there.
template <typename T> T *something() {
  alignas(64) static char bytes[256];
  return reinterpret_cast<T *>(bytes);
}

struct Case {
  const char *message;
  moert_status_t (*call)();
};

const Case cases[] = {
    {"moert_list_devices: out_json is null",
     [] { return moert_list_devices(nullptr); }},
    {"moert_module_open: path is null",
     [] {
       return moert_module_open(nullptr, nullptr,
                                something<moert_module_t *>());
     }},
    {"moert_module_open: out_module is null",
     [] { return moert_module_open("no.moe", nullptr, nullptr); }},
    {"moert_module_open_for_inspection: path is null",
     [] {
       return moert_module_open_for_inspection(nullptr,
                                               something<moert_module_t *>());
     }},
    {"moert_module_open_for_inspection: out_module is null",
     [] { return moert_module_open_for_inspection("no.moe", nullptr); }},
    {"moert_module_info: module is null",
     [] {
       return moert_module_info(nullptr, something<moert_module_info_t>());
     }},
    {"moert_module_info: out_info is null",
     [] { return moert_module_info(something<moert_module_t>(), nullptr); }},
    {"moert_module_parameter: module is null",
     [] {
       return moert_module_parameter(nullptr, 0,
                                     something<moert_parameter_info_t>());
     }},
    {"moert_module_parameter: out_info is null",
     [] {
       return moert_module_parameter(something<moert_module_t>(), 0, nullptr);
     }},
    {"moert_module_describe: module is null",
     [] { return moert_module_describe(nullptr, something<char *>()); }},
    {"moert_module_describe: out_json is null",
     [] {
       return moert_module_describe(something<moert_module_t>(), nullptr);
     }},
    {"moert_module_tokenizer: module is null",
     [] {
       return moert_module_tokenizer(nullptr,
                                     something<const moert_tokenizer_t *>());
     }},
    {"moert_module_tokenizer: out_tokenizer is null",
     [] {
       return moert_module_tokenizer(something<moert_module_t>(), nullptr);
     }},
    {"moert_tokenizer_parse: json is null",
     [] {
       return moert_tokenizer_parse(nullptr, 1, "origin",
                                    something<moert_tokenizer_t *>());
     }},
    {"moert_tokenizer_parse: origin is null",
     [] {
       return moert_tokenizer_parse("{}", 2, nullptr,
                                    something<moert_tokenizer_t *>());
     }},
    {"moert_tokenizer_parse: out_tokenizer is null",
     [] { return moert_tokenizer_parse("{}", 2, "origin", nullptr); }},
    {"moert_tokenizer_encode: tokenizer is null",
     [] {
       return moert_tokenizer_encode(nullptr, "a", 1, something<int32_t *>(),
                                     something<size_t>());
     }},
    {"moert_tokenizer_encode: text is null",
     [] {
       return moert_tokenizer_encode(something<moert_tokenizer_t>(), nullptr, 1,
                                     something<int32_t *>(),
                                     something<size_t>());
     }},
    {"moert_tokenizer_encode: out_ids is null",
     [] {
       return moert_tokenizer_encode(something<moert_tokenizer_t>(), "a", 1,
                                     nullptr, something<size_t>());
     }},
    {"moert_tokenizer_encode: out_count is null",
     [] {
       return moert_tokenizer_encode(something<moert_tokenizer_t>(), "a", 1,
                                     something<int32_t *>(), nullptr);
     }},
    {"moert_decoder_create: tokenizer is null",
     [] {
       return moert_decoder_create(nullptr, 0, something<moert_decoder_t *>());
     }},
    {"moert_decoder_create: out_decoder is null",
     [] {
       return moert_decoder_create(something<moert_tokenizer_t>(), 0, nullptr);
     }},
    {"moert_decoder_push: decoder is null",
     [] {
       return moert_decoder_push(nullptr, 0, something<const char *>(),
                                 something<size_t>());
     }},
    {"moert_decoder_push: out_text is null",
     [] {
       return moert_decoder_push(something<moert_decoder_t>(), 0, nullptr,
                                 something<size_t>());
     }},
    {"moert_decoder_push: out_length is null",
     [] {
       return moert_decoder_push(something<moert_decoder_t>(), 0,
                                 something<const char *>(), nullptr);
     }},
    {"moert_decoder_finish: decoder is null",
     [] {
       return moert_decoder_finish(nullptr, something<const char *>(),
                                   something<size_t>());
     }},
    {"moert_decoder_finish: out_text is null",
     [] {
       return moert_decoder_finish(something<moert_decoder_t>(), nullptr,
                                   something<size_t>());
     }},
    {"moert_decoder_finish: out_length is null",
     [] {
       return moert_decoder_finish(something<moert_decoder_t>(),
                                   something<const char *>(), nullptr);
     }},
    {"moert_session_create: module is null",
     [] {
       return moert_session_create(nullptr, nullptr,
                                   something<moert_session_t *>());
     }},
    {"moert_session_create: out_session is null",
     [] {
       return moert_session_create(something<moert_module_t>(), nullptr,
                                   nullptr);
     }},
    {"moert_session_forward: session is null",
     [] { return moert_session_forward(nullptr, something<moert_batch_t>()); }},
    {"moert_session_forward: batch is null",
     [] {
       return moert_session_forward(something<moert_session_t>(), nullptr);
     }},
    {"moert_session_stats: session is null",
     [] {
       return moert_session_stats(nullptr, something<moert_session_stats_t>());
     }},
    {"moert_session_stats: out_stats is null",
     [] { return moert_session_stats(something<moert_session_t>(), nullptr); }},
    {"moert_session_exit_counts: session is null",
     [] { return moert_session_exit_counts(nullptr, something<int64_t>()); }},
    {"moert_session_exit_counts: counts is null",
     [] {
       return moert_session_exit_counts(something<moert_session_t>(), nullptr);
     }},
    {"moert_session_exits_start: session is null",
     [] { return moert_session_exits_start(nullptr, "e.jsonl"); }},
    {"moert_session_exits_start: path is null",
     [] {
       return moert_session_exits_start(something<moert_session_t>(), nullptr);
     }},
    {"moert_session_exits_write: session is null",
     [] { return moert_session_exits_write(nullptr); }},
    {"moert_module_exit: module is null",
     [] {
       return moert_module_exit(nullptr, 0, something<moert_exit_info_t>());
     }},
    {"moert_module_exit: out_info is null",
     [] { return moert_module_exit(something<moert_module_t>(), 0, nullptr); }},
    {"moert_session_trace_start: session is null",
     [] { return moert_session_trace_start(nullptr); }},
    {"moert_session_trace_write: session is null",
     [] { return moert_session_trace_write(nullptr, "trace.json"); }},
    {"moert_session_trace_write: path is null",
     [] {
       return moert_session_trace_write(something<moert_session_t>(), nullptr);
     }},
    {"moert_session_routing_start: session is null",
     [] { return moert_session_routing_start(nullptr, "r.trace"); }},
    {"moert_session_routing_start: path is null",
     [] {
       return moert_session_routing_start(something<moert_session_t>(),
                                          nullptr);
     }},
    {"moert_session_routing_write: session is null",
     [] { return moert_session_routing_write(nullptr); }},
    {"moert_measure_file_reads: path is null",
     [] {
       return moert_measure_file_reads(nullptr, something<double>(),
                                       something<double>());
     }},
    {"moert_measure_file_reads: out_bandwidth is null",
     [] {
       return moert_measure_file_reads("m.moe", nullptr, something<double>());
     }},
    {"moert_measure_file_reads: out_latency is null",
     [] {
       return moert_measure_file_reads("m.moe", something<double>(), nullptr);
     }},
    {"moert_measure_memory: out_available is null",
     [] { return moert_measure_memory(nullptr, something<uint64_t>()); }},
    {"moert_measure_memory: out_granted is null",
     [] { return moert_measure_memory(something<uint64_t>(), nullptr); }},
    {"moert_sampler_create: options is null",
     [] {
       return moert_sampler_create(nullptr, something<moert_sampler_t *>());
     }},
    {"moert_sampler_create: out_sampler is null",
     [] {
       return moert_sampler_create(something<moert_sampler_options_t>(),
                                   nullptr);
     }},
    {"moert_sampler_pick: sampler is null",
     [] {
       return moert_sampler_pick(nullptr, something<float>(), 1,
                                 something<int32_t>());
     }},
    {"moert_sampler_pick: logits is null",
     [] {
       return moert_sampler_pick(something<moert_sampler_t>(), nullptr, 1,
                                 something<int32_t>());
     }},
    {"moert_sampler_pick: out_token is null",
     [] {
       return moert_sampler_pick(something<moert_sampler_t>(),
                                 something<float>(), 1, nullptr);
     }},
    {"moert_sampler_pick_at: sampler is null",
     [] {
       return moert_sampler_pick_at(nullptr, 0, something<float>(), 1,
                                    something<int32_t>());
     }},
    {"moert_sampler_pick_at: logits is null",
     [] {
       return moert_sampler_pick_at(something<moert_sampler_t>(), 0, nullptr, 1,
                                    something<int32_t>());
     }},
    {"moert_sampler_pick_at: out_token is null",
     [] {
       return moert_sampler_pick_at(something<moert_sampler_t>(), 0,
                                    something<float>(), 1, nullptr);
     }},
    {"moert_measure_read_bandwidth: out_bytes_per_second is null",
     [] { return moert_measure_read_bandwidth(1, 1 << 20, nullptr); }},
    {"moert_measure_int8_peak: out_operations_per_second is null",
     [] { return moert_measure_int8_peak(1, nullptr); }},
    {"moert_measure_fma_peak: out_operations_per_second is null",
     [] { return moert_measure_fma_peak(1, nullptr); }},
};

class NullArgument : public testing::TestWithParam<Case> {};

TEST_P(NullArgument, IsRefusedByName) {
  moert_status_t status = GetParam().call();
  EXPECT_EQ(moert_status_code(status), MOERT_INVALID_ARGUMENT);
  EXPECT_EQ(message(status), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(Api, NullArgument, testing::ValuesIn(cases));

} // namespace
