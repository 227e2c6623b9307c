import Crypto
import LatchkeyCore
import LatchkeyCrypto

/// The last line of a backup: what it holds, the digest of every byte before it, and a MAC that only the root makes.
///
/// The digest finds damage; the MAC finds a row that was taken out, put in or changed by somebody without the root.
package struct BackupManifest: Sendable, Equatable {
    /// Rows of each table, in the order of the file.
    package let counts: [Count]
    /// SHA-256.
    let digest: [UInt8]
    /// Every kid of the keyset, in order.
    package let keyset: [UInt32]
    /// Under which root the MAC is.
    package let kid: UInt32
    /// That root's check value.
    let check: [UInt8]
    let mac: [UInt8]

    package struct Count: Sendable, Equatable {
        package let table: String
        package var rows: Int
    }

    package var rows: Int { counts.reduce(0) { $0 + $1.rows } }

    init(counts: [Count], digest: [UInt8], keyset: [UInt32], key: BackupKey) {
        self.counts = counts
        self.digest = digest
        self.keyset = keyset
        kid = key.kid
        check = key.check
        mac = key.mac(Self.context(counts, digest, keyset, key.kid, key.check))
    }

    /// Whether the root made this, once `key` is known to be of the same root.
    fileprivate func isAuthentic(_ key: BackupKey) -> Bool {
        key.isMAC(mac, of: Self.context(counts, digest, keyset, kid, check))
    }

    /// `CTX("backup", BE32(kid), check, digest, BE32(kid) of the keyset …, table, BE64(rows), …)`.
    private static func context(
        _ counts: [Count], _ digest: [UInt8], _ keyset: [UInt32], _ kid: UInt32, _ check: [UInt8]
    ) -> [UInt8] {
        var fields = [kid.bigEndianBytes, check, digest, keyset.flatMap(\.bigEndianBytes)]
        for count in counts {
            fields.append(Array(count.table.utf8))
            fields.append(UInt64(clamping: count.rows).bigEndianBytes)
        }
        return DerivationContext("backup", fields).bytes
    }
}

// Its line
extension BackupManifest {
    /// Whether a line is the manifest: no row begins like this.
    static func begins(_ line: UnsafeRawBufferPointer) -> Bool { line.starts(with: start) }
    private static let start = Array(#"{"manifest":"#.utf8)

    func write(to line: inout BackupLine) {
        line.begin()
        line.object { line in
            line.name("manifest")
            line.object { line in
                line.name("counts")
                line.object { line in
                    for count in counts { line.member(count.table, Int64(count.rows)) }
                }
                line.member("sha256", text(digest))
                line.member("keyset", keyset.map { Int64($0) })
                line.member("kid", Int64(kid))
                line.member("check", text(check))
                line.member("mac", text(mac))
            }
        }
        line.end()
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: Hex.encode(bytes), as: UTF8.self) }

    /// - Throws: `backup_unusable`.
    init(_ value: JSONValue, tables: [BackupTable]) throws {
        let manifest = try BackupObject.members(value, named: ["manifest"])[0]
        let members = try BackupObject.members(
            manifest, named: ["counts", "sha256", "keyset", "kid", "check", "mac"])
        let rows = try BackupObject.members(members[0], named: tables.map(\.name)).map(BackupObject.integer)
        counts = zip(tables, rows).map { Count(table: $0.name, rows: Int(clamping: $1)) }
        digest = try BackupObject.hex(members[1], count: 32)
        guard case .array(let kids) = members[2] else { throw BackupError.damaged("its last line is not as expected") }
        keyset = try kids.map(Self.kid)
        kid = try Self.kid(members[3])
        check = try BackupObject.hex(members[4], count: 8)
        mac = try BackupObject.hex(members[5], count: 32)
    }

    private static func kid(_ value: JSONValue) throws -> UInt32 {
        guard let kid = UInt32(exactly: try BackupObject.integer(value)) else {
            throw BackupError.damaged("its last line is not as expected")
        }
        return kid
    }
}

/// `D(root[kid], "backup-mac", BE32(kid))`: what the manifest's MAC is made with.
struct BackupKey: Sendable {
    let kid: UInt32
    /// The root's check value.
    let check: [UInt8]
    private let key: LatchkeyCrypto.SharedSecret

    /// - Throws: what the root throws.
    init(_ root: any RootKey) async throws {
        kid = root.kid
        check = try await root.checkValue()
        key = try await root.derive(DerivationContext("backup-mac", [root.kid.bigEndianBytes]))
    }

    fileprivate func mac(_ context: [UInt8]) -> [UInt8] {
        key.secret.withUnsafeBytes { key in
            Array(HMAC<SHA256>.authenticationCode(for: context, using: SymmetricKey(data: key)))
        }
    }

    fileprivate func isMAC(_ mac: [UInt8], of context: [UInt8]) -> Bool {
        key.secret.withUnsafeBytes { key in
            HMAC<SHA256>.isValidAuthenticationCode(mac, authenticating: context, using: SymmetricKey(data: key))
        }
    }
}

extension BackupManifest {
    /// - Throws: `root_mismatch` when the root it was made under is not configured; `backup_unusable` when it was made
    ///   or changed by somebody without that root.
    func authenticate(_ keyring: RootKeyring) async throws {
        guard let root = keyring.root(kid) else {
            let have = keyring.kids.map { "root \($0)" }.joined(separator: ", ")
            throw LatchkeyError(
                .rootMismatch, "this backup was made under root \(kid), and only \(have) is configured",
                hint: "add root \(kid) to API_KEY_ENCRYPTION_SECRET; nothing was written")
        }
        let key = try await BackupKey(root)
        guard key.check == check else {
            throw LatchkeyError(
                .rootMismatch,
                "this backup was made under root \(kid) (check \(text(check))), the configured root \(kid) has check \(text(key.check))",
                hint: "configure the root it was made with in API_KEY_ENCRYPTION_SECRET; nothing was written")
        }
        guard isAuthentic(key) else {
            throw LatchkeyError(
                .backupUnusable, "the backup was changed by somebody without the root",
                hint: "use another copy of it, and ask who could write to this one; nothing was written")
        }
    }
}

extension FixedWidthInteger {
    /// The bytes, most significant first, as they stand in a context of the record format.
    fileprivate var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
