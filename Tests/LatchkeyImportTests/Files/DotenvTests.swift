import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyImport

/// `.env` files: what is written is read, and nothing is run.
struct DotenvTests {
    private func read(_ text: String) -> Dotenv { Dotenv(Secret(copying: Array(text.utf8))) }

    private func pairs(_ text: String) -> [String] { read(text).variables.map { "\($0.name)=\($0.value.text)" } }

    @Test func `what was written is read, whatever the quotes, blanks, comments and line ends`() {
        var random = SeededRandom(seed: 20)
        for _ in 0..<500 {
            var file = random.chance(0.2) ? "\u{feff}" : ""
            var expected: [String] = []
            let end = random.pick(["\n", "\r\n"])
            for number in 0..<Int.random(in: 0...12, using: &random) {
                if random.chance(0.3) { file += random.pick(["", "  ", "# a comment", "\t# A=1", "#B='"]) + end }
                let name = random.pick(["A", "_x", "OPENAI_API_KEY", "export", "with.dot", "with-dash"]) + "\(number)"
                let (written, value) = value(&random)
                let blanks = random.pick(["", " ", "\t "])
                file += random.pick(["", "export ", "  ", "\texport\t"]) + name + blanks + "=" + blanks + written
                file += random.pick(["", " ", " # a comment", "\t#"]) + end
                expected.append("\(name)=\(value)")
            }
            if random.chance(0.3) {
                file = String(file.unicodeScalars.dropLast(file.hasSuffix(end) ? end.unicodeScalars.count : 0))
            }
            #expect(pairs(file) == expected, "\(file.debugDescription)")
            #expect(read(file).faults == [], "\(file.debugDescription)")
        }
    }

    /// A value as it may be written, and what it is.
    private func value(_ random: inout SeededRandom) -> (written: String, value: String) {
        let plain = random.pick(["", "sk-abc_DEF-0123", "a b", "x=y", "caf\u{e9}", "a#b", "50%"])
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return (plain, plain)
        case 1: return ("'\(plain) # \"\\n'", "\(plain) # \"\\n")
        case 2: return ("`\(plain)'\"`", "\(plain)'\"")
        default: return ("\"\(plain)#'\\n\\t\\\"\\\\\\q\"", "\(plain)#'\n\t\"\\\\q")
        }
    }

    @Test func `each oddity is read as it is meant`() {
        let cases: [(String, [String])] = [
            ("", []), ("\n\n\r\n", []), ("A=", ["A="]), ("A= \t", ["A="]), ("A=#", ["A="]), ("A= # c", ["A="]),
            ("A=b # c", ["A=b"]), ("A=b#c", ["A=b#c"]), ("A='b'#c", ["A=b"]), ("A=\"\"", ["A="]),
            ("export A=1", ["A=1"]), ("export=1", ["export=1"]), ("export =1", ["export=1"]),
            ("exportA=1", ["exportA=1"]), ("A=1\nA=2", ["A=1", "A=2"]), ("A='1\n2'\nB=3", ["A=1\n2", "B=3"]),
            ("A=\"1\n2\"", ["A=1\n2"]), ("A=\"\\$B\"", ["A=$B"]), ("A=$B", ["A=$B"]), ("A=a'b", ["A=a'b"]),
            ("A=$(id)", ["A=$(id)"]), ("A=`id`", ["A=id"]),
        ]
        for (file, expected) in cases {
            #expect(pairs(file) == expected, "\(file.debugDescription)")
            #expect(read(file).faults == [], "\(file.debugDescription)")
        }
    }

    @Test func `a line that is none is told by its number, and the next one is read`() {
        let faulty = ["A", "1A=1", "=1", "A B=1", "export", "export 1=2", "A='b", "A=\"b", "A='b'c", "A: 1", "-A=1"]
        for line in faulty {
            let dotenv = read("FIRST=1\n\(line)\nLAST=2\n")
            #expect(dotenv.variables.map(\.name) == ["FIRST", "LAST"], "\(line)")
            #expect(dotenv.faults.map(\.line) == [2], "\(line)")
        }
    }

    @Test func `a reference to another variable is marked, one in single quotes or escaped is not`() {
        for marked in ["A=$B", "A=${B}", "A=\"x$B\"", "A=x${B}y"] {
            #expect(read(marked).variables.first?.refersToAnother == true, "\(marked)")
        }
        for plain in ["A='$B'", "A=\"\\$B\"", "A=$", "A=5$", "A=$1"] {
            #expect(read(plain).variables.first?.refersToAnother == false, "\(plain)")
        }
    }

    @Test func `no bytes stop it`() {
        var random = SeededRandom(seed: 21)
        let alphabet = Array("A=\"'`\\\n\r #$export{}".utf8) + [0, 0xff, 0xef, 0xbb, 0xbf]
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in random.pick(alphabet) }
            let dotenv = Dotenv(Secret(copying: bytes))
            #expect(dotenv.variables.count + dotenv.faults.count <= bytes.count)
        }
    }
}

