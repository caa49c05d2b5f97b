// SPDX-License-Identifier: GPL-2.0-only
// One-line checks that an instruction raises an exception.
#ifndef GUEST_LIB_EXPECT_H
#define GUEST_LIB_EXPECT_H

#include "check.h"
#include "trap.h"

// The last exception has this vector, error code and pushed instruction pointer.
static inline bool expect_trap(const char* name, u32 vector, ulong error, ulong ip, int line,
                               int kind) {
  u32 got = trap_take();
  if (got != vector) return check_equal(name, got, vector, line, kind);
  if (trap_last.f.error != error) return check_equal(name, trap_last.f.error, error, line, kind);
  return check_equal(name, trap_last.f.ip, ip, line, kind);
}

#define RAISE_(name, vector, error, where, kind, instruction, ...)     \
  ({                                                                   \
    trap_clear();                                                      \
    asm volatile(TRAPPING(instruction)::__VA_ARGS__ : "memory", "cc"); \
    expect_trap(name, vector, error, where, __LINE__, kind);           \
  })
// The instruction faults: the pushed IP is its own.
#define FAULT(name, vector, error, instruction, ...) \
  RAISE_(name, vector, error, trap_site, 0, instruction, ##__VA_ARGS__)
#define FAULT_HW(name, vector, error, instruction, ...) \
  RAISE_(name, vector, error, trap_site, 1, instruction, ##__VA_ARGS__)
#define FAULT_LIMIT(name, vector, error, instruction, ...) \
  RAISE_(name, vector, error, trap_site, 2, instruction, ##__VA_ARGS__)
// The instruction traps: the pushed IP is that of the next.
#define TRAP(name, vector, error, instruction, ...) \
  RAISE_(name, vector, error, trap_after, 0, instruction, ##__VA_ARGS__)
#define TRAP_HW(name, vector, error, instruction, ...) \
  RAISE_(name, vector, error, trap_after, 1, instruction, ##__VA_ARGS__)
// The instruction raises nothing.
#define NO_FAULT(name, instruction, ...)                               \
  ({                                                                   \
    trap_clear();                                                      \
    asm volatile(TRAPPING(instruction)::__VA_ARGS__ : "memory", "cc"); \
    check_eq(name, trap_take(), NO_TRAP);                              \
  })

enum vector {
  DE,
  DB,
  NMI_VECTOR,
  BP,
  OF,
  BR,
  UD,
  NM,
  DF,
  TS = 10,
  NP,
  SS,
  GP,
  PF,
  MF = 16,
  AC,
  MC,
  XM
};

#endif
