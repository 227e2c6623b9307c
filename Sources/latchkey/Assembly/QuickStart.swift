import LatchkeyCore
import LatchkeyCrypto

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A folder with everything a first try needs, made on first use and kept: root, token secrets, database.
///
/// Settings that are given in the environment win over the folder's.
struct QuickStart {
    let folder: String
    let isNew: Bool

    /// - Throws: `configuration` when the folder cannot be made or others may read it.
    init(folder: String) throws {
        self.folder = folder
        isNew = mkdir(folder, 0o700) == 0
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw LatchkeyError(
                .configuration, "the folder \(folder) cannot be made", hint: "check who may write beside it")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw LatchkeyError(
                .configuration, "the folder \(folder) can be read by others than its owner", hint: "chmod 700 \(folder)"
            )
        }
        try keep("root", RootText.generate(kid: 1), for: .root)
        try keep("jwt-secret", Self.tokenSecret(), for: .jwtSecret)
        try keep("service-token", Self.tokenSecret(), for: .serviceToken)
        if getenv(Setting.databaseURL.name) == nil {
            setenv(Setting.databaseURL.name, "sqlite:\(folder)/latchkey.db", 1)
        }
    }

    /// Makes the file if it is not there, and points the setting to it if nothing else is set.
    private func keep(_ name: String, _ secret: consuming Secret, for setting: Setting) throws {
        let path = "\(folder)/\(name)"
        // A root that is not there any more while its database is: a new one would open nothing that is in it.
        if setting.name == Setting.root.name, access(path, F_OK) != 0, access("\(folder)/latchkey.db", F_OK) == 0 {
            throw LatchkeyError(
                .configuration, "\(folder) has a database and no root: its keys need the root they were sealed with",
                hint: "put the root back as \(path); or move \(folder)/latchkey.db away to begin anew")
        }
        // EXCL: two first starts at once cannot overwrite each other's root.
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if file >= 0 {
            defer { close(file) }
            let isWritten =
                secret.withUnsafeBytes { write(file, $0.baseAddress, $0.count) == $0.count } && fsync(file) == 0
            guard isWritten else {
                unlink(path)
                throw LatchkeyError(.configuration, "\(path) could not be written", hint: "is the disk full?")
            }
        } else if errno != EEXIST {
            throw LatchkeyError(.configuration, "\(path) cannot be made", hint: "check who may write to \(folder)")
        }
        if getenv(setting.name) == nil { setenv(setting.name, "file:\(path)", 1) }
    }

    private static func tokenSecret() -> Secret { SetupToken.make().secret.copy() }
}
