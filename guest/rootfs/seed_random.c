// SPDX-License-Identifier: GPL-2.0-only
// seed-random FILE: gives the contents of FILE to the kernel's random number generator as entropy,
// as a distribution does at boot with the seed it saved (random(4), RNDADDENTROPY).
//
// Without it the first getrandom() waits for the kernel to gather jitter, up to 2.5 s of a busy
// core on a CPU without RDRAND. The guests' seed is the same at every boot, so that runs repeat:
// fine for an emulated PC, no model for a real one. Freestanding and without headers, so that the
// plain compiler package serves both word sizes.

#ifdef __x86_64__  // arch/x86/entry/syscalls/syscall_64.tbl
enum { kRead = 0, kOpen = 2, kIoctl = 16, kExit = 60 };
#else  // syscall_32.tbl
enum { kRead = 3, kOpen = 5, kIoctl = 54, kExit = 1 };
#endif
enum { kWriteOnly = 1, kAddEntropy = 0x40085203 };  // O_WRONLY, RNDADDENTROPY
enum { kSeedBytes = 512, kCreditedBits = 256 };

static long Call(long number, long a, long b, long c) {
  long result;
#ifdef __x86_64__
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
#else
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
#endif
  return result;
}

static int Seed(const char* file) {
  static struct {
    int credited_bits;
    int bytes;
    char seed[kSeedBytes];
  } pool = {kCreditedBits, 0, {0}};
  const long in = Call(kOpen, (long)file, 0, 0);
  if (in < 0) {
    return 1;
  }
  pool.bytes = (int)Call(kRead, in, (long)pool.seed, kSeedBytes);
  if (pool.bytes * 8 < kCreditedBits) {
    return 1;
  }
  const long device = Call(kOpen, (long)"/dev/urandom", kWriteOnly, 0);
  return Call(kIoctl, device, kAddEntropy, (long)&pool) != 0;
}

// Called by _start with the process's first stack word, the argument count.
__attribute__((noreturn, used)) void Main(const long* stack) {
  const int status = stack[0] == 2 ? Seed((const char*)stack[2]) : 1;
  for (;;) {
    Call(kExit, status, 0, 0);
  }
}

#ifdef __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call Main\n");
#else
__asm__(
    ".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call "
    "Main\n");
#endif
