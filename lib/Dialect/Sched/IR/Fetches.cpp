//===- Fetches.cpp - the life of a token ----------------------------------===//
#include "Verify.h"

#include "moe/Dialect/MoE/IR/Assembly.h"

using namespace mlir;
using namespace moe;
using namespace moe::sched;

PrefetchOp sched::getFetchOf(Value token) {
  Operation *after = nullptr;
  while (auto cancel = token ? token.getDefiningOp<CancelOp>() : CancelOp()) {
    // Before dominance was verified, cancels might form a ring.
    if (after && (after->getBlock() != cancel->getBlock() ||
                  !cancel->isBeforeInBlock(after)))
      return nullptr;
    after = cancel;
    token = cancel.getToken();
  }
  return token ? token.getDefiningOp<PrefetchOp>() : PrefetchOp();
}

// token_c1
static LogicalResult verifyToken(Operation *op, TypedValue<TokenType> token) {
  if (getFetchOf(token))
    return success();
  return op->emitOpError(
      "takes a token that is not the result of a sched.prefetch");
}

//===----------------------------------------------------------------------===//
// PrefetchOp: what is asked for
//===----------------------------------------------------------------------===//

// prefetch_c1
static LogicalResult verifyConfidence(PrefetchOp op) {
  auto threshold = op.getThreshold();
  if (op.isGuess() != threshold.has_value())
    return op.emitOpError()
           << "has " << int(op.isGuess()) << " confidences and "
           << int(threshold.has_value()) << " thresholds";
  if (!op.isGuess())
    return success();
  RankedTensorType experts = op.getExperts().getType();
  RankedTensorType confidence = op.getConfidence().getType();
  if (getFeatures(experts) != getFeatures(confidence))
    return op.emitOpError()
           << "confidence has " << getFeatures(confidence) << " columns for "
           << getFeatures(experts) << " experts";
  if (!(*threshold >= APFloat(0.0) && *threshold <= APFloat(1.0)))
    return op.emitOpError() << "threshold is " << realText(*threshold)
                            << " when it should lie between 0.0 and 1.0";
  return verifySameRows(op, {{"experts", experts}, {"confidence", confidence}});
}

// prefetch_c2
static LogicalResult verifyJoined(PrefetchOp op) {
  if (!op.getGuess())
    return success();
  if (op.isGuess())
    return op.emitOpError("is a guess when only a wanted fetch joins another");
  if (failed(verifyToken(op, op.getGuess())))
    return failure();
  PrefetchOp guess = getFetchOf(op.getGuess());
  if (guess.isGuess() && guess.getLayer() == op.getLayer())
    return success();
  InFlightDiagnostic error = op.emitOpError();
  if (!guess.isGuess())
    error << "joins a wanted fetch when only a guess is joined";
  else
    error << "of layer " << op.getLayer() << " joins a guess of layer "
          << guess.getLayer();
  error.attachNote(guess.getLoc()) << "joined fetch";
  return error;
}

// prefetch_c6
static LogicalResult verifyPredicted(PrefetchOp op) {
  auto predict = op.getExperts().getDefiningOp<PredictOp>();
  if (!predict || predict.getLayer() == op.getLayer())
    return success();
  InFlightDiagnostic error = op.emitOpError();
  error << "is of layer " << op.getLayer()
        << " when its experts are guessed for layer " << predict.getLayer();
  error.attachNote(predict.getLoc()) << "guessed here";
  return error;
}

LogicalResult PrefetchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // prefetch_c3
  Operation *symbol = symbols.lookupNearestSymbolFrom(*this, getCacheAttr());
  if (!symbol)
    return emitOpError() << "cache " << getCacheAttr()
                         << " is not declared in the model";
  int64_t wanted = getFeatures(getExperts().getType());
  auto cache = dyn_cast<CacheOp>(symbol);
  if (cache &&
      (isGuess() || int64_t(cache.getEntries().value_or(wanted)) >= wanted))
    return success();
  InFlightDiagnostic error = emitOpError();
  if (!cache)
    error << "cache " << getCacheAttr() << " is a " << symbol->getName()
          << " when it should be a " << CacheOp::getOperationName();
  else
    error << "wants " << wanted << " experts for a row, the cache holds "
          << *cache.getEntries();
  error.attachNote(symbol->getLoc()) << "declared here";
  return error;
}