/// Which of its variables become keys.
struct DotenvImportTests {
    private let files: Files
    private let catalogue: ProviderCatalogue

    init() throws {
        files = try Files()
        catalogue = try ProviderCatalogue.load(operatorFile: VaultFixture.providers, allowLoopback: true)
    }

    private func source(_ text: String, _ owner: KeyOwner = .global) throws -> DotenvImport {
        try DotenvImport(file: try files.open(text), owner: owner, catalogue: catalogue)
    }

    @Test func `variables of the catalogue become keys, the others are named`() async throws {
        let source = try source(
            "OPENAI_API_KEY=sk-1\nDATABASE_URL=x\nACME_API_KEY='acme-2'\nSECRET_WORD=y\nSECRET_WORD=z\n")
        #expect(source.unknownNames == ["DATABASE_URL", "SECRET_WORD"])
        let seen = try await see(source)
        #expect(
            seen.map { [$0.place, $0.provider, $0.name, $0.key] } == [
                ["OPENAI_API_KEY", "openai", "default", "sk-1"], ["ACME_API_KEY", "acme", "default", "acme-2"],
            ])
        let own = try await see(try self.source("OPENAI_API_KEY=sk-1", .user(try UserID("alice"))))
        #expect(own.map(\.user) == ["alice"])
    }

    @Test func `the first of a provider's variables counts, and of one name the last`() async throws {
        let source = try source("ACME_KEY=second\nACME_API_KEY=old\nACME_API_KEY=first")
        #expect(try await see(source).map(\.key) == ["first"])
        #expect(source.skipped.map(\.name) == ["ACME_KEY"])
    }

    @Test func `placeholders, empty values and references are no keys`() async throws {
        for value in ["user_provided", "your-api-key-here", "YOUR_KEY", "<key>", "changeme", "", "''"] {
            let source = try source("OPENAI_API_KEY=\(value)\nACME_API_KEY=acme-1")
            #expect(source.skipped.map(\.name) == ["OPENAI_API_KEY"], "\(value)")
            #expect(try await see(source).map(\.key) == ["acme-1"])
        }
        let referring = try await see(try source("OPENAI_API_KEY=${OTHER}\nbroken line\n"))
        #expect(referring.map { $0.refusal?.kind } == [.refused, .refused])
        #expect(referring.map(\.place) == ["line 2", "OPENAI_API_KEY"])
    }

    @Test func `a file that is no settings file is refused, and one that others can read is remarked on`() async throws
    {
        let large = try files.open([UInt8](repeating: 0x61, count: (1 << 20) + 1))
        #expect(
            await failure { try DotenvImport(file: large, owner: .global, catalogue: catalogue) }?.code == .bodyTooLarge
        )
        #expect(await failure { try InputFile(path: files.folder.path) }?.code == .configuration)
        #expect(await failure { try InputFile(path: files.folder.file("absent")) }?.code == .configuration)
        #expect(try InputFile(path: try files.write([0x61], mode: 0o644)).warning?.contains("mode 644") == true)
        #expect(try InputFile(path: try files.write([0x61])).warning == nil)
    }
}
