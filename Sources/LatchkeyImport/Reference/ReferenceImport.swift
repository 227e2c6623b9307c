import LatchkeyCore
import LatchkeyCrypto

/// Users' keys out of a reference system's table, a page of rows at a time in the order of their ids.
package struct ReferenceImport: ImportSource {
    private let source: any ReferenceSource
    private let deriver: KeyDeriver
    private let providers: ProviderNames
    private let userIDs: UserIDForm
    private let page: Int
    private var lastID: String?
    package private(set) var position = 0
    package let total: Int?
    package let unit = "rows"

    package init(
        source: any ReferenceSource, deriver: KeyDeriver, providers: ProviderNames, userIDs: UserIDForm = .asStored,
        page: Int = 500
    ) async throws {
        self.source = source
        self.deriver = deriver
        self.providers = providers
        self.userIDs = userIDs
        self.page = page
        total = try await source.count()
    }

    package mutating func nextBatch() async throws -> [ImportStep] {
        let rows = try await source.rows(after: lastID, limit: page)
        guard let last = rows.last else { return [] }
        lastID = last.id
        position += rows.count
        return rows.map(step)
    }

    private func step(_ row: ReferenceRow) -> ImportStep {
        let userID = row.userID.map(userIDs.apply)
        let item = ImportItem(place: "row \(row.id)", user: userID ?? "", provider: row.provider ?? "")
        do {
            guard let userID else { return .refused(item, .refused("it has no user id")) }
            guard let provider = row.provider else { return .refused(item, .refused("it has no provider")) }
            let reference = KeyReference(.user(try UserID(userID)), try providers.known(provider), .default)
            return .entry(
                ImportEntry(item: item, reference: reference) { [deriver] in
                    ImportedKey(key: try await Self.open(row.token, user: Array(userID.utf8), deriver))
                })
        } catch let refusal as ImportRefusal {
            return .refused(item, refusal)
        } catch let error as LatchkeyError {
            return .refused(item, .refused(error.reason))
        } catch {
            return .refused(item, .refused("it cannot be read"))
        }
    }

    private static func open(_ column: [UInt8]?, user: [UInt8], _ deriver: KeyDeriver) async throws -> SharedSecret {
        let token = FernetToken(column ?? [])
        if let fault = token.fault { throw ImportRefusal.wouldNotOpen(fault) }
        guard let key = try await deriver.key(user: user) else {
            throw ImportRefusal.wouldNotOpen("\(deriver.derivation.name) makes no key for this user")
        }
        guard let opened = token.open(with: key.secret) else {
            throw ImportRefusal.wouldNotOpen("the key of \(deriver.derivation.name) does not open it")
        }
        do throws(LatchkeyError) { try opened.checkForm() } catch {
            throw ImportRefusal.refused("it opens, and what it holds is no API key: \(error.reason)")
        }
        return opened
    }
}

/// How the user ids of the old table become Latchkey's.
package enum UserIDForm: Sendable {
    case asStored
    /// SQLAlchemy keeps a UUID on SQLite as 32 hexadecimal digits, and the application says it with hyphens.
    case uuid

    func apply(_ id: String) -> String {
        guard case .uuid = self, id.utf8.count == 32, HexText.bytes(Array(id.utf8)) != nil else { return id }
        let digits = Array(id.lowercased().utf8)
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(decoding: digits[$0], as: UTF8.self) }
        return parts.joined(separator: "-")
    }
}
