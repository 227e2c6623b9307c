package import LatchkeyCore

/// Whether a database fits this program, decided before anything is written to it.
package enum SchemaCheck {
    /// - Returns: the migrations that are missing.
    /// - Throws: `schema_too_new` when the database has been migrated by a newer program that does not say that this one
    ///   can work on with it; `schema_changed` when a migration it was made with is not the one this program knows under
    ///   that number.
    package static func missing(
        _ known: [Migration], applied: [AppliedMigration]
    ) throws(LatchkeyError) -> [Migration] {
        let newest = known.last?.version ?? 0
        let later = applied.filter { $0.version > newest }
        if let highest = later.map(\.version).max(), !later.allSatisfy({ ($0.compatibleWith ?? .max) <= newest }) {
            throw LatchkeyError(
                .schemaTooNew, "the database has schema version \(highest), this program knows \(newest) at most",
                hint: "run the newer latchkey; nothing was written")
        }
        for migration in applied where migration.version <= newest {
            guard let own = known.first(where: { $0.version == migration.version }), own.checksum == migration.checksum
            else {
                throw LatchkeyError(
                    .schemaChanged, "migration \(migration.version) in the database is not the one of this program",
                    hint: "this is a database of another build; restore it, or run the build that made it")
            }
        }
        let done = Set(applied.map(\.version))
        return known.filter { !done.contains($0.version) }
    }
}
