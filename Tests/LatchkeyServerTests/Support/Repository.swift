import Foundation

/// Where things are, found from this file. Symlinks are resolved, so that a tree linked from elsewhere is found too.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func file(_ path: String) -> URL { root.appendingPathComponent(path) }

    /// Public vectors lie beside the repository, are not part of it, and may be absent.
    static let wycheproof = root.deletingLastPathComponent()
        .appendingPathComponent("shared/vectors/wycheproof/json_web_signature_hmac_subset.json")
}
