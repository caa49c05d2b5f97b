// SPDX-License-Identifier: GPL-2.0-only
// 8254 and TSC: short waits and time-outs.
#ifndef GUEST_LIB_CLOCK_H
#define GUEST_LIB_CLOCK_H

#include "cpu.h"

#define PIT_HZ 1193182u

// TSC cycles per millisecond, measured once against PIT counter 2.
u64 tsc_per_ms(void);
void delay_us(u32 us);
// Programs a counter of the PIT (low byte, high byte); count 0 is 65536.
void pit_program(u8 counter, u8 mode, u16 count);
// Latches and reads a counter.
u16 pit_read(u8 counter);

// Waits until the condition holds or the time is up; its value then.
#define wait_for(condition, ms)                         \
  ({                                                    \
    u64 wait_end = rdtsc() + (u64)(ms)*tsc_per_ms();    \
    while (!(condition) && rdtsc() < wait_end) pause(); \
    !!(condition);                                      \
  })

#endif
