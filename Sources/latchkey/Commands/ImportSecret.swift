import LatchkeyCore
import LatchkeyCrypto

/// A secret of another system, in an environment variable of the operator's choosing: the value, or `file:PATH`.
enum ImportSecret {
    /// - Throws: `configuration` when the variable is not set; the value is in no text.
    static func read(_ name: String, _ settings: Settings, for what: String) throws -> SharedSecret {
        guard let secret = try find(name, settings) else {
            throw LatchkeyError(
                .configuration, "the environment variable \(name) is not set, which is to hold \(what)",
                hint: "export \(name), with the value or with file:PATH, a file of mode 0600")
        }
        return secret
    }

    /// - Returns: nil when the variable is not set or empty.
    static func find(_ name: String, _ settings: Settings) throws -> SharedSecret? {
        guard let value = settings.environment[name], !value.isEmpty else { return nil }
        return SharedSecret(try SecretSource.read(value, named: name))
    }
}
