//===- Theorem.h - formulas of the smt dialect, written like formulas -----===//
#ifndef MOE_LIB_ANALYSIS_THEOREM_H
#define MOE_LIB_ANALYSIS_THEOREM_H

#include "mlir/Dialect/SMT/IR/SMTOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/ArrayRef.h"
#include <functional>
#include <string>

namespace moe {

/// A value of the smt dialect that knows where the next one is made.
class Term {
public:
  Term(mlir::OpBuilder &builder, mlir::Value value)
      : builder(&builder), value(value) {}
  mlir::Value getValue() const { return value; }
  mlir::OpBuilder &getBuilder() const { return *builder; }

  template <typename OpT, typename... Arguments>
  Term make(Arguments... arguments) const {
    return Term(*builder,
                OpT::create(*builder, builder->getUnknownLoc(), arguments...)
                    ->getResult(0));
  }
  /// An integer.
  Term number(int64_t value) const;

private:
  mlir::OpBuilder *builder;
  mlir::Value value;
};

// Integers.
Term operator+(Term a, Term b);
Term operator-(Term a, Term b);
Term operator*(Term a, Term b);
Term operator<=(Term a, Term b);
Term operator<(Term a, Term b);
inline Term operator+(Term a, int64_t b) { return a + a.number(b); }
inline Term operator-(Term a, int64_t b) { return a - a.number(b); }
inline Term operator*(int64_t a, Term b) { return b.number(a) * b; }
inline Term operator<=(Term a, int64_t b) { return a <= a.number(b); }
inline Term operator<=(int64_t a, Term b) { return b.number(a) <= b; }
/// Whether |a| <= bound.
Term within(Term a, Term bound);
inline Term within(Term a, int64_t bound) { return within(a, a.number(bound)); }
// Integers or bit vectors.
Term operator==(Term a, Term b);
Term choose(Term condition, Term yes, Term no);
// Truth.
Term operator!(Term a);
Term operator&&(Term a, Term b);
Term operator||(Term a, Term b);

/// Builds the body of one smt.solver.
class Theorem {
public:
  Theorem(mlir::OpBuilder &builder, bool withClaim)
      : builder(builder), withClaim(withClaim) {}

  Term integer(llvm::StringRef name);
  Term bits(llvm::StringRef name, unsigned width);
  void assume(Term condition);
  /// The solver looks for a counterexample: unsat if there is none.
  void claim(Term condition) {
    if (withClaim)
      assume(!condition);
  }

private:
  Term declare(llvm::StringRef name, mlir::Type type);
  mlir::OpBuilder &builder;
  bool withClaim;
};

/// What a solver is asked.
struct Statement {
  std::string name;
  std::string words; ///< lines of English
  bool holds;        ///< false: a counterexample exists, and that is the point
  std::function<void(Theorem &)> build;
};

/// Those that hold, or do not, for every model.
llvm::ArrayRef<Statement> getGeneralStatements();

} // namespace moe

#endif // MOE_LIB_ANALYSIS_THEOREM_H
