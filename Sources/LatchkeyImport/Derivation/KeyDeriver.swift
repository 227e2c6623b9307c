package import LatchkeyCore
package import LatchkeyCrypto
import Synchronization

/// Makes the old system's Fernet keys, each once: the one key of a derivation without users, or one for each user.
package final class KeyDeriver: Sendable {
    package let derivation: FernetDerivation
    private let secret: SharedSecret?
    private let program: DerivationProgram?
    private let flights = SingleFlight<[UInt8], Result<SharedSecret?, LatchkeyError>>()
    private let cache = Mutex<[[UInt8]: SharedSecret]>([:])

    /// Users with several rows seldom have them far apart; beyond this many keys the cache begins anew.
    private static let capacity = 4096

    /// - Parameter secret: the old system's; nil only for a program that has what it needs.
    /// - Throws: `configuration` when the secret makes no key, or the program cannot be started.
    package init(_ derivation: FernetDerivation, secret: SharedSecret?, variable: String?) throws(LatchkeyError) {
        self.derivation = derivation
        self.secret = secret
        if case .program(let path) = derivation.recipe {
            program = try DerivationProgram(path: path, secret: secret, variable: variable)
            return
        }
        program = nil
        guard let secret, secret.secret.count > 0 else {
            throw LatchkeyError(
                .configuration, "the derivation \(derivation.name) needs the old system's secret",
                hint: "--secret-env NAME names the environment variable that holds it")
        }
        if case .raw = derivation.recipe, derivation.key(secret: secret.secret, user: []) == nil {
            throw LatchkeyError(
                .configuration,
                "the secret is no Fernet key, which the derivation raw expects (44 characters of base64)",
                hint: "--dry-run tries the other derivations")
        }
    }

    /// The key of a user's tokens.
    ///
    /// - Returns: nil when there is none: the program answered with an empty line, or with what is no key.
    /// - Throws: what ends the import: the program is gone.
    package func key(user: [UInt8]) async throws -> SharedSecret? {
        let index = derivation.isPerUser ? user : []
        if let known = cache.withLock({ $0[index] }) { return known }
        // Rows of one user come together; their key is made once.
        let made = await flights.run(index) { [derivation, secret, program] in
            if let program {
                do { return .success(try await program.key(user: user)) } catch {
                    return .failure((error as? LatchkeyError) ?? DerivationProgram.ended)
                }
            }
            guard let secret else { return .success(nil) }
            return .success(derivation.key(secret: secret.secret, user: user))
        }
        let key = try made.get()
        if let key {
            cache.withLock { cache in
                if cache.count >= Self.capacity { cache.removeAll() }
                cache[index] = key
            }
        }
        return key
    }

    /// Ends the program, where there is one.
    package func close() { program?.close() }
}
