// Encodings without what does not matter: the decoder must not be able to tell.
#include "emu/timing/encoding.hpp"

#include <capstone/capstone.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "emu/timing/instruction_decoder.hpp"

namespace mint {
namespace {

Encoding as_it_is(std::span<const std::uint8_t> bytes, unsigned bits) {
  Encoding out;
  std::copy(bytes.begin(), bytes.end(), out.name.begin());
  out.name[Encoding::kLongest] = static_cast<std::uint8_t>(bits | bytes.size());
  out.set_hash();
  return out;
}

class Instructions {
 public:
  explicit Instructions(unsigned bits) : bits_(bits) {
    cs_open(CS_ARCH_X86, bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16, &handle_);
    instruction_ = cs_malloc(handle_);
  }
  ~Instructions() {
    cs_free(instruction_, 1);
    cs_close(&handle_);
  }

  // A random one; often with a prefix, and with a displacement and immediate of 0, 1 or anything.
  std::vector<std::uint8_t> next() {
    while (true) {
      std::vector<std::uint8_t> bytes(Encoding::kLongest);
      for (std::uint8_t& byte : bytes) byte = random_() % 3 == 0 ? random_() % 2 : random_() & 0xff;
      std::size_t at = 0;
      static constexpr std::uint8_t kPrefixes[] = {0x66, 0x65, 0xf3, 0xf2, 0xf0, 0x67};
      if (random_() % 4 == 0) bytes[at++] = kPrefixes[random_() % sizeof kPrefixes];
      if (bits_ == 64 && random_() % 2 == 0) bytes[at++] = 0x40 | (random_() & 15);
      bytes[at] = random_() & 0xff;
      if (random_() % 4 == 0) {
        bytes[at++] = 0x0f;
        bytes[at] = random_() & 0xff;
      }
      const std::uint8_t* code = bytes.data();
      std::size_t size = bytes.size();
      std::uint64_t address = 0;
      if (!cs_disasm_iter(handle_, &code, &size, &address, instruction_)) continue;
      bytes.resize(instruction_->size);
      return bytes;
    }
  }

 private:
  unsigned bits_;
  csh handle_ = 0;
  cs_insn* instruction_ = nullptr;
  std::mt19937 random_{1};
};

TEST(Encoding, WhatIsLeftOutDoesNotMatter) {
  InstructionDecoder decoder(CostTable::nehalem());
  for (const unsigned bits : {16u, 32u, 64u}) {
    Instructions instructions(bits);
    unsigned changed = 0;
    for (int i = 0; i < 60'000; ++i) {
      const std::vector<std::uint8_t> bytes = instructions.next();
      const Encoding encoding = normalised(bytes, bits);
      const Encoding whole = as_it_is(bytes, bits);
      changed += encoding.name != whole.name;
      Instruction got = decoder.decode(encoding, bits);
      if (!is_complete(got, encoding)) restore(got, encoding);
      const bool same = got == decoder.decode(whole, bits);
      std::string text;
      for (const std::uint8_t byte : bytes) text += " " + std::to_string(byte);
      ASSERT_TRUE(same) << bits << " bits:" << text;
      // Nor what is found by the fingerprint, whatever is behind the instruction.
      std::vector<std::uint8_t> readable = bytes;
      readable.resize(Encoding::kReadable, static_cast<std::uint8_t>(i));
      PlacedInstruction placed;
      const std::uint64_t name = decoder.expect(readable.data(), bytes.size(), bits, placed);
      decoder.place(name, readable.data(), bytes.size(), bits, placed);
      ASSERT_TRUE(placed.whole() == got) << bits << " bits:" << text;
      ASSERT_EQ(placed.reads(), got.reads) << bits << " bits:" << text;
      ASSERT_EQ(placed.writes(), got.writes) << bits << " bits:" << text;
    }
    // Otherwise nothing was tested.
    if (bits != 16) {
      EXPECT_GT(changed, 10'000u);
    }
  }
}

TEST(Encoding, DisplacementsImmediatesTargetsAndRegistersAreLeftOut) {
  const auto name = [](std::vector<std::uint8_t> bytes) { return normalised(bytes, 64).name; };
  // mov rax, [rdi + 10h] and + 18h; and eax, 5 and 7; je and call to two places.
  EXPECT_EQ(name({0x48, 0x8b, 0x47, 0x10}), name({0x48, 0x8b, 0x47, 0x18}));
  EXPECT_EQ(name({0x83, 0xe0, 5}), name({0x83, 0xe0, 7}));
  EXPECT_EQ(name({0x74, 5}), name({0x74, 7}));
  EXPECT_EQ(name({0xe8, 1, 2, 3, 4}), name({0xe8, 5, 6, 7, 8}));
  // Not the 1 of a shift, nor what the stack pointer moves by.
  EXPECT_NE(name({0xc1, 0xe0, 1}), name({0xc1, 0xe0, 2}));
  EXPECT_NE(name({0x48, 0x83, 0xec, 8}), name({0x48, 0x83, 0xec, 16}));
  // mov rax, [rdi] and mov r9, [r10]; not with the same register twice, nor the stack pointer.
  EXPECT_EQ(name({0x48, 0x8b, 0x07}), name({0x4d, 0x8b, 0x0a}));
  EXPECT_NE(name({0x48, 0x8b, 0x07}), name({0x48, 0x8b, 0x3f}));
  EXPECT_NE(name({0x48, 0x89, 0xc7}), name({0x48, 0x89, 0xc4}));
  // DIV has RAX and RDX beside the divisor.
  EXPECT_NE(name({0x48, 0xf7, 0xf1}), name({0x48, 0xf7, 0xf2}));
  const std::vector<std::uint8_t> negative = {0x48, 0x8b, 0x47, 0xf0};
  EXPECT_TRUE(normalised(negative, 64).displaced);
  EXPECT_EQ(normalised(negative, 64).displacement, -16);
}

}  // namespace
}  // namespace mint
