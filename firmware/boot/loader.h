// SPDX-License-Identifier: GPL-2.0-only
// What the boot loader's C files share. Real mode, gcc -m16: pointers reach the first 64 KB only.
#ifndef FIRMWARE_BOOT_LOADER_H_
#define FIRMWARE_BOOT_LOADER_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

enum { kSectorBytes = 512 };

// Memory that the loader uses. Nothing touches the page at 1000h (docs/board.md).
enum {
  kBounce = 0x10000,  // 64 KB, on a 64 KB boundary
  kBounceSectors = 128,
  kSetup = 0x90000,        // the kernel's real-mode code, its heap and stack ...
  kSetupHeapEnd = 0xF000,  // ... up to here, and the command line up to the EBDA at 9FC00h
  kCommandLineMax = 0x800
};

// start.asm
struct ServiceRegs {
  u32 eax, ebx, ecx, edx, esi, edi, ebp;
  u16 ds, es, flags;
};
static inline bool failed(const struct ServiceRegs* regs) { return regs->flags & 1; }
void call_service(u32 vector, struct ServiceRegs* regs);
void start_linux(u32 setup_segment, u32 stack) __attribute__((noreturn));
void halt(void) __attribute__((noreturn));

// services.c
void print(const char* format, ...) __attribute__((format(printf, 1, 2)));
void fail(const char* format, ...) __attribute__((format(printf, 1, 2), noreturn));
void disk_open(u8 drive);
// Reads `sectors` to any address below 4 GB; fails with a message on an error.
void disk_read(u64 lba, u32 sectors, u32 address);
// The end of the usable RAM that `address` is in, below 4 GB; 0: it is in none.
u32 usable_until(u32 address);
// The highest page-aligned place for `bytes` in usable RAM within [from, end); 0: there is none.
u32 highest_place(u32 bytes, u32 from, u32 end);
void copy_far(u32 to, const void* from, u32 bytes);  // to below 1 MB

// linux.c
struct BootHeader {
  char signature[8];
  u32 version, kernel_lba, kernel_bytes, initrd_lba, initrd_bytes, command_line_bytes;
};
void boot_linux(const struct BootHeader* boot, const char* command_line) __attribute__((noreturn));

#endif  // FIRMWARE_BOOT_LOADER_H_
