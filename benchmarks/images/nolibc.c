/* The smallest image: no libc, no loader, one page of text. It stamps its own first instruction, so
   that call -> image is what exec costs the kernel.
   FORKCOST_TEXT_BYTES of text are added that are never run: what does a program's size cost?
   Usage: IMAGE [ignored…] TIMELINE-DESCRIPTOR counter|syscall */
#define FORKCOST_WITHOUT_LIBC
#include "benchmarks/images/orders.h"

enum { PROT_READ_WRITE = 3, MAP_SHARED = 1, CLOCK_MONOTONIC = 1 };

#if defined(__x86_64__)
enum { SYS_read = 0, SYS_write = 1, SYS_mmap = 9, SYS_exit_group = 231, SYS_clock_gettime = 228 };

static long system_call(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

__asm__(
    ".globl _start\n"
    "_start:\n"
    "  lfence\n"
    "  rdtsc\n"
    "  shl $32, %rdx\n"
    "  or %rax, %rdx\n"
    "  mov %rsp, %rdi\n"
    "  mov %rdx, %rsi\n"
    "  and $-16, %rsp\n"
    "  call forkcost_image\n"
    "  hlt\n");
#elif defined(__aarch64__)
enum {
  SYS_read = 63,
  SYS_write = 64,
  SYS_mmap = 222,
  SYS_exit_group = 94,
  SYS_clock_gettime = 113
};

static long system_call(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}

__asm__(
    ".globl _start\n"
    "_start:\n"
    "  isb\n"
    "  mrs x1, cntvct_el0\n"
    "  mov x0, sp\n"
    "  bl forkcost_image\n"
    "  brk 1\n");
#else
#error "nolibc.c has no entry code for this architecture"
#endif

/* Never called. A section of its own, so that it comes after what is run. */
__attribute__((used)) static void unused_text(void) {
  __asm__ volatile(
      ".pushsection .text.unused, \"ax\"\n"
      ".fill %c0, 1, 0x90\n"
      ".popsection\n" ::"i"(FORKCOST_TEXT_BYTES));
}

static uint64_t now(int use_counter) {
  if (use_counter) return forkcost_counter();
  long t[2];
  system_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)t, 0, 0, 0, 0);
  return (uint64_t)t[0] * 1000000000u + (uint64_t)t[1];
}

enum { EINTR = 4 };

static long forkcost_read(int descriptor, void* memory, unsigned long size) {
  long got;
  while ((got = system_call(SYS_read, descriptor, (long)memory, (long)size, 0, 0, 0)) == -EINTR) {
  }
  return got;
}

static long forkcost_write(int descriptor, const void* memory, unsigned long size) {
  long put;
  while ((put = system_call(SYS_write, descriptor, (long)memory, (long)size, 0, 0, 0)) == -EINTR) {
  }
  return put;
}

__attribute__((noreturn, used)) void forkcost_image(const long* stack, uint64_t entry_ticks) {
  const long argc = stack[0];
  const char* const* argv = (const char* const*)(stack + 1);
  long status = 64;
  if (argc > 2) {
    const int use_counter = argv[argc - 1][0] == 'c';
    const uint64_t main_ticks = now(use_counter);
    long descriptor = 0;
    for (const char* digit = argv[argc - 2]; *digit != '\0'; ++digit) {
      descriptor = descriptor * 10 + (*digit - '0');
    }
    const long address = system_call(SYS_mmap, 0, sizeof(struct forkcost_timeline_page),
                                     PROT_READ_WRITE, MAP_SHARED, descriptor, 0);
    status = 65;
    if (address > 0 || address < -4095) {
      struct forkcost_timeline_page* page = (struct forkcost_timeline_page*)address;
      page->ticks[FORKCOST_IMAGE] = use_counter ? entry_ticks : main_ticks;
      page->ticks[FORKCOST_ENTRY] = page->ticks[FORKCOST_IMAGE];
      page->ticks[FORKCOST_MAIN] = main_ticks;
      status = 0;
      if (page->room[FORKCOST_ORDER] == FORKCOST_WAIT) {
        status = forkcost_stay(page->room[FORKCOST_CHANNEL]) ? 0 : 66;
      }
      page->ticks[FORKCOST_EXIT] = now(use_counter);
    }
  }
  system_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}
