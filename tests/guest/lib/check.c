// SPDX-License-Identifier: GPL-2.0-only
// Console on COM1, checks, end of the run.
#include "check.h"

#include <stdarg.h>

#define COM1 0x3F8
#define DEBUG_EXIT 0xF4

static volatile u32 print_lock;
static bool com1_ready;
static u32 passed, failed, forgiven;

void* memset(void* p, int c, size_t n) {
  void* start = p;
  asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
  return start;
}

void* memcpy(void* d, const void* s, size_t n) {
  void* start = d;
  asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
  return start;
}

int memcmp(const void* a, const void* b, size_t n) {
  const u8 *x = a, *y = b;
  for (size_t i = 0; i < n; ++i)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

void console_reset(void) { com1_ready = false; }

static void put(char c) {
  if (!com1_ready) {
    outb(COM1 + 1, 0);     // no interrupts
    outb(COM1 + 3, 0x80);  // divisor latch
    outb(COM1 + 0, 1);     // 115200
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x03);  // 8N1
    outb(COM1 + 2, 0x07);  // FIFOs on and clear
    outb(COM1 + 4, 0x0B);  // DTR, RTS, OUT2
    com1_ready = true;
  }
  while (!(inb(COM1 + 5) & 0x20)) pause();
  outb(COM1, c);
}

static void put_number(u64 v, u32 base, int width, char pad, bool negative) {
  char digits[24];
  int n = 0;
  do {
    // 64-bit division without libgcc: long division by a small base.
    u32 hi = v >> 32, lo = (u32)v, rest;
    u32 qhi = hi / base;
    rest = hi % base;
    u32 qlo;
    asm("divl %4" : "=a"(qlo), "=d"(rest) : "0"(lo), "1"(rest), "r"(base));
    digits[n++] = "0123456789abcdef"[rest];
    v = (u64)qhi << 32 | qlo;
  } while (v);
  if (negative) digits[n++] = '-';
  while (width-- > n) put(pad);
  while (n) put(digits[--n]);
}

static void print_list(const char* f, va_list args) {
  for (; *f; ++f) {
    if (*f != '%') {
      if (*f == '\n') put('\r');
      put(*f);
      continue;
    }
    char pad = ' ';
    int width = 0, longs = 0;
    if (*++f == '0') pad = '0';
    while (*f >= '0' && *f <= '9') width = width * 10 + *f++ - '0';
    while (*f == 'l') ++longs, ++f;
    u64 v = 0;
    if (*f == 'd' || *f == 'u' || *f == 'x') {
      if (longs == 2) {
        v = va_arg(args, u64);
      } else if (longs == 1) {
        v = va_arg(args, ulong);
        if (*f == 'd') v = (u64)(long)v;
      } else {
        v = va_arg(args, u32);
        if (*f == 'd') v = (u64)(int)v;
      }
    }
    switch (*f) {
      case 'd': {
        bool negative = (long long)v < 0;
        put_number(negative ? -v : v, 10, width, pad, negative);
        break;
      }
      case 'u':
        put_number(v, 10, width, pad, false);
        break;
      case 'x':
        put_number(v, 16, width, pad, false);
        break;
      case 'c':
        put((char)va_arg(args, int));
        break;
      case 's':
        for (const char* s = va_arg(args, const char*); *s; ++s) put(*s);
        break;
      default:
        put(*f);
    }
  }
}

static ulong lock_print(void) {
  ulong flags = read_flags();
  cli();
  while (__atomic_exchange_n(&print_lock, 1, __ATOMIC_ACQUIRE)) pause();
  return flags;
}

static void unlock_print(ulong flags) {
  __atomic_store_n(&print_lock, 0, __ATOMIC_RELEASE);
  if (flags & FLAG_IF) sti();
}

void print(const char* format, ...) {
  va_list args;
  va_start(args, format);
  ulong flags = lock_print();
  print_list(format, args);
  unlock_print(flags);
  va_end(args);
}

bool on_qemu(void) {
  struct cpuid c = cpuid(0x40000000);
  return (cpuid(1).c >> 31 & 1) && c.b == 0x54474354;  // "TCGT"
}

bool skip_on_qemu(const char* name) {
  if (!on_qemu()) return false;
  ++forgiven;
  print("qemu %s: not tried\n", name);
  return true;
}

static bool tally(const char* name, bool good, int kind) {
  if (good) {
    __atomic_fetch_add(&passed, 1, __ATOMIC_RELAXED);
    print("ok %s\n", name);
  } else if (kind == 2 || (kind == 1 && on_qemu())) {
    __atomic_fetch_add(&forgiven, 1, __ATOMIC_RELAXED);
    print("%s %s", kind == 2 ? "limit" : "qemu", name);
  } else {
    __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
    print("FAIL %s", name);
  }
  return good;
}

bool check_result(const char* name, bool good, int line, const char* text, int kind) {
  if (!tally(name, good, kind)) print(": line %d: %s\n", line, text);
  return good;
}

bool check_equal(const char* name, u64 got, u64 want, int line, int kind) {
  bool good = got == want;
  if (!tally(name, good, kind)) print(": line %d: got %llx, want %llx\n", line, got, want);
  return good;
}

void stop(u32 code) {
  for (;;) {
    outb(DEBUG_EXIT, code);
    asm volatile("cli; hlt");
  }
}

void finish(const char* program) {
  print("# %s: %u ok, %u failed, %u forgiven\n", program, passed, failed, forgiven);
  stop(failed || !passed ? 1 : 0);
}
