//===- EmitImage.cpp - kernels as data of the host's code -----------------===//
#include "EmitImage.h"

#include "Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "moert/abi/gpu.h"
#include <variant>

using namespace mlir;
using namespace moe::cuda;

std::vector<KernelFacts> moe::cuda::collectKernels(gpu::GPUModuleOp kernels) {
  std::vector<KernelFacts> result;
  for (auto kernel : kernels.getOps<LLVM::LLVMFuncOp>()) {
    auto threads = kernel->getAttrOfType<DenseI32ArrayAttr>(
        NVVM::NVVMDialect::getReqntidAttrName());
    if (!threads)
      continue;
    KernelFacts facts{kernel.getName().str(), uint32_t(threads[0]), 0, {}};
    if (auto bytes = kernel->getAttrOfType<IntegerAttr>(kSharedBytes))
      facts.sharedBytes = bytes.getInt();
    for (Type type : kernel.getArgumentTypes())
      facts.parameterBytes.push_back(isa<LLVM::LLVMPointerType>(type)
                                         ? 8
                                         : type.getIntOrFloatBitWidth() / 8);
    result.push_back(std::move(facts));
  }
  return result;
}

llvm::Error moe::cuda::verifyKernels(ArrayRef<KernelFacts> kernels,
                                     const Architecture &architecture) {
  for (const KernelFacts &kernel : kernels)
    if (int64_t(kernel.sharedBytes) > architecture.blockShared)
      return llvm::createStringError(
          "kernel " + kernel.name + " needs " + Twine(kernel.sharedBytes) +
          " bytes of shared memory, a block on " + architecture.getName() +
          " has " + Twine(architecture.blockShared));
  return llvm::Error::success();
}

namespace {

/// Constants of C's types as globals of a module.
class DataWriter {
public:
  explicit DataWriter(ModuleOp host)
      : b(host.getLoc(), OpBuilder::atBlockEnd(host.getBody())),
        pointer(LLVM::LLVMPointerType::get(b.getContext())) {}

  /// A private array of bytes.
  FlatSymbolRefAttr bytes(const Twine &name, StringRef data,
                          int64_t alignment) {
    if (data.empty())
      return {};
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), data.size());
    return reference(LLVM::GlobalOp::create(b, type, /*isConstant=*/true,
                                            LLVM::Linkage::Internal, name.str(),
                                            b.getStringAttr(data), alignment));
  }

  FlatSymbolRefAttr text(const Twine &name, StringRef words) {
    return bytes(name, (words + Twine('\0')).str(), 1);
  }

  FlatSymbolRefAttr numbers(const Twine &name, ArrayRef<uint32_t> values) {
    if (values.empty())
      return {};
    auto type = LLVM::LLVMArrayType::get(b.getI32Type(), values.size());
    auto shape =
        RankedTensorType::get({int64_t(values.size())}, b.getI32Type());
    return reference(LLVM::GlobalOp::create(
        b, type, /*isConstant=*/true, LLVM::Linkage::Internal, name.str(),
        DenseElementsAttr::get(shape, values)));
  }

  /// A member of a structure: a number, or an address, which may be null.
  using Member = std::variant<uint32_t, uint64_t, FlatSymbolRefAttr>;

  /// An array of structures.
  LLVM::GlobalOp structures(StringRef name, LLVM::Linkage linkage,
                            ArrayRef<SmallVector<Member>> rows) {
    Type structure = typeOf(rows.front());
    bool isArray = linkage == LLVM::Linkage::Internal;
    Type type =
        isArray ? LLVM::LLVMArrayType::get(structure, rows.size()) : structure;
    auto global = LLVM::GlobalOp::create(b, type, /*isConstant=*/true, linkage,
                                         name, Attribute());
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&global.getInitializerRegion());
    Value value = LLVM::PoisonOp::create(b, type);
    for (auto [i, row] : llvm::enumerate(rows))
      for (auto [j, member] : llvm::enumerate(row)) {
        SmallVector<int64_t> at = {int64_t(j)};
        if (isArray)
          at.insert(at.begin(), i);
        value = LLVM::InsertValueOp::create(b, value, valueOf(member), at);
      }
    LLVM::ReturnOp::create(b, value);
    return global;
  }

  static FlatSymbolRefAttr reference(Operation *op) {
    return FlatSymbolRefAttr::get(SymbolTable::getSymbolName(op));
  }

private:
  Type typeOf(const Member &member) {
    return std::holds_alternative<uint32_t>(member)   ? Type(b.getI32Type())
           : std::holds_alternative<uint64_t>(member) ? Type(b.getI64Type())
                                                      : pointer;
  }
  Type typeOf(ArrayRef<Member> row) {
    SmallVector<Type> types;
    for (const Member &member : row)
      types.push_back(typeOf(member));
    return LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  }

  Value valueOf(const Member &member) {
    if (const auto *number = std::get_if<uint32_t>(&member))
      return LLVM::ConstantOp::create(b, b.getI32IntegerAttr(*number));
    if (const auto *number = std::get_if<uint64_t>(&member))
      return LLVM::ConstantOp::create(b, b.getI64IntegerAttr(*number));
    auto symbol = std::get<FlatSymbolRefAttr>(member);
    if (!symbol)
      return LLVM::ZeroOp::create(b, pointer);
    return LLVM::AddressOfOp::create(b, pointer, symbol.getValue());
  }

  ImplicitLocOpBuilder b;
  Type pointer;
};

} // namespace

void moe::cuda::emitImage(ModuleOp host, ArrayRef<KernelFacts> kernels,
                          const Image &image) {
  using Row = SmallVector<DataWriter::Member>;
  DataWriter data(host);
  SmallVector<Row> rows;
  for (const KernelFacts &kernel : kernels) {
    FlatSymbolRefAttr emulated;
    if (auto *function =
            host.lookupSymbol((kEmulatedPrefix + kernel.name).str()))
      emulated = DataWriter::reference(function);
    rows.push_back(Row{
        data.text("moe.name." + kernel.name, kernel.name), kernel.threads,
        kernel.sharedBytes, uint32_t(kernel.parameterBytes.size()), uint32_t(0),
        data.numbers("moe.parameters." + kernel.name, kernel.parameterBytes),
        emulated});
  }
  FlatSymbolRefAttr table;
  if (!rows.empty())
    table = DataWriter::reference(
        data.structures("moe.kernels", LLVM::Linkage::Internal, rows));

  // An address that is not there comes with the size 0.
  FlatSymbolRefAttr ptx;
  if (!image.ptx.empty())
    ptx = data.text("moe.ptx", image.ptx);
  Row row{uint32_t(sizeof(moert_gpu_image_t)),
          uint32_t(MOERT_GPU_VERSION),
          uint32_t(image.architecture ? image.architecture->sm : 0),
          uint32_t(image.architecture ? image.architecture->ptx : 0),
          ptx,
          uint64_t(image.ptx.empty() ? 0 : image.ptx.size() + 1),
          data.bytes("moe.cubin", image.cubin, /*alignment=*/64),
          uint64_t(image.cubin.size()),
          table,
          uint64_t(rows.size())};
  data.structures(MOERT_GPU_IMAGE_SYMBOL, LLVM::Linkage::External, row);
}
