package import LatchkeyCore
package import LatchkeyCrypto

/// Where something stood in its source and what it says it is, for people and reports: fit to be shown as it is.
package struct ImportItem: Sendable, Equatable {
    /// `row 17`, `line 3`, `OPENAI_API_KEY`.
    package let place: String
    /// The user's id as the source has it; empty where there is none.
    package let user: String
    /// The provider as the source names it.
    package let provider: String

    package init(place: String, user: String, provider: String) {
        self.place = ShownText.make(place)
        self.user = ShownText.make(user)
        self.provider = ShownText.make(provider)
    }
}

/// Why one key was not imported. The sentence holds no key and no part of one.
package struct ImportRefusal: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// What is stored there did not come open.
        case wouldNotOpen
        /// It came open or was in the clear, and is nothing that can be stored.
        case refused
    }

    package var kind: Kind
    package var reason: String

    package static func wouldNotOpen(_ reason: String) -> Self { Self(kind: .wouldNotOpen, reason: reason) }
    package static func refused(_ reason: String) -> Self { Self(kind: .refused, reason: reason) }
}

/// A key out of a source, with what came along with it.
package struct ImportedKey: Sendable {
    package var key: SharedSecret
    package var label: String?
    package var baseURL: String?
    package var fields: [String: String]
    package var expiresAt: Timestamp?

    package init(
        key: SharedSecret, label: String? = nil, baseURL: String? = nil, fields: [String: String] = [:],
        expiresAt: Timestamp? = nil
    ) {
        self.key = key
        self.label = label
        self.baseURL = baseURL
        self.fields = fields
        self.expiresAt = expiresAt
    }
}

/// One key that can be imported: whose it is is known, and how it is opened.
package struct ImportEntry: Sendable {
    package let item: ImportItem
    package let reference: KeyReference
    /// - Throws: `ImportRefusal` for this key alone; anything else ends the import.
    package let open: @Sendable () async throws -> ImportedKey

    package init(
        item: ImportItem, reference: KeyReference, open: @escaping @Sendable () async throws -> ImportedKey
    ) {
        self.item = item
        self.reference = reference
        self.open = open
    }
}

/// What a source gives for each thing it holds.
package enum ImportStep: Sendable {
    case entry(ImportEntry)
    case refused(ImportItem, ImportRefusal)
}

/// What became of it.
package struct ImportResult: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        case stored
        /// The same key was there.
        case alreadyThere
        /// Another key was there, and stays.
        case kept
        case wouldNotOpen(String)
        case refused(String)
    }

    package var item: ImportItem
    package var outcome: Outcome

    package init(_ item: ImportItem, _ outcome: Outcome) {
        self.item = item
        self.outcome = outcome
    }

    init(_ item: ImportItem, _ refusal: ImportRefusal) {
        self.item = item
        switch refusal.kind {
        case .wouldNotOpen: outcome = .wouldNotOpen(refusal.reason)
        case .refused: outcome = .refused(refusal.reason)
        }
    }
}

/// A file or a table that is read a batch at a time, so that its size does not matter.
package protocol ImportSource {
    /// How far it has been read, in the unit of `total`.
    var position: Int { get }
    /// Rows or bytes; nil where nobody knows.
    var total: Int? { get }
    /// What `position` counts, as a word for a progress line.
    var unit: String { get }

    /// - Returns: the next steps in the source's order; empty at its end.
    mutating func nextBatch() async throws -> [ImportStep]
}
