/// What the command cannot do in Swift: be safe in a signal handler, run before any library has started, keep what was
/// said when it was built.
#ifndef FIRETREE_CPROCESS_H
#define FIRETREE_CPROCESS_H

/// From now on the first of SIGINT, SIGTERM and SIGHUP is remembered and the second ends the process. A signal that is
/// ignored, as SIGHUP under nohup, stays so.
void firetree_catch_signals(void);

/// The signal that came, or 0.
int firetree_caught_signal(void);

/// The commit that the program was built from, as Scripts/commit.sh said then; "unknown" where nobody asked it.
const char *firetree_commit(void);

#endif
