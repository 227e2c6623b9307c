package import LatchkeyCore
import LatchkeyCrypto

/// Keys out of a `.env` file: the variables that the catalogue knows (`OPENAI_API_KEY`), for everybody or for one user.
package struct DotenvImport: ImportSource {
    /// Variables that no provider has, by name.
    package private(set) var unknownNames: [String] = []
    /// Variables that a provider has and that hold nothing to be stored: name, and why.
    package private(set) var skipped: [(name: String, reason: String)] = []
    private var steps: [ImportStep] = []
    package private(set) var position = 0
    package let total: Int?
    package let unit = "bytes"

    /// More than any settings file has.
    private static let longestFile = 1 << 20

    /// - Throws: `configuration`, `body_too_large`.
    package init(file: InputFile, owner: KeyOwner, catalogue: ProviderCatalogue) throws(LatchkeyError) {
        let dotenv = Dotenv(try file.readAll(limit: Self.longestFile).secret)
        total = file.size
        for fault in dotenv.faults {
            let item = ImportItem(place: "line \(fault.line)", user: owner.column, provider: "")
            steps.append(.refused(item, .refused(fault.reason)))
        }
        // Of a name that is there twice the last one counts, as in a shell.
        var last: [String: Dotenv.Variable] = [:]
        for variable in dotenv.variables { last[variable.name] = variable }
        for provider in catalogue.providers { add(provider, owner, last) }
        var seen: Set<String> = []
        for variable in dotenv.variables where seen.insert(variable.name).inserted {
            if !catalogue.providers.contains(where: { $0.env.contains(variable.name) }) {
                unknownNames.append(ShownText.make(variable.name))
            }
        }
    }

    /// The first of the provider's variables that holds a key counts, as when the service reads its environment.
    private mutating func add(_ provider: Provider, _ owner: KeyOwner, _ variables: [String: Dotenv.Variable]) {
        var winner: String?
        for name in provider.env {
            guard let variable = variables[name] else { continue }
            let item = ImportItem(place: name, user: owner.column, provider: provider.id.text)
            if variable.value.secret.count == 0 {
                skipped.append((name, "it is empty"))
            } else if Self.isPlaceholder(variable.value) {
                skipped.append((name, "it holds a placeholder, no key"))
            } else if let winner {
                skipped.append((name, "\(winner) is there too and comes first"))
            } else if variable.refersToAnother {
                steps.append(.refused(item, .refused("it refers to another variable, which is not looked up")))
            } else {
                let reference = KeyReference(owner, provider.id, .default)
                let key = ImportedKey(key: variable.value)
                steps.append(.entry(ImportEntry(item: item, reference: reference) { key }))
                winner = name
            }
        }
    }

    /// What example files print in place of a key, and what LibreChat writes for "the user has one".
    private static func isPlaceholder(_ value: SharedSecret) -> Bool {
        value.secret.withUnsafeBytes { bytes in
            // Enough to tell; the rest of a key never becomes a text.
            let text = String(decoding: bytes.prefix(13), as: UTF8.self).lowercased()
            return text == "user_provided"
                || ["your-", "your_", "<", "changeme", "change-me"].contains(where: text.hasPrefix)
        }
    }

    package mutating func nextBatch() -> [ImportStep] {
        defer {
            steps = []
            position = total ?? 0
        }
        return steps
    }
}
