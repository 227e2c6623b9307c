import CLatchkeyShims

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a process that holds keys does for itself at start.
enum ProcessHardening {
    static func apply() {
        // Files it makes (the database among them) are its owner's alone.
        umask(0o077)
        noCrashReports()
        noCoreFiles()
        moreFiles()
    }

    /// Swift's crash report prints registers and the memory they point to. It is written by handlers that the runtime has
    /// put in place by now; with the default action in their stead a crash just ends the process.
    private static func noCrashReports() {
        setenv("SWIFT_BACKTRACE", "enable=no", 1)
        for number in [SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP] { signal(number, SIG_DFL) }
    }

    private static func noCoreFiles() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = latchkey_not_dumpable()
    }

    /// Connections are files; the usual soft limit of 1024 is a tenth of what one node serves.
    private static func moreFiles() {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = min(limit.rlim_max, 65_536)
        setrlimit(files, &limit)
    }
}