//===----------------------------------------------------------------------===//
// PrefetchOp: how its token ends
//===----------------------------------------------------------------------===//

/// Whether that user of a token ends it.
static bool isEnd(Operation *user) {
  return isa<ReleaseOp, LaunchOp, CancelOp, PrefetchOp>(user);
}

AwaitOp sched::findAwait(PrefetchOp fetch) {
  for (Operation *user : fetch.getToken().getUsers())
    if (auto await = dyn_cast<AwaitOp>(user))
      return await;
  return nullptr;
}

Operation *sched::findEnd(PrefetchOp fetch) {
  auto users = fetch.getToken().getUsers();
  auto end = llvm::find_if(users, isEnd);
  return end == users.end() ? nullptr : *end;
}

/// Every user is one that awaits or ends the token, in the block of the
/// `source` that it comes from: then they come one after the other.
static LogicalResult verifyUsers(Operation *source, Value token) {
  for (Operation *user : token.getUsers()) {
    if (!isEnd(user) && !isa<AwaitOp>(user))
      return user->emitOpError("takes a token, which is only awaited and "
                               "released, launched, joined or cancelled");
    if (user->getBlock() == source->getBlock())
      continue;
    InFlightDiagnostic error =
        user->emitOpError("lies in another block than the fetch of its token");
    error.attachNote(source->getLoc()) << "fetched here";
    return error;
  }
  return success();
}

/// A guess may be dropped, so nobody relies on its experts.
static LogicalResult verifyGuess(PrefetchOp fetch,
                                 ArrayRef<Operation *> users) {
  for (Operation *user : users) {
    if (isa<CancelOp, PrefetchOp>(user))
      continue;
    InFlightDiagnostic error =
        user->emitOpError("takes a guess when it should take a wanted fetch");
    error.attachNote(fetch.getLoc()) << "guessed here";
    return error;
  }
  return success();
}

// prefetch_c4
static LogicalResult verifyLife(PrefetchOp fetch, Operation *source,
                                Value token) {
  if (failed(verifyUsers(source, token)))
    return failure();
  auto users = llvm::to_vector(token.getUsers());
  llvm::sort(users,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  int64_t ends = llvm::count_if(users, isEnd);
  int64_t awaits = llvm::count_if(users, llvm::IsaPred<AwaitOp>);
  auto end = llvm::find_if(users, isEnd);
  bool isReleased = !awaits || (ends && isa<ReleaseOp>(*end));
  if (ends == 1 && awaits <= 1 && isReleased)
    return fetch.isGuess() ? verifyGuess(fetch, users) : success();
  InFlightDiagnostic error = source->emitOpError();
  if (ends != 1)
    error << "token ends " << ends << " times when it should end once";
  else if (awaits > 1)
    error << "token is awaited " << awaits
          << " times when it should be awaited once";
  else
    error << "token is awaited and ends with " << (*end)->getName()
          << " when it should end with sched.release";
  for (Operation *user : users)
    error.attachNote(user->getLoc()) << "used here";
  return error;
}

LogicalResult PrefetchOp::verify() {
  // prefetch_c5
  if (failed(verifyLayer(*this, getLayer())) ||
      failed(verifyConfidence(*this)) || failed(verifyPredicted(*this)) ||
      failed(verifyJoined(*this)))
    return failure();
  return verifyLife(*this, *this, getToken());
}

void PrefetchOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  StringRef name = isGuess() ? "guess." : "wanted.";
  setName(getToken(), (name + Twine(getLayer())).str());
}

//===----------------------------------------------------------------------===//
// AwaitOp, ReleaseOp, CancelOp
//===----------------------------------------------------------------------===//

LogicalResult AwaitOp::verify() { return verifyToken(*this, getToken()); }

