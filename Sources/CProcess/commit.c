#include "CProcess.h"

const char *firetree_commit(void) { return FIRETREE_COMMIT; }
