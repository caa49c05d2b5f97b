// SPDX-License-Identifier: GPL-2.0-only
// Instructions and registers of the processor, as C functions.
#ifndef GUEST_LIB_CPU_H
#define GUEST_LIB_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segments.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef unsigned long ulong;  // as wide as a register

#ifdef __x86_64__
#define BITS64 1
#define W "q"     // suffix of a register-wide instruction
#define AX "rax"  // name parts for inline assembly
#define SP "rsp"
#else
#define BITS64 0
#define W "l"
#define AX "eax"
#define SP "esp"
#endif

#define FLAG_CF 0x1u
#define FLAG_ZF 0x40u
#define FLAG_TF 0x100u
#define FLAG_IF 0x200u
#define FLAG_DF 0x400u
#define FLAG_OF 0x800u
#define FLAG_IOPL 0x3000u
#define FLAG_NT 0x4000u
#define FLAG_RF 0x10000u
#define FLAG_VM 0x20000u
#define FLAG_AC 0x40000u

#define CR0_PE 0x1u
#define CR0_MP 0x2u
#define CR0_EM 0x4u
#define CR0_TS 0x8u
#define CR0_ET 0x10u
#define CR0_NE 0x20u
#define CR0_WP 0x10000u
#define CR0_AM 0x40000u
#define CR0_NW 0x20000000u
#define CR0_CD 0x40000000u
#define CR0_PG 0x80000000u
#define CR4_VME 0x1u
#define CR4_TSD 0x4u
#define CR4_DE 0x8u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_PGE 0x80u
#define CR4_OSFXSR 0x200u
#define CR4_OSXMMEXCPT 0x400u

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1B
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_PAT 0x277
#define MSR_EFER 0xC0000080u
#define MSR_STAR 0xC0000081u
#define MSR_LSTAR 0xC0000082u
#define MSR_CSTAR 0xC0000083u
#define MSR_FMASK 0xC0000084u
#define MSR_FS_BASE 0xC0000100u
#define MSR_GS_BASE 0xC0000101u
#define MSR_KERNEL_GS_BASE 0xC0000102u
#define EFER_SCE 0x1u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define EFER_NXE 0x800u

static inline void outb(u16 port, u8 v) {
  asm volatile("outb %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static inline void outw(u16 port, u16 v) {
  asm volatile("outw %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static inline void outl(u16 port, u32 v) {
  asm volatile("outl %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static inline u8 inb(u16 port) {
  u8 v;
  asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
  return v;
}
static inline u16 inw(u16 port) {
  u16 v;
  asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
  return v;
}
static inline u32 inl(u16 port) {
  u32 v;
  asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
  return v;
}

static inline u64 rdtsc(void) {
  u32 lo, hi;
  asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
  return (u64)hi << 32 | lo;
}
static inline u64 rdmsr(u32 msr) {
  u32 lo, hi;
  asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
  return (u64)hi << 32 | lo;
}
static inline void wrmsr(u32 msr, u64 v) {
  asm volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

struct cpuid {
  u32 a, b, c, d;
};
static inline struct cpuid cpuid_sub(u32 leaf, u32 sub) {
  struct cpuid r;
  asm volatile("cpuid"
               : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
               : "a"(leaf), "c"(sub)
               : "memory");
  return r;
}
static inline struct cpuid cpuid(u32 leaf) { return cpuid_sub(leaf, 0); }

// Initial APIC id: usable at any privilege level, and with the LAPIC disabled.
static inline u32 core_id(void) { return cpuid(1).b >> 24; }

#define CR_ACCESS(n)                                        \
  static inline ulong read_cr##n(void) {                    \
    ulong v;                                                \
    asm volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory"); \
    return v;                                               \
  }                                                         \
  static inline void write_cr##n(ulong v) { asm volatile("mov %0, %%cr" #n ::"r"(v) : "memory"); }
CR_ACCESS(0)
CR_ACCESS(2)
CR_ACCESS(3)
CR_ACCESS(4)

#define DR_ACCESS(n)                                        \
  static inline ulong read_dr##n(void) {                    \
    ulong v;                                                \
    asm volatile("mov %%dr" #n ", %0" : "=r"(v)::"memory"); \
    return v;                                               \
  }                                                         \
  static inline void write_dr##n(ulong v) { asm volatile("mov %0, %%dr" #n ::"r"(v) : "memory"); }
DR_ACCESS(0)
DR_ACCESS(1)
DR_ACCESS(6)
DR_ACCESS(7)

static inline void cli(void) { asm volatile("cli" ::: "memory"); }
static inline void sti(void) { asm volatile("sti; nop" ::: "memory"); }
static inline void halt_with_interrupts(void) { asm volatile("sti; hlt; cli" ::: "memory"); }
static inline void pause(void) { asm volatile("pause" ::: "memory"); }
static inline void invlpg(const volatile void* p) {
  asm volatile("invlpg (%0)" ::"r"(p) : "memory");
}
static inline void flush_tlb(void) { write_cr3(read_cr3()); }
// Serialises, as the SDM demands before modified code runs (Vol. 3, 8.1.3).
static inline void serialise(void) { (void)cpuid(0); }
static inline ulong read_flags(void) {
  ulong v;
  asm volatile("pushf; pop %0" : "=r"(v)::"memory");
  return v;
}

void* memset(void* p, int c, size_t n);
void* memcpy(void* d, const void* s, size_t n);
int memcmp(const void* a, const void* b, size_t n);

#endif
