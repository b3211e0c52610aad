//===- ExitRuns.cpp - greedy answers in ragged batches --------------------===//
#include "ExitRuns.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include <limits>
#include <numeric>
#include <nlohmann/json.hpp>

using namespace llvm;
using namespace moe;
using nlohmann::json;

static constexpr int64_t mostAnswerTokens = 32;
/// Prompts that are answered together.
static constexpr size_t mostTogether = 32;

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

/// The file is still a part, which nobody knows by its name.
Error ExitRunner::about(Error error) const {
  if (!error)
    return error;
  std::string message = toString(std::move(error));
  StringRef text = message;
  if (text.consume_front(file))
    text.consume_front(": ");
  return createStringError(name + ": " + text);
}

Expected<ExitRunner> ExitRunner::open(StringRef file, StringRef name,
                                      int64_t threads) {
  ExitRunner result;
  result.file = file.str();
  result.name = name.str();
  result.threads = threads;
  moert_module_options_t options;
  moert_module_options_init(&options);
  options.skip_weight_checksums = 1; // they were written a moment ago
  moert_module_t *opened = nullptr;
  if (Error error = takeStatus(
          moert_module_open(result.file.c_str(), &options, &opened)))
    return createStringError(
        toString(result.about(std::move(error))) +
        ", and --exit-calibrate must run it on this machine");
  result.module.reset(opened);
  result.info.size = sizeof(result.info);
  if (Error error = takeStatus(moert_module_info(opened, &result.info)))
    return result.about(std::move(error));
  for (int32_t i = 0; i < result.info.exits; ++i) {
    moert_exit_info_t exit;
    exit.size = sizeof(exit);
    if (Error error = takeStatus(moert_module_exit(opened, i, &exit)))
      return result.about(std::move(error));
    result.layers.push_back(exit.layers);
  }
  return std::move(result);
}

Expected<RuntimeSession>
ExitRunner::startSession(ArrayRef<const ExitPrompt *> prompts,
                         int64_t sequences) const {
  size_t longest = 0;
  for (const ExitPrompt *prompt : prompts)
    longest = std::max(longest, prompt->tokens.size());
  moert_session_options_t options;
  moert_session_options_init(&options);
  options.threads = int32_t(threads);
  options.context =
      std::min<int64_t>(info.context, int64_t(longest) + mostAnswerTokens);
  options.sequences = sequences;
  moert_session_t *session = nullptr;
  if (Error error = takeStatus(
          moert_session_create(module.get(), &options, &session)))
    return about(std::move(error));
  return RuntimeSession(session);
}

static Expected<RuntimeSampler> makeGreedySampler() {
  moert_sampler_options_t options;
  moert_sampler_options_init(&options);
  options.temperature = 0;
  moert_sampler_t *sampler = nullptr;
  if (Error error = takeStatus(moert_sampler_create(&options, &sampler)))
    return std::move(error);
  return RuntimeSampler(sampler);
}

//===----------------------------------------------------------------------===//
// Batches
//===----------------------------------------------------------------------===//

namespace {
/// Rows that run together, and what comes of those that are wanted.
struct Rows {
  std::vector<int32_t> tokens, sequences, positions, wanted;
  std::vector<int32_t> leaveAfter; ///< of each wanted row, or empty
  std::optional<double> threshold; ///< none: no row leaves
  std::vector<int32_t> layersRun, best;

  void add(int32_t token, size_t sequence, size_t position, bool isWanted) {
    if (isWanted)
      wanted.push_back(int32_t(tokens.size()));
    tokens.push_back(token);
    sequences.push_back(int32_t(sequence));
    positions.push_back(int32_t(position));
  }
  Error run(moert_session_t *session, moert_sampler_t *sampler,
            int64_t vocabulary);
};
} // namespace

