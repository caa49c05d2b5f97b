// ISA (LPC) bridge 00:1f.0: Intel P55, 8086:3B02 (Intel 5 Series Chipset data sheet, 13.1).
//
// | offset | register | power-on | |
// |--------|----------|----------|---|
// | 40h    | PMBASE   | 00000001h | 15:7 |
// | 44h    | ACPI_CNTL | 00h     | |
// | 48h    | GPIOBASE | 00000001h | 15:7 |
// | 4Ch    | GC       | 00h      | |
// | 60h-63h, 68h-6Bh | PIRQA-PIRQH routing | 80h: off | |
// | 80h-83h | LPC I/O decode and enable | 0 | |
// | DCh    | BIOS_CNTL | 20h     | |
// | F0h    | RCBA     | 0        | 31:14, 0 |
//
// They hold what is written; the board's wiring is fixed and there is no ACPI block behind them.
#pragma once

#include "devices/pci_function.hpp"

namespace mint {

class IsaBridge final : public PciFunction {
 public:
  IsaBridge();
};

}  // namespace mint
