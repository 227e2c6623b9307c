import Foundation
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeySQL

/// A backup that is not as it was made is refused, whatever happened to it.
struct BackupDamageTests {
    /// The gzip header's time, level and system: no part of what is kept, and covered by nothing.
    private static let insignificant = 4..<10

    @Test func `a byte that flipped anywhere is found`() async throws {
        let fixture = try await BackupFixture(keys: 20)
        let manifest = try await fixture.write()
        let bytes = try fileBytes(fixture.backup)
        let path = fixture.database.folder.file("damaged.gz")
        var random = SeededRandom(seed: 7)
        let positions = Array(0..<32) + (0..<200).map { _ in Int.random(in: 32..<bytes.count - 32, using: &random) }
        var found = 0
        for position in positions + Array(bytes.count - 32..<bytes.count) {
            var damaged = bytes
            damaged[position] ^= 1 << UInt8.random(in: 0...7, using: &random)
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            do {
                let read = try await fixture.check(path)
                #expect(read.manifest == manifest)
                // Two more places hold bits that mean nothing: a flag of the fourth byte that says "probably text",
                // and what fills up the last byte before the checksum.
                let isFilling = position == 3 || position == bytes.count - 9
                #expect(Self.insignificant.contains(position) || isFilling, "byte \(position)")
            } catch let error as LatchkeyError {
                #expect(error.code == .backupUnusable, "byte \(position): \(error)")
                found += 1
            }
        }
        #expect(found >= 250)
    }

    @Test func `a file that was cut anywhere is refused`() async throws {
        let fixture = try await BackupFixture(keys: 20)
        try await fixture.write()
        let bytes = try fileBytes(fixture.backup)
        let path = fixture.database.folder.file("cut.gz")
        var random = SeededRandom(seed: 8)
        let lengths = [0, 1, 9, 10, bytes.count - 1, bytes.count - 8, bytes.count - 9]
        for length in lengths + (0..<100).map({ _ in Int.random(in: 0..<bytes.count, using: &random) }) {
            try Data(bytes.prefix(length)).write(to: URL(fileURLWithPath: path))
            #expect(await code { try await fixture.check(path) } == .backupUnusable, "\(length) bytes")
        }
    }

