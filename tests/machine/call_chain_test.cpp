// Callers are told from return addresses on the stack, and from nothing that only looks like one.
#include "emu/machine/call_chain.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace mint {
namespace {

constexpr std::uint64_t kShift = 0x100000;
constexpr std::uint64_t kStack = 0x700000;

class CallChain : public testing::Test {
 protected:
  CallChain() {
    const auto path =
        std::filesystem::temp_directory_path() / ("mintsim-call-chain." + std::to_string(getpid()));
    std::ofstream(path) << "1000 T lock\n2000 T enter\n3000 T read_register\n4000 T setup\n"
                           "5000 T end\n";
    symbols_ = SymbolTable::read(path);
    std::filesystem::remove(path);
  }

  // An instruction `call target` at `at`; the address that it pushes.
  std::uint64_t call(std::uint64_t at, std::uint64_t target) {
    const auto offset = static_cast<std::int32_t>(target - (at + 5));
    put(at, {0xe8});
    std::memcpy(&memory_[at + 1], &offset, 4);
    return at + 5;
  }
  void put(std::uint64_t at, const std::vector<std::uint8_t>& bytes) {
    std::copy(bytes.begin(), bytes.end(), memory_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void push(std::uint64_t word) { std::memcpy(&memory_[kStack + 8 * pushed_++], &word, 8); }
  std::string caller(const std::vector<std::string_view>& passed_over) {
    return caller_beyond({.symbols = symbols_,
                          .shift = kShift,
                          .wide = true,
                          .pc = kShift + 0x1010,
                          .stack_pointer = kStack,
                          .memory =
                              [this](std::uint64_t linear, unsigned bytes) {
                                return std::vector<std::uint8_t>(
                                    memory_.begin() + static_cast<std::ptrdiff_t>(linear),
                                    memory_.begin() + static_cast<std::ptrdiff_t>(linear + bytes));
                              }},
                         passed_over);
  }

  SymbolTable symbols_;
  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(1 << 23);
  std::uint64_t pushed_ = 0;
};

TEST_F(CallChain, SkipsWhatIsPassedOver) {
  push(call(kShift + 0x2010, kShift + 0x1000));  // enter calls lock
  push(call(kShift + 0x3010, kShift + 0x2000));  // read_register calls enter
  push(call(kShift + 0x4010, kShift + 0x3000));  // setup calls read_register
  EXPECT_EQ(caller({}), "lock");
  EXPECT_EQ(caller({"lock"}), "enter");
  EXPECT_EQ(caller({"lock", "enter"}), "read_register");
  EXPECT_EQ(caller({"lock", "enter", "read_register"}), "setup");
  EXPECT_EQ(caller({"lock", "enter", "read_register", "setup"}), "setup") << "the outermost known";
}

TEST_F(CallChain, IgnoresWordsThatAreNoReturnAddresses) {
  push(kShift + 0x4020);                         // text, but no call in front of it
  push(call(kShift + 0x4110, kShift + 0x3000));  // left over: a call of something else
  push(42);
  push(call(kShift + 0x2010, kShift + 0x1000));
  EXPECT_EQ(caller({"lock"}), "enter");
}

TEST_F(CallChain, TakesCallsThroughPointers) {
  put(kShift + 0x2010, {0xff, 0x15, 0, 0, 0, 0});  // call [rip]
  push(kShift + 0x2016);
  put(kShift + 0x3010, {0xff, 0xd0});  // call rax
  push(kShift + 0x3012);
  EXPECT_EQ(caller({"lock"}), "enter");
  EXPECT_EQ(caller({"lock", "enter"}), "read_register");
}

TEST_F(CallChain, NothingBeyondTheText) {
  EXPECT_EQ(
      caller_beyond({.symbols = symbols_, .pc = 0x9000, .stack_pointer = kStack, .memory = {}}, {}),
      "");
}

}  // namespace
}  // namespace mint
