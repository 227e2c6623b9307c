import LatchkeyCrypto

/// Reads a provider's answer: the entry's own rules first, then the common ones.
enum ProbeReading {
    static func outcome(
        of response: ProbeResponse, provider: Provider, probe: Provider.Probe, secret: SharedSecret
    ) -> ProbeOutcome {
        let json = try? StrictJSON.parse(response.body)
        let code = json.flatMap { errorCode(in: $0) }.flatMap { safe($0, besides: secret) }
        func result(_ verdict: Verdict?) -> ProbeOutcome {
            ProbeOutcome(verdict: verdict, httpStatus: response.status, code: code)
        }
        // A 2xx page that is no JSON is some gateway's or captive portal's, not the provider's.
        if (200..<300).contains(response.status), probe.expectJSON, json == nil {
            return ProbeOutcome(verdict: nil, httpStatus: response.status, code: "unreadable_answer")
        }
        // Why a check was postponed is said in our words, the same for every provider.
        func postponed(_ status: Int) -> ProbeOutcome {
            let isTrouble = status == 408 || status >= 500
            return .postponed(isTrouble ? "provider_error" : code ?? "unexpected_status", httpStatus: status)
        }
        for rule in provider.rules where rule.statuses.contains(response.status) {
            if let text = rule.bodyContains, response.body.firstRange(of: Array(text.utf8)) == nil { continue }
            return rule.verdict == nil ? postponed(response.status) : result(rule.verdict)
        }
        switch response.status {
        case 200..<300: return result(.valid)
        case 401: return result(.invalid)
        case 402: return result(.noCredit)
        case 403: return result(.restricted)
        case 429: return result(.rateLimited)
        default: return postponed(response.status)
        }
    }

    /// Where the providers of the catalogue put their error codes: `error.code`, `error.type`, `error.status`,
    /// `detail.status`, `code`, `type`.
    private static func errorCode(in json: JSONValue) -> String? {
        guard case .object(let body) = json else { return nil }
        for place in ["error", "detail"] {
            guard case .object(let inner)? = body[place] else { continue }
            for name in ["code", "type", "status"] {
                if case .string(let text)? = inner[name] { return text.string }
            }
        }
        for name in ["code", "type"] {
            if case .string(let text)? = body[name] { return text.string }
        }
        return nil
    }

    /// The code goes into the database and to the user: a word of a safe alphabet, and nothing of the key in it, for a
    /// provider may well echo what it was sent.
    private static func safe(_ code: String, besides secret: SharedSecret) -> String? {
        let bytes = Array(code.utf8)
        guard (1...64).contains(bytes.count), bytes.allSatisfy(isCodeByte) else { return nil }
        let echoes = secret.secret.withUnsafeBytes { key in
            let window = min(6, key.count)
            return bytes.count >= window
                && (0...bytes.count - window).contains { start in
                    key.firstRange(of: bytes[start..<start + window]) != nil
                }
        }
        return echoes ? nil : code
    }

    private static func isCodeByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension Provider {
    /// What an answer to a call says about the key: the entry's own rules first, then the common ones.
    /// - Returns: nil where it says nothing.
    package func verdict(status: Int, body: [UInt8]) -> Verdict? {
        for rule in rules where rule.statuses.contains(status) {
            if let text = rule.bodyContains, body.firstRange(of: Array(text.utf8)) == nil { continue }
            return rule.verdict
        }
        return switch status {
        case 402: .noCredit
        case 429: .rateLimited
        default: nil
        }
    }
}
