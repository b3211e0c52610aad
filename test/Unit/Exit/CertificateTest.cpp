//===- CertificateTest.cpp - what is read back, and what is refused -------===//
#include "moe/Exit/Certificate.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <gmock/gmock.h>

using namespace moe;
using namespace testing;

namespace {
ExitCertificate makeCertificate() {
  ExitCertificate certificate;
  certificate.prompts = 472;
  certificate.fullCorrect = 0.75;
  certificate.bound = {0.05, 0.1};
  certificate.risk = "share of \"wrong\" answers";
  certificate.dataHash = 0x0123456789abcdef;
  certificate.weightsHash = ~uint64_t(0);
  certificate.modelHash = 0xfedc;
  certificate.policy = "top1";
  certificate.state = "propagate";
  certificate.head = "full";
  certificate.fit = {-6.8, 10, 1.0 / 3};
  certificate.layers = {1, 2, 4};
  certificate.thresholds = {0.95, 0.1 + 0.2, -1.5};
  certificate.taken = {0.25, 0, 1};
  certificate.empiricalRisk = 9.0 / 472;
  certificate.pValue =
      getHoeffdingBentkusPValue(certificate.empiricalRisk, 472, 0.05);
  certificate.averageLayers = 2.5;
  certificate.tested = {{0.99, 0, 1e-9, 3.5}, {0.9, 0.5, 1, 2.25}};
  return certificate;
}

std::string print(const ExitCertificate &certificate) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printCertificate(os, certificate);
  return text;
}

std::string getMessage(llvm::StringRef text) {
  llvm::Expected<ExitCertificate> parsed = parseCertificate(text, "c.json");
  return parsed ? "accepted" : llvm::toString(parsed.takeError());
}

/// What is said of the certificate with one part of its text replaced.
std::string getMessageWith(llvm::StringRef part, llvm::StringRef by) {
  std::string text = print(makeCertificate());
  size_t at = text.find(part.str());
  if (at == text.npos)
    return ("no '" + part + "' in the text").str();
  text.replace(at, part.size(), by.str());
  return getMessage(text);
}

TEST(Certificate, IsReadBackAsItWas) {
  ExitCertificate expected = makeCertificate();
  auto parsed = parseCertificate(print(expected), "c.json");
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  EXPECT_EQ(print(*parsed), print(expected));
  EXPECT_EQ(parsed->prompts, 472);
  EXPECT_EQ(parsed->dataHash, expected.dataHash);
  EXPECT_EQ(parsed->weightsHash, expected.weightsHash);
  EXPECT_EQ(parsed->modelHash, expected.modelHash);
  EXPECT_EQ(parsed->fullCorrect, expected.fullCorrect);
  EXPECT_EQ(parsed->risk, expected.risk);
  EXPECT_EQ(parsed->fit, expected.fit);
  EXPECT_EQ(parsed->layers, expected.layers);
  EXPECT_EQ(parsed->thresholds, expected.thresholds);
  EXPECT_EQ(parsed->taken, expected.taken);
  EXPECT_EQ(parsed->empiricalRisk, expected.empiricalRisk);
  EXPECT_EQ(parsed->pValue, expected.pValue);
  ASSERT_EQ(parsed->tested.size(), 2u);
  EXPECT_EQ(parsed->tested[1].averageLayers, 2.25);
}

TEST(Certificate, OfAModelThatIsNeverRightIsRefused) {
  EXPECT_EQ(getMessageWith("\"full_model_correct\": 0.75",
                           "\"full_model_correct\": 0"),
            "c.json: is of a full model that answers 0 of 472 prompts "
            "correctly");
}

TEST(Certificate, OtherTextsAreRefused) {
  EXPECT_EQ(getMessage(""), "c.json: is not valid JSON");
  EXPECT_EQ(getMessage("{\"prompts\": 1"), "c.json: is not valid JSON");
  EXPECT_EQ(getMessage("{} {}"), "c.json: is not valid JSON");
  EXPECT_EQ(getMessage(llvm::StringRef("{}\0", 3)),
            "c.json: is not valid JSON");
  EXPECT_EQ(getMessage("[1]"), "c.json: is not a JSON object but [1]");
  EXPECT_EQ(getMessage("{}"), "c.json: lacks field 'prompts'");
  EXPECT_THAT(getMessageWith("\"delta\"", "\"delto\""),
              "c.json: lacks field 'delta'");
  EXPECT_THAT(getMessageWith("\"prompts\"", "\"x\": 1, \"prompts\""),
              HasSubstr("c.json: has the unknown field \"x\", known are "));
  EXPECT_EQ(getMessageWith("\"prompts\"", "\"state\": \"x\", \"prompts\""),
            "c.json: has field \"state\" twice");
  EXPECT_EQ(getMessageWith("\"tested\": [", "\"tested\": [7, "),
            "c.json: field 'tested[0]' is 7, must be an object");
  EXPECT_EQ(getMessageWith("\"threshold\": 0.99", "\"limit\": 0.99"),
            "c.json: tested[0] lacks field 'threshold'");
}

