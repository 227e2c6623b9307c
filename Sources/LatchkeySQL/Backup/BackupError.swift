import LatchkeyCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Why a backup cannot be read or written: one sentence, and the mend.
enum BackupError {
    static func damaged(_ what: String) -> LatchkeyError {
        LatchkeyError(
            .backupUnusable, "the backup is damaged: \(what)",
            hint: "use another copy of it; nothing was written")
    }

    static let cutShort = LatchkeyError(
        .backupUnusable, "the backup ends too early: it was cut short",
        hint: "copy it again from where it was made, or use another one; nothing was written")

    static let notOne = LatchkeyError(
        .backupUnusable, "the file is not a backup that latchkey has made", hint: "check its path; nothing was written"
    )

    static let changedMeanwhile = LatchkeyError(
        .backupUnusable, "the backup was changed while it was read", hint: "run it again; nothing was written")

    /// - Parameter number: what `errno` was.
    static func reading(_ path: String, _ number: Int32) -> LatchkeyError {
        let (reason, hint) =
            switch number {
            case ENOENT, ENOTDIR: ("there is no file \(path)", "check the path")
            case EACCES, EPERM: ("the file \(path) may not be read", "run as its owner, or check its mode")
            default: ("the file \(path) cannot be read (error \(number))", "check the disk it is on")
            }
        return LatchkeyError(.backupUnusable, reason, hint: hint)
    }

    static func writing(_ path: String, _ number: Int32) -> LatchkeyError {
        let (reason, hint) =
            switch number {
            case ENOENT, ENOTDIR: ("the folder of \(path) is not there", "make it, or name another file")
            case EACCES, EPERM, EROFS:
                ("the folder of \(path) may not be written", "name a file in a folder of your own")
            case ENOSPC, EDQUOT: ("the disk is full", "make room; what was written so far is removed")
            default: ("\(path) cannot be written (error \(number))", "check the disk it is on")
            }
        return LatchkeyError(.backupUnusable, reason, hint: hint)
    }
}
