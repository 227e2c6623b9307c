#include "latchkey_shims.h"

#include <sqlite3.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

int latchkey_sqlite_no_memory_statistics(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

int latchkey_not_dumpable(void) {
#ifdef __linux__
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#else
    return -1;
#endif
}
