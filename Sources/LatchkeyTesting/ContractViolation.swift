/// What a contract found: which property does not hold, and what was seen.
///
/// Contracts throw this instead of using a testing library, so that whoever writes a store or a root can run them from
/// any.
package struct ContractViolation: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// One property of a contract: a sentence, and the check that throws where it does not hold.
package struct ContractProperty<Contract: Sendable>: Sendable, CustomStringConvertible {
    package let description: String
    package let check: @Sendable (Contract) async throws -> Void

    package init(_ description: String, _ check: @escaping @Sendable (Contract) async throws -> Void) {
        self.description = description
        self.check = check
    }
}

/// - Throws: `ContractViolation` unless `condition` holds.
func require(_ condition: Bool, _ description: @autoclosure () -> String) throws {
    guard condition else { throw ContractViolation(description()) }
}

/// - Throws: `ContractViolation` with both values unless they are equal.
func requireEqual<Value: Equatable>(_ seen: Value, _ expected: Value, _ what: @autoclosure () -> String) throws {
    guard seen == expected else { throw ContractViolation("\(what()): \(seen), expected \(expected)") }
}
