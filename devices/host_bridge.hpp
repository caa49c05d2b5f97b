// Host bridge 00:00.0: the DMI port of a Lynnfield processor, 8086:D131 (Intel Core i7-800 and
// i5-700 data sheet, volume 2). The board's memory map is fixed, so nothing of it can be set.
#pragma once

#include "devices/pci_function.hpp"

namespace mint {

class HostBridge final : public PciFunction {
 public:
  HostBridge();
};

}  // namespace mint
