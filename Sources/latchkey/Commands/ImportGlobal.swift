import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ImportCommand {
    struct Global: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store the global keys of a reference-system JSON file.",
            discussion: """
                The file holds one JSON object, provider to key: {"openai": "sk-…", "anthropic": {"api_key": "sk-…"}}. It is read \
                whole before anything is stored; a key that is stored already is left as it is, so the command can be run again. \
                No key is printed. Delete the file afterwards.
                """)

        @Argument(help: "The JSON file.")
        var file: String
        @Flag(help: "Do not ask the providers about the keys.")
        var noValidate = false
        @Flag(help: "Only say what would be stored.")
        var dryRun = false
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await common.settings()
                let entries = try GlobalKeyFile.read(file, catalogue: try Node.catalogue(settings))
                if dryRun {
                    for entry in entries { Console.print("\(entry.provider.text)  would be stored") }
                    return
                }
                let node = try await Node.open(settings)
                do { try await store(entries, node) } catch {
                    await node.close()
                    throw error
                }
                await node.close()
            }
        }

        private func store(_ entries: [GlobalKeyFile.Entry], _ node: Node) async throws {
            for entry in entries {
                let reference = KeyReference(.global, entry.provider, .default)
                if let row = try await node.store.key(reference), try await holds(row, entry.key, node) {
                    Console.print("\(entry.provider.text)  already there")
                    continue
                }
                let (key, warnings) = try await node.vault.set(
                    SetKeyRequest(provider: entry.provider.text, key: entry.key, validate: !noValidate), of: .global,
                    by: Caller(.cli))
                for warning in warnings { Console.note("latchkey: warning: \(entry.provider.text): \(warning)") }
                Console.print("\(entry.provider.text)  stored  \(key.verdict.rawValue)")
            }
        }

        /// By its keyed hash: nothing need be opened to see that it is the same key.
        private func holds(_ row: UserAPIKey, _ key: SharedSecret, _ node: Node) async throws -> Bool {
            let ownerKey = try await node.keyring.ownerKey(.global, kid: row.sealed.kid)
            return ownerKey.keyHash(provider: row.provider.text, secret: key.secret).utf8.elementsEqual(
                row.keyHash.utf8)
        }
    }
}

/// The reference system's JSON file of global keys.
enum GlobalKeyFile {
    struct Entry {
        let provider: ProviderID
        let key: SharedSecret
    }

    /// - Throws: the first thing that is wrong with the file; nothing has been stored then.
    static func read(_ path: String, catalogue: ProviderCatalogue) throws -> [Entry] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw LatchkeyError(
                .configuration, "the file \(path) cannot be read", hint: "check the path and who may read it")
        }
        let hint = #"it is to be an object such as {"openai": "sk-…", "anthropic": {"api_key": "sk-…"}}"#
        let parsed: JSONValue
        do throws(JSONParseError) { parsed = try StrictJSON.parse(Array(data)) } catch {
            throw LatchkeyError(
                .badJSON, "\(path) is not JSON (\(error.reason.rawValue) at byte \(error.offset))", hint: hint)
        }
        guard case .object(let object) = parsed else {
            throw LatchkeyError(.wrongType, "\(path) does not hold a JSON object", hint: hint)
        }
        return try object.members.map { member in
            let provider = try catalogue.provider(named: member.name.string)
            guard let key = key(in: member.value) else {
                throw LatchkeyError(.wrongType, "\(path): the value of \(provider.id.text) is no key", hint: hint)
            }
            do throws(LatchkeyError) { try KeyFormat.check(key) } catch {
                throw LatchkeyError(error.code, "\(path): \(provider.id.text): \(error.reason)", hint: error.hint)
            }
            return Entry(provider: provider.id, key: SharedSecret(Secret(copying: key)))
        }
    }

    private static func key(in value: JSONValue) -> [UInt8]? {
        switch value {
        case .string(let text): return text.bytes
        case .object(let object):
            for name in ["api_key", "key"] {
                if case .string(let text)? = object[name] { return text.bytes }
            }
            return nil
        default: return nil
        }
    }
}
