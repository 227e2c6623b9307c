package import LatchkeyCore
import LatchkeyCrypto

/// Users' keys out of a CSV file.
package struct CSVImport: ImportSource {
    private let reader: RecordReader<CSVFormat>
    private let columns: CSVColumns
    private let providers: ProviderNames
    private let batch: Int
    package let total: Int?
    package let unit = "bytes"

    /// - Throws: `configuration` when the header is not one.
    package init(file: InputFile, providers: ProviderNames, batch: Int = 500) throws(LatchkeyError) {
        self.providers = providers
        self.batch = batch
        total = file.size
        reader = try RecordReader(file: file, format: CSVFormat())
        switch try reader.next() {
        case .good(_, let header): columns = try CSVColumns(header: header)
        case .bad(_, let reason): throw CSVColumns.error("the first line cannot be read: \(reason)")
        case nil: throw CSVColumns.error("\(file.path) is empty")
        }
    }

    package var position: Int { reader.position }

    package mutating func nextBatch() throws -> [ImportStep] {
        var steps: [ImportStep] = []
        while steps.count < batch, let record = try reader.next() {
            switch record {
            case .good(let line, let fields): steps.append(step(line, fields))
            case .bad(let line, let reason):
                steps.append(.refused(ImportItem(place: "line \(line)", user: "", provider: ""), .refused(reason)))
            }
        }
        return steps
    }

    private func step(_ line: Int, _ record: [SharedSecret]) -> ImportStep {
        let place = "line \(line)"
        guard record.count == columns.count else {
            return .refused(
                ImportItem(place: place, user: "", provider: ""),
                .refused("it has \(record.count) fields, the first line has \(columns.count)"))
        }
        let user = columns.value("user_id", in: record)
        let provider = columns.value("provider", in: record)?.text ?? ""
        let item = ImportItem(place: place, user: user?.text ?? "", provider: provider)
        do {
            let owner = try UserID(user?.secret.withUnsafeBytes { [UInt8]($0) } ?? [])
            let name = try columns.value("name", in: record).map { try KeyName($0.text ?? "") } ?? .default
            let reference = KeyReference(.user(owner), try providers.known(provider), name)
            let key = try importedKey(record)
            return .entry(ImportEntry(item: item, reference: reference) { key })
        } catch let refusal as ImportRefusal {
            return .refused(item, refusal)
        } catch let error as LatchkeyError {
            return .refused(item, .refused(error.reason))
        } catch {
            return .refused(item, .refused("it cannot be read"))
        }
    }

    private func importedKey(_ record: [SharedSecret]) throws(ImportRefusal) -> ImportedKey {
        guard let key = columns.value("api_key", in: record) else { throw .refused("there is no key") }
        return ImportedKey(
            key: key, label: try text("label", record), baseURL: try text("base_url", record),
            fields: try columns.fields(in: record), expiresAt: try expiry(record))
    }

    private func text(_ column: String, _ record: [SharedSecret]) throws(ImportRefusal) -> String? {
        guard let value = columns.value(column, in: record) else { return nil }
        guard let text = value.text else { throw .refused("its \(column) is not UTF-8") }
        return text
    }

    private func expiry(_ record: [SharedSecret]) throws(ImportRefusal) -> Timestamp? {
        guard let text = try text("expires_at", record) else { return nil }
        guard let time = Timestamp(parsing: text) else {
            throw .refused("its expires_at is not a time such as 2027-01-31T00:00:00Z")
        }
        return time
    }
}
