import LatchkeyCore
import LatchkeyCrypto

/// The configured roots, refused before anything is opened when they are not what they have to be.
enum Roots {
    static func read(_ settings: Settings) throws -> [SoftwareRootKey] {
        guard let value = settings[.root] else {
            throw LatchkeyError(
                .configuration, "\(Setting.root.name) is not set: without a root no key can be sealed or opened",
                hint:
                    "latchkey secret generate > root && chmod 600 root, then \(Setting.root.name)=file:root; `make run` does it for you"
            )
        }
        guard !value.hasPrefix("pkcs11:") else {
            throw LatchkeyError(
                .configuration,
                "\(Setting.root.name) names a PKCS#11 token, and this build keeps roots in software only",
                hint: "use a root, or file:PATH")
        }
        let text = try SecretSource.read(value, for: .root)
        try refuseEqualToTokenSecrets(text, settings)
        do {
            return try text.withUnsafeBytes { try RootText.parseList($0) }
        } catch let error as CryptoError {
            throw LatchkeyError(
                .configuration, "\(Setting.root.name): \(error.reason)",
                hint: "latchkey secret generate prints a root; a database that has keys needs the root it was made with"
            )
        }
    }

    /// One secret for two purposes is one leak for two losses.
    private static func refuseEqualToTokenSecrets(_ root: borrowing Secret, _ settings: Settings) throws {
        for setting in [Setting.jwtSecret, .serviceToken, .setupToken] {
            guard let value = settings[setting], let other = try? SecretSource.read(value, for: setting) else {
                continue
            }
            let isPart = root.withUnsafeBytes { root in
                other.withUnsafeBytes { other in
                    !other.isEmpty
                        && (root.elementsEqual(other) || other.count >= 32 && root.firstRange(of: other) != nil)
                }
            }
            guard !isPart else {
                throw LatchkeyError(
                    .configuration, "\(Setting.root.name) and \(setting.name) are the same secret",
                    hint: "make the second one on its own: head -c 48 /dev/urandom | base64 -w0")
            }
        }
    }
}
