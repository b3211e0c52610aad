//===- Api.h - the C API with owners and exceptions -------------*- C++ -*-===//
#ifndef MOERT_CLI_API_H
#define MOERT_CLI_API_H

#include "Failure.h"
#include "Interrupt.h"
#include "moert/moert.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moert::cli {

template <auto Function> struct Releases {
  template <typename T> void operator()(T *object) const { Function(object); }
};
template <typename T, auto Function>
using Handle = std::unique_ptr<T, Releases<Function>>;
using Text = Handle<char, moert_free>;
using Sampler = Handle<moert_sampler_t, moert_sampler_free>;

/// Ids to text; the pieces are whole UTF-8 characters.
class Decoder {
public:
  Decoder(const moert_tokenizer_t *tokenizer, bool skipSpecial,
          const std::string &origin);
  std::string_view push(int32_t id);
  std::string_view finish();

private:
  Handle<moert_decoder_t, moert_decoder_free> decoder;
  std::string origin;
};

/// An open module file; every failure names it.
class Module {
public:
  enum class For { Running, RunningUnverified, Inspection };
  /// `driver` will run it; empty: the one that it names.
  Module(const std::string &path, For purpose, const std::string &driver = "");

  const std::string path;
  moert_module_info_t info;

  moert_module_t *get() const { return module.get(); }
  bool isEos(int32_t id) const { return moert_module_is_eos(get(), id); }
  /// Null if the module has none, or the runtime reads none.
  const moert_tokenizer_t *tokenizer() const;
  /// Ids of a text whose origin failures name; with a BOS in front if
  /// `asPrompt` and the module wants one.
  std::vector<int32_t> encode(const std::string &text, bool asPrompt) const;
  Decoder makeDecoder(bool skipSpecial) const;

private:
  [[noreturn]] void failWithoutTokenizer() const;

  Handle<moert_module_t, moert_module_close> module;
};

/// The runtime's options, with its defaults.
struct SessionOptions : moert_session_options_t {
  SessionOptions() { moert_session_options_init(this); }
};

/// Room for sequences of one module, and the way to run batches in it.
class Session {
public:
  Session(const Module &module, const SessionOptions &options);

  void forward(const moert_batch_t &batch);
  int32_t threads() const { return moert_session_threads(session.get()); }
  moert_session_stats_t stats() const;
  /// Tokens that left at each exit; last, those that ran through all layers.
  std::vector<int64_t> exitCounts() const;
  void startTrace();
  void writeTrace(const std::string &file);
  void startRouting(const std::string &file);
  void writeRouting();

  const Module &module;
  int64_t batchRows; ///< most rows that run at once

private:
  Handle<moert_session_t, moert_session_free> session;
  std::string routingFile;
  std::optional<RemovedOnSignal> routingGuard;
};

} // namespace moert::cli

#endif // MOERT_CLI_API_H
