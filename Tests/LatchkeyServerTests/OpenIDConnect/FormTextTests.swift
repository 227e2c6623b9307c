import LatchkeyTesting
import Testing

@testable import LatchkeyServer

struct FormTextTests {
    @Test func `what is encoded comes back, whatever it is`() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let encoded = String(decoding: FormText.encode(bytes: bytes), as: UTF8.self)
            #expect(FormText.decode("x=1&code=\(encoded)&y", known: ["code"])?["code"] == bytes)
            #expect(!encoded.utf8.contains { "&=+ #?/".utf8.contains($0) || $0 > 0x7E })
        }
    }

    @Test func `a plus is a blank, and a name may be escaped`() {
        #expect(FormText.decode("%63ode=a+b%2B", known: ["code"]) == ["code": Array("a b+".utf8)])
    }

    @Test func `what is not known is passed over, also twice`() {
        #expect(FormText.decode("a=1&a=2&state=s&&b", known: ["state"]) == ["state": Array("s".utf8)])
        #expect(FormText.decode("", known: ["state"]) == [:])
    }

    @Test(arguments: ["state=a&state=a", "state=a&st%61te=b", "state=%", "state=%4", "state=%zz", "%=a", "x=%g0"])
    func `what is there twice, or cannot be read in one way, is refused`(query: String) {
        #expect(FormText.decode(query, known: ["state"]) == nil)
    }
}
