//===- TokenizerTesting.h - short forms for tokenizer tests -----*- C++ -*-===//
#ifndef MOERT_TEST_TOKENIZERTESTING_H
#define MOERT_TEST_TOKENIZERTESTING_H

#include "tokenizer/ByteLevel.h"
#include "tokenizer/Parts.h"
#include "tokenizer/Tokenizer.h"
#include "tokenizer/Utf8.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace moert::testing {

/// A file by its path from runtime/.
inline std::string sourceFile(const std::string &path) {
  std::ifstream file(MOERT_SOURCE_DIR "/" + path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::unique_ptr<Tokenizer> parseGood(std::string_view json) {
  std::unique_ptr<Tokenizer> tokenizer;
  Status status = Tokenizer::parse(json, "t.json", &tokenizer);
  EXPECT_TRUE(status.ok()) << status.message();
  return tokenizer;
}

/// The message of a refusal.
inline std::string parseBad(std::string_view json,
                            const TokenizerLimits &limits = {}) {
  std::unique_ptr<Tokenizer> tokenizer;
  Status status = Tokenizer::parse(json, "t.json", &tokenizer, limits);
  EXPECT_EQ(tokenizer, nullptr);
  return status.message();
}

inline std::vector<int32_t> encode(const Tokenizer &tokenizer,
                                   std::string_view text) {
  std::vector<int32_t> ids;
  Status status = tokenizer.encode(text, &ids);
  EXPECT_TRUE(status.ok()) << status.message();
  return ids;
}

/// What the decoder hands out at each id, and at finish.
inline std::vector<std::string> decodeSteps(const Tokenizer &tokenizer,
                                            const std::vector<int32_t> &ids,
                                            bool skipSpecial = false) {
  Decoder decoder(tokenizer, skipSpecial);
  std::vector<std::string> steps(ids.size() + 1);
  for (size_t i = 0; i < ids.size(); ++i) {
    Status status = decoder.push(ids[i], &steps[i]);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  EXPECT_TRUE(decoder.finish(&steps.back()).ok());
  return steps;
}

inline std::string decode(const Tokenizer &tokenizer,
                          const std::vector<int32_t> &ids,
                          bool skipSpecial = false) {
  std::string out;
  for (const std::string &step : decodeSteps(tokenizer, ids, skipSpecial))
    out += step;
  return out;
}

/// The token strings of a text.
inline std::vector<std::string> tokens(const Tokenizer &tokenizer,
                                       std::string_view text) {
  std::vector<std::string> out;
  for (int32_t id : encode(tokenizer, text)) {
    const auto *added = tokenizer.parts().added->find(id);
    out.push_back(added
                      ? added->content
                      : std::string(tokenizer.parts().model->vocabulary()[id]));
  }
  return out;
}

/// The token of a byte in a byte-level vocabulary.
inline int32_t byteToken(const Tokenizer &tokenizer, unsigned char byte) {
  std::string character;
  tokenizer::appendByteLevel({reinterpret_cast<char *>(&byte), 1}, character);
  return tokenizer.parts().model->vocabulary().find(character);
}

inline bool isWhole(std::string_view text) {
  return tokenizer::repaired(text) == text;
}

} // namespace moert::testing

#endif // MOERT_TEST_TOKENIZERTESTING_H
