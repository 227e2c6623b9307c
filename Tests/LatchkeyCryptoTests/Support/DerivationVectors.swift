import Foundation
import LatchkeyCrypto

/// `Vectors/derive-v1.json`: known answers for the record format, made without any of our code.
struct DerivationVectors: Decodable {
    struct Root: Decodable {
        let hex: String
        let text: String
        let keyCheckHex: String
    }

    struct Context: Decodable {
        let kid: UInt32
        let table: String
        let owner: String?
        let identity: [String]
        let field: String
        let suite: UInt8
        let rowVersion: UInt64
        let salt: String
    }

    struct Base: Decodable {
        let context: Context
        let userInfoHex: String
        let userKeyHex: String
        let recordKeyHex: String
        let fernetTime: UInt64
        let fernetIvHex: String
        let payloadUtf8: String
        let token: String
    }

    struct GlobalKey: Decodable {
        let context: Context
        let ownerKeyHex: String
        let recordKeyHex: String
    }

    struct Changed: Decodable {
        enum Value: Decodable {
            case number(UInt64)
            case text(String)
            case list([String])

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let number = try? container.decode(UInt64.self) {
                    self = .number(number)
                } else if let list = try? container.decode([String].self) {
                    self = .list(list)
                } else {
                    self = .text(try container.decode(String.self))
                }
            }
        }

        let changed: String
        let to: Value
        let recordKeyHex: String
    }

    struct DistinctOwners: Decodable {
        let aUtf8Hex: String
        let bUtf8Hex: String
        let aUserKeyHex: String
        let bUserKeyHex: String
    }

    struct Answer: Decodable {
        let hex: String
    }

    struct Grant: Decodable {
        struct Fields: Decodable {
            let grantIdHex: String
            let owner: String
            let provider: String
            let name: String
            let grantee: String
            let permissions: String
            let expires: UInt64
            let version: UInt64
        }

        let fields: Fields
        let hex: String
    }

    let roots: [String: Root]
    let base: Base
    let globalKey: GlobalKey
    let mustNotOpenBase: [Changed]
    let distinctOwners: [DistinctOwners]
    let keyHash: Answer
    let grantMac: Grant

    struct WrongCount: Error {}

    /// Reads the file; a part that is missing or short is a failure, not a pass.
    static func load() throws -> DerivationVectors {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file = Repository.file("Tests/LatchkeyCryptoTests/Vectors/derive-v1.json")
        let vectors = try decoder.decode(DerivationVectors.self, from: Data(contentsOf: file))
        guard vectors.roots.count == 2, vectors.mustNotOpenBase.count == 12, vectors.distinctOwners.count == 4 else {
            throw WrongCount()
        }
        return vectors
    }

    func root(_ kid: UInt32) throws -> SoftwareRootKey {
        guard let root = roots["\(kid)"] else { throw WrongCount() }
        return try SoftwareRootKey(kid: kid, key: Secret(copying: hexBytes(root.hex)))
    }
}

// `hex` is also the name of members above.
func hexBytes(_ text: String) -> [UInt8] { hex(text) }

extension DerivationVectors.Context {
    var recordOwner: RecordOwner { owner.map { .user([UInt8]($0.utf8)) } ?? .global }

    var recordContext: RecordContext {
        RecordContext(table: table, owner: recordOwner, identity: identity, field: field)
    }
}
