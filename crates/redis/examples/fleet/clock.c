/* The clock of the day for a program that this is preloaded into: as many seconds from the computer's as the file
   CLOCK_OFFSET says, an int at its beginning, and as it says at each look. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int *offset;

__attribute__((constructor)) static void look(void) {
  const char *path = getenv("CLOCK_OFFSET");
  int file = path ? open(path, O_RDONLY) : -1;
  if (file < 0) return;
  void *at = mmap(NULL, sizeof(int), PROT_READ, MAP_SHARED, file, 0);
  if (at != MAP_FAILED) offset = at;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
  long result = syscall(SYS_gettimeofday, to, zone);
  if (result == 0 && offset) to->tv_sec += *offset;
  return (int)result;
}

int clock_gettime(clockid_t clock, struct timespec *to) {
  long result = syscall(SYS_clock_gettime, clock, to);
  if (result == 0 && offset && clock == CLOCK_REALTIME) to->tv_sec += *offset;
  return (int)result;
}
