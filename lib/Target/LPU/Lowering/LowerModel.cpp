//===- LowerModel.cpp - pass lpu-lower-model: a model as one program ------===//
//
// Walks the operations of a decoder, one token at a time: a row of features is
// some vectors on the chip. Other files of this folder say how each thing is
// computed; this one says what depends on what, and in which hemisphere it
// lies.
//===----------------------------------------------------------------------===//
#include "Group/LowerGroup.h"
#include "IR/Machines.h"
#include "Lowering/Attention.h"
#include "Lowering/Exits.h"
#include "Lowering/Matrix.h"
#include "Lowering/Route.h"
#include "Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "moe/Analysis/ParameterPlan.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "llvm/ADT/TypeSwitch.h"

#include <deque>

using namespace mlir;
using namespace moe;
using namespace moe::lpu;

namespace {

/// Rows lie in the east, where the SXM turns them; matrices alternate.
constexpr Side kHome = Side::East;

/// One chip's part of a model.
class Lowering : public ChipLowering {
public:
  Lowering(ModelOp model, func::FuncOp forward, Emitter &e, Shard shard,
           int64_t context)
      : model(model), forward(forward), plan(model), e(e), shard(shard) {
    attention.context = context;
  }

  LogicalResult prepare() override {
    if (failed(planAttention()) || failed(checkUnits()))
      return failure();
    planHead();
    auto found = forward.getBody().front().getOps<ExitOp>();
    int64_t count = std::distance(found.begin(), found.end());
    if (count && shard.chips > 1)
      return forward.emitError()
             << "has " << count << " exits, the lpu backend has none on "
             << shard.chips << " chips";
    exits.emplace(e, count);
    return success();
  }

  LogicalResult begin(Value token, Value position) override {
    this->token = token;
    this->position = position;
    exits->enter(&forward.getBody().front().front());
    return makeInputs();
  }

  FailureOr<bool> lower(Operation *op) override {
    isPart = false;
    exits->enter(op);
    if (failed(lowerOperation(op)))
      return failure();
    exits->leave(op);
    return isPart;
  }

  Outputs getOutputs() const override { return outputs; }

  Row &rowOf(Value value) override {
    Row &row = rows[value];
    if (!row.lanes)
      row.lanes = lanesOf(value);
    return row;
  }

  ArrayRef<LayerState> getStates() const override { return states; }

  void listLanes(std::vector<int32_t> &heads,
                 std::vector<int32_t> &dims) const override {
    for (const std::vector<int32_t> &vector : attention.keys)
      for (int32_t feature : vector) {
        heads.push_back(feature < 0 ? -1 : feature / attention.size);
        dims.push_back(feature < 0 ? -1 : feature % attention.size);
      }
  }

private:
  //===--- Lanes ----------------------------------------------------------===//

  const LaneMap *keep(LaneMap map) {
    for (const LaneMap &known : maps)
      if (known == map)
        return &known;
    return &maps.emplace_back(std::move(map));
  }

  static int64_t featuresOf(Value rows) {
    return cast<RankedTensorType>(rows.getType()).getDimSize(1);
  }

  /// Logits of experts again and again, if that fills a vector: then what is
  /// found among a few neighbours is in each lane.
  LaneMap routerLanes(int64_t experts) {
    LaneMap map = denseLanes(experts, e.width());
    if (experts <= e.width() && e.width() % experts == 0)
      for (int64_t l = 0; l < e.width(); ++l)
        map[0][l] = l % experts;
    return map;
  }

  const LaneMap *lanesOf(Value rows) {
    auto known = lanes.find(rows);
    if (known != lanes.end())
      return known->second;
    return keep(denseLanes(featuresOf(rows), e.width()));
  }

  /// Gives a value lanes, and what it is made of lane by lane.
  void spread(Value rows, const LaneMap *map) {
    lanes[rows] = map;
    if (Operation *op = rows.getDefiningOp())
      if (isa<NormOp, RopeOp, ClampOp, AddOp>(op))
        for (Value operand : op->getOperands())
          if (operand.getType() == rows.getType())
            spread(operand, map);
  }

