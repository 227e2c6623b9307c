import Fernet
import Foundation
import LatchkeyCrypto
import LatchkeyTesting

@testable import LatchkeyImport

/// The files in `Vectors/`, made by `make.py` there without any of our code.
enum ImportVectors {
    struct WrongCount: Error {}

    struct Derivations: Decodable {
        struct Case: Decodable {
            let derivation: String
            let salt: String?
            let info: String?
            let iterations: Int?
            let secret: String
            let user_id: String
            let key: String
            let token: String
        }

        let plaintext: String
        let cases: [Case]
    }

    struct Tokens: Decodable {
        struct Case: Decodable {
            let name: String
            let column: String
            let opens: Bool
        }

        let key: String
        let plaintext: String
        let cases: [Case]
    }

    struct LibreChat: Decodable {
        struct Case: Decodable {
            let form: String
            let value: String
            let plaintext: String
        }

        let creds_key: String
        let creds_iv: String
        let cases: [Case]
    }

    static func derivations() throws -> Derivations {
        let file = try load("derivations.json", as: Derivations.self)
        guard file.cases.count == 237 else { throw WrongCount() }
        return file
    }

    static func tokens() throws -> Tokens {
        let file = try load("tokens.json", as: Tokens.self)
        guard file.cases.count == 26, file.cases.filter(\.opens).count == 8 else { throw WrongCount() }
        return file
    }

    static func libreChat() throws -> LibreChat {
        let file = try load("librechat.json", as: LibreChat.self)
        guard file.cases.count == 20 else { throw WrongCount() }
        return file
    }

    private static func load<File: Decodable>(_ name: String, as type: File.Type) throws -> File {
        let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Vectors")
        return try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }
}

/// The bytes of a padded base64url text.
func base64(_ text: String) -> [UInt8] { Base64URL.decode(Array(text.utf8), padded: true) ?? [] }

extension FernetDerivation {
    /// The key as an array; `#expect` takes no arguments that cannot be copied.
    func bytes(_ secret: SharedSecret, _ user: String) -> [UInt8]? {
        key(secret: secret.secret, user: Array(user.utf8))?.bytes
    }
}

extension FernetToken {
    func opened(with key: [UInt8]) -> String? { open(with: SharedSecret(Secret(copying: key)).secret)?.text }
}

extension SharedSecret {
    /// In an array. For tests, which have nothing to hide.
    var bytes: [UInt8] { secret.withUnsafeBytes { [UInt8]($0) } }
}
