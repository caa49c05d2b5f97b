// SPDX-License-Identifier: GPL-2.0-only
// What every guest program includes. A program is one subject: void guest_main(void), ending in
// finish(NAME).
#ifndef GUEST_LIB_GUEST_H
#define GUEST_LIB_GUEST_H

#include "apic.h"
#include "check.h"
#include "clock.h"
#include "cpu.h"
#include "smp.h"
#include "trap.h"

extern u32 multiboot_magic, multiboot_info;
void guest_main(void);

#endif
