import Foundation

/// A folder of its own for one test, removed with everything in it when the test lets go of it.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("latchkey-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        path = url.path
    }

    package func file(_ name: String) -> String { path + "/" + name }

    /// A path that nobody has used yet.
    package func newFile(_ suffix: String = ".db") -> String { file(UUID().uuidString + suffix) }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
