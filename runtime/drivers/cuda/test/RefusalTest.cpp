//===- RefusalTest.cpp - devices and code that do not fit -----------------===//
#include "CudaTesting.h"
#include "gpu/KernelImage.h"
#include "native/CodeImage.h"

#include <gmock/gmock.h>

using namespace moert;
using namespace moert::test;
using testing::EndsWith;
using testing::HasSubstr;

namespace {

ModuleSpec cudaModule() { return ModuleSpec::cpu().on("cuda"); }

//===-- No device that can be used ----------------------------------------===//

/// What opening a module says where the driver is like that.
std::string opened(const char *library,
                   const std::map<std::string, std::string> &variables = {},
                   const ModuleSpec &spec = cudaModule()) {
  Environment environment = fake(library, variables);
  Fixture fixture(spec);
  const std::string said = fixture.open(), origin = fixture.path + ": ";
  EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  return said.starts_with(origin) ? said.substr(origin.size()) : said;
}

TEST(CudaRefusal, ThereIsNoLibrary) {
  EXPECT_THAT(opened("/no/such/libcuda.so"),
              testing::StartsWith("driver cuda: cannot load the NVIDIA driver: "
                                  "/no/such/libcuda.so: "));
}

TEST(CudaRefusal, TheLibraryLacksAFunction) {
  EXPECT_EQ(opened(FAKE_CUDA_LACKS),
            "driver cuda: " FAKE_CUDA_LACKS " has no function cuGraphLaunch");
}

TEST(CudaRefusal, TheDriverIsTooOld) {
  EXPECT_EQ(opened(FAKE_CUDA_PLAIN, {{"FAKE_CUDA_VERSION", "11040"}}),
            "driver cuda: the driver is of CUDA 11.4, at least 12.0 is needed");
}

TEST(CudaRefusal, ThereIsNoDevice) {
  EXPECT_EQ(opened(FAKE_CUDA_PLAIN, {{"FAKE_CUDA_DEVICES", "0"}}),
            "driver cuda: cannot start the driver: no CUDA-capable device is "
            "detected (CUDA_ERROR_NO_DEVICE)");
}

TEST(CudaRefusal, TheDeviceCanDoTooLittle) {
  EXPECT_EQ(opened(FAKE_CUDA_PLAIN, {{"FAKE_CUDA_CAPABILITY", "75"}}),
            "driver cuda: Fake GPU has compute capability 7.5, at least 8.0 is "
            "needed");
}

TEST(CudaRefusal, TheCodeNeedsMore) {
  ModuleSpec spec = cudaModule();
  spec.features = {"sm_90"};
  EXPECT_EQ(opened(FAKE_CUDA_PLAIN, {{"FAKE_CUDA_CAPABILITY", "86"}}, spec),
            "needs compute capability 9.0, Fake GPU has 8.6");
  EXPECT_EQ(opened(FAKE_CUDA_PLAIN, {{"FAKE_CUDA_CAPABILITY", "90"}}, spec),
            "ok");
  // An emulator runs what is there for it.
  EXPECT_EQ(opened(FAKE_CUDA_EMULATES, {}, spec), "ok");
}

TEST(CudaRefusal, ProcessorsLackFeatures) {
  ModuleSpec spec = cudaModule();
  spec.features = {"sm_80", "avx1024"};
  EXPECT_EQ(opened(FAKE_CUDA_PLAIN, {}, spec),
            "needs processor features that this machine lacks: avx1024 "
            "(unknown to this runtime)");
}

TEST(CudaRefusal, DevicesAreListedWithTheReason) {
  Environment environment = fake("/no/such/libcuda.so");
  char *json = nullptr;
  ASSERT_EQ(message(moert_list_devices(&json)), "ok");
  const std::string text = json;
  moert_free(json);
  EXPECT_THAT(text, HasSubstr("cannot load the NVIDIA driver: "));
}

//===-- A device with too little, or that fails ---------------------------===//

/// What the session or its first forward says.
std::string run(const char *library,
                const std::map<std::string, std::string> &variables,
                const ModuleSpec &spec = cudaModule(),
                int64_t deviceMemory = 0) {
  Environment environment = fake(library, variables);
  Fixture fixture(spec);
  fixture.options.device_memory = deviceMemory;
  std::string said = fixture.create();
  if (said == "ok")
    said = fixture.forward({{1, 0, 0}});
  const std::string origin = fixture.path + ": ";
  EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  return said.starts_with(origin) ? said.substr(origin.size()) : said;
}

TEST(CudaRefusal, MemoryIsTooSmall) {
  EXPECT_EQ(run(FAKE_CUDA_EMULATES, {{"FAKE_CUDA_MEMORY", "100"}}),
            "key/value states of 1 sequences and 16 positions: 128 bytes of "
            "device memory are needed, 100 of 100 are free");
  EXPECT_EQ(run(FAKE_CUDA_EMULATES, {{"FAKE_CUDA_MEMORY", "1151"}}),
            "workspace of 16 rows: 1088 bytes of device memory are needed, "
            "1023 of 1151 are free");
  // The batch, its logits, and then the weights find no room.
  EXPECT_EQ(run(FAKE_CUDA_EMULATES, {{"FAKE_CUDA_MEMORY", "9663"}}),
            "weights that are not experts: 256 bytes of device memory are "
            "needed, 255 of 9663 are free");
}

TEST(CudaRefusal, ExpertsDoNotFit) {
  ModuleSpec fetching = ModuleSpec::offloaded().on("cuda");
  EXPECT_EQ(run(FAKE_CUDA_EMULATES, {}, fetching, 12288),
            "12288 of 268435456 bytes of device memory are for experts, which "
            "is 1, a token of a layer needs 2: at least 24576 bytes");
  ModuleSpec taking = fetching;
  taking.schedule.reset();
  EXPECT_EQ(run(FAKE_CUDA_EMULATES, {}, taking, 90000),
            "8 experts need 98304 bytes of device memory, 90000 of 268435456 "
            "are free, and the code needs all of them there");
}

TEST(CudaRefusal, DeviceMemoryIsOfDevices) {
  EXPECT_EQ(run(FAKE_CUDA_EMULATES, {}, ModuleSpec::offloaded(), 90000),
            "device memory of 90000 bytes for experts, driver cpu has no "
            "memory of its own");
  EXPECT_EQ(run(FAKE_CUDA_EMULATES, {}, cudaModule(), -2),
            "device memory of -2 bytes for experts, must be at least -1");
}

TEST(CudaRefusal, KernelsDoNotCompile) {
  EXPECT_EQ(run(FAKE_CUDA_PLAIN, {{"FAKE_CUDA_JIT", "new"}}),
            "kernels are PTX 8.0, the driver, of CUDA 12.4, is too old for "
            "that");
  EXPECT_EQ(run(FAKE_CUDA_PLAIN, {{"FAKE_CUDA_JIT", "broken"}}),
            "cannot compile the kernels: a PTX JIT compilation failed "
            "(CUDA_ERROR_INVALID_PTX): ptxas application ptx input, line 7; "
            "fatal   : Parsing error near 'ld': syntax error; ptxas fatal   : "
            "Ptx assembly aborted due to errors");
}

TEST(CudaRefusal, AKernelFailsLate) {
  EXPECT_EQ(run(FAKE_CUDA_PLAIN, {{"FAKE_CUDA_LAUNCH", "late"}}),
            "a kernel failed: an illegal memory access was encountered "
            "(CUDA_ERROR_ILLEGAL_ADDRESS)");
}

TEST(CudaRefusal, CachePoliciesThatNeedTheFuture) {
  Environment environment = fake(FAKE_CUDA_EMULATES);
  Fixture fixture(ModuleSpec::offloaded().on("cuda"));
  fixture.options.device_memory = 3 * 12288;
  fixture.options.cache_policy = "belady:file";
  ASSERT_EQ(fixture.create(), "ok");
  EXPECT_EQ(fixture.forward({{1, 0, 0}}),
            fixture.error("cache policy belady needs to know what comes, which "
                          "a device does not"));
}

TEST(CudaRefusal, CodeWithoutKernels) {
  ModuleSpec spec = ModuleSpec::cpu();
  spec.backend = spec.driver = "cuda";
  EXPECT_EQ(run(FAKE_CUDA_EMULATES, {}, spec),
            "has no kernels for a GPU: its code has no symbol "
            "moert_gpu_image_v1");
}

//===-- What the table of kernels says ------------------------------------===//

class KernelTable : public testing::Test {
protected:
  static constexpr uint32_t bytes[2] = {8, 4};
  moert_gpu_kernel_t kernel = {"k", 64, 0, 2, 0, bytes, nullptr};
  moert_gpu_image_t image = {sizeof(moert_gpu_image_t),
                             MOERT_GPU_VERSION,
                             80,
                             80,
                             "",
                             1,
                             nullptr,
                             0,
                             &kernel,
                             1};
  std::string check() { return gpu::checkImage(&image).message(); }
};

TEST_F(KernelTable, IsWholeAndPlausible) { EXPECT_EQ(check(), "ok"); }

TEST_F(KernelTable, Image) {
  image.version = 2;
  EXPECT_EQ(check(), "code has kernels of version 2, this runtime knows 1");
  image.version = 1;
  image.size = 56;
  EXPECT_EQ(check(), "code has a table of kernels of 56 bytes, must be at "
                     "least 64");
  image.size = 64;
  image.ptx = "xy";
  EXPECT_EQ(check(), "code has PTX of 1 bytes that does not end with 0");
  image.ptx = nullptr;
  EXPECT_EQ(check(), "code has PTX of 1 bytes that does not end with 0");
  image.ptx_size = 0;
  EXPECT_EQ(check(), "code has no kernels for compute capability 8.0");
  image.cubin_size = 9;
  EXPECT_EQ(check(), "code has a cubin of 9 bytes that is not there");
  image.cubin_size = 0;
  image.compute_capability = 0;
  EXPECT_EQ(check(), "ok");
  image.kernels = nullptr;
  EXPECT_EQ(check(), "code has 1 kernels and no list of them");
  image.kernel_count = uint64_t(1) << 40;
  EXPECT_EQ(check(), "code has 1099511627776 kernels, must be up to 1048576");
}

TEST_F(KernelTable, Kernels) {
  kernel.threads = 48;
  EXPECT_EQ(check(), "code has a kernel k with blocks of 48 threads, must be a "
                     "multiple of 32 up to 1024");
  kernel.threads = 1056;
  EXPECT_THAT(check(), HasSubstr("blocks of 1056 threads"));
  kernel.threads = 1024;
  kernel.shared_bytes = 1u << 31;
  EXPECT_THAT(check(), EndsWith("with 2147483648 bytes of shared memory, must "
                                "be up to 2147483647"));
  kernel.shared_bytes = 0;
  const uint32_t odd[2] = {8, 6};
  kernel.parameter_bytes = odd;
  EXPECT_THAT(check(), EndsWith("with a parameter of 6 bytes, must be 4 or 8"));
  kernel.parameter_bytes = nullptr;
  EXPECT_THAT(check(), EndsWith("with 2 parameters and no sizes of them"));
  kernel.parameter_count = 600;
  EXPECT_THAT(check(), EndsWith("with 600 parameters, must be up to 512"));
  kernel.name = "";
  EXPECT_EQ(check(), "code has no name for kernel 0");
}

} // namespace
