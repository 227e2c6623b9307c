package import LatchkeyCore

/// One way of turning a secret, with or without a user's id, into a Fernet key. docs/import.md says each in Python.
package struct FernetDerivation: Sendable, Equatable {
    enum Recipe: Sendable, Equatable {
        /// The secret is the key's text.
        case raw
        /// SHA-256 of these, one after the other; `user` says where the user's id stands.
        case hash(HashInput)
        case pbkdf2(salt: SaltTemplate, iterations: Int)
        case hkdf(salt: SaltTemplate, info: SaltTemplate)
        /// The secret itself, cut to 32 bytes or filled up with the digit 0.
        case padded
        /// A program of the operator's.
        case program(path: String)
    }

    enum HashInput: Sendable, Equatable {
        case secret
        case secretThenUser(separator: String)
        case userThenSecret(separator: String)
    }

    /// As `--derivation` takes it.
    package let name: String
    /// The options that have to stand beside it, such as `--iterations 390000`.
    package let options: String
    /// What it computes, in one line.
    package let summary: String
    let recipe: Recipe

    init(_ name: String, _ recipe: Recipe, _ summary: String, options: String = "") {
        self.name = name
        self.recipe = recipe
        self.summary = summary
        self.options = options
    }

    /// Whether two users have different keys. Where not, the key is made once.
    package var isPerUser: Bool {
        switch recipe {
        case .raw, .hash(.secret), .padded: false
        case .hash: true
        case .pbkdf2(let salt, _): salt.isPerUser
        case .hkdf(let salt, let info): salt.isPerUser || info.isPerUser
        case .program: true
        }
    }

    package var needsSecret: Bool {
        if case .program = recipe { return false }
        return true
    }

    /// Whether making one key takes tens of milliseconds and more.
    package var isSlow: Bool {
        if case .pbkdf2 = recipe { return true }
        return false
    }
}

// The built-in ones
extension FernetDerivation {
    package static let defaultIterations = 100_000
    /// What tutorials and the documentation of `cryptography` have used over the years.
    package static let usualIterations = [100_000, 390_000, 480_000, 1_200_000]

    private static let separators = [("", ""), ("-colon", ":"), ("-underscore", "_"), ("-hyphen", "-")]

    /// Everything `--derivation` knows by name, with its defaults.
    package static let builtIn: [FernetDerivation] = {
        var list = [
            FernetDerivation("raw", .raw, "the secret is a Fernet key"),
            FernetDerivation("sha256", .hash(.secret), "SHA-256(secret)"),
        ]
        for (suffix, separator) in separators {
            let between = separator.isEmpty ? "" : " + \"\(separator)\""
            list.append(
                FernetDerivation(
                    "sha256-user\(suffix)", .hash(.secretThenUser(separator: separator)),
                    "SHA-256(secret\(between) + user id)"))
        }
        for (suffix, separator) in separators {
            let between = separator.isEmpty ? "" : " + \"\(separator)\""
            list.append(
                FernetDerivation(
                    "sha256-user-first\(suffix)", .hash(.userThenSecret(separator: separator)),
                    "SHA-256(user id\(between) + secret)"))
        }
        list += pbkdf2(iterations: defaultIterations)
        list += [
            FernetDerivation("hkdf", .hkdf(salt: .empty, info: .user), "HKDF(secret, no salt, info: user id)"),
            FernetDerivation(
                "hkdf-user-salt", .hkdf(salt: .user, info: .empty), "HKDF(secret, salt: user id, no info)"),
            FernetDerivation(
                "hkdf-plain", .hkdf(salt: .empty, info: .empty), "HKDF(secret, no salt, no info)"),
            FernetDerivation("pad32", .padded, "32 bytes of the secret, filled up with \"0\""),
        ]
        return list
    }()

    private static func pbkdf2(iterations: Int) -> [FernetDerivation] {
        let options = iterations == defaultIterations ? "" : "--iterations \(iterations)"
        let salts: [(String, SaltTemplate, String)] = [
            ("pbkdf2", .user, "user id"), ("pbkdf2-salt", SaltTemplate("salt"), "\"salt\""),
            ("pbkdf2-hashed-user", .hashedUser, "SHA-256(user id)[:16]"),
        ]
        return salts.map { name, salt, text in
            FernetDerivation(
                name, .pbkdf2(salt: salt, iterations: iterations),
                "PBKDF2(secret, \(text)), \(iterations) times", options: options)
        }
    }
}

