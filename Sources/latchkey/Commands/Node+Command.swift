import LatchkeyCore

extension Node {
    /// Opens the node, does a command's work, closes it whatever happened.
    static func with(_ common: CommonOptions, _ body: (Node) async throws -> Void) async throws {
        try await reporting {
            ProcessHardening.apply()
            let node = try await Node.open(try await common.settings())
            do { try await body(node) } catch {
                await node.close()
                throw error
            }
            await node.close()
        }
    }
}
