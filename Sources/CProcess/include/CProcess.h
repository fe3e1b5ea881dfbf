/// What the command does of which Swift cannot promise that it is safe in a signal handler or before the start.
#ifndef FIRETREE_CPROCESS_H
#define FIRETREE_CPROCESS_H

/// From now on the first of SIGINT, SIGTERM and SIGHUP is remembered and the second ends the process. A signal that is
/// ignored, as SIGHUP under nohup, stays so.
void firetree_catch_signals(void);

/// The signal that came, or 0.
int firetree_caught_signal(void);

#endif