  LogicalResult planAttention() {
    WalkResult result = forward.walk([&](AttentionOp op) {
      auto kv = cast<KvType>(op.getKv().getType());
      int64_t repeat = op.getHeads() / kv.getHeads();
      if (kv.getHeadDim() > e.width()) {
        op.emitOpError("has heads of ")
            << kv.getHeadDim() << " features, the machine has " << e.width()
            << " lanes";
        return WalkResult::interrupt();
      }
      if (Shard{shard.chips - 1, shard.chips}.of(op.getHeads()).second < 1) {
        op.emitOpError("has ")
            << op.getHeads() << " heads, too few for " << shard.chips
            << " chips of " << shard.of(op.getHeads()).second << " each";
        return WalkResult::interrupt();
      }
      auto [first, heads] = shard.of(op.getHeads());
      if (attention.heads && allHeads != int64_t(op.getHeads())) {
        op.emitOpError("has ")
            << op.getHeads() << " heads, an earlier layer has " << allHeads
            << ", the lpu backend has one number for all";
        return WalkResult::interrupt();
      }
      allHeads = op.getHeads();
      attention.heads = heads;
      attention.size = kv.getHeadDim();
      attention.queries = headLanes(heads, attention.size, 1, e.width(), first);
      attention.keys =
          headLanes(heads, attention.size, repeat, e.width(), first);
      const LaneMap *queries = keep(attention.queries);
      spread(op.getQueries(), queries);
      lanes[op.getResult()] = queries;
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    forward.walk([&](RouteOp op) {
      Value logits = op.getLogits();
      if (logits.hasOneUse() && logits.getDefiningOp<LinearOp>())
        lanes[logits] = keep(routerLanes(featuresOf(logits)));
    });
    forward.walk([&](KvAppendOp op) {
      spread(op.getKeys(), keep(attention.keys));
      spread(op.getValues(), keep(attention.keys));
    });
    return success();
  }

  /// Features between up and down that are this chip's: whole blocks, if they
  /// are rotated.
  LaneMap sharedLanes(int64_t features, int64_t block) const {
    auto [first, count] = shard.of(features / block);
    LaneMap map = denseLanes(count * block, e.width());
    for (std::vector<int32_t> &vector : map)
      for (int32_t &feature : vector)
        feature += feature < 0 ? 0 : first * block;
    return map;
  }

  int64_t blockOf(FlatSymbolRefAttr down) {
    return std::max<int64_t>(weightOf(down).getColumnRotation().value_or(0), 1);
  }

  LogicalResult checkUnits() {
    WalkResult result = forward.walk([&](Operation *op) {
      FlatSymbolRefAttr down;
      if (auto mlp = dyn_cast<MlpOp>(op))
        down = mlp.getDownAttr();
      else if (auto experts = dyn_cast<ExpertsOp>(op))
        down = experts.getDownAttr();
      if (!down)
        return WalkResult::advance();
      int64_t hidden = weightOf(down).getColumns(), block = blockOf(down);
      Shard last{shard.chips - 1, shard.chips};
      if (last.of(hidden / block).second > 0)
        return WalkResult::advance();
      op->emitOpError("has ")
          << hidden << " features between up and down, in " << hidden / block
          << " blocks, too few for " << shard.chips << " chips";
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  /// Words of the vocabulary are shared as whole vectors.
  void planHead() {
    auto done = cast<func::ReturnOp>(forward.getBody().front().getTerminator());
    auto head = done.getOperand(0).getDefiningOp<LinearOp>();
    if (!head || shard.chips == 1)
      return;
    LaneMap all = denseLanes(featuresOf(head.getResult()), e.width());
    auto [first, count] = shard.of(all.size());
    lanes[head.getResult()] =
        keep(LaneMap(all.begin() + first, all.begin() + first + count));
  }

  /// Whether a row is not all there, but shared among the chips.
  static bool isShared(Value value, const LaneMap &map) {
    int64_t features = 0;
    for (const std::vector<int32_t> &vector : map)
      features += llvm::count_if(vector, [](int32_t f) { return f >= 0; });
    return features < featuresOf(value);
  }

  static bool hasWholeBlocks(const LaneMap &map, int64_t block) {
    llvm::DenseMap<int64_t, int64_t> features;
    for (const std::vector<int32_t> &vector : map)
      for (int32_t feature : vector)
        if (feature >= 0)
          ++features[feature / block];
    return llvm::all_of(features,
                        [&](auto &each) { return each.second == block; });
  }

  //===--- Weights --------------------------------------------------------===//

  WeightOp weightOf(FlatSymbolRefAttr symbol) {
    return cast<WeightOp>(SymbolTable::lookupSymbolIn(model, symbol));
  }

  Source sourceOf(FlatSymbolRefAttr symbol) {
    return {weightOf(symbol), plan.getIndex(symbol.getValue())};
  }

  /// A vector of f32 as the row's lanes want it, `period` features repeating.
  Value vectorParameter(FlatSymbolRefAttr symbol, const LaneMap &map,
                        int64_t period, Side side) {
    std::string name = symbol.getValue().str();
    SmallVector<Attribute> loads;
    for (auto [v, vector] : llvm::enumerate(map)) {
      std::vector<int32_t> columns;
      for (int32_t feature : vector)
        columns.push_back(feature < 0 ? -1 : feature % period);
      loads.push_back(
          e.load(name, plan.getIndex(name), 0, Field::Values, v, {0}, columns));
    }
    return e.parameter(name, side, map.size(), e.f32, loads);
  }

  /// Dense matrices take turns in the hemispheres.
  Side nextSide() {
    turn = Emitter::other(turn);
    return turn;
  }

  //===--- Inputs ---------------------------------------------------------===//

  LogicalResult makeInputs() {
    if (!attention.heads)
      return success();
    int64_t context = attention.context;
    attention.position = makeMap(e, "position.map", position, 1, 0);
    return makeTables(context);
  }

  /// What attention of every layer shares.
  LogicalResult makeTables(int64_t context) {
    makeScores(e, attention);
    for (Side side : {Side::West, Side::East}) {
      attention.low[int(side)] =
          e.temporary("query.low", side, e.width(), e.i8);
      attention.high[int(side)] =
          e.temporary("query.high", side, e.width(), e.i8);
    }
    return success();
  }

  /// Row i + context - 1 - position of the table says whether position i is
  /// seen.
  LogicalResult makeVisibility(AttentionOp op) {
    std::optional<int64_t> window = op.getWindow();
    if (attention.hidden) {
      if (window == visibleWindow)
        return success();
      return op.emitOpError("has a window unlike that of an earlier layer, the "
                            "lpu backend has 1 for all");
    }
    visibleWindow = window;
    int64_t context = attention.context;
    std::vector<float> table;
    for (int64_t i = 0; i < 2 * context - 1; ++i) {
      int64_t ahead = i - (context - 1);
      bool isSeen = ahead <= 0 && (!window || ahead > -*window);
      table.push_back(isSeen ? 0 : -3.0e38f);
    }
    attention.hidden = e.splats("hidden", table, kHome);
    attention.visibility =
        makeMap(e, "visibility.map", position, -1, context - 1);
    return success();
  }

  const Angles &anglesOf(RopeOp op) {
    const LaneMap *map = lanesOf(op.getResult());
    Angles &angles = knownAngles[{op.getTableAttr(), map}];
    if (angles.cosines)
      return angles;
    auto table = cast<RopeTableOp>(
        SymbolTable::lookupSymbolIn(model, op.getTableAttr()));
    int64_t size = featuresOf(op.getResult()) / op.getHeads();
    int64_t frequencies = table.getFrequencies().size();
    bool isHalf = table.getLayout() == RopeLayout::Half;
    std::vector<int32_t> cosines, sines, partners;
    std::vector<float> signs;
    for (int64_t l = 0; l < e.width(); ++l) {
      int32_t feature = map->front()[l];
      int64_t i = feature % size;
      partners.push_back(l);
      cosines.push_back(-1);
      sines.push_back(-1);
      signs.push_back(0);
      if (feature < 0 || i >= 2 * frequencies)
        continue;
      bool isFirst = isHalf ? i < frequencies : i % 2 == 0;
      int64_t pair = isHalf ? i % frequencies : i / 2;
      int64_t distance = isHalf ? frequencies : 1;
      partners.back() = isFirst ? l + distance : l - distance;
      cosines.back() = pair;
      sines.back() = frequencies + pair;
      signs.back() = isFirst ? -1 : 1;
    }
    std::string name = op.getTable().str();
    int64_t parameter = plan.getIndex(name), context = attention.context;
    std::vector<int32_t> positions;
    for (int64_t p = 0; p < context; ++p)
      positions.push_back(p);
    const Map &at = attention.position;
    auto atPosition = [&](StringRef what, ArrayRef<int32_t> columns,
                          ArrayRef<float> factors) {
      std::string full = name + "." + what.str();
      Value all = e.parameter(full, kHome, context, e.f32,
                              e.load(full, parameter, 0, Field::Values, 0,
                                     positions, columns, false, factors));
      Value row = e.temporary(full, kHome);
      e.cluster(full, [&](Tree &t) {
        Value value = t.gather(all, 0, at[int(kHome)]);
        // Features beyond the pairs pass unchanged.
        SmallVector<float> rest;
        for (int64_t l = 0; l < e.width(); ++l)
          rest.push_back(what == "cosines" && columns[l] < 0 ? 1 : 0);
        t.write(t.add(value, t.read(e.lanes(rest, kHome))), row);
      });
      return row;
    };
    angles.cosines = atPosition("cosines", cosines, {});
    angles.sines = atPosition("sines", sines, signs);
    angles.partners = e.lanes(partners, e.i16, kHome);
    return angles;
  }

  //===--- Operations -----------------------------------------------------===//

  LogicalResult lowerOperation(Operation *op) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](EmbedOp o) { return embed(o); })
        .Case([&](NormOp o) { return norm(o); })
        .Case([&](QuantizeOp o) { return quantized(o); })
        .Case([&](LinearOp o) { return linear(o); })
        .Case([&](RopeOp o) {
          rows[o.getResult()] =
              moe::lpu::turn(e, "rope", rows[o.getInput()], anglesOf(o));
          return success();
        })
        .Case([&](KvAppendOp o) { return append(o); })
        .Case([&](AttentionOp o) { return attend(o); })
        .Case([&](AddOp o) {
          rows[o.getResult()] =
              lpu::add(e, "add", rows[o.getLhs()], rows[o.getRhs()]);
          return success();
        })
        .Case([&](ClampOp o) {
          rows[o.getResult()] = lpu::clamp(e, "clamp", rows[o.getInput()],
                                           o.getLimit().convertToDouble());
          return success();
        })
        .Case([&](RouteOp o) {
          choices[o.getExperts()] = lpu::route(e, o, rows[o.getLogits()]);
          return success();
        })
        .Case([&](ExpertsOp o) { return experts(o); })
        .Case([&](MlpOp o) { return mlp(o); })
        .Case([&](PickOp o) { return pick(o); })
        .Case([&](PlaceOp o) { return place(o); })
        .Case([&](ZerosOp o) { return zeros(o); })
        .Case([&](EnterOp o) {
          exits->name(o);
          return success();
        })
        .Case([&](ConfidenceOp o) { return confidence(o); })
        .Case([&](ExitOp o) { return exit(o); })
        .Default([](Operation *o) {
          return o->emitOpError("is nothing that the lpu backend computes");
        });
  }

  LogicalResult embed(EmbedOp op) {
    WeightOp table = weightOf(op.getTableAttr());
    const LaneMap *map = lanesOf(op.getResult());
    int64_t words = table.getRows(), vectors = map->size();
    int64_t room = e.getMachine().mem.rows;
    if (words * vectors > room * e.getMachine().mem.banks)
      return op.emitOpError("has ")
             << words << " words of " << vectors
             << " vectors, a slice of the machine has "
             << room * e.getMachine().mem.banks << " rows";
    std::string name = table.getSymName().str();
    std::vector<int32_t> numbers;
    for (int64_t i = 0; i < words; ++i)
      numbers.push_back(i);
    // Words of the first vector, then those of the next.
    SmallVector<Attribute> loads;
    for (int64_t v = 0; v < vectors; ++v)
      loads.push_back(e.load(name, plan.getIndex(name), 0, Field::Values,
                             v * words, numbers, (*map)[v]));
    Value all = e.parameter(name, kHome, words * vectors, e.f32, loads);
    Map at = makeMap(e, "token.map", token, 1, 0);
    Row x{e.temporary("x", kHome, vectors), map};
    for (int64_t v = 0; v < vectors; ++v)
      e.cluster("embed", [&](Tree &t) {
        t.write(t.alu(AluKind::Pass, t.gather(all, v * words, at[int(kHome)])),
                x.buffer, v);
      });
    rows[op.getResult()] = x;
    return success();
  }

  LogicalResult norm(NormOp op) {
    if (op.getKind() != NormKind::Rms)
      return op.emitOpError("is a layer norm, the lpu backend has rms norms");
    Row x = rows[op.getInput()];
    if (op.getGroups() == 1 && isShared(op.getInput(), *x.lanes))
      return op.emitOpError("normalises ")
             << featuresOf(op.getInput()) << " features together, which "
             << shard.chips << " chips share";
    int64_t group = featuresOf(op.getInput()) / op.getGroups();
    Value scale = vectorParameter(op.getScaleAttr(), *x.lanes, group, kHome);
    if (op.getGroups() == 1) {
      // Features of keys come again for each query head that shares them.
      int64_t lanes = 0;
      for (const std::vector<int32_t> &vector : *x.lanes)
        lanes += llvm::count_if(vector, [](int32_t f) { return f >= 0; });
      group = lanes;
    }
    Norm norm =
        beginNorm(e, op.getScale(), x, scale, op.getEpsilon().convertToDouble(),
                  group, op.getGroups() == 1);
    bool isOnlyQuantized = llvm::all_of(op->getUsers(), [&](Operation *user) {
      auto quantize = dyn_cast<QuantizeOp>(user);
      return quantize && takesNorm(quantize);
    });
    if (!isOnlyQuantized)
      rows[op.getResult()] = finishNorm(e, norm);
    norms[op.getResult()] = norm;
    return success();
  }

  static int64_t rotationOf(QuantizeOp op) {
    auto type = cast<RankedTensorType>(op.getType()).getElementType();
    return op.getArrivedRotated() ? 0 : cast<QuantizedType>(type).getRotation();
  }

  /// Whether the levels can be made beside the norm's root. A rotation takes
  /// f16, whose range suits what is normalised.
  static bool takesNorm(QuantizeOp op) {
    auto norm = op.getInput().getDefiningOp<NormOp>();
    return norm && norm.getGroups() == 1 && !rotationOf(op);
  }

  LogicalResult quantized(QuantizeOp op) {
    if (takesNorm(op)) {
      levels[op.getResult()] = quantize(e, norms[op.getInput()]);
      return success();
    }
    Row x = rows[op.getInput()];
    if (int64_t block = rotationOf(op)) {
      if (!hasWholeBlocks(*x.lanes, block))
        return op.emitOpError("rotates blocks of ")
               << block << " features, of which a chip has only parts";
      x = rotate(e, "rotate", x, block);
    }
    levels[op.getResult()] = quantize(e, "quantize", x);
    return success();
  }

  LogicalResult linear(LinearOp op) {
    const LaneMap *out = lanesOf(op.getResult());
    Source source = sourceOf(op.getWeightAttr());
    Row y{Value(), out};
    if (out->empty()) {
      rows[op.getResult()] = y; // other chips have all words
      return success();
    }
    if (source.weight.getCode()) {
      Levels &in = levels[op.getInput()];
      isPart = isShared(op.getInput(), *in.from.lanes);
      Matrix matrix = makeMatrix(e, source, *in.from.lanes, *out, nextSide());
      y = multiply(e, matrix, in, kHome);
    } else {
      y = multiplyHalves(e, source, rows[op.getInput()], *out, kHome);
    }
    auto bias = op.getBiasAttr();
    // Of a sum, one chip adds it.
    if (bias && (!isPart || shard.chip == 0)) {
      Value vector =
          vectorParameter(bias, *out, featuresOf(op.getResult()), kHome);
      y = lpu::add(e, bias.getValue(), y, {vector, out});
    }
    rows[op.getResult()] = y;
    return success();
  }

  LogicalResult append(KvAppendOp op) {
    auto [known, isNew] = stateOf.try_emplace(op.getLayer(), states.size());
    if (isNew)
      states.push_back(makeState(e, attention, op.getLayer()));
    lpu::append(e, attention, states[known->second], rows[op.getKeys()],
                rows[op.getValues()]);
    return success();
  }

  LogicalResult attend(AttentionOp op) {
    if (failed(makeVisibility(op)))
      return failure();
    std::string name = "attention." + std::to_string(op.getLayer());
    rows[op.getResult()] =
        lpu::attend(e, attention, name, states[stateOf[op.getLayer()]],
                    rows[op.getQueries()], op.getScale().convertToDouble());
    return success();
  }

  //===--- Gated units ----------------------------------------------------===//

  /// The three matrices of a unit, and what it computes.
  struct Unit {
    Matrix gate, up, down;
    int64_t rotation = 0;
    std::string activation;
  };

  Unit makeUnit(Source gate, Source up, Source down, const LaneMap &in,
                const LaneMap &out, Activation activation) {
    int64_t hidden = down.weight.getColumns();
    int64_t block = down.weight.getColumnRotation().value_or(1);
    const LaneMap *between = keep(sharedLanes(hidden, block));
    isPart = shard.chips > 1;
    Unit unit;
    unit.gate = makeMatrix(e, gate, in, *between, Side::West);
    unit.up = makeMatrix(e, up, in, *between, Side::East);
    unit.down = makeMatrix(e, down, *between, out, nextSide());
    unit.rotation = down.weight.getColumnRotation().value_or(0);
    unit.activation = stringifyActivation(activation).str();
    return unit;
  }

  Row runUnit(Unit &unit, Levels &in, const Pages *upPages,
              const Pages *downPages, Value factor) {
    Row gate = multiply(e, unit.gate, in, kHome, upPages);
    Row up = multiply(e, unit.up, in, kHome, upPages);
    Row product =
        activate(e, unit.gate.name + ".activate", gate, up, unit.activation);
    if (unit.rotation)
      product = rotate(e, "rotate", product, unit.rotation);
    Levels between = quantize(e, "quantize", product);
    return multiply(e, unit.down, between, kHome, downPages, factor);
  }

  LogicalResult checkUnit(Operation *op, Activation activation) {
    if (activation == Activation::GeluTanh)
      return op->emitOpError(
          "has the activation gelu_tanh, the lpu backend has "
          "silu, relu and identity");
    return success();
  }

  LogicalResult experts(ExpertsOp op) {
    if (failed(checkUnit(op, op.getActivation())))
      return failure();
    int64_t first = plan.getFirstExpert(op);
    int64_t count = weightOf(op.getGateAttr()).getTensorType().getDimSize(0);
    auto bank = [&](FlatSymbolRefAttr symbol, int64_t matrix) {
      return Source{weightOf(symbol), first, matrix, count};
    };
    if (!weightOf(op.getGateAttr()).getCode())
      return op.emitOpError("has weights that are no code, the lpu backend "
                            "takes those of --quantize");
    Levels &in = levels[op.getInput()];
    const LaneMap *out = lanesOf(op.getResult());
    Unit unit = makeUnit(bank(op.getGateAttr(), 0), bank(op.getUpAttr(), 1),
                         bank(op.getDownAttr(), 2), *in.from.lanes, *out,
                         op.getActivation());
    const Choice &choice = choices[op.getExperts()];
    Row sum;
    for (auto [j, expert] : llvm::enumerate(choice.experts)) {
      Pages pages = findPages(e, unit.gate, expert), downPages = pages;
      if (unit.down.page != unit.gate.page ||
          unit.down.numbersPage != unit.gate.numbersPage)
        downPages = findPages(e, unit.down, expert);
      Row y = runUnit(unit, in, &pages, &downPages, choice.weights[j]);
      sum = j ? lpu::add(e, "experts", sum, y) : y;
    }
    rows[op.getResult()] = sum;
    return success();
  }

  LogicalResult mlp(MlpOp op) {
    if (failed(checkUnit(op, op.getActivation())))
      return failure();
    if (op.getSharedGateAttr())
      return op.emitOpError("has a gate of its own, which the lpu backend does "
                            "not compute");
    if (!weightOf(op.getGateAttr()).getCode())
      return op.emitOpError("has weights that are no code, the lpu backend "
                            "takes those of --quantize");
    Levels &in = levels[op.getInput()];
    Unit unit = makeUnit(sourceOf(op.getGateAttr()), sourceOf(op.getUpAttr()),
                         sourceOf(op.getDownAttr()), *in.from.lanes,
                         *lanesOf(op.getResult()), op.getActivation());
    rows[op.getResult()] = runUnit(unit, in, nullptr, nullptr, {});
    return success();
  }

  LogicalResult pick(PickOp op) {
    // One token at a time: whatever is wanted is it.
    auto known = rows.find(op.getInput());
    if (known != rows.end())
      rows[op.getResult()] = Row(known->second);
    return success();
  }

  //===--- Exits ----------------------------------------------------------===//

  /// A table that logits are put into is where the host reads them.
  LogicalResult zeros(ZerosOp op) {
    const LaneMap *map = lanesOf(op.getResult());
    outputs.logits =
        e.buffer(BufferKind::Output, "logits", kHome, map->size(), e.f32);
    outputs.next = e.buffer(BufferKind::Output, "next", kHome, 1, e.i32);
    rows[op.getResult()] = {outputs.logits, map};
    return success();
  }

  /// What was in a table is that of a token that left before, or nothing.
  LogicalResult place(PlaceOp op) {
    Row from = rows[op.getInput()], into = rows[op.getInto()];
    e.copy("copy", from.buffer, into.buffer);
    rows[op.getResult()] = into;
    if (into.buffer != outputs.logits)
      return success();
    Value number = numberOf(e, "next", findLargest(e, "next", from));
    e.copy("next", number, outputs.next);
    return success();
  }

  LogicalResult confidence(ConfidenceOp op) {
    if (op.getKind() == Confidence::Entropy)
      return op.emitOpError("is an entropy, the machine has no logarithm");
    Value score = lpu::confidence(e, op.getKind(), rows[op.getLogits()]);
    rows[op.getResult()] = {score, keep(denseLanes(1, e.width()))};
    return success();
  }

  LogicalResult exit(ExitOp op) {
    if (op.getKv())
      return op.emitOpError("lets rows wait, the lpu backend propagates those "
                            "that left");
    e.copy("copy", rows[op.getScores()].buffer, exits->getScore(exitsBehind++));
    exits->name(op);
    return success();
  }

  ModelOp model;
  func::FuncOp forward;
  ParameterPlan plan;
  Emitter &e;
  Shard shard;
  bool isPart = false; ///< what was lowered last, of a sum over all chips
  AttentionPlan attention;
  int64_t allHeads = 0; ///< of all chips
  std::optional<int64_t> visibleWindow;
  std::optional<Exits> exits;
  int64_t exitsBehind = 0;
  Outputs outputs;
  Value token, position;
  Side turn = Side::West;
  std::deque<LaneMap> maps;
  DenseMap<Value, const LaneMap *> lanes;
  DenseMap<Value, Row> rows;
  DenseMap<Value, Levels> levels;
  DenseMap<Value, Norm> norms;
  DenseMap<Value, Choice> choices;
  DenseMap<std::pair<Attribute, const LaneMap *>, Angles> knownAngles;
  std::vector<LayerState> states;
  DenseMap<int64_t, size_t> stateOf;
};

} // namespace

namespace moe::lpu {
#define GEN_PASS_DEF_LOWERMODELPASS
#include "Passes.h.inc"
} // namespace moe::lpu

namespace {
struct LowerModel : moe::lpu::impl::LowerModelPassBase<LowerModel> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<ModelOp> models(getOperation().getOps<ModelOp>());
    if (models.empty())
      return; // a program that is one already
    if (models.size() != 1) {
      getOperation().emitError("has ")
          << models.size() << " models, the lpu backend takes 1";
      return signalPassFailure();
    }
    if (failed(lower(models.front())))
      return signalPassFailure();
    models.front().erase();
  }

