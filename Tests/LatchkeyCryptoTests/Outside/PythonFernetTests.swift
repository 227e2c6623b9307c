import Fernet
import Foundation
import Testing

/// Tokens both ways between this module and Python's `cryptography`.
@Suite(
    .enabled(
        if: Python.hasCryptography, "skipped: python3 cannot import `cryptography`, so nobody else reads our tokens"))
struct PythonFernetTests {
    private struct Sealed: Codable {
        let key: String
        let token: String
        let plaintext: String
    }

    private static let lengths = Array(0...40) + [255, 256, 257, 1000, 8192]

    @Test func `Python opens what Swift seals`() throws {
        var random = SeededGenerator(seed: 61)
        let sealed = try Self.lengths.map { length in
            let key = random.bytes(32)
            let plaintext = random.bytes(length)
            let token = try plaintext.withUnsafeBytes { plaintext in
                try key.withUnsafeBytes {
                    try Fernet.seal(plaintext, key: $0, time: 1_700_000_000, iv: random.bytes(16))
                }
            }
            return Sealed(key: text(key), token: String(decoding: token, as: UTF8.self), plaintext: text(plaintext))
        }
        let script = """
            import base64, json, sys
            from cryptography.fernet import Fernet
            print(json.dumps([base64.urlsafe_b64encode(Fernet(case["key"]).decrypt(case["token"])).decode()
                              for case in json.load(open(sys.argv[1]))]))
            """
        let opened: [String] = try Python.exchange(script, sealed)
        #expect(opened == sealed.map(\.plaintext))
    }

    @Test func `Swift opens what Python seals, and seals it byte for byte alike`() throws {
        let script = """
            import base64, json, os, sys
            from cryptography.fernet import Fernet
            cases = []
            for length in json.load(open(sys.argv[1])):
                key, plaintext = Fernet.generate_key(), os.urandom(length)
                cases.append({"key": key.decode(), "token": Fernet(key).encrypt(plaintext).decode(),
                              "plaintext": base64.urlsafe_b64encode(plaintext).decode()})
            print(json.dumps(cases))
            """
        let cases: [Sealed] = try Python.exchange(script, Self.lengths)
        #expect(cases.count == Self.lengths.count)
        for test in cases {
            let token = [UInt8](test.token.utf8)
            let raw = try bytes(test.token)
            let plaintext = try bytes(test.plaintext)
            let time = raw[1..<9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            try bytes(test.key).withUnsafeBytes { key in
                let opened = try token.withUnsafeBytes { try Fernet.open($0, key: key) { [UInt8]($0) } }
                #expect(opened == plaintext)
                let again = try plaintext.withUnsafeBytes {
                    try Fernet.seal($0, key: key, time: time, iv: [UInt8](raw[9..<25]))
                }
                #expect(again == token)
            }
        }
    }

    private struct Official: Decodable {
        let file: String
        let secret: String
        let token: String
        let now: UInt64
        let ttl: UInt64?
        let iv: [UInt8]?
        let src: String?
    }

    @Test(
        .enabled(
            if: Python.hasVectors,
            "skipped: python3 cannot import `cryptography_vectors`, so only our own statement of its cases is run"))
    func `the official files give the official answers`() throws {
        let script = """
            import datetime, json, os, cryptography_vectors
            folder, cases = os.path.join(os.path.dirname(cryptography_vectors.__file__), "fernet"), []
            for file in ("generate", "verify", "invalid"):
                for case in json.load(open(os.path.join(folder, file + ".json"))):
                    now = int(datetime.datetime.fromisoformat(case["now"]).timestamp())
                    cases.append({"file": file, "secret": case["secret"], "token": case["token"], "now": now,
                                  "ttl": case.get("ttl_sec"), "iv": case.get("iv"), "src": case.get("src")})
            print(json.dumps(cases))
            """
        let cases: [Official] = try Python.exchange(script, [Int]())
        #expect(cases.count == 10)
        for test in cases {
            let token = [UInt8](test.token.utf8)
            let ttl = test.ttl.map { Fernet.TTL(seconds: $0, now: test.now) }
            try bytes(test.secret).withUnsafeBytes { key in
                let opened = try? token.withUnsafeBytes { try Fernet.open($0, key: key, ttl: ttl) { [UInt8]($0) } }
                #expect(opened == test.src.map { [UInt8]($0.utf8) }, "\(test.file): \(test.token)")
                if let iv = test.iv, let source = test.src {
                    let sealed = try [UInt8](source.utf8).withUnsafeBytes {
                        try Fernet.seal($0, key: key, time: test.now, iv: iv)
                    }
                    #expect(sealed == token)
                }
            }
        }
    }

    private func text(_ bytes: [UInt8]) -> String {
        String(decoding: Base64URL.encode(bytes, padded: true), as: UTF8.self)
    }

    private func bytes(_ text: String) throws -> [UInt8] {
        try #require(Base64URL.decode([UInt8](text.utf8), padded: true))
    }
}
