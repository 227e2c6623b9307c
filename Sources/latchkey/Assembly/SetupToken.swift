import LatchkeyCrypto

/// The one-time set-up token: 32 random bytes, made at start until set-up is finished.
enum SetupToken {
    static func make() -> SharedSecret {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let random = Secret.random(count: 43)
        // Six bits of each of 43 random bytes: 258 bits, in characters that survive being pasted.
        let text = random.withUnsafeBytes { bytes in bytes.map { alphabet[Int($0 & 63)] } }
        return SharedSecret(Secret(copying: text))
    }

    static func text(_ token: SharedSecret) -> String {
        token.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
