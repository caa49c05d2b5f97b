// SPDX-License-Identifier: GPL-2.0-only
// What the firmware's C files share: port and memory access, the BIOS data areas, the frame of a
// service call. All C code runs in flat 32-bit protected mode from ROM with interrupts off; there
// are no global variables, state is in the EBDA and in the reserved block at the top of RAM.
#ifndef FIRMWARE_BIOS_BIOS_H_
#define FIRMWARE_BIOS_BIOS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

static inline void outb(u16 port, u8 value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void outl(u16 port, u32 value) {
  __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline u8 inb(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline u32 inl(u16 port) {
  u32 value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline void pause(void) { __asm__ volatile("pause" : : : "memory"); }
static inline void cpuid(u32 leaf, u32 out[4]) {
  __asm__ volatile("cpuid"
                   : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                   : "a"(leaf), "c"(0));
}

static inline void copy(void* to, const void* from, u32 bytes) {
  u32 dwords = bytes / 4, rest = bytes % 4;
  __asm__ volatile("rep movsl\n\tmov %3, %%ecx\n\trep movsb"
                   : "+D"(to), "+S"(from), "+c"(dwords)
                   : "r"(rest)
                   : "memory");
}
static inline void clear(void* to, u32 bytes) {
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0) : "memory");
}

// The address of a real-mode far pointer.
static inline void* far(u16 segment, u16 offset) { return (void*)(((u32)segment << 4) + offset); }

// A service's caller, as the entry in real.asm saved it on the caller's stack.
struct Regs {
  u16 gs, fs, es, ds;
  union {
    u32 edi;
    u16 di;
  };
  union {
    u32 esi;
    u16 si;
  };
  union {
    u32 ebp;
    u16 bp;
  };
  u32 esp;
  union {
    u32 ebx;
    u16 bx;
    struct {
      u8 bl, bh;
    };
  };
  union {
    u32 edx;
    u16 dx;
    struct {
      u8 dl, dh;
    };
  };
  union {
    u32 ecx;
    u16 cx;
    struct {
      u8 cl, ch;
    };
  };
  union {
    u32 eax;
    u16 ax;
    struct {
      u8 al, ah;
    };
  };
  u16 vector, ip, cs, flags;
} __attribute__((packed));

enum { kCarry = 0x0001, kZero = 0x0040 };
static inline void set_flag(struct Regs* r, u16 flag, bool on) {
  r->flags = on ? r->flags | flag : r->flags & ~flag;
}

// BIOS data area, 0040:0000. Volatile: interrupts in real mode change it.
struct Bda {
  u16 com[4];               // 00h
  u16 lpt[3];               // 08h
  u16 ebda_segment;         // 0Eh
  u16 equipment;            // 10h
  u8 reserved_12;           //
  u16 memory_kb;            // 13h
  u8 reserved_15[2];        //
  u8 keyboard_flags[2];     // 17h
  u8 keypad_entry;          // 19h
  u16 keyboard_head;        // 1Ah
  u16 keyboard_tail;        // 1Ch
  u16 keyboard_buffer[16];  // 1Eh
  u8 diskette[11];          // 3Eh
  u8 video_mode;            // 49h
  u16 video_columns;        // 4Ah
  u16 video_page_bytes;     // 4Ch
  u16 video_page_start;     // 4Eh
  u16 cursor[8];            // 50h: column, row
  u16 cursor_shape;         // 60h
  u8 video_page;            // 62h
  u16 crtc_port;            // 63h
  u8 crt_mode;              // 65h
  u8 palette;               // 66h
  u8 reserved_67[5];        // 67h: resume vector
  u32 ticks;                // 6Ch
  u8 midnight;              // 70h
  u8 break_flag;            // 71h
  u16 reset_flag;           // 72h
  u8 disk_status;           // 74h
  u8 disk_count;            // 75h
  u8 reserved_76[2];        //
  u8 lpt_timeout[4];        // 78h
  u8 com_timeout[4];        // 7Ch
  u16 keyboard_start;       // 80h
  u16 keyboard_end;         // 82h
  u8 video_last_row;        // 84h
  u16 character_height;     // 85h
  u8 video_control;         // 87h
  u8 video_switches;        // 88h
  u8 video_flags;           // 89h
  u8 display_combination;   // 8Ah
  u8 reserved_8b[11];       //
  u8 keyboard_mode;         // 96h
} __attribute__((packed));
_Static_assert(offsetof(struct Bda, ticks) == 0x6C, "BDA");
_Static_assert(offsetof(struct Bda, keyboard_mode) == 0x96, "BDA");
#define bda (*(volatile struct Bda*)0x400)

enum { kEbda = 0x9FC00, kMpPointer = kEbda + 0x90, kMpTable = kEbda + 0xA0 };

struct Drive;

// Extended BIOS data area: one KB; the firmware's own variables, then the MP table.
struct Ebda {
  u8 kilobytes;
  u8 reserved[15];
  u32 pm_esp, real_esp, real_ss;  // 10h: layout.inc
  u32 ap_count;                   // 1Ch
  u32 timer_fired;                // 20h
  u32 mtrr_mask[2];               // 24h
  u32 timer_ticks_per_ms;         // 2Ch
  u32 ram_below_4g;               // 30h: end of RAM below 4 GB
  u32 ram_above_4g_64k;           // 34h: RAM above 4 GB in units of 64 KB
  u32 reserved_base;              // 38h: the firmware's block at the top of RAM below 4 GB
  u32 cores;                      // 3Ch
  u32 drives;                     // 40h
  u32 reserved_44;                // 44h
  u32 caller_port_92;             // 48h: A20 as the service's caller has it
};
_Static_assert(offsetof(struct Ebda, caller_port_92) == 0x48, "layout.inc");
_Static_assert(offsetof(struct Ebda, timer_fired) == 0x20, "layout.inc");
_Static_assert(sizeof(struct Ebda) <= kMpPointer - kEbda, "EBDA");
#define ebda (*(volatile struct Ebda*)kEbda)

// The reserved block at the top of RAM below 4 GB (e820: reserved).
enum {
  kReservedBytes = 0x10000,
  kDrivesOffset = 0x0000,  // struct Drive for each
  kMpOffset = 0x2000,      // MP table when it does not fit the EBDA
  kSectorOffset = 0x3000,  // one sector: IDENTIFY, odd buffers
  kPortsOffset = 0x4000,   // AHCI structures, 2 KB for each drive
  kStackOffset = 0x10000,  // protected-mode stack of the services, downwards
  kDrivesMax = 16
};
static inline void* reserved_block(u32 offset) { return (void*)(ebda.reserved_base + offset); }

// real.asm
void real_halt(void);

// main.c
u8 cmos_read(u8 index);
void cmos_write(u8 index, u8 value);

// screen.c
void screen_init(void);
void print(const char* format, ...) __attribute__((format(printf, 1, 2)));
void video_service(struct Regs* r);

// time.c
void pic_init(void);
void timers_init(void);
void clock_init(void);
void sleep_us(u32 microseconds);
// Checks every step_us until done(arg) or until timeout_ms are over; returns the last answer.
bool wait_until(bool (*done)(void*), void* arg, u32 timeout_ms, u32 step_us);
void time_service(struct Regs* r);
void rtc_interrupt(void);
u8 from_bcd(u8 value);

// waits.c
enum Wait {
  kWaitChipset,
  kWaitMemory,
  kWaitCores,
  kWaitVideoRom,
  kWaitUsb,
  kWaitKeyboard,
  kWaitStorageRom,
  kWaitSpinUp,
  kWaitSetupPrompt,
  kWaitBootMenu,
  kWaits
};
u32 wait_ms(enum Wait wait);
void post_wait(enum Wait wait);

// memory.c
void memory_size(void);
void system_service(struct Regs* r);

// cores.c
void lapic_init(void);
void cores_start(void);
void mp_table_build(void);
static inline volatile u32* lapic(u32 offset) { return (volatile u32*)(0xFEE00000 + offset); }
enum { kLapicTimerVector = 0x7E, kLapicSpuriousVector = 0xFF };

// pci.c
u32 pci_read(u32 function, u32 offset);
void pci_write(u32 function, u32 offset, u32 value);
void pci_init(void);
// The next function at or after `function` (device * 8 + function); 256: none.
u32 pci_next(u32 function);

// ahci.c
struct Drive {
  volatile u32* port;  // port registers
  u32 structures;      // command list, received FIS, command table
  u64 sectors;
  u8 function;  // PCI device and function
  u8 number;    // of the port
  char model[41];
};
enum DiskCommand {
  kReadDmaExt = 0x25,
  kWriteDmaExt = 0x35,
  kReadVerifyExt = 0x42,
  kFlushCacheExt = 0xEA,
  kIdentify = 0xEC
};
void ahci_init(void);
// false: error or no answer in time. `buffer` is even; count is at most 65535 sectors.
bool ahci_command(const struct Drive* drive, enum DiskCommand command, u64 lba, u32 count,
                  u32 buffer);
static inline struct Drive* drive_at(u32 index) {
  return (struct Drive*)reserved_block(kDrivesOffset) + index;
}
_Static_assert(sizeof(struct Drive) * kDrivesMax <= kMpOffset, "reserved block");

// disk.c
void disk_service(struct Regs* r);

// keyboard.c
void keyboard_init(void);
void keyboard_interrupt(void);
void keyboard_service(struct Regs* r);

// serial.c
void serial_init(void);
void serial_service(struct Regs* r);

// boot.c
void boot(struct Regs* r);
void no_boot_device(void);

#endif  // FIRMWARE_BIOS_BIOS_H_
