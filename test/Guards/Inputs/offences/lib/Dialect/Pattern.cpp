struct P : OpRewritePattern<X> {
  LogicalResult matchAndRewrite(X op, PatternRewriter &rewriter) const override {
    if (bad(op)) {
      return op.emitOpError("is bad");
    }
    return success();
  }
};
