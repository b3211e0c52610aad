//===- ExitRecorder.h - how sure tokens were at exits -----------*- C++ -*-===//
#ifndef MOERT_SESSION_EXITRECORDER_H
#define MOERT_SESSION_EXITRECORDER_H

#include "base/File.h"
#include "session/Exits.h"
#include "session/Piece.h"
#include <memory>
#include <string>

namespace moert {

/// Writes a line of JSON for each token whose logits were wanted, as
/// moert_session_exits_start says.
class ExitRecorder {
public:
  static Status create(const std::string &path,
                       std::unique_ptr<ExitRecorder> *out);
  /// The entries of a forward that has run.
  Status note(const Piece &piece, const ExitRows &rows);
  /// The file appears under its name.
  Status finish() { return file->finish(); }

private:
  std::unique_ptr<PartFile> file;
  std::string lines; ///< of a forward
};

} // namespace moert

#endif // MOERT_SESSION_EXITRECORDER_H
