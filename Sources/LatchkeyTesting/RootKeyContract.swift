package import LatchkeyCrypto

/// What a `RootKey` has to pass, whether it lives in memory or in an HSM.
package struct RootKeyContract: Sendable {
    private let makeRoot: @Sendable (UInt32) async throws -> any RootKey

    /// - Parameter makeRoot: a new root of that number, with a key that no earlier one had.
    package init(makeRoot: @escaping @Sendable (_ kid: UInt32) async throws -> any RootKey) {
        self.makeRoot = makeRoot
    }

    package static let properties: [ContractProperty<Self>] = [
        .init("a root has the number it was made with") { try await $0.keepsItsNumber() },
        .init("a context gives 32 bytes, the same each time") { try await $0.isDeterministic() },
        .init("contexts that differ in one part give keys that differ") { try await $0.separatesContexts() },
        .init("two roots give keys that differ") { try await $0.separatesRoots() },
        .init("the check value is the first 8 bytes of the derivation for it") { try await $0.showsItsCheckValue() },
        .init("many may derive at once") { try await $0.derivesInParallel() },
        .init("long and empty contexts are derived for too") { try await $0.takesAnyLength() },
    ]

    package func keepsItsNumber() async throws {
        for kid: UInt32 in [1, 2, 0x0102_0304, .max] {
            try requireEqual(try await makeRoot(kid).kid, kid, "the root's number")
        }
    }

    package func isDeterministic() async throws {
        let root = try await makeRoot(1)
        let context = DerivationContext("user", [[1], Array("alice".utf8)])
        let first = bytes(try await root.derive(context))
        try requireEqual(first.count, 32, "bytes derived")
        for _ in 0..<8 {
            try require(bytes(try await root.derive(context)) == first, "the same context gave another key")
        }
    }

    package func separatesContexts() async throws {
        let root = try await makeRoot(1)
        let contexts = [
            DerivationContext("user", []), DerivationContext("user", [[]]), DerivationContext("user", [[], []]),
            DerivationContext("user", [[1]]), DerivationContext("user", [[1], []]),
            DerivationContext("user", [[], [1]]),
            DerivationContext("user", [[1, 2]]), DerivationContext("user", [[1], [2]]), DerivationContext("use", [[]]),
            DerivationContext("users", []), DerivationContext("global", [[1]]), DerivationContext("", []),
        ]
        var seen: Set<[UInt8]> = []
        for context in contexts { seen.insert(bytes(try await root.derive(context))) }
        try requireEqual(seen.count, contexts.count, "keys of \(contexts.count) contexts")
    }

    package func separatesRoots() async throws {
        let roots = [try await makeRoot(1), try await makeRoot(1), try await makeRoot(2)]
        var keys: Set<[UInt8]> = []
        var checks: Set<[UInt8]> = []
        for root in roots {
            keys.insert(bytes(try await root.derive(DerivationContext("user", [[1]]))))
            checks.insert(try await root.checkValue())
        }
        try requireEqual(keys.count, 3, "keys of three roots")
        try requireEqual(checks.count, 3, "check values of three roots")
    }

    package func showsItsCheckValue() async throws {
        let root = try await makeRoot(0x0102_0304)
        let derived = bytes(try await root.derive(DerivationContext("key-check", [[1, 2, 3, 4]])))
        try requireEqual(try await root.checkValue(), Array(derived.prefix(8)), "the check value")
    }

    package func derivesInParallel() async throws {
        let root = try await makeRoot(1)
        var alone: [[UInt8]] = []
        for index in 0..<64 { alone.append(bytes(try await root.derive(Self.context(index)))) }
        let together = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
            for index in 0..<64 {
                group.addTask {
                    let key = try await root.derive(Self.context(index))
                    return (index, key.secret.withUnsafeBytes { Array($0) })
                }
            }
            var keys = [[UInt8]](repeating: [], count: 64)
            for try await (index, key) in group { keys[index] = key }
            return keys
        }
        try require(alone == together, "keys derived at once are not those derived one by one")
    }

    package func takesAnyLength() async throws {
        let root = try await makeRoot(1)
        var seen: Set<[UInt8]> = []
        for count in [0, 1, 55, 56, 63, 64, 65, 8192] {
            let context = DerivationContext("user", [[UInt8](repeating: 0x61, count: count)])
            seen.insert(bytes(try await root.derive(context)))
        }
        try requireEqual(seen.count, 8, "keys of eight lengths")
    }

    private static func context(_ index: Int) -> DerivationContext { DerivationContext("user", [[UInt8(index)]]) }

    private func bytes(_ secret: SharedSecret) -> [UInt8] { secret.secret.withUnsafeBytes { Array($0) } }
}
