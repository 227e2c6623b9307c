import Crypto

/// One numbered step of the schema. Once released it never changes: its checksum is kept in the database.
package struct Migration: Sendable, Equatable {
    package let version: Int
    package let name: String
    package let statements: [String]

    package init(version: Int, name: String, statements: [String]) {
        self.version = version
        self.name = name
        self.statements = statements
    }

    /// SHA-256 over the statements, hex.
    package var checksum: String {
        SHA256.hash(data: Array(statements.joined(separator: ";\n").utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

package struct AppliedMigration: Sendable, Equatable {
    package let version: Int
    package let name: String
    package let checksum: String

    package init(version: Int, name: String, checksum: String) {
        self.version = version
        self.name = name
        self.checksum = checksum
    }
}
