/* Runs user-mode code natively under ptrace, one single step at a time, and writes the registers after each step.
 *
 * Usage: native_steps ORIGIN SIZE STEPS RSP < image > records. The image is mapped at ORIGIN, readable, writable and
 * executable, and entered at its first byte with all other registers 0. A record: sixteen general registers in encoding order,
 * RIP and RFLAGS after the step (u64 each), the sixteen bytes at RIP before it, FXSAVE's 512 bytes, and a checksum (FNV-1a)
 * of the image. A step that raises a signal ends the run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Record {
  uint64_t general[16], rip, rflags;
  uint8_t code[16], fpu[512];
  uint64_t checksum; /* of the image */
} Record;

static void die(const char *what) {
  perror(what);
  exit(2);
}

/* SAFETY: the image's pages are mapped MAP_FIXED_NOREPLACE, so nothing of this process lies there. */
static void *map_image(uint64_t origin, size_t size) {
  void *at = mmap((void *)(origin & ~4095ul), (size + 8191) & ~4095ul, PROT_READ | PROT_WRITE | PROT_EXEC,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (at == MAP_FAILED) die("mmap");
  return (void *)origin;
}

static void child(uint64_t origin, size_t size) {
  uint8_t *image = map_image(origin, size);
  if (fread(image, 1, size, stdin) != size) die("reading the image");
  if (ptrace(PTRACE_TRACEME, 0, 0, 0)) die("PTRACE_TRACEME");
  raise(SIGSTOP);
  _exit(3);
}

static uint64_t checksum_of(pid_t pid, uint64_t origin, size_t size, uint8_t *buffer) {
  struct iovec here = {buffer, size}, there = {(void *)origin, size};
  if (process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)size) die("process_vm_readv");
  uint64_t sum = 0xcbf29ce484222325ull;
  for (size_t i = 0; i < size; i++) sum = (sum ^ buffer[i]) * 0x100000001b3ull;
  return sum;
}

static void fill(Record *r, const struct user_regs_struct *u) {
  const uint64_t values[16] = {u->rax, u->rcx, u->rdx, u->rbx, u->rsp, u->rbp, u->rsi, u->rdi,
                               u->r8,  u->r9,  u->r10, u->r11, u->r12, u->r13, u->r14, u->r15};
  memcpy(r->general, values, sizeof values);
  r->rip = u->rip;
  r->rflags = u->eflags;
}

int main(int argc, char **argv) {
  if (argc != 5) return 64;
  uint64_t origin = strtoull(argv[1], NULL, 0);
  size_t size = strtoull(argv[2], NULL, 0);
  long steps = strtol(argv[3], NULL, 0);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) child(origin, size);
  int status;
  uint8_t *buffer = malloc(size);
  if (!buffer || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) die("waiting for the child");
  struct user_regs_struct u;
  if (ptrace(PTRACE_GETREGS, pid, 0, &u)) die("PTRACE_GETREGS");
  uint64_t flags = 0x202;
  u = (struct user_regs_struct){.rip = origin, .rsp = strtoull(argv[4], NULL, 0), .eflags = flags, .cs = u.cs, .ss = u.ss, .ds = u.ds, .es = u.es, .orig_rax = ~0ull};
  if (ptrace(PTRACE_SETREGS, pid, 0, &u)) die("PTRACE_SETREGS");
  struct user_fpregs_struct fresh = {.cwd = 0x37f, .mxcsr = 0x1f80};
  if (ptrace(PTRACE_SETFPREGS, pid, 0, &fresh)) die("PTRACE_SETFPREGS");
  for (long i = 0; i < steps; i++) {
    Record r;
    struct iovec here = {r.code, sizeof r.code}, there = {(void *)u.rip, sizeof r.code};
    memset(r.code, 0, sizeof r.code);
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) < 1) break;
    uint64_t rip = u.rip;
    do { /* a rep instruction stops after each of its iterations */
      if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) || waitpid(pid, &status, 0) != pid) die("PTRACE_SINGLESTEP");
      if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) goto out;
      if (ptrace(PTRACE_GETREGS, pid, 0, &u)) die("PTRACE_GETREGS");
    } while (u.rip == rip);
    struct user_fpregs_struct f;
    if (ptrace(PTRACE_GETFPREGS, pid, 0, &f)) die("PTRACE_GETFPREGS");
    memcpy(r.fpu, &f, sizeof r.fpu);
    fill(&r, &u);
    r.checksum = checksum_of(pid, origin, size, buffer);
    if (fwrite(&r, sizeof r, 1, stdout) != 1) die("writing a record");
  }
out:
  kill(pid, SIGKILL);
  free(buffer);
  return 0;
}
