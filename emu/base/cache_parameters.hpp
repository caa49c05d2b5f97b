// Sizes and latencies of a core's memory hierarchy; the defaults are those of a Core i7 860.
#pragma once

#include <cstdint>

namespace mint {

constexpr std::uint64_t kLineBytes = 64;

struct CacheParameters {
  struct Level {
    std::uint64_t size = 0;  // bytes
    unsigned ways = 0;
    unsigned latency = 0;  // cycles from load to use
  };
  struct Tlb {
    unsigned entries = 0;
    unsigned ways = 0;
  };
  // Latencies: measured (emu/timing/data/memory-latency.tsv), L1 and L2 as in Intel's optimisation
  // manual, 2.4.5.1.
  Level l1i{32 << 10, 4, 4};
  Level l1d{32 << 10, 8, 4};
  Level l2{256 << 10, 8, 10};
  Level l3{8 << 20, 16, 42};
  Tlb dtlb{64, 4};
  Tlb itlb{64, 4};
  Tlb stlb{512, 4};
  unsigned stlb_latency = 8;  // beyond a hit in the first level
  unsigned walk = 7;          // beyond that and the last entry's own access
  unsigned memory_row_hit = 155;
  unsigned memory_row_miss = 175;
  // How long a line occupies what all cores share. Memory: 64 bytes at the 17.3 GB/s that four
  // cores of an i7 870 get from two channels of DDR3-1333 (AnandTech's review of Lynnfield, SiSoft
  // Sandra). L3: two of the uncore's clocks of 2.4 GHz, an estimate.
  unsigned memory_line = 10;
  unsigned l3_line = 2;
  // What a prefetched line still takes, by its source and the stream's step in lines (fitted to the
  // linear chases).
  unsigned prefetched_l3[2] = {12, 23};
  unsigned prefetched_memory[2] = {15, 53};
  unsigned prefetched_dense = 9;  // from L3, when the L1 prefetcher has taken it further
  unsigned mispredicted = 17;     // Agner Fog, microarchitecture: Nehalem at least 17
  // A load from the place within 4 KB of a store before it to another page: Intel's description of
  // the event LD_BLOCKS_PARTIAL.ADDRESS_ALIAS, Sandy Bridge; Nehalem's is PARTIAL_ADDRESS_ALIAS.
  unsigned aliased = 5;
  // A load of more than the store before it has: LLVM (X86AvoidStoreForwardingBlocks) gives about
  // 13 for Intel's Core line, Agner Fog 12 for Sandy Bridge.
  unsigned partial_forwarding = 13;
  // A store to a line of code in L1I: Agner Fog, Optimizing subroutines in assembly language, gives
  // 150 to 300 for the P6 family; none is published for Nehalem.
  unsigned self_modified = 200;
};

}  // namespace mint
