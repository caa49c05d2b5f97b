// SPDX-License-Identifier: GPL-2.0-only
// What the parts of the firmware services test share. It is a guest program: it takes the place of
// the boot loader on a disk (LBA 1, loaded to 8000h by the real boot sector), calls every service
// in real mode, writes a line for each case to COM1 and port E9h and then the number of failed
// cases to isa-debug-exit at F4h.
#ifndef TESTS_FIRMWARE_SERVICES_H_
#define TESTS_FIRMWARE_SERVICES_H_

#include "firmware/boot/loader.h"

static inline void outb(u16 port, u8 value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline u8 inb(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

// Memory below 1 MB.
static inline u16 peek16(u32 address) {
  u16 value;
  __asm__ volatile("movw %w1, %%fs\n\tmovw %%fs:(%2), %0"
                   : "=r"(value)
                   : "r"(address >> 4), "r"(address & 15)
                   : "memory");
  return value;
}
static inline void poke16(u32 address, u16 value) {
  __asm__ volatile("movw %w1, %%fs\n\tmovw %0, %%fs:(%2)"
                   :
                   : "r"(value), "r"(address >> 4), "r"(address & 15)
                   : "memory");
}
static inline u32 peek32(u32 address) { return peek16(address) | (u32)peek16(address + 2) << 16; }
static inline u8 peek8(u32 address) { return peek16(address); }

// One case: begin, any number of expectations, the next begin or the end.
void begin(const char* name);
void expect_equal(u32 line, u32 got, u32 expected);
#define EXPECT_EQ(got, expected) expect_equal(__LINE__, got, expected)
#define EXPECT(condition) expect_equal(__LINE__, (condition) ? 1 : 0, 1)

// Calls INT `vector`; AX and what else the initialisers name.
#define SERVICE(vector, ...)                  \
  ({                                          \
    struct ServiceRegs regs_ = {__VA_ARGS__}; \
    call_service(vector, &regs_);             \
    regs_;                                    \
  })

enum {
  kPatternLba = 64,  // from here on each 32-bit word of a sector is the sector's LBA
  kPatternSectors = 256,
  kScratchLba = 1024,
  kBuffer = 0x20000      // free memory to 7FFFFh
};

// INT 15h/87h, between any addresses below 4 GB.
bool block_move(u32 to, u32 from, u32 bytes);

void screen_cases(void);
void disk_cases(u32 drive);
void memory_cases(void);
void time_cases(void);
void table_cases(void);

#endif  // TESTS_FIRMWARE_SERVICES_H_