  LogicalResult lower(ModelOp model) {
    auto machine = findMachine(this->machine);
    if (!machine)
      return model.emitError(llvm::toString(machine.takeError()));
    FailureOr<GroupOptions> options = groupOptions(model, *machine);
    if (failed(options))
      return failure();
    if (context < 1)
      return model.emitError("context of ")
             << int64_t(context) << " positions, at least 1 is needed";
    int64_t positions = std::min<int64_t>(context, model.getContext());
    auto forward = model.lookupSymbol<func::FuncOp>("forward");
    if (!forward || !forward.getBody().hasOneBlock())
      return model.emitError("has no function @forward of 1 block");
    OpBuilder builder(model);
    auto program = ProgramOp::create(
        builder, model.getLoc(), model.getSymName(), this->machine,
        options->partition.written(), builder.getI64IntegerAttr(positions),
        builder.getI64IntegerAttr(model.getVocabulary()),
        makeWires(&getContext(), *machine, options->partition));
    program.getBody().emplaceBlock();
    auto makeChip = [&](Emitter &e, Shard shard) {
      return std::make_unique<Lowering>(model, forward, e, shard, positions);
    };
    if (failed(lowerGroup(program, forward, *machine, *options, makeChip))) {
      program.erase();
      return failure();
    }
    gatherBuffers(program);
    return success();
  }

  FailureOr<GroupOptions> groupOptions(ModelOp model, const Machine &machine) {
    GroupOptions options;
    options.partition = {chips, stages, mirrored};
    std::string wrong = checkPartition(machine, options.partition);
    if (!wrong.empty())
      return model.emitError(wrong);
    if (part == "layers")
      options.part = ModelPart::Layers;
    else if (part == "head")
      options.part = ModelPart::Head;
    else if (part != "all")
      return model.emitError("has no part \"")
             << StringRef(part) << "\", known are all, layers and head";
    return options;
  }

  /// Buffers first, in the order in which they were made.
  static void gatherBuffers(ProgramOp program) {
    Block &body = program.getBody().front();
    SmallVector<BufferOp> buffers(body.getOps<BufferOp>());
    for (BufferOp buffer : llvm::reverse(buffers))
      buffer->moveBefore(&body, body.begin());
  }
};
} // namespace
