import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyImport

/// Keys as Python makes them.
struct DerivationTests {
    @Test func `every derivation makes Python's key and opens Python's token`() throws {
        let vectors = try ImportVectors.derivations()
        for test in vectors.cases {
            let derivation = try FernetDerivation(
                named: test.derivation,
                settings: .init(salt: test.salt, info: test.info, iterations: test.iterations))
            let secret = SharedSecret(text: test.secret)
            let key = try #require(derivation.bytes(secret, test.user_id))
            #expect(key == base64(test.key), "\(test.derivation) \(test.user_id)")
            #expect(FernetToken(Array(test.token.utf8)).opened(with: key) == vectors.plaintext)
        }
    }

    @Test func `every built-in derivation has a vector, and a name of its own`() throws {
        let tested = Set(try ImportVectors.derivations().cases.map(\.derivation))
        let names = FernetDerivation.builtIn.map(\.name)
        #expect(Set(names) == tested)
        #expect(Set(names).count == names.count)
    }

    @Test func `no two built-in derivations make one key`() throws {
        let secret = SharedSecret(text: "correct horse battery staple")
        let keys = FernetDerivation.builtIn.compactMap { $0.bytes(secret, "alice") }
        #expect(keys.count == FernetDerivation.builtIn.count - 1)
        #expect(Set(keys).count == keys.count)
    }

    @Test(arguments: FernetDerivation.builtIn.map(\.name))
    func `whether a key depends on the user is what the derivation says`(_ name: String) throws {
        let derivation = try FernetDerivation(named: name)
        let secret = SharedSecret(text: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
        let alice = try #require(derivation.bytes(secret, "alice"))
        let bob = try #require(derivation.bytes(secret, "bob"))
        #expect((alice != bob) == derivation.isPerUser)
    }

    @Test func `a Fernet key is read as Python reads it`() {
        let key = [UInt8](repeating: 0xfb, count: 32)
        func decode(_ text: String) -> [UInt8]? {
            Array(text.utf8).withUnsafeBytes { FernetKeyText.decode($0)?.bytes }
        }
        #expect(decode("-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s=") == key)
        #expect(decode("+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=") == key)
        // The last two bits are unused; Python does not look at them.
        #expect(decode("-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v=") == key)
        #expect(decode(" -_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s=\r\n") == key)
        for wrong in [
            "", "=", "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s", String(repeating: "a", count: 44),
            "!_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s=", "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_==",
        ] {
            #expect(decode(wrong) == nil, "\(wrong)")
        }
    }

    @Test func `what is no derivation is refused with the list of them`() async {
        for name in ["", "sha-256", "RAW", "pbkdf2:100", "command:"] {
            let error = await failure { try FernetDerivation(named: name) }
            #expect(error?.code == .configuration, "\(name)")
            #expect(error?.hint?.contains("sha256-user-first-hyphen") == true)
        }
        #expect(await failure { try FernetDerivation(named: "sha256", settings: .init(salt: "x")) } != nil)
        #expect(await failure { try FernetDerivation(named: "pbkdf2", settings: .init(info: "x")) } != nil)
        #expect(await failure { try FernetDerivation(named: "hkdf", settings: .init(iterations: 5)) } != nil)
        #expect(await failure { try FernetDerivation(named: "pbkdf2", settings: .init(iterations: 0)) } != nil)
        #expect(await failure { try FernetDerivation(named: "./x", settings: .init(salt: "x")) } != nil)
    }

    @Test func `a dry run tries all of them, the slow ones with each usual number`() throws {
        let candidates = FernetDerivation.candidates(.init(), program: try FernetDerivation(named: "command:mine"))
        #expect(Set(candidates.map(\.name)) == Set(FernetDerivation.builtIn.map(\.name) + ["command:mine"]))
        for name in ["pbkdf2", "pbkdf2-salt", "pbkdf2-hashed-user"] {
            let options = candidates.filter { $0.name == name }.map(\.options)
            #expect(options == ["", "--iterations 390000", "--iterations 480000", "--iterations 1200000"])
        }
        let salted = FernetDerivation.candidates(.init(salt: "a b", iterations: 9), program: nil)
        #expect(salted.contains { $0.name == "pbkdf2" && $0.options == "--salt 'a b' --iterations 9" })
        #expect(salted.contains { $0.name == "hkdf" && $0.options == "--salt 'a b'" })
    }

    @Test func `one key for everybody is made once, and one for each user once`() async throws {
        let secret = SharedSecret(text: "correct horse battery staple")
        let constant = try KeyDeriver(try FernetDerivation(named: "pbkdf2-salt"), secret: secret, variable: nil)
        let first = try await constant.key(user: Array("alice".utf8))
        #expect(try await constant.key(user: Array("bob".utf8)) === first)
        let perUser = try KeyDeriver(try FernetDerivation(named: "sha256-user"), secret: secret, variable: nil)
        let alice = try await perUser.key(user: Array("alice".utf8))
        #expect(try await perUser.key(user: Array("alice".utf8)) === alice)
        #expect(try await perUser.key(user: Array("bob".utf8)) !== alice)
    }

    @Test func `a secret that makes no key stops the import before it begins`() async throws {
        let raw = try FernetDerivation(named: "raw")
        let secret = SharedSecret(text: "no Fernet key at all")
        let error = await failure { try KeyDeriver(raw, secret: secret, variable: "OLD") }
        #expect(error?.code == .configuration)
        #expect(error?.reason.contains("no Fernet key at all") == false)
        for empty in [nil, SharedSecret(text: "")] {
            let error = await failure {
                try KeyDeriver(try FernetDerivation(named: "sha256"), secret: empty, variable: "OLD")
            }
            #expect(error?.code == .configuration)
        }
    }
}
