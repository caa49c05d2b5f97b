// Register and descriptor bits of an 82540EM ("PCI/PCI-X Family of Gigabit Ethernet Controllers
// Software Developer's Manual", Intel 317453, SDM below: chapter 13, descriptors in chapter 3).
#pragma once

#include <cstdint>

namespace mint::nic {

// Offsets in the register window, 13.3.
constexpr std::uint32_t kCtrl = 0x0000, kCtrlDup = 0x0004, kStatus = 0x0008, kEecd = 0x0010,
                        kEerd = 0x0014, kCtrlExt = 0x0018, kFla = 0x001C, kMdic = 0x0020,
                        kFcal = 0x0028, kFcah = 0x002C, kFct = 0x0030, kVet = 0x0038, kIcr = 0x00C0,
                        kItr = 0x00C4, kIcs = 0x00C8, kIms = 0x00D0, kImc = 0x00D8, kRctl = 0x0100,
                        kFcttv = 0x0170, kTxcw = 0x0178, kRxcw = 0x0180, kTctl = 0x0400,
                        kTipg = 0x0410, kAit = 0x0458, kLedctl = 0x0E00, kPba = 0x1000,
                        kFcrtl = 0x2160, kFcrth = 0x2168, kRdbal = 0x2800, kRdbah = 0x2804,
                        kRdlen = 0x2808, kRdh = 0x2810, kRdt = 0x2818, kRdtr = 0x2820,
                        kRxdctl = 0x2828, kRadv = 0x282C, kRsrpd = 0x2C00, kTdbal = 0x3800,
                        kTdbah = 0x3804, kTdlen = 0x3808, kTdh = 0x3810, kTdt = 0x3818,
                        kTidv = 0x3820, kTxdctl = 0x3828, kTadv = 0x382C, kTspmt = 0x3830,
                        kStatistics = 0x4000, kStatisticsEnd = 0x4128, kRxcsum = 0x5000,
                        kMta = 0x5200, kRa = 0x5400, kVfta = 0x5600, kWuc = 0x5800, kWufc = 0x5808,
                        kWus = 0x5810, kManc = 0x5820;

// The packet buffer, and what of it is the receiver's after power-on, in KB (PBA, 13.4.8).
constexpr std::uint32_t kBufferKb = 64, kDefaultRxKb = 48;
// Control of power management in configuration space, and the state D3.
constexpr unsigned kPowerControl = 0xE0, kPowerOff = 3;

// CTRL, 13.4.1.
constexpr std::uint32_t kCtrlFullDuplex = 1u << 0, kCtrlSetLinkUp = 1u << 6,
                        kCtrlSpeed1000 = 2u << 8, kCtrlReset = 1u << 26, kCtrlVlanMode = 1u << 30,
                        kCtrlPhyReset = 1u << 31;
// STATUS, 13.4.2.
constexpr std::uint32_t kStatusFullDuplex = 1u << 0, kStatusLinkUp = 1u << 1;
constexpr unsigned kStatusSpeedShift = 6, kStatusAsdvShift = 8;
// EECD, 13.4.3; EERD, 13.4.4.
constexpr std::uint32_t kEecdClock = 1u << 0, kEecdSelect = 1u << 1, kEecdIn = 1u << 2,
                        kEecdOut = 1u << 3, kEecdFlash = 3u << 4, kEecdRequest = 1u << 6,
                        kEecdGrant = 1u << 7, kEecdPresent = 1u << 8;
constexpr std::uint32_t kEerdStart = 1u << 0, kEerdDone = 1u << 4;
// MDIC, 13.4.6.
constexpr std::uint32_t kMdicWrite = 1u << 26, kMdicRead = 2u << 26, kMdicOp = 3u << 26,
                        kMdicReady = 1u << 28, kMdicInterrupt = 1u << 29, kMdicError = 1u << 30;
// Interrupt causes, 13.4.17.
constexpr std::uint32_t kIntTxWritten = 1u << 0, kIntTxEmpty = 1u << 1, kIntLink = 1u << 2,
                        kIntRxLow = 1u << 4, kIntRxOverrun = 1u << 6, kIntRxTimer = 1u << 7,
                        kIntMdio = 1u << 9, kIntSmallPacket = 1u << 16;
constexpr std::uint32_t kIntAll = 0x1FFFF;

// RCTL, 13.4.22.
constexpr std::uint32_t kRctlEnable = 1u << 1, kRctlStoreBad = 1u << 2, kRctlUnicast = 1u << 3,
                        kRctlMulticast = 1u << 4, kRctlLong = 1u << 5, kRctlBroadcast = 1u << 15,
                        kRctlVlanFilter = 1u << 18, kRctlCfiEnable = 1u << 19, kRctlCfi = 1u << 20,
                        kRctlBufferEx = 1u << 25, kRctlStripCrc = 1u << 26;
constexpr unsigned kRctlThresholdShift = 8, kRctlOffsetShift = 12, kRctlBufferShift = 16;
// RXCSUM, 13.4.30.
constexpr std::uint32_t kRxcsumIp = 1u << 8, kRxcsumTcpUdp = 1u << 9;
// TCTL, 13.4.33.
constexpr std::uint32_t kTctlEnable = 1u << 1, kTctlPad = 1u << 3;
// RAH, 13.5.2.
constexpr std::uint32_t kRahValid = 1u << 31;
// RDTR and TIDV: flush partial descriptor block, 13.4.30 and 13.4.44.
constexpr std::uint32_t kDelayFlush = 1u << 31;

// Receive descriptor, 3.2.3: status and errors.
constexpr std::uint8_t kRxDone = 1u << 0, kRxEnd = 1u << 1, kRxIgnoreChecksum = 1u << 2,
                       kRxVlan = 1u << 3, kRxTcpChecksum = 1u << 5, kRxIpChecksum = 1u << 6,
                       kRxFiltered = 1u << 7;
constexpr std::uint8_t kRxErrorTcp = 1u << 5, kRxErrorIp = 1u << 6;

// Transmit descriptors, 3.3: the command byte. In a context descriptor (3.3.6) bits 0 and 1 are TCP
// and IP.
constexpr std::uint8_t kTxEnd = 1u << 0, kTxInsertFcs = 1u << 1, kTxInsertChecksum = 1u << 2,
                       kTxSegment = 1u << 2, kTxReport = 1u << 3, kTxExtended = 1u << 5,
                       kTxVlan = 1u << 6, kTxDelay = 1u << 7;
constexpr std::uint8_t kContextTcp = 1u << 0, kContextIp = 1u << 1;
constexpr std::uint8_t kOptionIp = 1u << 0, kOptionTcp = 1u << 1;
constexpr std::uint8_t kTxDone = 1u << 0;

}  // namespace mint::nic
