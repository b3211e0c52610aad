//===- Tokenizer.cpp - reading the pipeline and encoding with it ----------===//
#include "tokenizer/Parts.h"

#include "tokenizer/Utf8.h"

#include <algorithm>

using namespace moert;
using namespace moert::tokenizer;

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts)
    : storage(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;

/// Post-processors add special tokens, which the caller of encode decides on,
/// or move offsets, which nobody asks for: they only have to be known.
static void checkPostProcessor(const Node &node) {
  static constexpr std::string_view known[] = {"ByteLevel", "Sequence",
                                               "TemplateProcessing"};
  const std::string &type = node.at("type").string();
  if (std::find(std::begin(known), std::end(known), type) == std::end(known))
    node.refuse("type ", inQuotes(type),
                " is not supported, only ByteLevel, "
                "Sequence, TemplateProcessing");
  if (type == "Sequence")
    for (const Node &item : node.at("processors").items())
      checkPostProcessor(item);
}

static void readParts(std::string_view json, Tokenizer::Parts &parts) {
  Document document = readDocument(json, parts.limits);
  const Value rootValue = std::move(document.root);
  Node root(rootValue, "");
  Node model = root.at("model");
  model.at("vocab");
  parts.model = std::make_unique<Bpe>(model, std::move(document));
  if (root.has("normalizer"))
    parts.normalizer = makeNormalizer(root.at("normalizer"));
  if (root.has("pre_tokenizer"))
    parts.preTokenizer = makePreTokenizer(root.at("pre_tokenizer"));
  if (root.has("post_processor"))
    checkPostProcessor(root.at("post_processor"));
  parts.decoder =
      root.has("decoder") ? makeDecoder(root.at("decoder")) : makeNullDecoder();
  parts.added = std::make_unique<AddedTokens>(
      root, parts.model->vocabulary(), parts.normalizer.get(), parts.limits);
}

Status Tokenizer::parse(std::string_view json, const std::string &origin,
                        std::unique_ptr<Tokenizer> *out,
                        const TokenizerLimits &limits) {
  auto parts = std::make_unique<Parts>();
  parts->origin = origin;
  parts->limits = limits;
  Status status = withoutExceptions(origin, [&] { readParts(json, *parts); });
  if (status.ok())
    out->reset(new Tokenizer(std::move(parts)));
  return status;
}

int64_t Tokenizer::size() const {
  return std::max(storage->model->vocabulary().size(), storage->added->size());
}

/// A text without added tokens.
static void encodePlain(const Tokenizer::Parts &parts, std::string_view text,
                        bool first, std::vector<int32_t> &out) {
  Pieces pieces;
  if (parts.preTokenizer)
    parts.preTokenizer->split({text, first}, pieces);
  else
    pieces.add(text, first);
  for (size_t i = 0; i < pieces.size(); ++i)
    parts.model->encode(pieces[i].text, out);
}

/// A text without the added tokens that are found before the normalizer.
static void encodeRaw(const Tokenizer::Parts &parts, std::string_view raw,
                      bool first, std::vector<int32_t> &out) {
  std::string text(raw);
  if (parts.normalizer)
    text = parts.normalizer->run(std::move(text));
  using Pass = AddedTokens::Pass;
  for (auto [id, begin, end] : parts.added->split(text, Pass::AfterNormalizer))
    if (id >= 0)
      out.push_back(id);
    else
      encodePlain(parts, std::string_view(text).substr(begin, end - begin),
                  first && begin == 0, out);
}

Status Tokenizer::encode(std::string_view text,
                         std::vector<int32_t> *out) const {
  return withoutExceptions(storage->origin, [&] {
    if (text.size() > storage->limits.textBytes)
      throw Error(MOERT_RESOURCE_EXHAUSTED, "text of ", text.size(),
                  " bytes, the limit is ", storage->limits.textBytes);
    std::vector<int32_t> ids;
    std::string valid = repaired(text);
    using Pass = AddedTokens::Pass;
    for (auto [id, begin, end] :
         storage->added->split(valid, Pass::BeforeNormalizer))
      if (id >= 0)
        ids.push_back(id);
      else
        encodeRaw(*storage, std::string_view(valid).substr(begin, end - begin),
                  begin == 0, ids);
    *out = std::move(ids);
  });
}
