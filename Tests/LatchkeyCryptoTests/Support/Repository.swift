import Foundation

/// Where things are, found from this file. Symlinks are resolved, so that a tree linked from elsewhere is found too.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func file(_ path: String) -> URL {
        root.appendingPathComponent(path)
    }
}
