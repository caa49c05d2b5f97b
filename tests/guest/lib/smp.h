// SPDX-License-Identifier: GPL-2.0-only
// More cores: how many there are, starting them, giving them work.
#ifndef GUEST_LIB_SMP_H
#define GUEST_LIB_SMP_H

#include "cpu.h"

// Number of cores, from CMOS 5Fh.
u32 core_count(void);
// Puts the trampoline into the page of a SIPI vector.
void smp_prepare(u8 vector);
// Starts one core with INIT and SIPI; true when it has reached its idle loop.
bool smp_start(u32 core);
// Starts all others; the number of cores that run, core 0 included.
u32 smp_start_all(void);

// An idle core runs fn(argument) with interrupts off and becomes idle again.
typedef void (*work_t)(ulong argument);
void smp_call(u32 core, work_t fn, ulong argument);
// Waits until a core is idle; false after ms milliseconds.
bool smp_wait(u32 core, u32 ms);
// Runs fn(core) on all cores that smp_start_all started, core 0 included, and waits for the end.
bool smp_all(work_t fn, u32 ms);

extern volatile u32 core_alive[MAX_CORES];  // times a core came through its start

// A barrier for n cores; epoch counts how often it was passed.
struct barrier {
  volatile u32 arrived, epoch;
};
void barrier_wait(struct barrier* b, u32 n);

#endif
