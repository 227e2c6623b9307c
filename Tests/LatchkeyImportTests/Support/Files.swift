import Foundation
import LatchkeyCore
import LatchkeyTesting

@testable import LatchkeyImport

/// A folder for one test, and files in it.
struct Files {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    func write(_ content: [UInt8], mode: Int = 0o600) throws -> String {
        let path = folder.newFile(".txt")
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(content), attributes: [.posixPermissions: mode])
        else { throw CocoaError(.fileWriteUnknown) }
        return path
    }

    func open(_ content: [UInt8]) throws -> InputFile { try InputFile(path: try write(content)) }

    func open(_ content: String) throws -> InputFile { try open(Array(content.utf8)) }
}

/// Every step of a source, in order.
func allSteps(_ source: some ImportSource) async throws -> [ImportStep] {
    var source = source
    var all: [ImportStep] = []
    while true {
        let steps = try await source.nextBatch()
        if steps.isEmpty { return all }
        all += steps
    }
}

/// A step as what can be compared.
struct Seen: Equatable {
    var place: String
    var user: String
    var provider: String
    var name: String?
    var key: String?
    var label: String?
    var baseURL: String?
    var fields: [String: String] = [:]
    var expiresAt: Timestamp?
    var refusal: ImportRefusal?
}

func see(_ step: ImportStep) async throws -> Seen {
    switch step {
    case .refused(let item, let refusal):
        return Seen(place: item.place, user: item.user, provider: item.provider, refusal: refusal)
    case .entry(let entry):
        var seen = Seen(
            place: entry.item.place, user: entry.reference.owner.column, provider: entry.reference.provider.text,
            name: entry.reference.name.text)
        do {
            let key = try await entry.open()
            seen.key = key.key.text
            seen.label = key.label
            seen.baseURL = key.baseURL
            seen.fields = key.fields
            seen.expiresAt = key.expiresAt
        } catch let refusal as ImportRefusal {
            seen.refusal = refusal
        }
        return seen
    }
}

func see(_ source: some ImportSource) async throws -> [Seen] {
    var seen: [Seen] = []
    for step in try await allSteps(source) { seen.append(try await see(step)) }
    return seen
}
