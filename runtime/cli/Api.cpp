//===- Api.cpp - the C API with owners and exceptions ---------------------===//
#include "Api.h"
#include "Output.h"

using namespace moert::cli;

//===-- Decoder -----------------------------------------------------------===//

Decoder::Decoder(const moert_tokenizer_t *tokenizer, bool skipSpecial,
                 const std::string &origin)
    : origin(origin) {
  moert_decoder_t *made = nullptr;
  check(moert_decoder_create(tokenizer, skipSpecial, &made), origin);
  decoder.reset(made);
}

std::string_view Decoder::push(int32_t id) {
  const char *text = nullptr;
  size_t length = 0;
  check(moert_decoder_push(decoder.get(), id, &text, &length), origin);
  return {text, length};
}

std::string_view Decoder::finish() {
  const char *text = nullptr;
  size_t length = 0;
  check(moert_decoder_finish(decoder.get(), &text, &length), origin);
  return {text, length};
}

//===-- Module ------------------------------------------------------------===//

Module::Module(const std::string &path, For purpose, const std::string &driver)
    : path(path), info() {
  moert_module_t *opened = nullptr;
  if (purpose == For::Inspection) {
    check(moert_module_open_for_inspection(path.c_str(), &opened), path);
  } else {
    moert_module_options_t options;
    moert_module_options_init(&options);
    options.skip_weight_checksums = purpose == For::RunningUnverified;
    if (!driver.empty())
      options.driver = driver.c_str();
    check(moert_module_open(path.c_str(), &options, &opened), path);
  }
  module.reset(opened);
  info.size = sizeof(info);
  check(moert_module_info(get(), &info), path);
}

const moert_tokenizer_t *Module::tokenizer() const {
  const moert_tokenizer_t *tokenizer = nullptr;
  moert_status_t status = moert_module_tokenizer(get(), &tokenizer);
  moert_status_code_t code = moert_status_code(status);
  if (code == MOERT_NOT_FOUND || code == MOERT_UNAVAILABLE) {
    moert_status_free(status);
    return nullptr;
  }
  check(status, path);
  return tokenizer;
}

void Module::failWithoutTokenizer() const {
  const moert_tokenizer_t *none = nullptr;
  moert_status_t status = moert_module_tokenizer(get(), &none);
  if (moert_status_code(status) == MOERT_UNAVAILABLE)
    check(status, path);
  moert_status_free(status);
  fail(path, "has no tokenizer, so it cannot read text; use --tokens");
}

std::vector<int32_t> Module::encode(const std::string &text,
                                    bool asPrompt) const {
  const moert_tokenizer_t *tokens = tokenizer();
  if (!tokens) // which of the two: a runtime without any says so itself
    failWithoutTokenizer();
  int32_t *ids = nullptr;
  size_t count = 0;
  check(moert_tokenizer_encode(tokens, text.data(), text.size(), &ids, &count),
        path);
  Handle<int32_t, moert_free> owner(ids);
  std::vector<int32_t> result;
  if (asPrompt && info.add_bos && info.bos_token >= 0)
    result.push_back(info.bos_token);
  result.insert(result.end(), ids, ids + count);
  return result;
}

Decoder Module::makeDecoder(bool skipSpecial) const {
  return Decoder(tokenizer(), skipSpecial, path);
}

//===-- Session -----------------------------------------------------------===//

Session::Session(const Module &module, const SessionOptions &options)
    : module(module) {
  moert_session_t *made = nullptr;
  check(moert_session_create(module.get(), &options, &made), module.path);
  session.reset(made);
  batchRows = moert_session_batch_rows(made);
}

void Session::forward(const moert_batch_t &batch) {
  check(moert_session_forward(session.get(), &batch), module.path);
}

moert_session_stats_t Session::stats() const {
  moert_session_stats_t stats = {};
  stats.size = sizeof(stats);
  check(moert_session_stats(session.get(), &stats), module.path);
  return stats;
}

std::vector<int64_t> Session::exitCounts() const {
  std::vector<int64_t> counts(size_t(module.info.exits) + 1);
  check(moert_session_exit_counts(session.get(), counts.data()), module.path);
  return counts;
}

void Session::startTrace() {
  check(moert_session_trace_start(session.get()), module.path);
}

void Session::writeTrace(const std::string &file) {
  RemovedOnSignal guard(partPathOf(followLinks(file)));
  check(moert_session_trace_write(session.get(), file.c_str()), file);
}

void Session::startRouting(const std::string &file) {
  routingFile = file;
  routingGuard.emplace(partPathOf(followLinks(file)));
  check(moert_session_routing_start(session.get(), file.c_str()), file);
}

void Session::writeRouting() {
  check(moert_session_routing_write(session.get()), routingFile);
}
