#include "devices/isa_bridge.hpp"

namespace mint {

IsaBridge::IsaBridge()
    : PciFunction({.device = 0x3B02,
                   .class_code = 0x060100,
                   .revision = 0x05,
                   .subsystem_vendor = 0x8086,
                   .subsystem = 0x3B02}) {
  define(0x40, 4, 0x00000001, 0x0000FF80);
  define(0x44, 1, 0x00, 0x87);
  define(0x48, 4, 0x00000001, 0x0000FF80);
  define(0x4C, 1, 0x00, 0x11);
  for (unsigned pirq = 0; pirq < 4; ++pirq) {
    define(0x60 + pirq, 1, 0x80, 0x8F);
    define(0x68 + pirq, 1, 0x80, 0x8F);
  }
  define(0x80, 2, 0x0000, 0x1377);
  define(0x82, 2, 0x0000, 0x3F0F);
  define(0xDC, 1, 0x20, 0x03);
  define(0xF0, 4, 0x00000000, 0xFFFFC001);
}

}  // namespace mint