Error Rows::run(moert_session_t *session, moert_sampler_t *sampler,
                int64_t vocabulary) {
  if (tokens.empty())
    return Error::success();
  std::vector<float> logits(wanted.size() * size_t(vocabulary));
  layersRun.resize(wanted.size());
  best.resize(wanted.size());
  moert_batch_t batch;
  moert_batch_init(&batch);
  batch.rows = int64_t(tokens.size());
  batch.tokens = tokens.data();
  batch.sequences = sequences.data();
  batch.positions = positions.data();
  batch.wanted_rows = int64_t(wanted.size());
  batch.wanted = wanted.data();
  batch.logits = logits.data();
  batch.leave_after = leaveAfter.empty() ? nullptr : leaveAfter.data();
  batch.layers_run = layersRun.data();
  batch.exits = threshold ? MOERT_EXITS_ON : MOERT_EXITS_OFF;
  if (threshold)
    batch.exit_threshold = *threshold;
  if (Error error = takeStatus(moert_session_forward(session, &batch)))
    return error;
  for (size_t i = 0; i < wanted.size(); ++i)
    if (Error error = takeStatus(
            moert_sampler_pick(sampler, logits.data() + i * size_t(vocabulary),
                               vocabulary, &best[i])))
      return error;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Answers
//===----------------------------------------------------------------------===//

namespace {
/// Prompts that are answered together, in a session of as many sequences.
class Answering {
public:
  Answering(const moert_module_t *module, const moert_tokenizer_t *tokenizer,
            const moert_module_info_t &info, ArrayRef<int64_t> exitLayers,
            moert_session_t *session, moert_sampler_t *sampler)
      : module(module), tokenizer(tokenizer), info(info),
        exitLayers(exitLayers), session(session), sampler(sampler) {}

  /// All tokens of the prompts but the last ones.
  Error begin(ArrayRef<const ExitPrompt *> together);
  /// Goes on from there; may be called for one setting after the other.
  Error answer(std::optional<double> threshold, ExitRun &run,
               std::vector<int64_t> &counts);

private:
  struct Slot {
    const ExitPrompt *prompt = nullptr;
    ExitAnswer answer;
    RuntimeDecoder decoder;
    std::string text;
    bool goesOn = true;
  };
  Error take(Slot &slot, int32_t token);
  Error finish(Slot &slot);

  const moert_module_t *module;
  const moert_tokenizer_t *tokenizer;
  const moert_module_info_t &info;
  ArrayRef<int64_t> exitLayers;
  moert_session_t *session;
  moert_sampler_t *sampler;
  ArrayRef<const ExitPrompt *> prompts;
};
} // namespace

Error Answering::begin(ArrayRef<const ExitPrompt *> together) {
  prompts = together;
  Rows rows;
  for (auto [sequence, prompt] : enumerate(prompts))
    for (size_t at = 0; at + 1 < prompt->tokens.size(); ++at)
      rows.add(prompt->tokens[at], sequence, at, /*isWanted=*/false);
  return rows.run(session, sampler, info.vocabulary);
}

Error Answering::take(Slot &slot, int32_t token) {
  slot.answer.tokens.push_back(token);
  slot.goesOn = false;
  if (moert_module_is_eos(module, token))
    return Error::success();
  const char *text = nullptr;
  size_t length = 0;
  if (Error error = takeStatus(
          moert_decoder_push(slot.decoder.get(), token, &text, &length)))
    return error;
  StringRef piece(text, length);
  slot.text += piece;
  // The last token is not run, so it needs no position.
  int64_t room = info.context - int64_t(slot.prompt->tokens.size()) + 1;
  slot.goesOn = !piece.contains('\n') && int64_t(slot.answer.tokens.size()) <
                                             std::min(mostAnswerTokens, room);
  return Error::success();
}

Error Answering::finish(Slot &slot) {
  const char *text = nullptr;
  size_t length = 0;
  if (Error error = takeStatus(
          moert_decoder_finish(slot.decoder.get(), &text, &length)))
    return error;
  slot.text += StringRef(text, length);
  slot.answer.line = getFirstLine(slot.text).str();
  return Error::success();
}

Error Answering::answer(std::optional<double> threshold, ExitRun &run,
                        std::vector<int64_t> &counts) {
  std::vector<Slot> slots(prompts.size());
  Rows last;
  for (auto [i, slot] : enumerate(slots)) {
    slot.prompt = prompts[i];
    size_t size = slot.prompt->tokens.size();
    last.add(slot.prompt->tokens.back(), i, size - 1, /*isWanted=*/false);
    moert_decoder_t *decoder = nullptr;
    if (Error error = takeStatus(
            moert_decoder_create(tokenizer, /*skip_special=*/1, &decoder)))
      return error;
    slot.decoder.reset(decoder);
  }
  // A row that waits since the setting before would go on from where it left.
  if (info.exits_park)
    if (Error error = last.run(session, sampler, info.vocabulary))
      return error;
  for (;;) {
    Rows rows;
    rows.threshold = threshold;
    std::vector<Slot *> running;
    for (auto [i, slot] : enumerate(slots)) {
      if (!slot.goesOn)
        continue;
      const std::vector<int32_t> &given = slot.answer.tokens;
      rows.add(given.empty() ? slot.prompt->tokens.back() : given.back(), i,
               slot.prompt->tokens.size() + given.size() - 1,
               /*isWanted=*/true);
      running.push_back(&slot);
    }
    if (running.empty())
      break;
    if (Error error = rows.run(session, sampler, info.vocabulary))
      return error;
    for (auto [slot, token, layers] :
         zip_equal(running, rows.best, rows.layersRun)) {
      ++counts[find(exitLayers, layers) - exitLayers.begin()];
      if (Error error = take(*slot, token))
        return error;
    }
  }
  for (Slot &slot : slots) {
    if (Error error = finish(slot))
      return error;
    run.answers.push_back(std::move(slot.answer));
  }
  return Error::success();
}

/// What the counts of tokens that left at each exit, or nowhere, say.
static void setDepths(ArrayRef<int64_t> counts, ArrayRef<int64_t> exitLayers,
                      int64_t allLayers, ExitRun &run) {
  int64_t came = std::accumulate(counts.begin(), counts.end(), int64_t(0));
  int64_t tokens = came, layers = counts.back() * allLayers;
  for (auto [left, exit] : zip(counts, exitLayers)) {
    run.taken.push_back(came ? double(left) / double(came) : 0);
    layers += left * exit;
    came -= left;
  }
  run.averageLayers = tokens ? double(layers) / double(tokens) : 0;
}

Expected<std::vector<ExitRun>>
ExitRunner::answer(ArrayRef<const ExitPrompt *> prompts,
                   ArrayRef<std::optional<double>> settings,
                   function_ref<void(size_t)> onPrompts) const {
  const moert_tokenizer_t *tokenizer = nullptr;
  if (Error error =
          takeStatus(moert_module_tokenizer(module.get(), &tokenizer)))
    return about(std::move(error));
  auto session = startSession(
      prompts, int64_t(std::min(prompts.size(), mostTogether)));
  if (!session)
    return session.takeError();
  auto sampler = makeGreedySampler();
  if (!sampler)
    return sampler.takeError();
  Answering answering(module.get(), tokenizer, info, layers, session->get(),
                      sampler->get());
  std::vector<ExitRun> runs(settings.size());
  std::vector<std::vector<int64_t>> counts(
      settings.size(), std::vector<int64_t>(layers.size() + 1));
  for (size_t done = 0; done < prompts.size(); done += mostTogether) {
    onPrompts(done);
    ArrayRef<const ExitPrompt *> rest = prompts.drop_front(done);
    if (Error error = answering.begin(
            rest.take_front(std::min(rest.size(), mostTogether))))
      return about(std::move(error));
    for (auto [setting, run, count] : zip_equal(settings, runs, counts))
      if (Error error = answering.answer(setting, run, count))
        return about(std::move(error));
  }
  for (auto [run, count] : zip_equal(runs, counts))
    setDepths(count, layers, info.layers, run);
  return std::move(runs);
}

//===----------------------------------------------------------------------===//
// Recordings
//===----------------------------------------------------------------------===//

/// The full model's tokens again, each of which leaves behind so many layers
/// (0: none does). In the layers in front of an exit, the state is that of the
/// full model whatever became of earlier tokens behind it.
Error ExitRunner::replay(const ExitPrompt &prompt, const ExitAnswer &answer,
                         int32_t leaveAfter, moert_session_t *session,
                         moert_sampler_t *sampler,
                         std::vector<int32_t> &best) const {
  Rows rows;
  size_t position = 0;
  for (int32_t token : prompt.tokens) {
    bool isLast = position + 1 == prompt.tokens.size();
    rows.add(token, 0, position++, isLast);
  }
  for (int32_t token : ArrayRef(answer.tokens).drop_back())
    rows.add(token, 0, position++, /*isWanted=*/true);
  // Where all scores are too low, tokens ask everywhere and pass.
  rows.threshold = std::numeric_limits<double>::infinity();
  rows.leaveAfter.assign(rows.wanted.size(), leaveAfter);
  if (Error error = rows.run(session, sampler, info.vocabulary))
    return error;
  append_range(best, rows.best);
  return Error::success();
}

/// The lines that the session wrote.
static Expected<std::vector<ExitSample>> parseRecording(StringRef path,
                                                        size_t exits) {
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return createStringError(buffer.getError().message());
  std::vector<ExitSample> samples;
  for (StringRef line : split((*buffer)->getBuffer(), '\n')) {
    if (line.empty())
      continue;
    json object = json::parse(line.begin(), line.end(), nullptr,
                              /*allow_exceptions=*/false);
    if (!object.is_object() || object["scores"].size() != exits ||
        object["watched"].size() != exits)
      return createStringError("a recorded token has not passed " +
                               Twine(exits) + " exits");
    ExitSample &sample = samples.emplace_back();
    for (size_t i = 0; i < exits; ++i) {
      ExitSample::AtExit &at = sample.exits.emplace_back();
      const json &score = object["scores"][i];
      at.score = score.is_number() ? score.get<double>() : 0;
      for (const json &number : object["watched"][i])
        at.watched.push_back(number.is_number() ? number.get<double>() : 0);
    }
  }
  return std::move(samples);
}

Expected<std::vector<ExitSample>>
ExitRunner::record(ArrayRef<const ExitPrompt *> prompts,
                   ArrayRef<ExitAnswer> answers, StringRef scratch) const {
  std::string path = scratch.str();
  FileRemover remover(path);
  std::vector<std::vector<int32_t>> best(layers.size());
  std::vector<int32_t> full;
  // Every prompt begins at position 0, which forgets rows that left and wait.
  auto session = startSession(prompts, 1);
  if (!session)
    return session.takeError();
  auto sampler = makeGreedySampler();
  if (!sampler)
    return sampler.takeError();
  auto replayAll = [&](int64_t leaveAfter,
                       std::vector<int32_t> &tokens) -> Error {
    for (auto [prompt, answer] : zip_equal(prompts, answers))
      if (Error error = replay(*prompt, answer, int32_t(leaveAfter),
                               session->get(), sampler->get(), tokens))
        return error;
    return Error::success();
  };
  if (Error error = takeStatus(
          moert_session_exits_start(session->get(), path.c_str())))
    return about(std::move(error));
  if (Error error = replayAll(/*leaveAfter=*/0, full))
    return about(std::move(error));
  if (Error error = takeStatus(moert_session_exits_write(session->get())))
    return about(std::move(error));
  for (auto [exit, tokens] : zip_equal(layers, best))
    if (Error error = replayAll(exit, tokens))
      return about(std::move(error));
  auto samples = parseRecording(path, layers.size());
  if (!samples)
    return about(samples.takeError());
  if (samples->size() != full.size())
    return about(createStringError("recorded " + Twine(samples->size()) +
                                   " tokens of " + Twine(full.size())));
  for (auto [i, sample] : enumerate(*samples))
    for (auto [exit, at] : enumerate(sample.exits))
      at.agrees = best[exit][i] == full[i];
  return samples;
}
