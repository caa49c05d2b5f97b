// Which loops around a LOCKed look at shared memory are known to do nothing else.
#include "emu/machine/shared_poll.hpp"

#include <gtest/gtest.h>

namespace mint {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t kBlock = 0x1002;  // after the PAUSE, which ends a block
const Bytes kPause{0xf3, 0x90};
const Bytes kExpectFree{0x31, 0xc0};                     // xor eax, eax
const Bytes kLoadFree{0x89, 0xf0};                       // mov eax, esi
const Bytes kCompareExchange{0xf0, 0x0f, 0xb1, 0x0a};    // lock cmpxchg [rdx], ecx
const Bytes kTest{0x85, 0xc0};                           // test eax, eax
const Bytes kCount{0xff, 0x05, 0x00, 0x01, 0x00, 0x00};  // inc dword [rip + 100h]
const Bytes kStore{0x89, 0x0d, 0x00, 0x01, 0x00, 0x00};  // mov [rip + 100h], ecx

// The loop from PAUSE on with `body` between the look and the jump back.
bool polls(const Bytes& before_look, const Bytes& after_look, std::uint64_t instructions) {
  Bytes code;
  for (const Bytes* part : {&before_look, &kCompareExchange, &after_look})
    code.insert(code.end(), part->begin(), part->end());
  const auto back = static_cast<std::uint8_t>(-static_cast<int>(code.size() + 2 + kPause.size()));
  code.insert(code.end(), {0x75, back, 0xc3});  // jne PAUSE; ret
  return is_polling_loop(kPause, code, kBlock, true, instructions);
}

TEST(SharedPoll, TheLockOfMintIsAPollingLoop) { EXPECT_TRUE(polls(kLoadFree, kTest, 5)); }

TEST(SharedPoll, ALoopThatTookOtherWaysIsNone) {
  EXPECT_FALSE(polls(kLoadFree, kTest, 6)) << "a turn had more instructions than the loop";
}

TEST(SharedPoll, ALoopThatComputesOrStoresIsNone) {
  EXPECT_FALSE(polls(kExpectFree, kTest, 5));
  EXPECT_FALSE(polls(kLoadFree, kCount, 5));
  EXPECT_FALSE(polls(kLoadFree, kStore, 5));
  EXPECT_FALSE(polls(kLoadFree, kCompareExchange, 5)) << "two looks";
}

TEST(SharedPoll, CodeThatDoesNotJumpBackIsNone) {
  const Bytes code{0xf0, 0x0f, 0xb1, 0x0a, 0x75, 0x10, 0xc3};  // lock cmpxchg; jne forwards
  EXPECT_FALSE(is_polling_loop(kPause, code, kBlock, true, 2));
}

}  // namespace
}  // namespace mint
