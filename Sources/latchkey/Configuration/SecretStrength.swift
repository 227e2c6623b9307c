import LatchkeyCore
import LatchkeyCrypto

/// Whether a token secret is one that nobody guesses. An estimate: it catches what people type and what examples print.
enum SecretStrength {
    /// - Throws: `configuration` with what is wrong and how to make a good one.
    static func check(_ secret: borrowing Secret, for setting: Setting, atLeast bytes: Int, distinct least: Int = 10)
        throws
    {
        let hint = "make one: head -c 48 /dev/urandom | base64 -w0"
        guard secret.count >= bytes else {
            throw LatchkeyError(
                .configuration, "\(setting.name) has \(secret.count) bytes, at least \(bytes) are needed", hint: hint)
        }
        let (distinct, isExample) = secret.withUnsafeBytes { content in
            let text = String(decoding: content, as: UTF8.self).lowercased()
            return (Set(content).count, examples.contains { text.utf8.firstRange(of: $0.utf8) != nil })
        }
        guard distinct >= least else {
            throw LatchkeyError(
                .configuration, "\(setting.name) has only \(distinct) different bytes, which can be guessed", hint: hint
            )
        }
        guard !isExample else {
            throw LatchkeyError(
                .configuration, "\(setting.name) is a secret from an example, known to everybody", hint: hint)
        }
    }

    /// What documentation and tutorials print, lower-case.
    private static let examples = [
        "your-jwt-secret", "your-secret", "your_secret", "your-256-bit-secret",
        "a-string-secret-at-least-256-bits-long",
        "changeme", "change-me", "change_me", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    ]
}