    @Test func `two backups in one file are refused, and so is anything behind the end`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let bytes = try fileBytes(fixture.backup)
        let path = fixture.database.folder.file("two.gz")
        for more in [bytes, [0], Array("\n".utf8)] {
            try Data(bytes + more).write(to: URL(fileURLWithPath: path))
            await expect("something follows its end", path, fixture)
        }
        let lines = try backupLines(fixture.backup)
        try writeBackup(lines + lines, to: path)
        await expect("something follows its end", path, fixture)
    }

    /// Whole gzip files whose lines somebody changed.
    @Test func `lines that were taken out, put in, moved or changed are found`() async throws {
        let fixture = try await BackupFixture(keys: 10)
        try await fixture.write()
        let lines = try backupLines(fixture.backup)
        let path = fixture.database.folder.file("changed.gz")
        var variants: [(String, [[UInt8]])] = [
            ("the manifest is gone", Array(lines.dropLast())), ("the header is gone", Array(lines.dropFirst())),
            ("the header is alone", [lines[0]]), ("the manifest is alone", [lines[lines.count - 1]]),
            ("two rows changed places", swapped(lines, 1, 2)),
            ("tables changed places", swapped(lines, 1, lines.count - 2)),
            ("no line feed at the end", lines.dropLast() + [Array(lines[lines.count - 1].dropLast())]),
            ("a row is no JSON", replaced(lines, 1, "{\n")), ("a row is no object", replaced(lines, 1, "[]\n")),
            ("a row is of another table", replaced(lines, 1, "{\"schema_migrations\":{}}\n")),
            ("a row lacks its columns", replaced(lines, 1, "{\"user_api_keys\":{}}\n")),
            ("an empty line", replaced(lines, 1, "\n")), ("a line of zeros", replaced(lines, 1, "\u{0}\u{0}\n")),
        ]
        for index in 1..<lines.count - 1 {
            var fewer = lines
            fewer.remove(at: index)
            variants.append(("row \(index) is gone", fewer))
            variants.append(("row \(index) is there twice", Array(lines[...index]) + Array(lines[index...])))
        }
        for (what, variant) in variants {
            try writeBackup(variant, to: path)
            #expect(await code { try await fixture.check(path) } == .backupUnusable, "\(what)")
        }
        try writeBackup(lines, to: path)
        _ = try await fixture.check(path)
    }

    /// Who knows the format computes the digest anew. Without the root there is no MAC.
    @Test func `a change with a new digest and new counts is found by the MAC`() async throws {
        let fixture = try await BackupFixture(keys: 10)
        try await fixture.write()
        let path = fixture.database.folder.file("forged.gz")
        var lines = try backupLines(fixture.backup)
        lines.remove(at: 1)
        let stranger = try await BackupKey(try VaultFixture.newRoot(1))
        let own = try BackupManifest(parsed(lines[lines.count - 1]), tables: BackupTable.all)
        var counts = own.counts
        counts[0].rows -= 1
        let digest = sha256(lines.dropLast().flatMap { $0 })
        let forged = BackupManifest(counts: counts, digest: digest, keyset: own.keyset, key: stranger)
        var line = BackupLine()
        forged.write(to: &line)
        // With the right check value, which is no secret, so that it does not look like another root.
        let text = String(decoding: line.bytes, as: UTF8.self)
            .replacing(hex(stranger.check), with: hex(own.check))
        lines[lines.count - 1] = Array(text.utf8)
        try writeBackup(lines, to: path)
        let error = await #expect(throws: LatchkeyError.self) { _ = try await fixture.check(path) }
        #expect(error?.reason == "the backup was changed by somebody without the root")
    }

    @Test(arguments: ["kid\":1", "\"keyset\":[1]", "\"global_api_keys\":1"])
    func `each word of the manifest counts`(part: String) async throws {
        let fixture = try await BackupFixture(keys: 10)
        try await fixture.write()
        let path = fixture.database.folder.file("changed.gz")
        var lines = try backupLines(fixture.backup)
        let last = String(decoding: lines[lines.count - 1], as: UTF8.self)
        #expect(last.contains(part))
        lines[lines.count - 1] = Array(last.replacing(part, with: part.replacing("1", with: "2")).utf8)
        try writeBackup(lines, to: path)
        let found = await code { _ = try await fixture.check(path) }
        #expect(found == .backupUnusable || part.hasPrefix("kid") && found == .rootMismatch)
    }

    @Test func `another root is named, with both check values`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let other = try RootKeyring(roots: [try VaultFixture.newRoot(1)], now: { 0 })
        var error = await #expect(throws: LatchkeyError.self) {
            _ = try await VerifiedBackup(checking: fixture.backup, keyring: other)
        }
        #expect(error?.code == .rootMismatch)
        #expect(error?.reason.matches(of: /check [0-9a-f]{16}/).count == 2)
        let second = try RootKeyring(roots: [try VaultFixture.newRoot(2)], now: { 0 })
        error = await #expect(throws: LatchkeyError.self) {
            _ = try await VerifiedBackup(checking: fixture.backup, keyring: second)
        }
        #expect(error?.reason == "this backup was made under root 1, and only root 2 is configured")
    }

    @Test func `a newer schema or format is refused`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let path = fixture.database.folder.file("newer.gz")
        let lines = try backupLines(fixture.backup)
        let header = String(decoding: lines[0], as: UTF8.self)
        let newest = Schema.migrations(.sqlite).count
        for (old, new, expected) in [
            ("\"schema\":\(newest)", "\"schema\":\(newest + 1)", ErrorCode.schemaTooNew),
            ("\"schema\":\(newest)", "\"schema\":0", .backupUnusable),
            ("\"latchkey_backup\":1", "\"latchkey_backup\":2", .backupUnusable),
        ] {
            #expect(header.contains(old))
            try writeBackup(replaced(lines, 0, header.replacing(old, with: new)), to: path)
            #expect(await code { try await fixture.check(path) } == expected)
        }
    }

    @Test func `what is no backup is called so`() async throws {
        let fixture = try await BackupFixture(keys: 0)
        let path = fixture.database.folder.file("other")
        for text in ["", "hello", String(repeating: "not gzip at all ", count: 10_000)] {
            try LatchkeySQLTests.write(text, to: path)
            #expect(await code { try await fixture.check(path) } == .backupUnusable)
        }
        try writeBackup([Array("{\"hello\":1}\n".utf8)], to: path)
        #expect(await code { try await fixture.check(path) } == .backupUnusable)
        try writeBackup([[UInt8](repeating: 0x20, count: GzipLineReader.longestLine * 3)], to: path)
        await expect("a line of it has no end", path, fixture)
        #expect(await code { try await fixture.check(fixture.database.folder.file("missing")) } == .backupUnusable)
        #expect(await code { try await fixture.check(fixture.database.folder.path) } == .backupUnusable)
        #expect(await code { try await fixture.check("/dev/null") } == .backupUnusable)
    }

    private func expect(_ what: String, _ path: String, _ fixture: BackupFixture) async {
        let error = await #expect(throws: LatchkeyError.self) { _ = try await fixture.check(path) }
        #expect(error?.reason == "the backup is damaged: \(what)")
    }

    private func replaced(_ lines: [[UInt8]], _ index: Int, _ line: String) -> [[UInt8]] {
        var lines = lines
        lines[index] = Array(line.utf8)
        return lines
    }

    private func swapped(_ lines: [[UInt8]], _ first: Int, _ second: Int) -> [[UInt8]] {
        var lines = lines
        lines.swapAt(first, second)
        return lines
    }
}
