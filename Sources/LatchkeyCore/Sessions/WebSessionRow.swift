package import LatchkeyCrypto

/// A signed-in browser, or a one-time code that signs one in, as its row says it: unverified. It is believed after its
/// MAC was checked (`grants(under:)`).
package struct WebSessionRow: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable { case session, code }

    package var id: String
    /// The row's own word; each kind has a MAC of its own, so that neither is ever taken for the other.
    package var kind: Kind
    package var userID: [UInt8]
    /// 32 bytes; another number of them where the column cannot be read.
    package var secretHash: [UInt8]
    package var isAdmin: Bool
    /// How the user signed in: a word of our own.
    package var method: String
    package var createdAt: Timestamp
    package var expiresAt: Timestamp
    package var rootKid: UInt32
    package var mac: [UInt8]

    package init(
        id: String, kind: Kind, userID: [UInt8], secretHash: [UInt8], isAdmin: Bool, method: String,
        createdAt: Timestamp, expiresAt: Timestamp, rootKid: UInt32, mac: [UInt8]
    ) {
        self.id = id
        self.kind = kind
        self.userID = userID
        self.secretHash = secretHash
        self.isAdmin = isAdmin
        self.method = method
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.rootKid = rootKid
        self.mac = mac
    }

    /// Whose it claims to be: decides under whose key its MAC is checked. nil where that can be nobody.
    package var user: UserID? { try? UserID(userID) }
}

// The MAC (docs/record-format.md, "Sessions")
extension WebSessionRow {
    /// Every column but the MAC itself. The kind is the label.
    var context: DerivationContext {
        DerivationContext(
            kind == .session ? "web-session" : "sign-in-code",
            [
                Array(id.utf8), userID, secretHash, [isAdmin ? 1 : 0], Array(method.utf8), Self.bytes(createdAt),
                Self.bytes(expiresAt), Self.bytes(rootKid),
            ])
    }

    /// The row under a MAC made now.
    package func sealed(under key: GrantKey) -> WebSessionRow {
        var row = self
        row.rootKid = key.kid
        row.mac = key.mac(row.context)
        return row
    }

    /// Whether nobody but a holder of the root wrote this row, and it is one that this program would have written.
    package func holds(under key: GrantKey) -> Bool {
        key.kid == rootKid && key.verifies(mac, of: context) && IdentifiedSecret.isID(id) && secretHash.count == 32
    }

    /// Microseconds since 1970, BE64 in two's complement.
    private static func bytes(_ time: Timestamp) -> [UInt8] { bytes(UInt64(bitPattern: time.microseconds)) }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}
