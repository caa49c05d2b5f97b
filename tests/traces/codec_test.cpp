#include <gtest/gtest.h>

#include <random>

#include "traces/block_codec.hpp"
#include "traces/event_codec.hpp"

namespace mint {
namespace {

std::vector<OwnedEvent> random_events(unsigned seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::vector<OwnedEvent> events;
  for (std::size_t i = 0; i < count; ++i) {
    OwnedEvent e;
    e.event.kind = static_cast<TraceKind>(random() % kTraceKinds);
    e.event.at = {random() >> random() % 64};
    e.event.core = static_cast<std::uint8_t>(random() % 3 == 0 ? 255 : random() % 64);
    e.event.os = static_cast<std::uint8_t>(random() % 4);
    e.event.retired = random() >> random() % 64;
    const std::size_t arguments = describe(e.event.kind).arguments.size();
    for (std::size_t k = 0; k < arguments; ++k) e.arguments[k] = random() >> random() % 64;
    e.event.arguments = {e.arguments.data(), arguments};
    if (random() % 4 == 0) e.text = std::string(random() % 300, static_cast<char>(random()));
    e.event.text = e.text;
    events.push_back(e);
  }
  return events;
}

void expect_same(const TraceEvent& a, const TraceEvent& b) {
  ASSERT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.at, b.at);
  EXPECT_EQ(a.core, b.core);
  EXPECT_EQ(a.os, b.os);
  EXPECT_EQ(a.retired, b.retired);
  EXPECT_EQ(a.text, b.text);
  for (std::size_t i = 0; i < describe(a.kind).arguments.size(); ++i)
    EXPECT_EQ(a.argument(i), b.argument(i));
}

TEST(EventCodec, GivesBackWhatWentIn) {
  const std::vector<OwnedEvent> events = random_events(1, 5000);
  EventEncoder encoder;
  for (const OwnedEvent& e : events) encoder.add(e.event);
  const std::string bytes = encoder.take();
  EventDecoder decoder(bytes);
  for (const OwnedEvent& e : events) {
    const TraceEvent* got = decoder.next();
    ASSERT_NE(got, nullptr);
    expect_same(e.event, *got);
  }
  EXPECT_EQ(decoder.next(), nullptr);
  EXPECT_FALSE(decoder.damaged());
}

TEST(EventCodec, EachChunkStandsAlone) {
  const std::vector<OwnedEvent> events = random_events(2, 100);
  EventEncoder encoder;
  for (const OwnedEvent& e : events) encoder.add(e.event);
  encoder.take();
  EXPECT_EQ(encoder.events(), 0U);
  for (const OwnedEvent& e : events) encoder.add(e.event);
  const std::string second = encoder.take();
  EventDecoder decoder(second);
  for (const OwnedEvent& e : events) expect_same(e.event, *decoder.next());
}

TEST(EventCodec, DamagedBytesAreNoticedOrAtLeastEnd) {
  const std::vector<OwnedEvent> events = random_events(3, 200);
  EventEncoder encoder;
  for (const OwnedEvent& e : events) encoder.add(e.event);
  const std::string bytes = encoder.take();
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    EventDecoder decoder(std::string_view(bytes).substr(0, size));
    std::size_t count = 0;
    while (decoder.next() != nullptr) ++count;
    EXPECT_LE(count, events.size());
  }
  std::mt19937_64 random(4);
  for (unsigned i = 0; i < 500; ++i) {
    std::string broken = bytes;
    for (unsigned k = 0; k < 20; ++k)
      broken[random() % broken.size()] = static_cast<char>(random());
    EventDecoder decoder(broken);
    while (decoder.next() != nullptr) {
    }
  }
}

TEST(EventCodec, TheKindsHaveNamesOfTheirOwn) {
  for (unsigned i = 0; i < kTraceKinds; ++i) {
    const auto kind = static_cast<TraceKind>(i);
    EXPECT_EQ(kind_named(kind_name(kind)), kind);
    TraceEvent event;
    event.kind = kind;
    EXPECT_NE(event_text(event), "?");
  }
}

// Blocks as a program with loops has them, in several pieces.
TEST(BlockCodec, GivesBackWhatWentInAndIsShort) {
  std::mt19937_64 random(5);
  std::vector<std::uint64_t> pcs(1, 0);
  for (std::uint64_t i = 1; i < 400; ++i) pcs.push_back(0xffffffff81000000 + i * 32);
  std::vector<std::uint32_t> blocks;
  while (blocks.size() < 200'000) {
    const auto from = static_cast<std::uint32_t>(1 + random() % 380);
    for (unsigned turn = 0; turn < 50; ++turn)
      for (std::uint32_t i = 0; i < 10; ++i) blocks.push_back(from + i);
  }
  BlockEncoder encoder;
  BlockDecoder decoder;
  std::vector<std::uint64_t> got;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    encoder.add(blocks[i], pcs);
    if (i % 4999 == 0 || i + 1 == blocks.size()) {
      const std::string piece = encoder.take();
      bytes += piece.size();
      ASSERT_TRUE(decoder.add(piece, [&](std::uint64_t pc) { got.push_back(pc); }));
    }
  }
  ASSERT_EQ(got.size(), blocks.size());
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], pcs[blocks[i]]) << i;
  EXPECT_LT(bytes, blocks.size() / 10);
}

TEST(BlockCodec, ABlockThatFollowsItself) {
  const std::vector<std::uint64_t> pcs{0, 0x1000};
  BlockEncoder encoder;
  for (unsigned i = 0; i < 1000; ++i) encoder.add(1, pcs);
  unsigned count = 0;
  BlockDecoder decoder;
  EXPECT_TRUE(decoder.add(encoder.take(), [&](std::uint64_t pc) { count += pc == 0x1000; }));
  EXPECT_EQ(count, 1000U);
}

}  // namespace
}  // namespace mint
