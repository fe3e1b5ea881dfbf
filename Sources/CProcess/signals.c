#include "CProcess.h"

#include <signal.h>
#include <stddef.h>

static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t caught = 0;

static void note(int number);

/// Sets the action for those of the signals that have the action `old`.
static void replace(void (*old)(int), void (*action)(int)) {
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    struct sigaction present;
    if (sigaction(stops[i], NULL, &present) != 0 || present.sa_handler != old) continue;
    struct sigaction next = {.sa_handler = action, .sa_flags = SA_RESTART};
    sigaction(stops[i], &next, NULL);
  }
}

static void note(int number) {
  caught = number;
  replace(note, SIG_DFL);
}

void firetree_catch_signals(void) { replace(SIG_DFL, note); }

int firetree_caught_signal(void) { return caught; }
