// Register bits of an AHCI host bus adapter (Serial ATA AHCI 1.3, chapter 3).
#pragma once

#include <cstdint>

namespace mint::ahci {

// Generic host control, 3.1. Offsets in the ABAR window.
constexpr std::uint32_t kCap = 0x00, kGhc = 0x04, kIs = 0x08, kPi = 0x0C, kVs = 0x10, kCap2 = 0x24;
constexpr std::uint32_t kPorts = 0x100, kPortSize = 0x80;

constexpr std::uint32_t kCap64Bit = 1u << 31, kCapNcq = 1u << 30,
                        kCapCommandListOverride = 1u << 24, kCap3Gbps = 2u << 20,
                        kCapAhciOnly = 1u << 18, kCapPioMultiple = 1u << 15, kCap32Slots = 31u << 8;
constexpr std::uint32_t kGhcReset = 1u << 0, kGhcInterrupts = 1u << 1, kGhcAhciEnable = 1u << 31;

// Port registers, 3.3. Offsets from the port's base.
constexpr std::uint32_t kPxClb = 0x00, kPxClbu = 0x04, kPxFb = 0x08, kPxFbu = 0x0C, kPxIs = 0x10,
                        kPxIe = 0x14, kPxCmd = 0x18, kPxTfd = 0x20, kPxSig = 0x24, kPxSsts = 0x28,
                        kPxSctl = 0x2C, kPxSerr = 0x30, kPxSact = 0x34, kPxCi = 0x38;

// PxIS and PxIE, 3.3.5.
constexpr std::uint32_t kIsD2h = 1u << 0, kIsPioSetup = 1u << 1, kIsDmaSetup = 1u << 2,
                        kIsSetDeviceBits = 1u << 3, kIsDescriptor = 1u << 5,
                        kIsConnectChange = 1u << 6, kIsPhyRdyChange = 1u << 22,
                        kIsOverflow = 1u << 24, kIsInterfaceFatal = 1u << 27,
                        kIsHostBusFatal = 1u << 29, kIsTaskFileError = 1u << 30;
// PCS and PRCS show PxSERR.DIAG.X and .N and are cleared there.
constexpr std::uint32_t kIsClearable = 0xFDC000AF & ~kIsPhyRdyChange;
constexpr std::uint32_t kIeBits = 0xFDC000FF;

// PxCMD, 3.3.7.
constexpr std::uint32_t kCmdStart = 1u << 0, kCmdSpinUp = 1u << 1, kCmdPowerOn = 1u << 2,
                        kCmdOverride = 1u << 3, kCmdFisReceive = 1u << 4, kCmdFisRunning = 1u << 14,
                        kCmdListRunning = 1u << 15, kCmdAtapi = 1u << 24, kCmdLedAtapi = 1u << 25;
constexpr unsigned kCmdSlotShift = 8;

// PxSSTS, 3.3.10: device present, 3 Gbit/s, active.
constexpr std::uint32_t kSstsUp = 0x123;
// PxSCTL.DET, 3.3.11.
constexpr std::uint32_t kDetMask = 0xF, kDetReset = 1, kDetOffline = 4;
constexpr std::uint32_t kSctlBits = 0xFFF;

// PxSERR, 3.3.12.
constexpr std::uint32_t kSerrPhyRdyChange = 1u << 16, kSerrHandshake = 1u << 22,
                        kSerrExchanged = 1u << 26;

// Command header, 4.2.2, first double word.
constexpr std::uint32_t kHeaderClearBusy = 1u << 10;

// Received FIS area, 4.2.1.
constexpr std::uint32_t kRfisDmaSetup = 0x00, kRfisPioSetup = 0x20, kRfisD2h = 0x40,
                        kRfisSetDeviceBits = 0x58;

}  // namespace mint::ahci