// The operator's choice
extension FernetDerivation {
    /// What the operator may set beside the name.
    package struct Settings: Sendable, Equatable {
        package var salt: String?
        package var info: String?
        package var iterations: Int?

        package init(salt: String? = nil, info: String? = nil, iterations: Int? = nil) {
            self.salt = salt
            self.info = info
            self.iterations = iterations
        }

        /// As they stand on the command line.
        var options: String {
            var parts: [String] = []
            if let salt { parts.append("--salt '\(salt)'") }
            if let info { parts.append("--info '\(info)'") }
            if let iterations, iterations != FernetDerivation.defaultIterations {
                parts.append("--iterations \(iterations)")
            }
            return parts.joined(separator: " ")
        }
    }

    /// The derivation of that name. A text with a slash in it, or after `command:`, is a program.
    ///
    /// - Throws: `configuration` for a name that is not known, and for a setting that the derivation does not have.
    package init(named name: String, settings: Settings = Settings()) throws(LatchkeyError) {
        let isMarked = name.hasPrefix("command:")
        if isMarked || name.utf8.contains(UInt8(ascii: "/")) {
            let path = isMarked ? String(name.dropFirst("command:".count)) : name
            guard !path.isEmpty else { throw Self.unknown }
            try Self.refuse(settings, for: "a program", except: [])
            self.init(name, .program(path: path), "what the program \(path) answers")
            return
        }
        guard let found = Self.builtIn.first(where: { $0.name == name }) else { throw Self.unknown }
        switch found.recipe {
        case .pbkdf2(let salt, let iterations):
            try Self.refuse(settings, for: name, except: ["salt", "iterations"])
            let rounds = settings.iterations ?? iterations
            guard (1...100_000_000).contains(rounds) else {
                throw LatchkeyError(.configuration, "--iterations is not a number from 1 to 100000000")
            }
            let chosen = settings.salt.map { SaltTemplate($0) } ?? salt
            self.init(name, .pbkdf2(salt: chosen, iterations: rounds), found.summary, options: settings.options)
        case .hkdf(let salt, let info):
            try Self.refuse(settings, for: name, except: ["salt", "info"])
            let recipe = Recipe.hkdf(
                salt: settings.salt.map { SaltTemplate($0) } ?? salt,
                info: settings.info.map { SaltTemplate($0) } ?? info)
            self.init(name, recipe, found.summary, options: settings.options)
        default:
            try Self.refuse(settings, for: name, except: [])
            self = found
        }
    }

    private static func refuse(
        _ settings: Settings, for name: String, except allowed: Set<String>
    ) throws(LatchkeyError) {
        let given = [
            ("salt", settings.salt != nil), ("info", settings.info != nil),
            ("iterations", settings.iterations != nil),
        ]
        for (option, isGiven) in given where isGiven && !allowed.contains(option) {
            throw LatchkeyError(.configuration, "--\(option) means nothing for the derivation \(name)")
        }
    }

    private static var unknown: LatchkeyError {
        LatchkeyError(
            .configuration, "--derivation is none of the known ones",
            hint: "one of \(builtIn.map(\.name).joined(separator: ", ")), or a program's path; --dry-run tries them all"
        )
    }

    /// What `--dry-run` tries: all of them, the slow ones with each usual number of iterations, and with the operator's
    /// own salt, info and number where given.
    package static func candidates(_ settings: Settings, program: FernetDerivation?) -> [FernetDerivation] {
        var list = builtIn.filter { !$0.isSlow }
        let iterations = settings.iterations.map { [$0] } ?? usualIterations
        for rounds in iterations {
            if settings.salt != nil {
                let rounded = Settings(salt: settings.salt, iterations: rounds)
                if let own = try? FernetDerivation(named: "pbkdf2", settings: rounded) { list.append(own) }
            } else {
                list += pbkdf2(iterations: rounds)
            }
        }
        if settings.salt != nil || settings.info != nil {
            let own = Settings(salt: settings.salt, info: settings.info)
            for name in ["hkdf", "hkdf-user-salt", "hkdf-plain"] {
                if let derivation = try? FernetDerivation(named: name, settings: own) { list.append(derivation) }
            }
        }
        return list + (program.map { [$0] } ?? [])
    }
}
