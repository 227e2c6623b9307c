import Foundation
import LatchkeyCrypto
import Testing

/// Every element of `derive-v1.json`.
struct DerivationTests {
    private let vectors: DerivationVectors

    init() throws {
        vectors = try DerivationVectors.load()
    }

    private func record() -> SealedRecord {
        let base = vectors.base
        return SealedRecord(
            kid: base.context.kid, suite: base.context.suite, rowVersion: base.context.rowVersion,
            salt: hex(base.context.salt), token: [UInt8](base.token.utf8))
    }

    @Test(arguments: [UInt32(1), 2])
    func `the text and the check value of a root are the known ones`(kid: UInt32) async throws {
        let expected = try #require(vectors.roots["\(kid)"])
        let root = try vectors.root(kid)
        #expect(try await root.checkValue() == hex(expected.keyCheckHex))
        let text = RootText.text(kid: kid, key: Secret(copying: hex(expected.hex)))
        #expect(text.bytes == [UInt8](expected.text.utf8))
    }

    @Test func `the context of a user key is encoded as specified`() {
        let context = DerivationContext("user", [[0, 0, 0, 1], [UInt8]("user-42".utf8)])
        #expect(context.bytes == hex(vectors.base.userInfoHex))
    }

    @Test func `the user key, the record key and the token are the known ones, byte for byte`() async throws {
        let base = vectors.base
        let context = base.context.recordContext
        let root = try vectors.root(1)
        let derived = try await root.derive(DerivationContext("user", [[0, 0, 0, 1], [UInt8]("user-42".utf8)]))
        #expect(derived.bytes == hex(base.userKeyHex))

        let owner = try await OwnerKey(root: root, owner: context.owner)
        let recordKey = owner.withRecordKey(context, suite: 1, rowVersion: 1, salt: hex(base.context.salt)) {
            [UInt8]($0)
        }
        #expect(recordKey == hex(base.recordKeyHex))

        let sealed = try owner.seal(
            Secret(base.payloadUtf8), as: context, rowVersion: 1, time: base.fernetTime, salt: hex(base.context.salt),
            iv: hex(base.fernetIvHex))
        #expect(sealed == record())
        #expect(try owner.open(sealed, as: context).bytes == [UInt8](base.payloadUtf8.utf8))
    }

    @Test func `the payload is the one that the credential encodes to`() throws {
        let credential = Credential(
            baseURL: "https://api.openai.com", expiresAt: nil, fields: [:], kind: .apiKey,
            secret: Secret("sk-test-0123456789abcdef"))
        #expect(try credential.encode().bytes == [UInt8](vectors.base.payloadUtf8.utf8))
    }

    /// What changes is asked for in the request, or stands in the row; either way another key is derived.
    @Test(arguments: 0..<12)
    func `no changed context opens the record`(index: Int) async throws {
        let change = vectors.mustNotOpenBase[index]
        var context = vectors.base.context.recordContext
        var row = record()
        switch (change.changed, change.to) {
        case ("kid", .number(let kid)): row.kid = try #require(UInt32(exactly: kid))
        case ("table", .text(let table)): context.table = table
        case ("owner", .text(let owner)): context.owner = .user([UInt8](owner.utf8))
        case ("identity", .list(let identity)): context.identity = identity
        case ("field", .text(let field)): context.field = field
        case ("suite", .number(let suite)): row.suite = try #require(UInt8(exactly: suite))
        case ("row_version", .number(let version)): row.rowVersion = version
        case ("salt", .text(let salt)): row.salt = hex(salt)
        default: Issue.record("unknown change \(change.changed)")
        }
        let owner = try await OwnerKey(root: vectors.root(row.kid), owner: context.owner)
        let recordKey = owner.withRecordKey(context, suite: row.suite, rowVersion: row.rowVersion, salt: row.salt) {
            [UInt8]($0)
        }
        #expect(recordKey == hex(change.recordKeyHex))
        let code: CryptoError.Code = change.changed == "suite" ? .unknownSuite : .integrity
        let error = #expect(throws: CryptoError.self) { _ = try owner.open(row, as: context) }
        #expect(error?.code == code)
    }

    @Test(arguments: 0..<4)
    func `owners that look alike have different keys`(index: Int) async throws {
        let pair = vectors.distinctOwners[index]
        let root = try vectors.root(1)
        let first = try await root.derive(DerivationContext("user", [[0, 0, 0, 1], hex(pair.aUtf8Hex)]))
        let second = try await root.derive(DerivationContext("user", [[0, 0, 0, 1], hex(pair.bUtf8Hex)]))
        #expect(first.bytes == hex(pair.aUserKeyHex))
        #expect(second.bytes == hex(pair.bUserKeyHex))
        #expect(first.bytes != second.bytes)
    }

    @Test func `the global keys are the known ones`() async throws {
        let global = vectors.globalKey
        let root = try vectors.root(1)
        #expect(try await root.derive(DerivationContext("global", [[0, 0, 0, 1]])).bytes == hex(global.ownerKeyHex))
        let owner = try await OwnerKey(root: root, owner: .global)
        #expect(global.context.recordOwner == .global)
        let recordKey = owner.withRecordKey(
            global.context.recordContext, suite: 1, rowVersion: 1, salt: hex(global.context.salt)
        ) { [UInt8]($0) }
        #expect(recordKey == hex(global.recordKeyHex))
    }

    @Test func `the key hash is the known one, each time it is asked for`() async throws {
        let owner = try await OwnerKey(root: vectors.root(1), owner: .user([UInt8]("user-42".utf8)))
        for _ in 0..<2 {
            let hash = owner.keyHash(provider: "openai", secret: Secret("sk-test-0123456789abcdef"))
            #expect(hash == vectors.keyHash.hex)
        }
    }

    @Test func `the grant MAC is the known one`() async throws {
        let fields = vectors.grantMac.fields
        let owner = try await OwnerKey(root: vectors.root(1), owner: .user([UInt8](fields.owner.utf8)))
        let key = owner.derive("grant", [[0, 0, 0, 1]])
        let row = DerivationContext(
            "grant",
            [hex(fields.grantIdHex)]
                + [fields.owner, fields.provider, fields.name, fields.grantee, fields.permissions].map {
                    [UInt8]($0.utf8)
                }
                + [fields.expires, fields.version].map { number in withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) }
                })
        #expect(hmac(row.bytes, key: key.secret) == hex(vectors.grantMac.hex))
    }

    @Test func `no two lists of fields have one encoding`() {
        // Every way to cut four letters into up to four fields, some of them empty, under two labels.
        var lists: [[[UInt8]]] = [[]]
        for count in 1...4 {
            for code in 0..<256 {
                var fields = [[UInt8]](repeating: [], count: count)
                for (position, letter) in [UInt8]("aaaa".utf8).enumerated() {
                    let field = code >> (2 * position) & 3
                    if field < count { fields[field].append(letter) }
                }
                lists.append(fields)
            }
        }
        let distinct = Set(lists)
        let encodings = Set(distinct.flatMap { [DerivationContext("a", $0).bytes, DerivationContext("aa", $0).bytes] })
        #expect(encodings.count == 2 * distinct.count)
    }
}
