package import LatchkeyCore
import LatchkeyCrypto

/// Users' keys out of LibreChat's collection `keys`.
package struct LibreChatImport: ImportSource {
    private let reader: RecordReader<JSONDocumentFormat>
    private let cipher: LibreChatCipher
    private let providers: ProviderNames
    private let batch: Int
    package let total: Int?
    package let unit = "bytes"

    package init(
        file: InputFile, cipher: LibreChatCipher, providers: ProviderNames, batch: Int = 500
    ) throws(LatchkeyError) {
        self.cipher = cipher
        self.providers = providers
        self.batch = batch
        total = file.size
        reader = try RecordReader(file: file, format: JSONDocumentFormat())
    }

    package var position: Int { reader.position }

    package mutating func nextBatch() throws -> [ImportStep] {
        var steps: [ImportStep] = []
        while steps.count < batch, let record = try reader.next() {
            switch record {
            case .good(let line, let bytes): steps.append(step(line, bytes))
            case .bad(let line, let reason):
                steps.append(.refused(ImportItem(place: "line \(line)", user: "", provider: ""), .refused(reason)))
            }
        }
        return steps
    }

    private func step(_ line: Int, _ bytes: [UInt8]) -> ImportStep {
        var item = ImportItem(place: "line \(line)", user: "", provider: "")
        do {
            let document = try LibreChatDocument(bytes)
            item = ImportItem(
                place: document.id.map { "key \($0)" } ?? item.place, user: document.userID,
                provider: document.endpoint)
            let owner = KeyOwner.user(try UserID(document.userID))
            let reference = try LibreChatEndpoint.reference(document.endpoint, owner: owner, providers: providers)
            return .entry(
                ImportEntry(item: item, reference: reference) { [cipher] in
                    let value = try cipher.open(document.value)
                    return try LibreChatEndpoint.key(in: value, expiresAt: document.expiresAt)
                })
        } catch let refusal as ImportRefusal {
            return .refused(item, refusal)
        } catch let error as LatchkeyError {
            return .refused(item, .refused(error.reason))
        } catch {
            return .refused(item, .refused("it cannot be read"))
        }
    }
}
