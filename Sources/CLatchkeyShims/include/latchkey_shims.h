// Calls that Swift cannot make because they are variadic. No logic here.
#ifndef LATCHKEY_SHIMS_H
#define LATCHKEY_SHIMS_H

/// sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0): no statistics on SQLite's memory, and with them no process-wide lock
/// around each of its allocations. Only before the first connection. Returns SQLite's status code.
int latchkey_sqlite_no_memory_statistics(void);

/// prctl(PR_SET_DUMPABLE, 0): no core file and no reading of this process's memory by others of the same user.
/// Returns 0, or -1 where the system has no such call.
int latchkey_not_dumpable(void);

#endif
