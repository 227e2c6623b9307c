import Foundation

/// Vector files: our own beside the tests, and the larger public ones in a folder `shared` beside the repository, which
/// is not part of it and may be absent.
enum Vectors {
    struct WrongCount: Error, CustomStringConvertible {
        let description: String
    }

    /// The repository, found from this file. Symlinks are resolved, so that a tree linked from elsewhere is found too.
    static let repository = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let own = repository.appendingPathComponent("Tests/FernetTests/Vectors")
    static let wycheproof = repository.deletingLastPathComponent().appendingPathComponent("shared/vectors/wycheproof")

    static let hasWycheproof = FileManager.default.fileExists(atPath: wycheproof.path)

    /// Reads a file and fails unless it holds as many cases as it says and as the test expects: a loader that quietly
    /// reads nothing makes every test pass.
    static func load<File: VectorFile>(_ file: File.Type, _ url: URL, count: Int) throws -> [File.Case] {
        let file = try JSONDecoder().decode(File.self, from: Data(contentsOf: url))
        let cases = file.cases
        guard cases.count == count, file.numberOfTests == count else {
            throw WrongCount(
                description: "\(url.lastPathComponent): \(cases.count) cases read, "
                    + "\(file.numberOfTests) announced, \(count) expected")
        }
        return cases
    }
}

protocol VectorFile: Decodable {
    associatedtype Case
    var numberOfTests: Int { get }
    var cases: [Case] { get }
}

/// A file in Wycheproof's shape: groups of tests.
struct WycheproofFile<Case: Decodable>: VectorFile {
    struct Group: Decodable {
        let tests: [Case]
    }

    let numberOfTests: Int
    let testGroups: [Group]
    var cases: [Case] { testGroups.flatMap(\.tests) }
}
