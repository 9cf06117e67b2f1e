/* The reference for stepping: PTRACE_SINGLESTEP and PTRACE_GETREGS of a native loop, tracer and tracee on one CPU.
 * Usage: ptrace_steps STEPS. Prints seconds. `ptrace_steps loop` is the loop alone, for gdb to step. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((noreturn)) static void spin(void) {
  for (;;) __asm__ volatile("add $1, %%rax\n\tadd %%rax, %%rbx\n\tpush %%rax\n\tpop %%rcx" ::: "rax", "rbx", "rcx", "memory");
}

int main(int argc, char **argv) {
  if (argc != 2) return 64;
  if (!strcmp(argv[1], "loop")) spin();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  long steps = strtol(argv[1], NULL, 0);
  pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    spin();
  }
  int status;
  struct user_regs_struct before, regs;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return 1;
  for (int i = 0; i < 200; i++) { /* out of raise, into the loop */
    if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) || waitpid(pid, &status, 0) != pid) return 1;
  }
  if (ptrace(PTRACE_GETREGS, pid, 0, &before)) return 1;
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (long i = 0; i < steps; i++) {
    if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return 1;
    if (ptrace(PTRACE_GETREGS, pid, 0, &regs)) return 1;
  }
  clock_gettime(CLOCK_MONOTONIC, &b);
  kill(pid, SIGKILL);
  if (regs.rax == before.rax) return 1; /* nothing was stepped */
  printf("%.9f\n", (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
  return 0;
}
