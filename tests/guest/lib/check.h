// SPDX-License-Identifier: GPL-2.0-only
// Text on COM1, and the checks of a guest program.
//
//   check("divide by zero is vector 0", trap_last.vector == 0);
//   check_eq("error code", trap_last.error, 0x18);
//   return finish("exceptions");
//
// Each check prints one line: "ok NAME", or "FAIL NAME: ..." and the program's exit code is 1.
// check_hw: what hardware does though QEMU 7.2 does not; on QEMU a miss prints "qemu NAME" and is
// forgiven.  check_limit: hardware behaviour that a translating engine without segment limits and
// the like does not have; a miss prints "limit NAME" and is forgiven everywhere.
#ifndef GUEST_LIB_CHECK_H
#define GUEST_LIB_CHECK_H

#include "cpu.h"

// %d %u %x (32-bit), %ld %lu %lx (register-wide), %llu %llx (64-bit), %s %c %%; 0-padding and
// width.
void print(const char* format, ...) __attribute__((format(printf, 1, 2)));

#define check(name, condition) check_result(name, !!(condition), __LINE__, #condition, 0)
#define check_hw(name, condition) check_result(name, !!(condition), __LINE__, #condition, 1)
#define check_limit(name, condition) check_result(name, !!(condition), __LINE__, #condition, 2)
#define check_eq(name, got, want) check_equal(name, (u64)(got), (u64)(want), __LINE__, 0)
#define check_eq_hw(name, got, want) check_equal(name, (u64)(got), (u64)(want), __LINE__, 1)
#define check_eq_limit(name, got, want) check_equal(name, (u64)(got), (u64)(want), __LINE__, 2)
bool check_result(const char* name, bool good, int line, const char* text, int kind);
bool check_equal(const char* name, u64 got, u64 want, int line, int kind);

// Sets up COM1 anew at the next print, after a program has played with it.
void console_reset(void);
// Prints the totals and ends the run through port F4h.
void finish(const char* program) __attribute__((noreturn));
// Ends the run with a code; 0 is success.
void stop(u32 code) __attribute__((noreturn));

// For checks whose miss would end the program: on QEMU prints "qemu NAME: not tried" and is true.
bool skip_on_qemu(const char* name);

// True on QEMU's TCG (hypervisor leaf), for tolerances and known deviations.
bool on_qemu(void);

#endif
