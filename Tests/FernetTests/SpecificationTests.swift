import Fernet
import Foundation
import Testing

/// The specification's acceptance tests, and our own boundaries of time, padding and base64.
struct SpecificationTests {
    struct File: VectorFile {
        struct Case: Decodable, Sendable, CustomTestStringConvertible {
            let tcId: Int
            let comment: String
            let key: String
            let now: UInt64
            let ttl: UInt64?
            let iv: String?
            let msg: String?
            let token: String
            let result: String
            var testDescription: String { "\(tcId): \(comment)" }
        }

        let numberOfTests: Int
        let tests: [Case]
        var cases: [Case] { tests }
    }

    @Test func `every acceptance test of the specification holds`() throws {
        let cases = try Vectors.load(File.self, Vectors.own.appendingPathComponent("fernet-spec.json"), count: 10)
        for test in cases { try check(test) }
        #expect(Set(cases.map(\.result)) == ["seal", "valid", "invalid"])
    }

    @Test func `every strict case holds`() throws {
        let cases = try Vectors.load(File.self, Vectors.own.appendingPathComponent("fernet-strict.json"), count: 26)
        for test in cases { try check(test) }
        #expect(cases.count { $0.result == "valid" } == 6)
    }

    private func check(_ test: File.Case) throws {
        let key = try #require(Base64URL.decode([UInt8](test.key.utf8), padded: true))
        let token = [UInt8](test.token.utf8)
        let message = test.msg.map { [UInt8]($0.utf8) }
        let ttl = test.ttl.map { Fernet.TTL(seconds: $0, now: test.now) }
        switch test.result {
        case "seal":
            let sealed = try Fernet.seal(#require(message), key: key, time: test.now, iv: hex(#require(test.iv)))
            #expect(sealed == token, "\(test.testDescription)")
        case "valid":
            #expect(try Fernet.open(token, key: key, ttl: ttl) == message, "\(test.testDescription)")
        case "invalid":
            #expect(throws: FernetError(), "\(test.testDescription)") { try Fernet.open(token, key: key, ttl: ttl) }
        default:
            Issue.record("unknown result \(test.result)")
        }
    }
}
