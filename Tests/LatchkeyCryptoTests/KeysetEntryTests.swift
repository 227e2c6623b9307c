import LatchkeyCrypto
import Testing

struct KeysetEntryTests {
    private let root: SoftwareRootKey
    private let entry: KeysetEntry

    init() async throws {
        root = try DerivationVectors.load().root(1)
        entry = try await KeysetEntry.make(root: root, state: .primary, createdAt: "2026-01-02T03:04:05Z")
    }

    @Test func `a row that was made verifies`() async throws {
        #expect(entry.kid == 1)
        #expect(entry.checkValue == hex("9139f45d3e100ce4"))
        #expect(entry.mac.count == 32)
        #expect(try await entry.verify(root: root) == .ok)
    }

    /// Computed with Python's `hmac` from the description in docs/record-format.md.
    @Test func `the MAC is the known one`() {
        #expect(entry.mac == hex("3c60a37ee5f8a3359bb4695e4662deddf83a6ba8cfca991a25408a947f040eb9"))
    }

    @Test func `every column is under the MAC`() async throws {
        var forged = [entry, entry, entry]
        forged[0].state = .decrypt
        forged[1].createdAt = "2026-01-02T03:04:06Z"
        forged[2].mac[31] ^= 1
        for entry in forged { #expect(try await entry.verify(root: root) == .forged) }
        for mac in [[], [UInt8](entry.mac.dropLast()), entry.mac + [0]] {
            var cut = entry
            cut.mac = mac
            #expect(try await cut.verify(root: root) == .forged)
        }
    }

    @Test func `a wrong root is told from a forged row`() async throws {
        let wrong = try SoftwareRootKey(kid: 1, key: Secret(copying: [UInt8](7..<39)))
        let configured = try await wrong.checkValue().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            .joined()
        #expect(
            try await entry.verify(root: wrong) == .wrongRoot(database: "9139f45d3e100ce4", configured: configured))
        var changed = entry
        changed.checkValue[0] ^= 1
        #expect(
            try await changed.verify(root: root)
                == .wrongRoot(database: "9039f45d3e100ce4", configured: "9139f45d3e100ce4"))
    }

    /// With the check value of another root written in, only the MAC can tell.
    @Test func `a row made under another root and relabelled is forged`() async throws {
        let other = try SoftwareRootKey(kid: 1, key: Secret(copying: [UInt8](7..<39)))
        var relabelled = try await KeysetEntry.make(root: other, state: .primary, createdAt: entry.createdAt)
        relabelled.checkValue = entry.checkValue
        #expect(try await relabelled.verify(root: root) == .forged)
    }

    @Test func `comparing with a root of another number is an error`() async throws {
        let second = try DerivationVectors.load().root(2)
        let error = await #expect(throws: CryptoError.self) { _ = try await entry.verify(root: second) }
        #expect(error?.code == .keyset)
        var renumbered = entry
        renumbered.kid = 2
        #expect(try await renumbered.verify(root: second) != .ok)
    }
}
