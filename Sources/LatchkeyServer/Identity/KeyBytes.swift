import Crypto
import Fernet

/// Small bridges to other libraries' types, so that the files that use them need not import those libraries.
enum SymmetricKeyBytes {
    static func key(_ bytes: UnsafeRawBufferPointer) -> SymmetricKey { SymmetricKey(data: bytes) }
}

enum Base64URLText {
    static func encode(_ bytes: [UInt8]) -> [UInt8] { Base64URL.encode(bytes, padded: false) }
}