LogicalResult ReleaseOp::verify() {
  if (failed(verifyToken(*this, getToken())))
    return failure();
  // release_c1
  AwaitOp await = findAwait(getFetchOf(getToken()));
  if (await && await->getBlock() == (*this)->getBlock() &&
      await->isBeforeInBlock(*this))
    return success();
  InFlightDiagnostic error =
      emitOpError("releases a fetch that is not awaited before");
  if (await)
    error.attachNote(await.getLoc()) << "awaited here";
  return error;
}

LogicalResult CancelOp::verify() {
  if (failed(verifyToken(*this, getToken())))
    return failure();
  // cancel_c1
  if (bool(getRows()) != bool(getLeft()))
    return emitOpError() << "has " << getNumResults() << " results and "
                         << int(bool(getRows())) << " sets of rows";
  if (!getLeft())
    return success();
  // cancel_c2
  PrefetchOp fetch = getFetchOf(getToken());
  if (fetch.isGuess())
    return verifyLife(fetch, *this, getLeft());
  InFlightDiagnostic error =
      emitOpError("takes a wanted fetch when rows may keep only a guess");
  error.attachNote(fetch.getLoc()) << "fetched here";
  return error;
}

void CancelOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  if (!getLeft())
    return;
  PrefetchOp fetch = getFetchOf(getToken());
  setName(getLeft(), fetch ? ("guess." + Twine(fetch.getLayer())).str()
                           : std::string("guess"));
}

/// Dropped only if no row goes on, and then in any case.
static LogicalResult dropInAnyCase(CancelOp op, CancelOp before,
                                   PatternRewriter &rewriter) {
  rewriter.modifyOpInPlace(
      op, [&] { op.getTokenMutable().assign(before.getToken()); });
  rewriter.eraseOp(before);
  return success();
}

LogicalResult CancelOp::canonicalize(CancelOp op, PatternRewriter &rewriter) {
  Operation *before = op.getToken().getDefiningOp();
  if (op.getRows())
    return rewriter.notifyMatchFailure(op, "the fetch may be kept");
  if (!before || before->getNextNode() != op)
    return rewriter.notifyMatchFailure(op, "the fetch had time to begin");
  if (auto cancel = dyn_cast<CancelOp>(before))
    return dropInAnyCase(op, cancel, rewriter);
  auto fetch = cast<PrefetchOp>(before);
  if (fetch.getGuess())
    return rewriter.notifyMatchFailure(op, "the fetch ends a guess");
  rewriter.eraseOp(op);
  rewriter.eraseOp(fetch);
  return success();
}

//===----------------------------------------------------------------------===//
// LaunchOp
//===----------------------------------------------------------------------===//

LogicalResult LaunchOp::verify() { return verifyToken(*this, getToken()); }

LogicalResult LaunchOp::verifyRegions() {
  // launch_c1
  Block &body = getBody().front();
  auto experts = llvm::to_vector(body.getOps<ExpertsOp>());
  if (experts.size() != 1)
    return emitOpError() << "has " << experts.size()
                         << " moe.experts in its body when it should have 1";
  PrefetchOp fetch = getFetchOf(getToken());
  if (experts[0].getExperts() != fetch.getExperts()) {
    InFlightDiagnostic error =
        experts[0].emitOpError("makes another choice than the fetch that it is "
                               "launched on");
    error.attachNote(fetch.getLoc()) << "fetched here";
    return error;
  }
  // launch_c2
  TypeRange yielded = body.getTerminator()->getOperandTypes();
  if (yielded != getResultTypes())
    return emitOpError() << "body yields (" << yielded
                         << ") when the results are (" << getResultTypes()
                         << ")";
  // launch_c3
  for (Operation &op : body)
    if (!isMemoryEffectFree(&op))
      return op.emitOpError("has an effect in the body of a sched.launch");
  return success();
}

void LaunchOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  if (getResults().empty())
    return;
  PrefetchOp fetch = getFetchOf(getToken());
  setName(getResult(0), fetch ? ("experts." + Twine(fetch.getLayer())).str()
                              : std::string("experts"));
}
