import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyImport

/// Tokens as they lie in other people's tables, good and spoilt.
struct FernetTokenTests {
    @Test func `good tokens open however they are wrapped, and spoilt ones do not`() throws {
        let vectors = try ImportVectors.tokens()
        let key = base64(vectors.key)
        for test in vectors.cases {
            let token = FernetToken(Array(test.column.utf8))
            let opened = token.opened(with: key)
            #expect(opened == (test.opens ? vectors.plaintext : nil), "\(test.name)")
            if test.opens { #expect(token.fault == nil, "\(test.name)") }
        }
    }

    @Test func `what can be seen from outside is said, and holds nothing of the token`() throws {
        let faults: [String: String] = [
            "empty": "no token", "blanks": "no token", "not base64": "not base64url",
            "truncated by one character": "not base64url", "truncated to its header": "cut off",
            "without padding": "not base64url", "wrong version": "version byte is 129",
            "the key in the clear": "not base64url",
        ]
        let cases = try ImportVectors.tokens().cases
        for (name, words) in faults {
            let test = try #require(cases.first { $0.name == name })
            let fault = FernetToken(Array(test.column.utf8)).fault
            #expect(fault?.contains(words) == true, "\(name): \(fault ?? "none")")
        }
        for test in cases where test.column.count > 8 {
            let fault = FernetToken(Array(test.column.utf8)).fault ?? ""
            #expect(!fault.contains(test.column.prefix(8)))
        }
    }

    @Test func `no change of a single byte opens`() throws {
        let vectors = try ImportVectors.tokens()
        let key = base64(vectors.key)
        let good = Array(try #require(vectors.cases.first).column.utf8)
        var random = SeededRandom(seed: 41)
        for place in good.indices {
            var spoilt = good
            spoilt[place] = UInt8.random(in: 0...255, using: &random)
            guard spoilt[place] != good[place] else { continue }
            #expect(FernetToken(spoilt).opened(with: key) == nil, "byte \(place)")
        }
    }
}
