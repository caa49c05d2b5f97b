#include "devices/host_bridge.hpp"

namespace mint {

HostBridge::HostBridge()
    : PciFunction({.device = 0xD131,
                   .class_code = 0x060000,
                   .revision = 0x11,
                   .subsystem_vendor = 0x8086,
                   .subsystem = 0xD131}) {}

}  // namespace mint