TEST(Certificate, FieldsOfAnotherKindAreRefused) {
  EXPECT_EQ(getMessageWith("472", "472.5"),
            "c.json: field 'prompts' is 472.5, must be a whole number");
  EXPECT_EQ(getMessageWith("472", "\"many\""),
            "c.json: field 'prompts' is \"many\", must be a whole number");
  EXPECT_EQ(getMessageWith("0.05", "null"),
            "c.json: field 'delta' is null, must be a number");
  EXPECT_EQ(getMessageWith("\"top1\"", "1"),
            "c.json: field 'policy' is 1, must be text");
  EXPECT_EQ(getMessageWith("\"top1\"", "\"\""),
            "c.json: field 'policy' is empty");
  EXPECT_EQ(getMessageWith("\"layers\": [", "\"layers\": [true, "),
            "c.json: field 'layers[0]' is true, must be a number");
  EXPECT_EQ(getMessageWith("\"thresholds\": [", "\"thresholds\": [null, "),
            "c.json: field 'thresholds[0]' is null, must be a number");
  EXPECT_EQ(getMessageWith("0123456789abcdef", "123456789abcdef"),
            "c.json: field 'data_hash' is \"123456789abcdef\", must be 16 "
            "hexadecimal digits");
  EXPECT_EQ(getMessageWith("0123456789abcdef", "0123456789abcdeg"),
            "c.json: field 'data_hash' is \"0123456789abcdeg\", must be 16 "
            "hexadecimal digits");
}

TEST(Certificate, NumbersOutOfRangeAreRefused) {
  EXPECT_EQ(getMessageWith("472", "0"),
            "c.json: field 'prompts' is 0, must lie from 1 to 1e+07");
  EXPECT_EQ(getMessageWith("472", "100000000000000000000"),
            "c.json: field 'prompts' is 1e+20, must be a whole number");
  EXPECT_EQ(getMessageWith("0.05", "1"),
            "c.json: field 'delta' is 1, must lie between 0 and 1");
  EXPECT_EQ(getMessageWith("\"epsilon\": 0.1", "\"epsilon\": 0"),
            "c.json: field 'epsilon' is 0, must lie between 0 and 1");
  EXPECT_EQ(getMessageWith("0.25", "1.25"),
            "c.json: field 'taken[0]' is 1.25, must lie from 0 to 1");
  EXPECT_EQ(getMessageWith("0.95", "1e999"), "c.json: is not valid JSON");
  EXPECT_EQ(getMessageWith("\"layers\": [", "\"layers\": [3, "),
            "c.json: field 'layers' must be whole numbers in ascending order");
  EXPECT_EQ(getMessageWith("\"layers\": [", "\"layers\": [0.5, "),
            "c.json: field 'layers[0]' is 0.5, must lie from 1 to 1e+06");
}

TEST(Certificate, FieldsMustFitEachOther) {
  EXPECT_EQ(getMessageWith("\"thresholds\": [", "\"thresholds\": [0.97, "),
            "c.json: has 4 thresholds for 3 exits");
  EXPECT_EQ(getMessageWith("\"taken\": [", "\"taken\": [0.5, "),
            "c.json: has 4 shares taken for 3 exits");
  ExitCertificate none = makeCertificate();
  none.layers.clear();
  none.thresholds.clear();
  none.taken.clear();
  EXPECT_EQ(getMessage(print(none)),
            "c.json: has 0 exits, at least 1 is needed");
  // Who writes a better number into a certificate does not get a better one.
  EXPECT_THAT(getMessageWith("472", "4720"),
              MatchesRegex("c.json: says p-value 0.0011.*, its risk and its "
                           "prompts give .*e-.*"));
  ExitCertificate weak = makeCertificate();
  weak.bound.epsilon = 0.001;
  EXPECT_EQ(getMessage(print(weak)),
            "c.json: has p-value 0.00117276, above its error of 0.001");
}
} // namespace
