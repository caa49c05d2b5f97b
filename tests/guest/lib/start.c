// SPDX-License-Identifier: GPL-2.0-only
// First C code of every program: traps on, interrupt controllers in a known state, then guest_main.
#include "apic.h"
#include "trap.h"

void guest_main(void);

void guest_start(void) {
  trap_setup_core(0);
  trap_clear();
  pic_setup();
  lapic_setup();
  guest_main();
}
