// OpenBLAS starts a thread a processor when it is loaded, and each of them takes 128 MB of addresses or tries for ever.
// The command uses one of its threads only. Where addresses are limited (ulimit -v), the process therefore begins again
// with the setting that OpenBLAS reads, before any library has started.
//
// The C library, too, takes 64 MB of addresses for each thread that allocates, and leaves most of them unused: there
// threads share one heap.
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char setting[] = "OPENBLAS_NUM_THREADS=1";

static void begin_with_one_thread(int count, char **arguments, char **environment) {
  (void)count;
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  mallopt(M_ARENA_MAX, 1);
  size_t variables = 0;
  while (environment[variables]) {
    if (strncmp(environment[variables++], setting, sizeof setting - 2) == 0) return;
  }
  char *longer[variables + 2];
  memcpy(longer, environment, variables * sizeof *longer);
  longer[variables] = (char *)setting;
  longer[variables + 1] = NULL;
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  execve(path, arguments, longer);
  // Where that cannot be, the process goes on as it is.
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) =
    begin_with_one_thread;
