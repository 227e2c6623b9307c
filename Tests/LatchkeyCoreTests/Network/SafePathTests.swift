import LatchkeyCore
import Testing

struct SafePathTests {
    @Test(arguments: [
        "/", "/v1", "/v1/", "/v1/chat/completions", "/v1beta/models/gemini-2.5-pro:generateContent",
        "/models/a.b/c..d", "/files/file_1~x", "/x/%20y%3a%7E", "/m/ft:gpt:org::id", "/a;b=c/d", "/.well-known",

    ])
    func `a path as providers have them`(path: String) {
        #expect(SafePath.flaw(in: path.utf8) == nil)
    }

    /// Whatever is appended to a prefix and found safe stays below it when a server takes the dots out (RFC 3986,
    /// section 5.2.4), once or after one more decoding.
    @Test func `no path of odd pieces leaves its prefix`() {
        let pieces = [
            "a", ".", "..", "/", "//", "%2e", "%2E", "%2f", "%5c", "%25", "%", "\\", ";", "@", "%00", "%c0%ae", "é",
        ]
        var safe = 0
        var index = [0, 0, 0, 0]
        while true {
            let path = "/gateway/" + index.map { pieces[$0] }.joined()
            if SafePath.flaw(in: path.utf8) == nil {
                safe += 1
                let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
                #expect(!segments.dropLast().contains(""), "\(path)")
                for segment in segments {
                    let bare = segment.prefix { $0 != ";" }
                    #expect(bare != "." && bare != "..", "\(path)")
                }
                #expect(
                    !path.contains("%") && !path.contains("\\") && !path.contains("@")
                        && path.utf8.allSatisfy { $0 < 0x80 })
            }
            guard let place = index.lastIndex(where: { $0 < pieces.count - 1 }) else { break }
            index[place] += 1
            for later in (place + 1)..<4 { index[later] = 0 }
        }
        #expect(safe > 20)
    }
}
