import HTTPTypes

/// Names of header fields that end here. What is not named goes on: a provider's clients and betas bring new fields all
/// the time, and a list of what is allowed would break them one by one.
struct StrippedFields: Sendable {
    private let names: FieldNames
    private let prefixes: FieldPrefixes
    private let kept: FieldNames

    /// - Parameter kept: stronger than the prefixes.
    private init(names: Set<String>, prefixes: [String], kept: Set<String> = []) {
        self.names = FieldNames(names)
        self.prefixes = FieldPrefixes(prefixes)
        self.kept = FieldNames(kept)
    }

    /// - Parameter name: `folded`.
    func holds(_ name: String) -> Bool {
        names.contains(name) || prefixes.matches(name) && !kept.contains(name)
    }

    /// A name as a gateway interface of servers (CGI, WSGI) sees it: `X_Api_Key` and `X.Api.Key` are `X-Api-Key` to
    /// those, so they are here. In lower case.
    static func folded(_ canonical: String) -> String {
        var name = canonical
        let isFolded = name.withUTF8 { bytes in bytes.allSatisfy { isPlain($0) || $0 == hyphen } }
        if isFolded { return canonical }
        return String(decoding: canonical.utf8.map { isPlain($0) ? $0 : hyphen }, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    private static var hyphen: UInt8 { UInt8(ascii: "-") }
}

extension StrippedFields {
    /// Of one connection, not of the message (RFC 9110, section 7.6.1), and what `Connection` names besides.
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
    ]

    static let request = StrippedFields(
        names: hopByHop.union([
            // Credentials that are no carrier of the gateway's. The only one that leaves is the key.
            "authentication", "x-auth-token", "x-access-token", "x-amz-security-token", "x-serverless-authorization",
            "x-goog-iam-authorization-token", "ocp-apim-subscription-key", "subscription-key", "cf-aig-authorization",
            "cookie", "cookie2",
            // Of the call to this service: it is made anew.
            "host", "content-length", "expect", "accept-encoding", "early-data", "max-forwards", "alt-used",
            // Another method or path than the one that was checked.
            "x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
            "x-original-host", "x-host",
            // Who called the app, and from where.
            "forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip",
            "fastly-client-ip", "cf-connecting-ip", "cf-connecting-ipv6", "cf-ipcountry", "cf-ray", "cf-visitor",
            "cf-worker", "cdn-loop",
            // A page's address, and what makes a provider take this for a browser's call.
            "origin", "referer",
            // The app's own request ids and traces. They would tell a stranger how the house is built, and `baggage`
            // holds whatever an app put there. A provider has names of its own (`x-client-request-id`): those go on.
            "x-request-id", "x-correlation-id", "traceparent", "tracestate", "baggage", "b3", "x-amzn-trace-id",
            "x-cloud-trace-context", "uber-trace-id", "sentry-trace",
        ]),
        prefixes: [
            "proxy-", "x-forwarded", "latchkey-", "x-latchkey-", "sec-", "access-control-", "cf-access-", "x-b3-",
            "x-datadog-", "x-envoy-", "x-ms-client-principal",
        ])

    static let response = StrippedFields(
        names: hopByHop.union([
            // A state or a rule for the browser: it would hold for this service's origin, not for the provider's.
            "set-cookie", "set-cookie2", "strict-transport-security", "public-key-pins", "public-key-pins-report-only",
            "expect-ct", "alt-svc", "clear-site-data", "content-security-policy",
            "content-security-policy-report-only", "report-to", "nel", "reporting-endpoints", "x-frame-options",
            "x-xss-protection", "x-permitted-cross-domain-policies", "x-dns-prefetch-control", "permissions-policy",
            "feature-policy", "document-policy", "referrer-policy", "origin-agent-cluster", "timing-allow-origin",
            "accept-ch", "critical-ch", "service-worker-allowed", "speculation-rules", "server-timing", "p3p",
            // Where to go next: redirects are nobody's to follow with a key in hand, and a client that went to the
            // provider by itself would show it the token that is meant for this service.
            "location", "content-location", "x-goog-upload-url", "x-goog-upload-control-url", "link", "refresh",
            "onion-location",
            // A question for a credential, which is not the caller's to answer.
            "www-authenticate", "authentication-info", "authorization", "x-api-key", "api-key", "x-goog-api-key",
            "xi-api-key", "via",
            // Orders to a proxy that stands in front of this service.
            "x-sendfile", "x-reproxy-url", "surrogate-control", "surrogate-key",
        ]),
        prefixes: [
            "proxy-", "access-control-", "cross-origin-", "latchkey-", "x-latchkey-", "x-accel-", "x-litespeed-",
        ],
        // "Do not collect this answer first": a stream is late without it.
        kept: ["x-accel-buffering"])
}
