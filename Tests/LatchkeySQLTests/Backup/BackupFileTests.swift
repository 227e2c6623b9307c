import Foundation
import LatchkeyCore
import LatchkeyTesting
import Testing

@testable import LatchkeySQL

/// Never half a file.
struct BackupFileTests {
    private let folder: TemporaryFolder
    private var path: String { folder.file("backup.gz") }

    init() throws { folder = try TemporaryFolder() }

    @Test func `nothing is in its place before the end, and nothing but it afterwards`() throws {
        try produce("content") {
            let meanwhile = try names()
            #expect(meanwhile == ["backup.gz.partial"])
        }
        #expect(try names() == ["backup.gz"])
        #expect(try fileBytes(path) == Array("content".utf8))
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func `work that fails leaves what was there before`() throws {
        try write("older", to: path)
        #expect(throws: ContractViolation.self) {
            try produce("content", replacing: true) { throw ContractViolation("the disk is full") }
        }
        #expect(try names() == ["backup.gz"])
        #expect(try fileBytes(path) == Array("older".utf8))
    }

    @Test func `a file that is there is replaced only when asked to`() throws {
        try write("older", to: path)
        let error = #expect(throws: LatchkeyError.self) { try produce("newer") {} }
        #expect(error?.code == .configuration)
        #expect(error?.hint?.contains("--force") == true)
        #expect(try fileBytes(path) == Array("older".utf8))
        try produce("newer", replacing: true) {}
        #expect(try fileBytes(path) == Array("newer".utf8))
    }

    @Test func `what a killed run left behind is removed by the next`() throws {
        try write("half a backup, and more of it than there will be", to: path + ".partial")
        try setMode(0o666, of: path + ".partial")
        try produce("content") {}
        #expect(try names() == ["backup.gz"])
        #expect(try fileBytes(path) == Array("content".utf8))
    }

    @Test func `two runs do not write one file`() throws {
        try produce("first") {
            let error = #expect(throws: LatchkeyError.self) { try produce("second") {} }
            #expect(error?.reason.contains("another backup is writing") == true)
        }
        #expect(try fileBytes(path) == Array("first".utf8))
    }

    @Test func `a link under the partial name is not followed`() throws {
        let victim = folder.file("victim")
        try write("precious", to: victim)
        try FileManager.default.createSymbolicLink(atPath: path + ".partial", withDestinationPath: victim)
        #expect(throws: LatchkeyError.self) { try produce("content") {} }
        #expect(try fileBytes(victim) == Array("precious".utf8))
    }

    @Test func `a place where no file can be is named`() throws {
        for path in [folder.path, folder.file("missing/backup.gz"), folder.file("")] {
            let error = #expect(throws: LatchkeyError.self) { _ = try PartialFile(for: path, replacing: true) }
            #expect(error?.hint?.isEmpty == false)
        }
    }

    @Test func `a full disk is said, and leaves nothing`() throws {
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        let handle = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let writer = try GzipWriter(descriptor: handle.fileDescriptor, path: path)
        let error = #expect(throws: LatchkeyError.self) {
            try writer.append(Array("content".utf8))
            try writer.finish()
        }
        #expect(error?.reason == "the disk is full")
    }

    private func produce(_ content: String, replacing: Bool = false, _ meanwhile: () throws -> Void) throws {
        let file = try PartialFile(for: path, replacing: replacing)
        try FileHandle(fileDescriptor: file.descriptor, closeOnDealloc: false).write(contentsOf: Data(content.utf8))
        try meanwhile()
        try file.publish()
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }
}
