//===- ExitRecorder.cpp - how sure tokens were at exits -------------------===//
#include "session/ExitRecorder.h"

#include <charconv>
#include <cmath>
#include <span>

using namespace moert;

Status ExitRecorder::create(const std::string &path,
                            std::unique_ptr<ExitRecorder> *out) {
  auto recorder = std::make_unique<ExitRecorder>();
  MOERT_RETURN_IF_ERROR(PartFile::create(path, &recorder->file));
  *out = std::move(recorder);
  return Status();
}

/// The fewest digits that say which float it is; JSON has no other numbers.
static void addNumber(float number, std::string *to) {
  if (!std::isfinite(number)) {
    *to += "null";
    return;
  }
  char digits[32];
  *to += std::string_view(digits,
                          std::to_chars(digits, std::end(digits), number).ptr);
}

static void addNumbers(std::span<const float> numbers, std::string *to) {
  *to += '[';
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i)
      *to += ", ";
    addNumber(numbers[i], to);
  }
  *to += ']';
}

Status ExitRecorder::note(const Piece &piece, const ExitRows &rows) {
  lines.clear();
  for (int64_t entry = 0; entry < piece.entries(); ++entry) {
    const int32_t layers = rows.layersOf(entry);
    if (layers < 0)
      continue;
    const size_t row = size_t(piece.wantedRows[size_t(entry)]);
    const auto &watched = rows.watchedOf(entry);
    lines += "{\"sequence\": " + std::to_string(piece.sequences[row]) +
             ", \"position\": " + std::to_string(piece.positions[row]) +
             ", \"layers\": " + std::to_string(layers) + ", \"scores\": ";
    addNumbers(rows.scoresOf(entry).first(watched.size()), &lines);
    lines += ", \"watched\": [";
    for (size_t exit = 0; exit < watched.size(); ++exit) {
      if (exit)
        lines += ", ";
      addNumbers(watched[exit], &lines);
    }
    lines += "]}\n";
  }
  return file->append(lines.data(), lines.size());
}
