import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyImport

/// RFC 4180, a record at a time.
struct CSVTests {
    private let files: Files
    private let providers: ProviderNames

    init() throws {
        files = try Files()
        providers = try ProviderNames(catalogue: try ProviderCatalogue.load(operatorFile: nil, allowLoopback: false))
    }

    private enum Line: Equatable {
        case good(Int, [String])
        case bad(Int)
    }

    private func read(_ content: [UInt8]) throws -> [Line] {
        let reader = try RecordReader(file: try files.open(content), format: CSVFormat())
        var lines: [Line] = []
        while let record = try reader.next() {
            switch record {
            case .good(let line, let fields): lines.append(.good(line, fields.map(\.text)))
            case .bad(let line, _): lines.append(.bad(line))
            }
        }
        return lines
    }

    private func read(_ text: String) throws -> [Line] { try read(Array(text.utf8)) }

    @Test func `what was written is read, over and over the end of the buffer`() throws {
        var random = SeededRandom(seed: 30)
        for round in 0..<60 {
            var file = random.chance(0.5) ? "\u{feff}" : ""
            var expected: [Line] = []
            var line = 1
            let end = random.pick(["\n", "\r\n"])
            // Some of the files are several times the buffer.
            for _ in 0..<(round < 3 ? 20_000 : Int.random(in: 0...30, using: &random)) {
                let fields = (0..<Int.random(in: 2...5, using: &random)).map { _ in field(&random) }
                file += fields.map { written($0, &random) }.joined(separator: ",") + end
                expected.append(.good(line, fields))
                line += 1 + fields.reduce(0) { $0 + $1.utf8.count { $0 == 0x0a } }
                if random.chance(0.1) {
                    file += end
                    line += 1
                }
            }
            #expect(try read(file) == expected)
        }
    }

    private func field(_ random: inout SeededRandom) -> String {
        random.pick([
            "", "a", "sk-0123456789", "a,b", "say \"hi\"", "two\nlines", "caf\u{e9}", " blanks ", "\"", "cr\r\nlf",
        ])
    }

    private func written(_ field: String, _ random: inout SeededRandom) -> String {
        let needsQuotes = field.utf8.contains { [0x22, 0x2c, 0x0a, 0x0d].contains($0) }
        guard needsQuotes || random.chance(0.3) else { return field }
        return "\"" + field.replacing("\"", with: "\"\"") + "\""
    }

    @Test func `each oddity is read as it is meant`() throws {
        #expect(try read("") == [])
        #expect(try read("a,b") == [.good(1, ["a", "b"])])
        #expect(try read("a,b\r") == [.good(1, ["a", "b"])])
        #expect(try read("a,") == [.good(1, ["a", ""])])
        #expect(try read(",\n\n,") == [.good(1, ["", ""]), .good(3, ["", ""])])
        #expect(try read("\"\",\"\"\"\"") == [.good(1, ["", "\""])])
    }

    @Test(arguments: ["a\"b,c", "\"a\"b,c", "a\rb,c", "\"a\" ,c", "a,\"b", "a,\"b\"\"", "\"a\",\"b\"\"\"\"c\"d"])
    func `a bad line costs that line`(_ bad: String) throws {
        #expect(try read("1,2\n\(bad)\n3,4\n") == [.good(1, ["1", "2"]), .bad(2), .good(3, ["3", "4"])])
    }

    @Test func `a quote that is never closed costs one line, however long the file is`() throws {
        let rest = String(repeating: "x,y\n", count: 100_000)
        let lines = try read("1,2\n3,\"4\n" + rest)
        #expect(lines.count == 100_002)
        #expect(lines[0..<3] == [.good(1, ["1", "2"]), .bad(2), .good(3, ["x", "y"])])
        #expect(lines.last == .good(100_002, ["x", "y"]))
    }

    @Test func `a line without end is bad, and its end is found`() throws {
        let long = [UInt8](repeating: 0x61, count: 1_000_000)
        #expect(
            try read(Array("1,2\n".utf8) + long + Array("\n3,4".utf8)) == [
                .good(1, ["1", "2"]), .bad(2), .good(3, ["3", "4"]),
            ])
    }

    @Test func `no bytes stop it`() throws {
        var random = SeededRandom(seed: 31)
        let alphabet = Array("a,\"\n\r".utf8) + [0, 0xff]
        for _ in 0..<300 {
            _ = try read((0..<Int.random(in: 0...60, using: &random)).map { _ in random.pick(alphabet) })
        }
    }
}

/// What its columns mean.
struct CSVImportTests {
    private let files: Files
    private let providers: ProviderNames

    init() throws {
        files = try Files()
        providers = try ProviderNames(
            catalogue: try ProviderCatalogue.load(operatorFile: nil, allowLoopback: false), given: ["Mine": "groq"])
    }

    private func source(_ text: String) throws -> CSVImport {
        try CSVImport(file: try files.open(text), providers: providers, batch: 2)
    }

    @Test func `every column is taken, in whatever order`() async throws {
        let seen = try await see(
            try source(
                """
                api_key,Field:resource, USER_ID ,expires_at,provider,label,base_url,name
                key-1,unit,alice,2027-01-31T00:00:00Z,azure_openai,"at work, mostly",https://x.example,work
                key-2,,bob,,OpenAI,,,
                key-3,,caf\u{e9},,mine,,,
                """))
        let expiry = try #require(Timestamp(parsing: "2027-01-31T00:00:00Z"))
        #expect(
            seen == [
                Seen(
                    place: "line 2", user: "alice", provider: "azure-openai", name: "work", key: "key-1",
                    label: "at work, mostly", baseURL: "https://x.example", fields: ["resource": "unit"],
                    expiresAt: expiry),
                Seen(place: "line 3", user: "bob", provider: "openai", name: "default", key: "key-2"),
                Seen(place: "line 4", user: "caf\u{e9}", provider: "groq", name: "default", key: "key-3"),
            ])
    }

    @Test func `a line that cannot be used is told by its number, and says no key`() async throws {
        let seen = try await see(
            try source(
                """
                user_id,provider,api_key,name,expires_at
                ,openai,sk-secret-1,,
                alice,nope,sk-secret-2,,
                alice,openai,,,
                alice,openai,sk-secret-3,a b,
                alice,openai,sk-secret-4,,tomorrow
                alice,openai,sk-secret-5
                alice,sk-secret-6,openai,,
                sk-secret-7,nope,x,,
                bob,openai,good,,
                """))
        #expect(seen.map(\.place) == (2...10).map { "line \($0)" })
        #expect(seen.dropLast().allSatisfy { $0.refusal?.kind == .refused && $0.key == nil })
        #expect(seen.last?.key == "good")
        #expect(!"\(seen)".contains("secret"))
    }

    @Test(arguments: [
        "", "user_id,provider\n", "user_id,provider,api_key,notes\n", "user_id,provider,api_key,api_key\n",
        "user_id,provider,\"api_key\n", "user_id,provider,api_key,field:\n", "alice,openai,sk-1\n",
    ])
    func `a first line that does not name the columns stops it before anything is stored`(_ text: String) async throws {
        let error = await failure { try source(text) }
        #expect(error?.code == .configuration)
        #expect(error?.description.contains("sk-1") == false)
    }
}
