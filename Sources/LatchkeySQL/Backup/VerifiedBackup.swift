import LatchkeyCore
package import LatchkeyCrypto

/// A backup that is whole, undamaged, and made under a configured root.
package struct VerifiedBackup: Sendable {
    let file: BackupFile
    package let header: BackupHeader
    package let manifest: BackupManifest

    /// Reads all of the file. Nothing is written anywhere.
    ///
    /// - Throws: `backup_unusable`, `schema_too_new`, `root_mismatch`.
    package init(
        checking path: String, keyring: RootKeyring, progress: Backup.Progress = { _, _ in }
    ) async throws {
        self = try await Self.check(path, keyring, progress) { _ in }
    }

    /// As `init(checking:)`, and opens every sealed record in memory on the way.
    ///
    /// - Returns: the backup, and how many of its keys open.
    package static func openingRecords(
        of path: String, keyring: RootKeyring, progress: Backup.Progress = { _, _ in }
    ) async throws -> (VerifiedBackup, BackupRecords) {
        var records = BackupRecords(keyring: keyring)
        let backup = try await check(path, keyring, progress) { row in await records.open(row) }
        return (backup, records)
    }

    private static func check(
        _ path: String, _ keyring: RootKeyring, _ progress: Backup.Progress, onRow: (BackupReader.Row) async -> Void
    ) async throws -> VerifiedBackup {
        let file = try BackupFile(path)
        var reader = try BackupReader(file)
        var rows = 0
        while let row = try reader.next() {
            await onRow(row)
            rows += 1
            if rows % 1000 == 0 { progress(Int(clamping: reader.position), Int(clamping: file.size)) }
        }
        guard let manifest = reader.manifest else { throw BackupError.cutShort }
        try await manifest.authenticate(keyring)
        return VerifiedBackup(file: file, header: reader.header, manifest: manifest)
    }

    private init(file: BackupFile, header: BackupHeader, manifest: BackupManifest) {
        self.file = file
        self.header = header
        self.manifest = manifest
    }
}
