import Crypto
import Fernet
import Foundation
import LatchkeyCrypto
import Testing

@testable import LatchkeyServer

/// The HMAC cases of Project Wycheproof's JSON Web Signature file, read from outside the repository.
struct WycheproofTests {
    private struct File: Decodable {
        struct Group: Decodable {
            struct Key: Decodable {
                let alg: String
                let kid: String
                let k: String
            }

            struct Case: Decodable {
                let tcId: Int
                let comment: String
                let jws: String
                let result: String
            }

            let `private`: Key
            let tests: [Case]
        }

        let numberOfTests: Int
        let testGroups: [Group]
    }

    /// Marked wrongly upstream (shared/vectors/README.md): two plain valid tokens whose padding was lost, and two with a
    /// `?` in them whose MAC does not match.
    private static let mislabelled: [Int: Bool] = [367: true, 370: true, 372: false, 373: false]

    @Test func `40 published tokens: the signature layer agrees with each, four mislabelled ones put right`()
        async throws
    {
        guard FileManager.default.fileExists(atPath: Repository.wycheproof.path) else {
            print("skipped: \(Repository.wycheproof.path) is absent, so 40 Wycheproof cases are not run")
            return
        }
        let file = try JSONDecoder().decode(File.self, from: Data(contentsOf: Repository.wycheproof))
        let count = file.testGroups.reduce(0) { $0 + $1.tests.count }
        try #require(count == 40 && file.numberOfTests == 40, "\(count) cases read, \(file.numberOfTests) announced")
        for group in file.testGroups {
            let secret = try #require(Base64URL.decode(Array(group.private.k.utf8), padded: false))
            let keys = try await TokenKeys.hmac(
                algorithm: group.private.alg, secret: Secret(copying: secret), keyID: group.private.kid)
            for test in group.tests {
                let expected = Self.mislabelled[test.tcId] ?? (test.result == "valid")
                #expect(
                    Self.verifies(Array(test.jws.utf8), keys, algorithm: group.private.alg) == expected,
                    "case \(test.tcId): \(test.comment)")
            }
        }
    }

    /// Their payloads are no claims ("foo"), so that `UnverifiedToken` as a whole takes none of them. Here its steps are
    /// taken one by one, with the same decoder, the same JSON reader and the same keys.
    private static func verifies(_ text: [UInt8], _ keys: TokenKeys, algorithm: String) -> Bool {
        #expect(UnverifiedToken(text) == nil)
        let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(Array(parts[0]), padded: false),
            Base64URL.decode(Array(parts[1]), padded: false) != nil,
            let signature = Base64URL.decode(Array(parts[2]), padded: false), !signature.isEmpty,
            case .object(let members)? = try? StrictJSON.parse(header), members["alg"]?.string == algorithm
        else { return false }
        return keys.verifies(
            signature, over: Array(text[..<parts[1].endIndex]), kid: TokenKeyID(bytes: members["kid"]?.bytes),
            algorithm: algorithm)
    }
}
